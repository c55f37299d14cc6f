// SPDX-License-Identifier: Apache-2.0
#include "cli/study_page.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/study_report.h"
#include "cli/text_table.h"

namespace allot {
namespace {

using Curve = std::vector<std::pair<double, double>>;  // (cost, accuracy)

// A share with its band of two standard errors.
void AddPoint(double x, double y, double error, Series& series) {
  series.x.push_back(x);
  series.y.push_back(y);
  series.low.push_back(std::max(0.0, y - 2 * error));
  series.high.push_back(std::min(1.0, y + 2 * error));
}

std::vector<Cell> CellsOf(const std::vector<std::string>& texts) {
  std::vector<Cell> cells;
  for (const std::string& text : texts) cells.push_back({text});
  return cells;
}

LineChart LorenzChart() {
  return {.heading = "Who got the work (Lorenz curves)",
          .x = {.title = "share of the labelers, least busy first",
                .least = 0,
                .most = 1},
          .y = {.title = "share of the answers", .least = 0, .most = 1}};
}

Series LorenzSeries(const std::string& name,
                    const std::vector<double>& lorenz) {
  Series series{.name = name, .points = false};
  for (size_t i = 0; i < lorenz.size(); ++i) {
    series.x.push_back(static_cast<double>(i) /
                       static_cast<double>(lorenz.size() - 1));
    series.y.push_back(lorenz[i]);
  }
  return series;
}

// What each policy pays for each level of accuracy.
Table CostTable(const char* heading, const char* unit,
                const std::vector<std::pair<std::string, Curve>>& curves) {
  double least = 1, most = 0;
  for (const auto& [name, curve] : curves) {
    for (const auto& point : curve) {
      least = std::min(least, point.second);
      most = std::max(most, point.second);
    }
  }
  Table table{.heading = heading, .column = {absl::StrCat("accuracy: ", unit)}};
  std::vector<double> levels;
  for (int i = 1; i <= 5; ++i) {
    levels.push_back(least + (most - least) * (0.5 + 0.1 * i) - 1e-9);
    table.column.push_back(FormatFixed(levels.back(), 3));
  }
  for (const auto& [name, curve] : curves) {
    std::vector<Cell>& row = table.row.emplace_back();
    row.push_back({name});
    for (const double level : levels) {
      const std::optional<double> cost = FirstReach(curve, level);
      row.push_back({cost ? absl::StrFormat("%.4g", *cost) : "-"});
    }
  }
  return table;
}

LineChart QuantileChart(const char* name, const FitCheck& check) {
  LineChart chart{
      .heading = absl::StrFormat("%s (distance %.3f)", name, check.distance),
      .x = {.title = "fitted accuracy"},
      .y = {.title = "observed accuracy"}};
  chart.series.push_back(
      {.name = "quantiles", .x = check.fitted, .y = check.observed});
  chart.series.push_back(Diagonal("were the fit the truth", chart.series));
  return chart;
}

// Share that was right against confidence; empty bins left out.
Series CalibrationSeries(const std::string& name, const MarketSummary& of) {
  Series series{.name = name};
  for (const CalibrationBin& bin : of.calibration) {
    if (bin.tasks == 0) continue;
    const auto n = static_cast<double>(bin.tasks);
    const double right = static_cast<double>(bin.right) / n;
    AddPoint(bin.confidence / n, right, std::sqrt(right * (1 - right) / n),
             series);
  }
  return series;
}

Series WaitingSeries(const std::string& name, const MarketSummary& of) {
  Series series{.name = name, .x = of.waiting, .points = false};
  for (size_t q = 0; q < of.waiting.size(); ++q) {
    series.y.push_back(static_cast<double>(q) /
                       static_cast<double>(of.waiting.size() - 1));
  }
  return series;
}

Table MarketTable(std::span<const MarketSummary> summaries) {
  Table table{
      .heading = "Numbers (standard error)",
      .column = {"policy", "effort", "accuracy", "answers a task",
                 "cost a task", "cost a right label", "accepted", "right",
                 "wait p50 h", "wait p99 h", "Gini", "starved"}};
  for (const MarketSummary& s : summaries) {
    table.row.push_back(CellsOf(
        {s.policy, s.effort, WithError(s.accuracy),
         WithError(s.answers_per_task, 2), WithError(s.cost_per_task),
         WithError(s.cost_per_right), FormatFixed(s.accepted.mean, 2),
         FormatFixed(s.accepted_right.mean, 3),
         FormatFixed(s.waiting_p50.mean, 2), FormatFixed(s.waiting_p99.mean, 2),
         FormatFixed(s.gini.mean, 2), FormatFixed(s.starved.mean, 1)}));
  }
  return table;
}

}  // namespace

Page PopulationPage(const std::string& data, const PopulationFit& fit) {
  Page page;
  page.title = absl::StrCat("Population of ", data);
  page.summary = absl::StrFormat(
      "Skills N(%.2f, %.2f), difficulties N(0, %.2f), in logits. Were the fit "
      "the truth, the points would lie on the line: quantiles of the "
      "accuracies on file against those of a crowd drawn from the fit.",
      fit.skill_mean, fit.skill_sd, fit.difficulty_sd);
  page.element.push_back(QuantileChart("Labelers", fit.labelers));
  page.element.push_back(QuantileChart("Tasks", fit.tasks));
  return page;
}

Page ReplayPage(const std::string& data, const AnswerBook& book, int seeds,
                std::span<const ReplayCurve> curves) {
  Page page;
  page.title = absl::StrCat("Replay of ", data);
  page.summary = absl::StrFormat(
      "%d tasks, %d labelers, %d classes, %s answers on file. Each policy "
      "chooses whom to ask, and is told the answer that is on file; means over "
      "%d seeds, bands of two standard errors.",
      book.num_tasks(), book.num_labelers(), book.num_classes(),
      FormatCount(book.num_answers()), seeds);
  LineChart accuracy{.heading = "Accuracy against cost",
                     .x = {.title = "answers a task"},
                     .y = {.title = "accuracy"}};
  LineChart calibration{.heading = "Confidence against accuracy",
                        .x = {.title = "mean confidence"},
                        .y = {.title = "accuracy"}};
  LineChart lorenz = LorenzChart();
  Table numbers{.heading = "Accuracy (standard error)",
                .column = {"policy", "Gini"}};
  std::vector<std::pair<std::string, Curve>> costs;
  for (const ReplayCurve& curve : curves) {
    Series& own = accuracy.series.emplace_back();
    own.name = curve.policy;
    Series& calibrated = calibration.series.emplace_back();
    calibrated.name = curve.policy;
    Curve& cost = costs.emplace_back(curve.policy, Curve()).second;
    std::vector<Cell>& row = numbers.row.emplace_back();
    row = CellsOf({curve.policy, FormatFixed(curve.gini.mean, 2)});
    for (const ReplayCurve::Point& point : curve.points) {
      AddPoint(point.answers_per_task, point.accuracy.mean,
               point.accuracy.error, own);
      calibrated.x.push_back(point.confidence.mean);
      calibrated.y.push_back(point.accuracy.mean);
      cost.emplace_back(point.answers_per_task, point.accuracy.mean);
      if (numbers.row.size() == 1) {
        numbers.column.push_back(
            absl::StrFormat("%.3g labels", point.answers_per_task));
      }
      row.push_back({WithError(point.accuracy)});
    }
    lorenz.series.push_back(LorenzSeries(curve.policy, curve.lorenz));
  }
  lorenz.series.push_back(Diagonal("all the same", lorenz.series));
  calibration.series.push_back(Diagonal("as claimed", calibration.series));
  page.element = {
      std::move(accuracy),
      CostTable("Labels for equal accuracy", "answers a task", costs),
      std::move(lorenz), std::move(calibration), std::move(numbers)};
  return page;
}

Page MarketPage(const Scenario& scenario, int seeds,
                std::span<const MarketSummary> summaries) {
  Page page;
  page.title = absl::StrCat("Simulation: ", scenario.name);
  int64_t labelers = 0;
  for (const LabelerGroup& group : scenario.groups) labelers += group.count;
  page.summary = absl::StrFormat(
      "%s in %s, %d classes, %s, %g tasks an hour over %g hours. Each policy "
      "at several efforts; means over %d seeds, bands of "
      "two standard errors.",
      FormatPlural(labelers, "labeler"),
      FormatPlural(std::ssize(scenario.groups), "group"), scenario.classes,
      FormatPlural(scenario.domains, "domain"), scenario.tasks_per_hour,
      scenario.hours, seeds);
  LineChart accuracy{.heading = "Accuracy against cost",
                     .x = {.title = "cost a task"},
                     .y = {.title = "accuracy"}};
  LineChart waiting{
      .heading = "Waiting times",
      .x = {.title = "hours from arrival to label"},
      .y = {.title = "share of the tasks", .least = 0, .most = 1}};
  LineChart calibration{.heading = "Calibration",
                        .x = {.title = "confidence at the end"},
                        .y = {.title = "share that was right"}};
  LineChart lorenz = LorenzChart();
  std::vector<std::pair<std::string, Curve>> costs;
  for (size_t begin = 0, end = 0; begin < summaries.size(); begin = end) {
    const std::string& policy = summaries[begin].policy;
    while (end < summaries.size() && summaries[end].policy == policy) ++end;
    std::vector<const MarketSummary*> by_cost;
    for (size_t i = begin; i < end; ++i) by_cost.push_back(&summaries[i]);
    std::sort(by_cost.begin(), by_cost.end(),
              [](const MarketSummary* a, const MarketSummary* b) {
                return a->cost_per_task.mean < b->cost_per_task.mean;
              });
    Series& own = accuracy.series.emplace_back();
    own.name = policy;
    for (const MarketSummary* s : by_cost) {
      AddPoint(s->cost_per_task.mean, s->accuracy.mean, s->accuracy.error, own);
    }
    costs.emplace_back(policy, CostCurve(summaries, policy));
    // The middle effort stands for a policy where there is one line for each.
    const MarketSummary& middle = summaries[begin + (end - begin) / 2];
    const std::string name = absl::StrCat(policy, " ", middle.effort);
    waiting.series.push_back(WaitingSeries(name, middle));
    calibration.series.push_back(CalibrationSeries(name, middle));
    lorenz.series.push_back(LorenzSeries(name, middle.lorenz));
  }
  lorenz.series.push_back(Diagonal("all the same", lorenz.series));
  calibration.series.push_back(Diagonal("as claimed", calibration.series));
  page.element = {std::move(accuracy),
                  CostTable("Cost for equal accuracy", "cost a task", costs),
                  std::move(lorenz),
                  std::move(waiting),
                  std::move(calibration),
                  MarketTable(summaries)};
  return page;
}

}  // namespace allot
