// SPDX-License-Identifier: Apache-2.0
#include "cli/study_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/data_folder.h"
#include "cli/exit_code.h"
#include "cli/text_table.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

using Rows = std::vector<std::vector<std::string>>;

Plot LorenzPlot() {
  return {.title = "Who got the work (Lorenz curves)",
          .x_label = "share of the labelers, least busy first",
          .y_label = "share of the answers",
          .diagonal = true,
          .dots = false};
}

PlotSeries LorenzSeries(const std::string& name,
                        const std::vector<double>& lorenz) {
  PlotSeries series{.name = name};
  for (size_t i = 0; i < lorenz.size(); ++i) {
    series.points.push_back(
        {static_cast<double>(i) / static_cast<double>(lorenz.size() - 1),
         lorenz[i]});
  }
  return series;
}

// What each curve of (cost, accuracy) pays for each level of accuracy.
Rows CostRows(
    const std::vector<
        std::pair<std::string, std::vector<std::pair<double, double>>>>& curves,
    const char* unit) {
  double least = 1, most = 0;
  for (const auto& [name, curve] : curves) {
    for (const auto& point : curve) {
      least = std::min(least, point.second);
      most = std::max(most, point.second);
    }
  }
  Rows rows = {{absl::StrCat("accuracy: ", unit)}};
  std::vector<double> levels;
  for (int i = 1; i <= 5; ++i) {
    levels.push_back(least + (most - least) * (0.5 + 0.1 * i) - 1e-9);
    rows[0].push_back(FormatFixed(levels.back(), 3));
  }
  for (const auto& [name, curve] : curves) {
    std::vector<std::string>& row = rows.emplace_back();
    row.push_back(name);
    for (const double level : levels) {
      const std::optional<double> cost = FirstReach(curve, level);
      row.push_back(cost ? absl::StrFormat("%.4g", *cost) : "-");
    }
  }
  return rows;
}

}  // namespace

absl::StatusOr<AnswerBook> ReadAnswerBook(const std::string& folder) {
  absl::StatusOr<DataFolder> data = ReadDataFolder(folder);
  if (!data.ok()) return AsFileError(data.status());
  if (data->kind != AnswerKind::kCategorical) {
    return absl::DataLossError(
        absl::StrCat(folder, ": its answers are measurements, not classes"));
  }
  auto book = AnswerBook::Build(static_cast<int32_t>(data->tasks.size()),
                                static_cast<int32_t>(data->labelers.size()),
                                static_cast<int32_t>(data->classes.size()),
                                data->answers, data->truth);
  if (!book.ok()) {
    return absl::DataLossError(
        absl::StrCat(folder, ": ", book.status().message()));
  }
  return book;
}

std::string ScenarioOf(const std::string& name, const AnswerBook& book,
                       const PopulationFit& fit) {
  return absl::StrFormat(
      "name: \"%s\"\nclasses: %d\nbacklog: %d\ntasks_per_hour: 0\n"
      "difficulty_sd: %.3f\nseconds: %.3g\n"
      "groups {\n  name: \"fitted\"\n  count: %d\n  skill_mean: %.3f\n"
      "  skill_sd: %.3f\n  speed_sd: %.3f\n  seconds_sd: %.3f\n}\n",
      name, book.num_classes(), book.num_tasks(), fit.difficulty_sd,
      fit.seconds.median > 0 ? fit.seconds.median : 30.0, book.num_labelers(),
      fit.skill_mean, fit.skill_sd, fit.seconds.median > 0 ? fit.speed_sd : 0.3,
      fit.seconds.median > 0 ? fit.seconds.sd : 0.4);
}

void PrintPopulation(const PopulationFit& fit, const std::string& scenario,
                     std::ostream& out) {
  out << absl::StreamFormat(
      "# %.3f of the answers are right\n"
      "# a labeler gives %.3g answers (median; spread of the logarithm %.2f)\n"
      "# largest distance of observed and fitted distributions of accuracy: "
      "labelers %.3f, tasks %.3f\n",
      fit.accuracy, fit.activity.median, fit.activity.sd, fit.labelers.distance,
      fit.tasks.distance);
  if (fit.seconds.median <= 0) {
    out << "# no durations in the file: speed is the default\n";
  }
  out << scenario;
}

void PrintPopulationJson(const PopulationFit& fit, std::ostream& out) {
  out << nlohmann::ordered_json{{"accuracy", fit.accuracy},
                                {"skill_mean", fit.skill_mean},
                                {"skill_sd", fit.skill_sd},
                                {"difficulty_sd", fit.difficulty_sd},
                                {"answers_of_labeler_median",
                                 fit.activity.median},
                                {"answers_of_labeler_log_sd", fit.activity.sd},
                                {"seconds_median", fit.seconds.median},
                                {"seconds_log_sd", fit.seconds.sd},
                                {"speed_log_sd", fit.speed_sd},
                                {"labelers_distance", fit.labelers.distance},
                                {"tasks_distance", fit.tasks.distance}}
      << '\n';
}

StudyPage PopulationPage(const std::string& data, const PopulationFit& fit) {
  StudyPage page(absl::StrCat("Population of ", data));
  page.AddText(absl::StrFormat(
      "Skills N(%.2f, %.2f), difficulties N(0, %.2f), in logits. Were the fit "
      "the truth, the points would lie on the line: quantiles of the "
      "accuracies "
      "on file against those of a crowd drawn from the fit.",
      fit.skill_mean, fit.skill_sd, fit.difficulty_sd));
  const auto draw = [&](const char* title, const FitCheck& check) {
    Plot plot{
        .title = absl::StrFormat("%s (distance %.3f)", title, check.distance),
        .x_label = "fitted accuracy",
        .y_label = "observed accuracy",
        .diagonal = true};
    PlotSeries& series = plot.series.emplace_back();
    series.name = "quantiles";
    for (size_t q = 0; q < check.observed.size(); ++q) {
      series.points.push_back({check.fitted[q], check.observed[q]});
    }
    page.AddPlot(plot);
  };
  draw("Labelers", fit.labelers);
  draw("Tasks", fit.tasks);
  return page;
}

std::string WithError(const Estimate& estimate, int digits) {
  return absl::StrFormat("%.*f (%.*f)", digits, estimate.mean, digits,
                         estimate.error);
}

void PrintReplay(std::span<const ReplayCurve> curves,
                 const std::vector<double>& labels, std::ostream& out) {
  std::vector<std::string> columns = {"POLICY"};
  for (const double count : labels) {
    columns.push_back(absl::StrCat(">", count, " LABELS"));
  }
  columns.push_back(">GINI");
  TextTable table(columns);
  for (const ReplayCurve& curve : curves) {
    std::vector<std::string> row = {curve.policy};
    for (const ReplayCurve::Point& point : curve.points) {
      row.push_back(WithError(point.accuracy));
    }
    row.resize(labels.size() + 1, "-");
    row.push_back(FormatFixed(curve.gini.mean, 2));
    table.AddRow(std::move(row));
  }
  table.Print(out);
}

void PrintReplayJson(const std::string& data, const AnswerBook& book, int seeds,
                     std::span<const ReplayCurve> curves, std::ostream& out) {
  for (const ReplayCurve& curve : curves) {
    for (const ReplayCurve::Point& point : curve.points) {
      out << nlohmann::ordered_json{{"policy", curve.policy},
                                    {"data", data},
                                    {"labels_per_task", point.answers_per_task},
                                    {"accuracy", point.accuracy.mean},
                                    {"standard_error", point.accuracy.error},
                                    {"cost",
                                     point.answers_per_task * book.num_tasks()},
                                    {"confidence", point.confidence.mean},
                                    {"gini", curve.gini.mean},
                                    {"seeds", seeds}}
          << '\n';
    }
  }
}

StudyPage ReplayPage(const std::string& data, const AnswerBook& book, int seeds,
                     std::span<const ReplayCurve> curves) {
  StudyPage page(absl::StrCat("Replay of ", data));
  page.AddText(absl::StrFormat(
      "%d tasks, %d labelers, %d classes, %s answers on file. Each policy "
      "chooses whom to ask, and is told the answer that is on file; means over "
      "%d seeds, bands of two standard errors.",
      book.num_tasks(), book.num_labelers(), book.num_classes(),
      FormatCount(book.num_answers()), seeds));
  Plot accuracy{.title = "Accuracy against cost",
                .x_label = "answers a task",
                .y_label = "accuracy"};
  Plot calibration{.title = "Confidence against accuracy",
                   .x_label = "mean confidence",
                   .y_label = "accuracy",
                   .diagonal = true};
  Plot lorenz = LorenzPlot();
  Rows numbers = {{"policy", "Gini"}};
  std::vector<std::pair<std::string, std::vector<std::pair<double, double>>>>
      costs;
  for (const ReplayCurve& curve : curves) {
    PlotSeries& own = accuracy.series.emplace_back();
    own.name = curve.policy;
    PlotSeries& calibrated = calibration.series.emplace_back();
    calibrated.name = curve.policy;
    auto& cost = costs.emplace_back(curve.policy,
                                    std::vector<std::pair<double, double>>());
    std::vector<std::string> row = {curve.policy,
                                    FormatFixed(curve.gini.mean, 2)};
    for (const ReplayCurve::Point& point : curve.points) {
      own.points.push_back(
          {point.answers_per_task, point.accuracy.mean, point.accuracy.error});
      calibrated.points.push_back({point.confidence.mean, point.accuracy.mean});
      cost.second.emplace_back(point.answers_per_task, point.accuracy.mean);
      if (numbers.size() == 1) {
        numbers[0].push_back(
            absl::StrFormat("%.3g labels", point.answers_per_task));
      }
      row.push_back(WithError(point.accuracy));
    }
    numbers.push_back(std::move(row));
    lorenz.series.push_back(LorenzSeries(curve.policy, curve.lorenz));
  }
  page.AddPlot(accuracy);
  page.AddTable("Labels for equal accuracy", CostRows(costs, "answers a task"));
  page.AddPlot(lorenz);
  page.AddPlot(calibration);
  page.AddTable("Accuracy (standard error)", numbers);
  return page;
}

void PrintMarket(std::span<const MarketSummary> summaries, std::ostream& out) {
  TextTable table({"POLICY", "EFFORT", ">ACCURACY", ">ANSWERS A TASK",
                   ">COST A TASK", ">COST A RIGHT LABEL", ">ACCEPTED", ">RIGHT",
                   ">WAIT P50 H", ">WAIT P99 H", ">GINI", ">STARVED"});
  for (const MarketSummary& s : summaries) {
    table.AddRow({s.policy, s.effort, WithError(s.accuracy),
                  WithError(s.answers_per_task, 2), WithError(s.cost_per_task),
                  WithError(s.cost_per_right), FormatFixed(s.accepted.mean, 2),
                  FormatFixed(s.accepted_right.mean, 3),
                  FormatFixed(s.waiting_p50.mean, 2),
                  FormatFixed(s.waiting_p99.mean, 2),
                  FormatFixed(s.gini.mean, 2), FormatFixed(s.starved.mean, 1)});
  }
  table.Print(out);
}

void PrintMarketJson(const std::string& scenario, int seeds,
                     std::span<const MarketSummary> summaries,
                     std::ostream& out) {
  for (const MarketSummary& s : summaries) {
    out << nlohmann::ordered_json{{"policy", s.policy},
                                  {"data", scenario},
                                  {"effort", s.effort},
                                  {"labels_per_task", s.answers_per_task.mean},
                                  {"accuracy", s.accuracy.mean},
                                  {"standard_error", s.accuracy.error},
                                  {"cost", s.cost_per_task.mean},
                                  {"cost_per_right_label",
                                   s.cost_per_right.mean},
                                  {"cost_per_right_label_error",
                                   s.cost_per_right.error},
                                  {"accepted", s.accepted.mean},
                                  {"accepted_accuracy", s.accepted_right.mean},
                                  {"waiting_p50_hours", s.waiting_p50.mean},
                                  {"waiting_p99_hours", s.waiting_p99.mean},
                                  {"gini", s.gini.mean},
                                  {"starved", s.starved.mean},
                                  {"starved_able_share", s.starved_share.mean},
                                  {"answers", s.answers},
                                  {"seeds", seeds}}
        << '\n';
  }
}

StudyPage MarketPage(const Scenario& scenario, int seeds,
                     std::span<const MarketSummary> summaries) {
  StudyPage page(absl::StrCat("Simulation: ", scenario.name));
  int64_t labelers = 0;
  for (const LabelerGroup& group : scenario.groups) labelers += group.count;
  page.AddText(absl::StrFormat(
      "%d labelers in %d groups, %d classes, %d domains, %g tasks an hour over "
      "%g hours. Each policy at several efforts; means over %d seeds, bands of "
      "two standard errors.",
      labelers, scenario.groups.size(), scenario.classes, scenario.domains,
      scenario.tasks_per_hour, scenario.hours, seeds));
  Plot accuracy{.title = "Accuracy against cost",
                .x_label = "cost a task",
                .y_label = "accuracy"};
  Plot waiting{.title = "Waiting times",
               .x_label = "hours from arrival to label",
               .y_label = "share of the tasks",
               .dots = false};
  Plot calibration{.title = "Calibration",
                   .x_label = "confidence at the end",
                   .y_label = "share that was right",
                   .diagonal = true};
  Plot lorenz = LorenzPlot();
  Rows numbers = {{"policy", "effort", "accuracy", "answers a task",
                   "cost a task", "cost a right label", "accepted", "right",
                   "wait p50 h", "wait p99 h", "Gini", "starved"}};
  std::vector<std::string> policies;
  for (const MarketSummary& s : summaries) {
    if (policies.empty() || policies.back() != s.policy) {
      policies.push_back(s.policy);
    }
    numbers.push_back(
        {s.policy, s.effort, WithError(s.accuracy),
         WithError(s.answers_per_task, 2), WithError(s.cost_per_task),
         WithError(s.cost_per_right), FormatFixed(s.accepted.mean, 2),
         FormatFixed(s.accepted_right.mean, 3),
         FormatFixed(s.waiting_p50.mean, 2), FormatFixed(s.waiting_p99.mean, 2),
         FormatFixed(s.gini.mean, 2), FormatFixed(s.starved.mean, 1)});
  }
  std::vector<std::pair<std::string, std::vector<std::pair<double, double>>>>
      costs;
  for (const std::string& policy : policies) {
    PlotSeries& own = accuracy.series.emplace_back();
    own.name = policy;
    // The middle effort stands for a policy where there is one line for each.
    std::vector<const MarketSummary*> of_policy;
    for (const MarketSummary& s : summaries) {
      if (s.policy == policy) of_policy.push_back(&s);
    }
    const MarketSummary& middle = *of_policy[of_policy.size() / 2];
    for (const MarketSummary* s : of_policy) {
      own.points.push_back(
          {s->cost_per_task.mean, s->accuracy.mean, s->accuracy.error});
    }
    std::sort(own.points.begin(), own.points.end(),
              [](const PlotPoint& a, const PlotPoint& b) { return a.x < b.x; });
    const std::string name = absl::StrCat(policy, " ", middle.effort);
    PlotSeries& waits = waiting.series.emplace_back();
    waits.name = name;
    for (size_t q = 0; q < middle.waiting.size(); ++q) {
      waits.points.push_back(
          {middle.waiting[q],
           static_cast<double>(q) /
               static_cast<double>(middle.waiting.size() - 1)});
    }
    PlotSeries& bins = calibration.series.emplace_back();
    bins.name = name;
    for (const CalibrationBin& bin : middle.calibration) {
      if (bin.tasks == 0) continue;
      const auto n = static_cast<double>(bin.tasks);
      const double right = static_cast<double>(bin.right) / n;
      bins.points.push_back(
          {bin.confidence / n, right, std::sqrt(right * (1 - right) / n)});
    }
    lorenz.series.push_back(LorenzSeries(name, middle.lorenz));
    costs.emplace_back(policy, CostCurve(summaries, policy));
  }
  page.AddPlot(accuracy);
  page.AddTable("Cost for equal accuracy", CostRows(costs, "cost a task"));
  page.AddPlot(lorenz);
  page.AddPlot(waiting);
  page.AddPlot(calibration);
  page.AddTable("Numbers (standard error)", numbers);
  return page;
}

}  // namespace allot
