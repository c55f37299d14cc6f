// SPDX-License-Identifier: Apache-2.0
// Scales, measurements, probabilities and comparisons.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/aggregate_report.h"
#include "cli/exit_code.h"
#include "lib/base/status_macros.h"
#include "lib/truth/numeric.h"
#include "lib/truth/ordinal.h"
#include "lib/truth/pairwise.h"
#include "lib/truth/probability.h"

namespace allot {
namespace {

constexpr double kTrim = 0.2;

AlphaOptions OnThreads(int threads) {
  AlphaOptions options;
  options.resamples = 200;
  options.threads = threads;
  return options;
}

struct Errors {
  double tasks = 0, rmse = 0, mae = 0;
};

Errors ErrorsOf(const VectorD& value, std::span<const NumericGold> truth) {
  Errors errors;
  for (const NumericGold& known : truth) {
    const double error = value[known.task] - known.value;
    if (std::isnan(error)) continue;
    errors.rmse += error * error;
    errors.mae += std::abs(error);
    errors.tasks += 1;
  }
  errors.rmse = std::sqrt(errors.rmse / std::max(errors.tasks, 1.0));
  errors.mae /= std::max(errors.tasks, 1.0);
  return errors;
}

void AddErrors(const VectorD& value, std::span<const NumericGold> truth,
               AggregateReport& report) {
  const Errors errors = ErrorsOf(value, truth);
  if (errors.tasks == 0) return;
  report.summary["truth"] = {{"tasks", static_cast<int64_t>(errors.tasks)},
                             {"rmse", errors.rmse},
                             {"mae", errors.mae}};
  report.lines.emplace_back(
      "error", absl::StrFormat("rmse %.6g, mae %.6g over %.0f tasks with truth",
                               errors.rmse, errors.mae, errors.tasks));
}

// Answers of each labeler.
std::vector<int64_t> Given(const DataFolder& data) {
  std::vector<int64_t> given(data.labelers.size(), 0);
  for (const LabelAnswer& answer : data.answers) ++given[answer.labeler];
  for (const NumericAnswer& answer : data.measured) ++given[answer.labeler];
  return given;
}

absl::StatusOr<std::vector<NumericGold>> ReadNumericGold(
    const AggregateOptions& options, const DataFolder& data) {
  if (!options.gold_path.has_value()) return std::vector<NumericGold>();
  absl::StatusOr<std::vector<NumericGold>> gold =
      ReadMeasuredGold(*options.gold_path, data);
  if (!gold.ok()) return AsFileError(gold.status());
  return gold;
}

void AddLabelers(const DataFolder& data, const char* column,
                 const VectorD& value, AggregateReport& report) {
  const std::vector<int64_t> given = Given(data);
  report.labeler_columns = {"labeler", "answers", column};
  for (size_t l = 0; l < data.labelers.size(); ++l) {
    report.labelers.push_back(
        {{"labeler", data.labelers[l]},
         {"answers", given[l]},
         {column, NumberOrNull(value[static_cast<Eigen::Index>(l)])}});
  }
}

}  // namespace

absl::StatusOr<AggregateReport> AggregateScale(const AggregateOptions& options,
                                               const DataFolder& data) {
  ALLOT_ASSIGN_OR_RETURN(const std::vector<GoldLabel> gold,
                         ReadLabelGold(options, data));
  ALLOT_ASSIGN_OR_RETURN(const AnswerSet answers, BuildAnswerSet(data));
  ALLOT_ASSIGN_OR_RETURN(const OrdinalFit fit, FitOrdinal(answers, gold));
  AggregateReport report = StartReport(options, "ordinal", data);
  std::vector<NumericGold> truth;
  for (const GoldLabel& known : data.truth) {
    truth.push_back({known.task, static_cast<double>(known.label)});
  }
  AddErrors(fit.value, truth, report);
  AddAgreement(
      KrippendorffAlpha(answers, Scale::kOrdinal, OnThreads(options.threads)),
      report);
  report.columns = {"task", "label", "confidence", "value"};
  for (size_t t = 0; t < data.tasks.size(); ++t) {
    const auto row = static_cast<Eigen::Index>(t);
    // Of two middle classes the one that is more probable.
    auto k = static_cast<Eigen::Index>(std::floor(fit.value[row]));
    if (fit.value[row] > static_cast<double>(k) &&
        fit.posterior(row, k + 1) > fit.posterior(row, k)) {
      ++k;
    }
    const auto name = std::min(static_cast<size_t>(k), data.classes.size() - 1);
    report.rows.push_back({{"task", data.tasks[t]},
                           {"label", data.classes[name]},
                           {"confidence", fit.posterior(row, k)},
                           {"value", fit.value[row]}});
  }
  report.table = "\nThe scale, in ascending order:";
  for (const std::string& name : data.classes) {
    absl::StrAppend(&report.table, " ", name);
  }
  report.table += "\n";
  AddLabelers(data, "mean_distance", fit.labeler_distance, report);
  return report;
}

absl::StatusOr<AggregateReport> AggregateNumbers(
    const AggregateOptions& options, const DataFolder& data) {
  ALLOT_ASSIGN_OR_RETURN(const NumericAnswerSet answers,
                         BuildNumericAnswerSet(data));
  ALLOT_ASSIGN_OR_RETURN(const std::vector<NumericGold> gold,
                         ReadNumericGold(options, data));
  ALLOT_ASSIGN_OR_RETURN(NumericFit fit, FitNumeric(answers, gold));
  const bool plain = options.method != "allot";
  if (plain) {
    fit.value =
        options.method == "median"
            ? Medians(answers)
            : TrimmedMeans(answers, options.method == "mean" ? 0.0 : kTrim);
  }
  AggregateReport report = StartReport(options, "numeric", data);
  AddErrors(fit.value, data.measured_truth, report);
  AddAgreement(KrippendorffAlpha(answers, OnThreads(options.threads)), report);
  report.columns = {"task", "value"};
  if (!plain) {
    report.columns = {"task", "value", "low", "high"};
    double inside = 0;
    for (const NumericGold& known : data.measured_truth) {
      inside += fit.low[known.task] <= known.value &&
                known.value <= fit.high[known.task];
    }
    if (!data.measured_truth.empty()) {
      inside /= static_cast<double>(data.measured_truth.size());
      report.summary["truth"]["coverage_90"] = inside;
      report.lines.emplace_back(
          "coverage",
          absl::StrFormat("%.3f of the truths lie in their 90%% interval",
                          inside));
    }
  }
  for (size_t t = 0; t < data.tasks.size(); ++t) {
    const auto row = static_cast<Eigen::Index>(t);
    report.rows.push_back(
        {{"task", data.tasks[t]}, {"value", NumberOrNull(fit.value[row])}});
    if (plain) continue;
    report.rows.back()["low"] = fit.low[row];
    report.rows.back()["high"] = fit.high[row];
  }
  const std::vector<int64_t> given = Given(data);
  report.labeler_columns = {"labeler", "answers", "bias", "scale", "sd"};
  for (size_t l = 0; l < data.labelers.size(); ++l) {
    const auto row = static_cast<Eigen::Index>(l);
    report.labelers.push_back({{"labeler", data.labelers[l]},
                               {"answers", given[l]},
                               {"bias", fit.labeler_bias[row]},
                               {"scale", fit.labeler_scale[row]},
                               {"sd", fit.labeler_sd[row]}});
  }
  return report;
}

absl::StatusOr<AggregateReport> AggregateProbabilities(
    const AggregateOptions& options, const DataFolder& data) {
  ALLOT_ASSIGN_OR_RETURN(const NumericAnswerSet answers,
                         BuildNumericAnswerSet(data));
  ALLOT_ASSIGN_OR_RETURN(const std::vector<NumericGold> gold,
                         ReadNumericGold(options, data));
  const absl::StatusOr<ProbabilityFit> fit = FitProbabilities(answers, gold);
  if (!fit.ok()) {
    return absl::DataLossError(
        absl::StrCat(options.answers_path, ": answer: ", fit.status().message(),
                     "; if they are measurements, say --type numeric"));
  }
  AggregateReport report = StartReport(options, "probability", data);
  AddErrors(fit->probability, data.measured_truth, report);
  AddAgreement(KrippendorffAlpha(answers, OnThreads(options.threads)), report);
  report.columns = {"task", "probability"};
  for (size_t t = 0; t < data.tasks.size(); ++t) {
    report.rows.push_back(
        {{"task", data.tasks[t]},
         {"probability", fit->probability[static_cast<Eigen::Index>(t)]}});
  }
  AddLabelers(data, "mean_gap", fit->labeler_gap, report);
  return report;
}

absl::StatusOr<AggregateReport> AggregatePairs(const AggregateOptions& options,
                                               const DataFolder& data) {
  ALLOT_RETURN_IF_ERROR(RefuseGold(options, "pairwise"));
  const absl::StatusOr<std::vector<Comparison>> comparisons =
      BuildComparisons(data);
  if (!comparisons.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--type pairwise: ", comparisons.status().message()));
  }
  ALLOT_ASSIGN_OR_RETURN(
      const PairwiseFit fit,
      FitPairwise(static_cast<int32_t>(data.items.size()),
                  static_cast<int32_t>(data.labelers.size()), *comparisons));
  AggregateReport report = StartReport(options, "pairwise", data);
  report.rows_name = "items";
  report.summary["log_likelihood"] = fit.log_likelihood;
  report.lines.emplace_back("items", absl::StrCat(data.items.size()));
  report.lines.emplace_back("likelihood",
                            absl::StrFormat("%.3f nats", fit.log_likelihood));
  if (const auto answers = BuildAnswerSet(data); answers.ok()) {
    AddAgreement(KrippendorffAlpha(*answers, Scale::kNominal,
                                   OnThreads(options.threads)),
                 report);
  }
  report.columns = {"item", "score", "error"};
  std::vector<Eigen::Index> order(data.items.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](Eigen::Index a, Eigen::Index b) {
                     return fit.score[a] > fit.score[b];
                   });
  for (const Eigen::Index i : order) {
    report.rows.push_back({{"item", data.items[static_cast<size_t>(i)]},
                           {"score", fit.score[i]},
                           {"error", fit.score_error[i]}});
  }
  AddLabelers(data, "reliability", fit.reliability, report);
  return report;
}

}  // namespace allot
