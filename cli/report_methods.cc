// SPDX-License-Identifier: Apache-2.0
// How right and how well calibrated the methods are.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/report_parts.h"
#include "lib/base/status_macros.h"
#include "lib/truth/scoring_rules.h"
#include "lib/truth/wilson.h"

namespace allot {
namespace {

Cell Number(double value) { return {absl::StrFormat("%.4f", value)}; }

Series Reliability(const std::string& name, const ScoringRules& rules,
                   bool band) {
  Series series{.name = name};
  for (const ReliabilityBin& bin : rules.bins) {
    if (bin.tasks == 0) continue;
    series.x.push_back(bin.confidence);
    series.y.push_back(bin.accuracy);
    if (!band) continue;
    const auto tasks = static_cast<double>(bin.tasks);
    const ShareInterval interval = WilsonInterval(bin.accuracy * tasks, tasks);
    series.low.push_back(interval.low);
    series.high.push_back(interval.high);
  }
  return series;
}

BarChart Histogram(const MatrixF& posterior) {
  BarChart chart{.heading = "How sure are we?",
                 .note = "Tasks by allot's confidence in its label.",
                 .category_title = "confidence",
                 .value = {.title = "tasks", .least = 0}};
  std::vector<double> tasks(kReliabilityBins, 0);
  for (Eigen::Index t = 0; t < posterior.rows(); ++t) {
    const double top = posterior.row(t).maxCoeff();
    ++tasks[std::clamp(static_cast<int>(top * kReliabilityBins), 0,
                       kReliabilityBins - 1)];
  }
  for (int bin = 0; bin < kReliabilityBins; ++bin) {
    chart.category.push_back(
        absl::StrFormat("%.1f-%.1f", 0.1 * bin, 0.1 * (bin + 1)));
  }
  chart.bars.push_back({.name = "tasks", .value = std::move(tasks)});
  return chart;
}

}  // namespace

absl::Status AddMethods(const ReportInput& input, Page& page) {
  if (input.has_truth()) {
    Table table{
        .heading = "Methods",
        .note =
            "Judged by the known truth, which none of them was told. ECE: "
            "how far confidence and accuracy lie apart; Brier, log loss: "
            "how good the confidences are in all. Accuracy aside, less is "
            "better.",
        .column = {"method", "accuracy", "ECE", "Brier", "log loss"}};
    LineChart chart{
        .heading = "Can confidence be believed?",
        .note =
            "Of tasks with so much confidence, the share that is right: on "
            "the dashed line confidence means what it says, below it the "
            "method is too sure. The band is a 95% interval.",
        .x = {.title = "confidence", .least = 0, .most = 1},
        .y = {.title = "share right", .least = 0, .most = 1}};
    for (const FittedMethod& method : input.methods) {
      ALLOT_ASSIGN_OR_RETURN(
          const ScoringRules rules,
          EvaluatePosteriors(method.fit.posterior, input.data.truth));
      table.row.push_back({{method.name},
                           Number(rules.accuracy),
                           Number(rules.ece),
                           Number(rules.brier),
                           Number(rules.log_loss)});
      const bool own = &method == &input.methods.back();
      chart.series.push_back(Reliability(method.name, rules, own));
    }
    chart.series.push_back({.name = "as claimed",
                            .x = {0, 1},
                            .y = {0, 1},
                            .points = false,
                            .reference = true});
    page.element.push_back(std::move(table));
    page.element.push_back(std::move(chart));
  }
  page.element.push_back(Histogram(input.own.aggregation.posterior));
  return absl::OkStatus();
}

}  // namespace allot
