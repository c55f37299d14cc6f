// SPDX-License-Identifier: Apache-2.0
// Skill intervals, what stands out of each labeler, confusion matrices.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/report_parts.h"
#include "lib/base/status_macros.h"
#include "lib/truth/labeler_report.h"

namespace allot {
namespace {

constexpr size_t kMostBars = 40;
constexpr size_t kMostRows = 500;
constexpr size_t kMostMatrices = 4;
constexpr Eigen::Index kMostClasses = 16;

std::string WithOf(absl::string_view what, size_t shown, size_t all) {
  return shown == all ? std::string(what)
                      : absl::StrCat(what, " (the ", shown,
                                     " with the most answers, of ", all, ")");
}

// By falling number of answers, then by row.
std::vector<size_t> BusiestFirst(const PoolReport& pool) {
  std::vector<size_t> order(pool.labelers.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return pool.labelers[a].answers > pool.labelers[b].answers;
  });
  return order;
}

BarChart Skills(const ReportInput& input, std::vector<size_t> shown,
                size_t all) {
  const VectorD& accuracy = input.own.aggregation.labeler_accuracy;
  const auto row = [](size_t l) { return static_cast<Eigen::Index>(l); };
  std::sort(shown.begin(), shown.end(), [&](size_t a, size_t b) {
    return accuracy[row(a)] > accuracy[row(b)];
  });
  BarChart chart{.heading = "How good are the labelers?",
                 .note = absl::StrCat(
                     "90% interval of each labeler's accuracy, best first. ",
                     WithOf("All labelers", shown.size(), all), "."),
                 .value = {.title = "accuracy", .least = 0, .most = 1},
                 .horizontal = true};
  Bars bars{.name = "accuracy"};
  for (const size_t l : shown) {
    chart.category.push_back(input.data.labelers[l]);
    bars.from.push_back(input.own.accuracy_low[row(l)]);
    bars.value.push_back(input.own.accuracy_high[row(l)]);
  }
  chart.bars.push_back(std::move(bars));
  return chart;
}

Table Conspicuous(const ReportInput& input, const PoolReport& pool,
                  const std::vector<size_t>& order) {
  std::vector<int> copies(pool.labelers.size(), 0);
  for (const SuspectedCopy& pair : pool.copies) {
    ++copies[pair.first];
    ++copies[pair.second];
  }
  Table table{
      .heading = "Labelers",
      .note = absl::StrCat(
          WithOf("All labelers", order.size(), pool.labelers.size()),
          ". Spammer score: 0 answers whatever the truth is, 1 never errs. "
          "Pace: standard deviations faster (-) or slower than the others. "
          "Copies: labelers who agree with this one more than the tasks "
          "explain."),
      .column = {"labeler", "answers", "accuracy", "90% interval",
                 "spammer score", "copies"}};
  const bool timed = !input.data.duration_s.empty();
  if (timed) table.column.insert(table.column.end(), {"seconds", "pace"});
  for (const size_t l : order) {
    const LabelerReport& of = pool.labelers[l];
    const auto row = static_cast<Eigen::Index>(l);
    table.row.push_back(
        {{input.data.labelers[l]},
         {absl::StrCat(of.answers)},
         {absl::StrFormat("%.3f", input.own.aggregation.labeler_accuracy[row])},
         {absl::StrFormat("%.3f - %.3f", input.own.accuracy_low[row],
                          input.own.accuracy_high[row])},
         {absl::StrFormat("%.3f", of.spammer_score),
          of.spammer_score < 0.05 ? 0.5 : 0},
         {copies[l] > 0 ? absl::StrCat(copies[l]) : "",
          copies[l] > 0 ? 0.5 : 0}});
    if (!timed) continue;
    const bool known = !std::isnan(of.median_seconds);
    table.row.back().push_back(
        {known ? absl::StrFormat("%.1f", of.median_seconds) : ""});
    table.row.back().push_back({known ? absl::StrFormat("%.1f", of.pace_z) : "",
                                of.unusual_pace ? 0.5 : 0});
  }
  return table;
}

// How often each label is given to each true class, where the truth is what the
// fit makes of it. `labeler` -1: all of them.
Table Confusion(const ReportInput& input, int32_t labeler,
                const std::vector<Eigen::Index>& classes) {
  const MatrixF& posterior = input.own.aggregation.posterior;
  MatrixD count = MatrixD::Zero(posterior.cols(), posterior.cols());
  for (int32_t t = 0; t < input.answers.num_tasks; ++t) {
    for (int64_t a = input.answers.task_begin[t];
         a < input.answers.task_begin[t + 1]; ++a) {
      if (labeler >= 0 && input.answers.labeler[a] != labeler) continue;
      count.col(input.answers.label[a]) +=
          posterior.row(t).transpose().cast<double>();
    }
  }
  Table table;
  table.heading = labeler < 0 ? "What is taken for what, by everybody"
                              : absl::StrCat("What is taken for what, by ",
                                             input.data.labelers[labeler]);
  table.note =
      "A row is a class as the fit sees it, a column the label that was given: "
      "shares of the row.";
  table.column = {"class"};
  for (const Eigen::Index k : classes) {
    table.column.push_back(input.data.classes[static_cast<size_t>(k)]);
  }
  for (const Eigen::Index c : classes) {
    std::vector<Cell> row = {{input.data.classes[static_cast<size_t>(c)]}};
    const double total = count.row(c).sum();
    for (const Eigen::Index k : classes) {
      const double share = total > 0 ? count(c, k) / total : 0;
      row.push_back({total > 0 ? absl::StrFormat("%.3f", share) : "", share});
    }
    table.row.push_back(std::move(row));
  }
  return table;
}

// The most common ones, in their own order.
std::vector<Eigen::Index> ClassesShown(const VectorD& prior) {
  std::vector<Eigen::Index> classes(static_cast<size_t>(prior.size()));
  std::iota(classes.begin(), classes.end(), 0);
  if (prior.size() > kMostClasses) {
    std::stable_sort(
        classes.begin(), classes.end(),
        [&](Eigen::Index a, Eigen::Index b) { return prior[a] > prior[b]; });
    classes.resize(kMostClasses);
    std::sort(classes.begin(), classes.end());
  }
  return classes;
}

}  // namespace

absl::Status AddLabelers(const ReportInput& input, Page& page) {
  LabelerReportOptions reporting;
  reporting.coverage = 0.9;
  ALLOT_ASSIGN_OR_RETURN(
      const PoolReport pool,
      ReportLabelers(input.answers, input.own.aggregation,
                     DurationsByTask(input.data, input.answers), reporting));
  std::vector<size_t> order = BusiestFirst(pool);
  std::vector<size_t> shown = order;
  shown.resize(std::min(shown.size(), kMostBars));
  page.element.push_back(Skills(input, shown, order.size()));
  const std::vector<Eigen::Index> classes =
      ClassesShown(input.own.aggregation.class_prior);
  page.element.push_back(Confusion(input, -1, classes));
  for (size_t i = 0; i < std::min(order.size(), kMostMatrices); ++i) {
    page.element.push_back(
        Confusion(input, static_cast<int32_t>(order[i]), classes));
  }
  order.resize(std::min(order.size(), kMostRows));
  page.element.push_back(Conspicuous(input, pool, order));
  return absl::OkStatus();
}

}  // namespace allot
