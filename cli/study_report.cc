// SPDX-License-Identifier: Apache-2.0
#include "cli/study_report.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/exit_code.h"
#include "cli/text_table.h"
#include "lib/base/status_macros.h"

namespace allot {
absl::StatusOr<DataFolder> ReadClasses(const std::string& path) {
  absl::StatusOr<DataFolder> data = ReadDataFolder(path);
  if (!data.ok()) return AsFileError(data.status());
  if (data->kind != AnswerKind::kCategorical) {
    return absl::DataLossError(
        absl::StrCat(path, ": its answers are measurements, not classes"));
  }
  if (data->classes.size() < 2) {
    return absl::DataLossError(
        absl::StrCat(path, ": want answers of at least 2 classes, got ",
                     data->classes.size()));
  }
  return data;
}

absl::StatusOr<AnswerBook> ReadAnswerBook(const std::string& folder) {
  ALLOT_ASSIGN_OR_RETURN(const DataFolder data, ReadClasses(folder));
  auto book = AnswerBook::Build(static_cast<int32_t>(data.tasks.size()),
                                static_cast<int32_t>(data.labelers.size()),
                                static_cast<int32_t>(data.classes.size()),
                                data.answers, data.truth);
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

}  // namespace allot
