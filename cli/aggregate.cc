// SPDX-License-Identifier: Apache-2.0
#include "cli/aggregate.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "lib/base/status_macros.h"
#include "lib/truth/dawid_skene.h"
#include "lib/truth/glad.h"
#include "lib/truth/hierarchical.h"
#include "lib/truth/mace.h"
#include "lib/truth/majority.h"
#include "lib/truth/wawa.h"

namespace allot {
namespace {

using Json = nlohmann::ordered_json;

struct Method {
  absl::string_view name;
  absl::StatusOr<Aggregation> (*fit)(const AnswerSet&,
                                     std::span<const GoldLabel>, int threads);
};

DawidSkeneOptions OnThreads(int threads) {
  DawidSkeneOptions options;
  options.threads = threads;
  return options;
}

constexpr Method kMethods[] = {
    {"allot",
     [](const AnswerSet& answers, std::span<const GoldLabel> gold,
        int threads) -> absl::StatusOr<Aggregation> {
       HierarchicalOptions options;
       options.threads = threads;
       ALLOT_ASSIGN_OR_RETURN(HierarchicalFit fit,
                              FitHierarchical(answers, gold, options));
       return std::move(fit.aggregation);
     }},
    {"majority", [](const AnswerSet& answers, std::span<const GoldLabel> gold,
                    int) { return FitMajority(answers, gold); }},
    {"wawa", [](const AnswerSet& answers, std::span<const GoldLabel> gold,
                int) { return FitWawa(answers, gold); }},
    {"one-coin",
     [](const AnswerSet& answers, std::span<const GoldLabel> gold,
        int threads) { return FitOneCoin(answers, gold, OnThreads(threads)); }},
    {"dawid-skene",
     [](const AnswerSet& answers, std::span<const GoldLabel> gold,
        int threads) {
       return FitDawidSkene(answers, gold, OnThreads(threads));
     }},
    {"glad",
     [](const AnswerSet& answers, std::span<const GoldLabel> gold,
        int threads) -> absl::StatusOr<Aggregation> {
       GladOptions options;
       options.threads = threads;
       ALLOT_ASSIGN_OR_RETURN(GladFit fit, FitGlad(answers, gold, options));
       return std::move(fit.aggregation);
     }},
    {"mace",
     [](const AnswerSet& answers, std::span<const GoldLabel> gold,
        int threads) {
       MaceOptions options;
       options.threads = threads;
       return FitMace(answers, gold, options);
     }},
};

int32_t TopClass(const MatrixF& posterior, int32_t task) {
  Eigen::Index top = 0;
  posterior.row(task).maxCoeff(&top);
  return static_cast<int32_t>(top);
}

// A field as CSV wants it.
std::string Quoted(absl::string_view field) {
  if (field.find_first_of(",\"\r\n") == absl::string_view::npos) {
    return std::string(field);
  }
  std::string quoted = "\"";
  for (const char c : field) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

void PrintTable(const AggregateOptions& options, const DataFolder& data,
                const Aggregation& fit,
                const std::optional<TruthComparison>& comparison,
                std::ostream& out) {
  out << absl::StrFormat("method      %s\n", options.method)
      << absl::StrFormat("tasks       %d\n", data.tasks.size())
      << absl::StrFormat("labelers    %d\n", data.labelers.size())
      << absl::StrFormat("answers     %d\n", data.num_answers())
      << absl::StrFormat("iterations  %d\n", fit.iterations);
  if (fit.log_likelihood != 0) {
    out << absl::StrFormat("likelihood  %.3f nats\n", fit.log_likelihood);
  }
  if (comparison.has_value()) {
    out << absl::StrFormat(
        "accuracy    %.4f over %d tasks with truth (ece %.3f, brier %.3f, log "
        "loss %.3f)\n",
        comparison->accuracy, comparison->tasks, comparison->ece,
        comparison->brier, comparison->log_loss);
  }
  out << "\nclass                 prior   tasks\n";
  std::vector<int64_t> won(data.classes.size(), 0);
  for (int32_t t = 0; t < fit.posterior.rows(); ++t) {
    const auto top = static_cast<size_t>(TopClass(fit.posterior, t));
    if (top < won.size()) ++won[top];
  }
  for (size_t k = 0; k < data.classes.size(); ++k) {
    out << absl::StrFormat("%-20s %6.3f %7d\n", data.classes[k],
                           fit.class_prior[static_cast<Eigen::Index>(k)],
                           won[k]);
  }
  out << "\nThe labels themselves: -o csv or -o json.\n";
}

void PrintCsv(const DataFolder& data, const Aggregation& fit,
              std::ostream& out) {
  out << "task,label,confidence\n";
  for (size_t t = 0; t < data.tasks.size(); ++t) {
    const auto row = static_cast<int32_t>(t);
    const int32_t top = TopClass(fit.posterior, row);
    out << Quoted(data.tasks[t]) << ',' << Quoted(data.classes[top]) << ','
        << absl::StrFormat("%.6g", fit.posterior(row, top)) << '\n';
  }
}

Json ComparisonJson(const TruthComparison& comparison) {
  return {{"tasks", comparison.tasks},
          {"accuracy", comparison.accuracy},
          {"ece", comparison.ece},
          {"brier", comparison.brier},
          {"log_loss", comparison.log_loss}};
}

void PrintJson(const AggregateOptions& options, const DataFolder& data,
               const Aggregation& fit,
               const std::optional<TruthComparison>& comparison,
               std::ostream& out) {
  Json root = {{"method", options.method},
               {"iterations", fit.iterations},
               {"log_likelihood", fit.log_likelihood},
               {"answers", data.num_answers()}};
  if (comparison.has_value()) root["truth"] = ComparisonJson(*comparison);
  for (size_t k = 0; k < data.classes.size(); ++k) {
    root["class_prior"][data.classes[k]] =
        fit.class_prior[static_cast<Eigen::Index>(k)];
  }
  root["tasks"] = Json::array();
  for (size_t t = 0; t < data.tasks.size(); ++t) {
    const auto row = static_cast<int32_t>(t);
    const int32_t top = TopClass(fit.posterior, row);
    Json posterior = Json::object();
    for (size_t k = 0; k < data.classes.size(); ++k) {
      posterior[data.classes[k]] =
          fit.posterior(row, static_cast<Eigen::Index>(k));
    }
    root["tasks"].push_back({{"task", data.tasks[t]},
                             {"label", data.classes[top]},
                             {"confidence", fit.posterior(row, top)},
                             {"posterior", std::move(posterior)}});
  }
  root["labelers"] = Json::array();
  for (size_t l = 0; l < data.labelers.size(); ++l) {
    root["labelers"].push_back(
        {{"labeler", data.labelers[l]},
         {"accuracy", fit.labeler_accuracy[static_cast<Eigen::Index>(l)]}});
  }
  out << root.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
}

absl::Status Aggregate(const AggregateOptions& options, std::ostream& out) {
  ReadOptions reading;
  reading.kind = options.kind;
  reading.classes = options.classes;
  ALLOT_ASSIGN_OR_RETURN(
      DataFolder data,
      ReadDataFolder(options.answers_path, options.truth_path, reading));
  std::vector<GoldLabel> gold;
  if (options.gold_path.has_value()) {
    ALLOT_ASSIGN_OR_RETURN(gold, ReadGold(*options.gold_path, data));
  }
  ALLOT_ASSIGN_OR_RETURN(const AnswerSet answers, BuildAnswerSet(data));
  ALLOT_ASSIGN_OR_RETURN(
      const Aggregation fit,
      FitMethod(options.method, answers, gold, options.threads));
  std::optional<TruthComparison> comparison;
  if (!data.truth.empty()) {
    comparison = CompareWithTruth(fit.posterior, data.truth);
  }
  switch (options.output) {
    case OutputFormat::kTable:
      PrintTable(options, data, fit, comparison, out);
      break;
    case OutputFormat::kJson:
      PrintJson(options, data, fit, comparison, out);
      break;
    case OutputFormat::kCsv:
      PrintCsv(data, fit, out);
      break;
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<absl::string_view> AggregationMethods() {
  std::vector<absl::string_view> names;
  for (const Method& method : kMethods) names.push_back(method.name);
  return names;
}

absl::StatusOr<Aggregation> FitMethod(absl::string_view method,
                                      const AnswerSet& answers,
                                      std::span<const GoldLabel> gold,
                                      int threads) {
  for (const Method& known : kMethods) {
    if (known.name == method) return known.fit(answers, gold, threads);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "method: must be one of ", absl::StrJoin(AggregationMethods(), ", "),
      ", got \"", method, "\""));
}

TruthComparison CompareWithTruth(const MatrixF& posterior,
                                 std::span<const GoldLabel> truth) {
  constexpr int kBins = 10;
  double confidence[kBins] = {}, right[kBins] = {};
  TruthComparison result;
  for (const GoldLabel& gold : truth) {
    const int32_t top = TopClass(posterior, gold.task);
    const double p = posterior(gold.task, top);
    const int bin = std::clamp(static_cast<int>(p * kBins), 0, kBins - 1);
    confidence[bin] += p;
    if (top == gold.label) {
      right[bin] += 1;
      result.accuracy += 1;
    }
    for (int k = 0; k < posterior.cols(); ++k) {
      const double error = posterior(gold.task, k) - (k == gold.label ? 1 : 0);
      result.brier += error * error;
    }
    result.log_loss -= std::log(
        std::max(static_cast<double>(posterior(gold.task, gold.label)), 1e-15));
    ++result.tasks;
  }
  if (result.tasks == 0) return result;
  const auto n = static_cast<double>(result.tasks);
  for (int bin = 0; bin < kBins; ++bin) {
    result.ece += std::abs(confidence[bin] - right[bin]) / n;
  }
  result.accuracy /= n;
  result.brier /= n;
  result.log_loss /= n;
  return result;
}

int RunAggregate(const AggregateOptions& options, std::ostream& out,
                 std::ostream& err) {
  const absl::Status status = Aggregate(options, out);
  if (status.ok()) return 0;
  err << "allot aggregate: " << status.message() << '\n';
  return 1;
}

}  // namespace allot
