// SPDX-License-Identifier: Apache-2.0
#include "cli/match_views.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/base/status_macros.h"
#include "lib/match/explain.h"
#include "lib/match/pareto.h"

namespace allot {

std::string Shortest(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return std::string(text, end);
}

void AppendCsvField(absl::string_view field, std::string& text) {
  if (field.find_first_of(",\"\r\n") == absl::string_view::npos) {
    text.append(field.data(), field.size());
    return;
  }
  text += '"';
  for (const char c : field) {
    if (c == '"') text += '"';
    text += c;
  }
  text += '"';
}

std::string ExplainCsv(const MatchTables& tables, const Problem& problem,
                       const Assignment& plan) {
  std::string text =
      "task,labeler,utility,planned,labeler_price,reduced_utility,runner_up,"
      "margin,raise_to_win\n";
  for (int t = 0; t < problem.num_tasks(); ++t) {
    const auto planned = plan.edges(t);
    for (int32_t e = problem.offset[t]; e < problem.offset[t + 1]; ++e) {
      const int32_t labeler = problem.labeler[e];
      const double price = plan.labeler_price[labeler];
      const bool held = std::ranges::binary_search(planned, e);
      AppendCsvField(tables.tasks[t], text);
      text += ',';
      AppendCsvField(tables.labelers[labeler], text);
      absl::StrAppend(&text, ",", Shortest(problem.utility[e]), ",",
                      held ? 1 : 0, ",", Shortest(price), ",",
                      Shortest(problem.utility[e] - price), ",");
      if (held) {
        const auto next = FindRunnerUp(problem, plan, t, e);
        if (next)
          AppendCsvField(tables.labelers[problem.labeler[next->edge]], text);
        absl::StrAppend(&text, ",", next ? Shortest(next->margin) : "", ",\n");
      } else {
        absl::StrAppend(&text, ",,",
                        Shortest(LeastRaiseToWin(problem, plan, t, e)), "\n");
      }
    }
  }
  return text;
}

std::string EmptySlots(const Problem& problem, const Assignment& plan) {
  // By EmptySlotReason.
  constexpr std::array<absl::string_view, 4> kNames = {
      "", "no labeler", "not worth it", "taken by others"};
  std::array<int64_t, kNames.size()> count{};
  for (int t = 0; t < problem.num_tasks(); ++t) {
    count[static_cast<size_t>(WhyEmpty(problem, plan, t))] +=
        problem.redundancy[t] - plan.filled(t);
  }
  std::vector<std::string> parts;
  int64_t all = 0;
  for (size_t i = 1; i < count.size(); ++i) {
    all += count[i];
    if (count[i] > 0) parts.push_back(absl::StrCat(count[i], " ", kNames[i]));
  }
  return all == 0 ? "none"
                  : absl::StrCat(all, ": ", absl::StrJoin(parts, ", "));
}

absl::StatusOr<std::string> WhatWouldWin(const MatchTables& tables,
                                         const Problem& problem,
                                         const Assignment& plan,
                                         absl::string_view task,
                                         absl::string_view labeler,
                                         const MatchOptions& options) {
  const auto t = static_cast<int>(std::ranges::find(tables.tasks, task) -
                                  tables.tasks.begin());
  if (t < problem.num_tasks()) {
    for (int32_t e = problem.offset[t]; e < problem.offset[t + 1]; ++e) {
      if (tables.labelers[problem.labeler[e]] != labeler) continue;
      ALLOT_ASSIGN_OR_RETURN(const double raise,
                             RaiseToWin(problem, plan, t, e, options));
      if (std::ranges::binary_search(plan.edges(t), e)) {
        return absl::StrCat(labeler, " has ", task);
      }
      if (std::isinf(raise)) {
        return absl::StrCat("no utility wins ", labeler, " the task ", task);
      }
      return absl::StrCat(labeler, " wins ", task,
                          " if the pair is worth more by ", Shortest(raise));
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--win: task \"", task, "\" and labeler \"", labeler,
                   "\" are no pair of the edges file"));
}

absl::StatusOr<Frontier> TraceFrontier(const MatchFiles& files,
                                       const MatchTables& tables,
                                       const Problem& problem,
                                       const MatchOptions& options) {
  if (tables.edge_cost.empty() && problem.num_edges() > 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("--frontier: ", files.edges,
                     " has no column \"cost\", what each pair costs, >= 0"));
  }
  ParetoOptions sweep;
  sweep.match = options;
  ALLOT_ASSIGN_OR_RETURN(const ParetoFrontier frontier,
                         FindParetoFrontier(problem, tables.edge_cost, sweep));
  Frontier result;
  result.csv = "weight,quality,cost,filled\n";
  for (const ParetoPoint& point : frontier.points) {
    absl::StrAppend(&result.csv, Shortest(point.weight), ",",
                    Shortest(point.quality), ",", Shortest(point.cost), ",",
                    point.plan.num_filled(), "\n");
  }
  result.summary = absl::StrCat(
      frontier.points.size(), " plans",
      frontier.complete ? ", no other corner exists" : ", others may exist");
  return result;
}

}  // namespace allot
