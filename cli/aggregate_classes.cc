// SPDX-License-Identifier: Apache-2.0
// Classes, and sets of classes.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/aggregate_report.h"
#include "lib/base/status_macros.h"
#include "lib/truth/hierarchical.h"
#include "lib/truth/labeler_report.h"
#include "lib/truth/scoring_rules.h"

namespace allot {
namespace {

constexpr size_t kCopiesShown = 5;
constexpr double kCoverage = 0.9;  // of the intervals of accuracy

// A fit, and how far its labelers' accuracies are known: by the model where it
// says so, else empty.
struct LabelFit {
  Aggregation aggregation;
  VectorD low, high;
};

absl::StatusOr<LabelFit> Fit(const AggregateOptions& options,
                             const AnswerSet& answers,
                             std::span<const GoldLabel> gold) {
  LabelFit result;
  if (options.method == "allot") {
    HierarchicalOptions hierarchical;
    hierarchical.threads = options.threads;
    hierarchical.keep_confusion = false;
    ALLOT_ASSIGN_OR_RETURN(HierarchicalFit fit,
                           FitHierarchical(answers, gold, hierarchical));
    result = {std::move(fit.aggregation), std::move(fit.accuracy_low),
              std::move(fit.accuracy_high)};
    return result;
  }
  ALLOT_ASSIGN_OR_RETURN(result.aggregation, FitMethod(options.method, answers,
                                                       gold, options.threads));
  return result;
}

int32_t TopClass(const MatrixF& posterior, int32_t task) {
  Eigen::Index top = 0;
  posterior.row(task).maxCoeff(&top);
  return static_cast<int32_t>(top);
}

AlphaOptions OnThreads(int threads) {
  AlphaOptions options;
  options.resamples = 200;
  options.threads = threads;
  return options;
}

void AddTruth(const ScoringRules& rules, AggregateReport& report) {
  report.summary["truth"] = {{"tasks", rules.tasks},
                             {"accuracy", rules.accuracy},
                             {"ece", rules.ece},
                             {"brier", rules.brier},
                             {"log_loss", rules.log_loss}};
  report.lines.emplace_back(
      "accuracy",
      absl::StrFormat(
          "%.4f over %d tasks with truth (ece %.3f, brier %.3f, log loss %.3f)",
          rules.accuracy, rules.tasks, rules.ece, rules.brier, rules.log_loss));
}

void AddLabelers(const DataFolder& data, const LabelFit& fit,
                 const PoolReport& pool, AggregateReport& report) {
  report.labeler_columns = {"labeler",       "answers",        "accuracy",
                            "accuracy_low",  "accuracy_high",  "agreement",
                            "spammer_score", "median_seconds", "pace_z",
                            "copies"};
  std::vector<std::vector<std::string>> copies(data.labelers.size());
  for (const SuspectedCopy& pair : pool.copies) {
    copies[pair.first].push_back(data.labelers[pair.second]);
    copies[pair.second].push_back(data.labelers[pair.first]);
    report.copies.push_back({{"first", data.labelers[pair.first]},
                             {"second", data.labelers[pair.second]},
                             {"common", pair.common},
                             {"agreed", pair.agreed},
                             {"expected", pair.expected},
                             {"z", pair.z}});
  }
  for (size_t l = 0; l < data.labelers.size(); ++l) {
    const LabelerReport& of = pool.labelers[l];
    const auto row = static_cast<Eigen::Index>(l);
    const bool modelled = fit.low.size() > 0;
    report.labelers.push_back(
        {{"labeler", data.labelers[l]},
         {"answers", of.answers},
         {"accuracy", fit.aggregation.labeler_accuracy[row]},
         {"accuracy_low", modelled ? fit.low[row] : of.accuracy_low},
         {"accuracy_high", modelled ? fit.high[row] : of.accuracy_high},
         {"agreement", of.accuracy},
         {"spammer_score", of.spammer_score},
         {"median_seconds", NumberOrNull(of.median_seconds)},
         {"pace_z", NumberOrNull(of.pace_z)},
         {"copies", absl::StrJoin(copies[l], "|")}});
  }
  const auto unusual = std::count_if(
      pool.labelers.begin(), pool.labelers.end(),
      [](const LabelerReport& labeler) { return labeler.unusual_pace; });
  if (unusual > 0) {
    report.lines.emplace_back(
        "pace", absl::StrCat(unusual,
                             " labelers are much faster or slower "
                             "than the others"));
  }
  for (size_t i = 0; i < pool.copies.size() && i < kCopiesShown; ++i) {
    const SuspectedCopy& copy = pool.copies[i];
    report.lines.emplace_back(
        "copies?",
        absl::StrFormat("%s and %s agree on %.0f of %d (%.0f "
                        "expected)",
                        data.labelers[copy.first], data.labelers[copy.second],
                        copy.agreed, copy.common, copy.expected));
  }
}

// Agreement and labelers.
absl::Status AddPool(const AggregateOptions& options, const DataFolder& data,
                     const AnswerSet& answers, const LabelFit& fit,
                     std::span<const double> seconds, AggregateReport& report) {
  if (options.output == OutputFormat::kCsv && !options.labelers_path) {
    return absl::OkStatus();  // nobody would see it
  }
  AddAgreement(
      KrippendorffAlpha(answers, Scale::kNominal, OnThreads(options.threads)),
      report);
  if (const auto kappa = FleissKappa(answers); kappa.ok()) {
    report.summary["fleiss_kappa"] = *kappa;
    report.lines.emplace_back("kappa",
                              absl::StrFormat("%.3f (Fleiss)", *kappa));
  }
  LabelerReportOptions reporting;
  reporting.coverage = kCoverage;
  ALLOT_ASSIGN_OR_RETURN(
      const PoolReport pool,
      ReportLabelers(answers, fit.aggregation, seconds, reporting));
  AddLabelers(data, fit, pool, report);
  return absl::OkStatus();
}

void AddFit(const Aggregation& fit, AggregateReport& report) {
  report.summary["iterations"] = fit.iterations;
  report.summary["log_likelihood"] = fit.log_likelihood;
  if (fit.iterations > 0) {
    report.lines.emplace_back("iterations", absl::StrCat(fit.iterations));
  }
  if (fit.log_likelihood != 0) {
    report.lines.emplace_back("likelihood",
                              absl::StrFormat("%.3f nats", fit.log_likelihood));
  }
}

// A task's labels as a sorted list without repeats.
std::vector<std::string> LabelsOf(const std::string& text, char separator) {
  std::vector<std::string> labels =
      absl::StrSplit(text, separator, absl::SkipWhitespace());
  for (std::string& label : labels) absl::StripAsciiWhitespace(&label);
  std::sort(labels.begin(), labels.end());
  labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
  return labels;
}

}  // namespace

absl::StatusOr<AggregateReport> AggregateClasses(
    const AggregateOptions& options, absl::string_view type,
    const DataFolder& data) {
  ALLOT_ASSIGN_OR_RETURN(const std::vector<GoldLabel> gold,
                         ReadLabelGold(options, data));
  ALLOT_ASSIGN_OR_RETURN(const AnswerSet answers, BuildAnswerSet(data));
  ALLOT_ASSIGN_OR_RETURN(const LabelFit whole, Fit(options, answers, gold));
  const Aggregation& fit = whole.aggregation;
  AggregateReport report = StartReport(options, type, data);
  AddFit(fit, report);
  if (!data.truth.empty()) {
    ALLOT_ASSIGN_OR_RETURN(const ScoringRules rules,
                           EvaluatePosteriors(fit.posterior, data.truth));
    AddTruth(rules, report);
  }
  ALLOT_RETURN_IF_ERROR(AddPool(options, data, answers, whole,
                                DurationsByTask(data, answers), report));
  std::vector<int64_t> won(answers.num_classes, 0);
  report.columns = {"task", "label", "confidence"};
  for (size_t t = 0; t < data.tasks.size(); ++t) {
    const auto row = static_cast<int32_t>(t);
    const int32_t top = TopClass(fit.posterior, row);
    ++won[top];
    Json task = {{"task", data.tasks[t]},
                 {"label", data.classes[top]},
                 {"confidence", fit.posterior(row, top)}};
    if (options.output == OutputFormat::kJson) {
      Json& posterior = task["posterior"] = Json::object();
      for (size_t k = 0; k < data.classes.size(); ++k) {
        posterior[data.classes[k]] =
            fit.posterior(row, static_cast<Eigen::Index>(k));
      }
    }
    report.rows.push_back(std::move(task));
  }
  report.table = "\nclass                 prior   tasks\n";
  for (size_t k = 0; k < data.classes.size(); ++k) {
    const double prior = fit.class_prior[static_cast<Eigen::Index>(k)];
    report.summary["class_prior"][data.classes[k]] = prior;
    report.table +=
        absl::StrFormat("%-20s %6.3f %7d\n", data.classes[k], prior, won[k]);
  }
  return report;
}

// Each label is a yes/no question about each task; all of them are fitted
// together, so that a labeler's care counts across labels.
absl::StatusOr<AggregateReport> AggregateLabelSets(
    const AggregateOptions& options, const DataFolder& data) {
  ALLOT_RETURN_IF_ERROR(RefuseGold(options, "multi-label"));
  std::vector<std::vector<std::string>> sets;  // of each distinct answer
  std::map<std::string, int32_t> labels;
  for (const std::string& text : data.classes) {
    sets.push_back(LabelsOf(text, options.separator));
    for (const std::string& label : sets.back()) labels.emplace(label, 0);
  }
  std::vector<std::string> names;
  for (auto& [name, row] : labels) {
    row = static_cast<int32_t>(names.size());
    names.push_back(name);
  }
  const auto num_labels = static_cast<int32_t>(names.size());
  const auto questions = static_cast<int64_t>(data.tasks.size()) * num_labels;
  if (num_labels == 0 || questions > INT32_MAX) {
    return absl::DataLossError(absl::StrCat(
        options.answers_path, ": ", data.tasks.size(), " tasks and ",
        num_labels, " labels make ", questions,
        " questions; want 1 to 2147483647: is the separator right?"));
  }
  std::vector<LabelAnswer> rows;
  std::vector<bool> given(num_labels);
  for (const LabelAnswer& answer : data.answers) {
    std::fill(given.begin(), given.end(), false);
    for (const std::string& label : sets[answer.label]) {
      given[labels[label]] = true;
    }
    for (int32_t k = 0; k < num_labels; ++k) {
      rows.push_back(
          {answer.task * num_labels + k, answer.labeler, given[k] ? 1 : 0});
    }
  }
  ALLOT_ASSIGN_OR_RETURN(
      const AnswerSet answers,
      AnswerSet::Build(static_cast<int32_t>(questions),
                       static_cast<int32_t>(data.labelers.size()), 2, rows));
  ALLOT_ASSIGN_OR_RETURN(const LabelFit whole, Fit(options, answers, {}));
  const Aggregation& fit = whole.aggregation;
  AggregateReport report = StartReport(options, "multi-label", data);
  AddFit(fit, report);
  // Durations are of whole answers; they would repeat for every label.
  ALLOT_RETURN_IF_ERROR(AddPool(options, data, answers, whole, {}, report));
  report.columns = {"task", "labels", "confidence"};
  std::vector<std::string> result(data.tasks.size());
  for (size_t t = 0; t < data.tasks.size(); ++t) {
    std::vector<std::string> chosen;
    Json probability = Json::object();
    double least = 1;
    for (int32_t k = 0; k < num_labels; ++k) {
      const double yes =
          fit.posterior(static_cast<Eigen::Index>(t) * num_labels + k, 1);
      if (yes >= 0.5) chosen.push_back(names[k]);
      least = std::min(least, std::max(yes, 1 - yes));
      probability[names[k]] = yes;
    }
    result[t] = absl::StrJoin(chosen, std::string(1, options.separator));
    report.rows.push_back({{"task", data.tasks[t]},
                           {"labels", result[t]},
                           {"confidence", least},
                           {"probability", std::move(probability)}});
  }
  if (!data.truth.empty()) {
    double same = 0;
    for (const GoldLabel& known : data.truth) {
      const std::vector<std::string> truth =
          LabelsOf(data.classes[known.label], options.separator);
      same += absl::StrJoin(truth, std::string(1, options.separator)) ==
              result[known.task];
    }
    const double share = same / static_cast<double>(data.truth.size());
    report.summary["truth"] = {{"tasks", data.truth.size()},
                               {"exact_match", share}};
    report.lines.emplace_back(
        "exact match", absl::StrFormat("%.4f over %d tasks with truth", share,
                                       data.truth.size()));
  }
  return report;
}

}  // namespace allot
