// SPDX-License-Identifier: Apache-2.0
#include "cli/match.h"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "cli/match_views.h"
#include "lib/base/status_macros.h"
#include "lib/match/certificate.h"
#include "lib/match/matcher.h"

namespace allot {
namespace {

using Json = nlohmann::ordered_json;

struct Times {
  double read_ms = 0, build_ms = 0, solve_ms = 0;
};

template <typename Visit>
void ForEachPair(const Problem& problem, const Assignment& plan,
                 const Visit& visit) {
  for (int t = 0; t < problem.num_tasks(); ++t) {
    for (const int32_t e : plan.edges(t)) {
      visit(t, problem.labeler[e], problem.utility[e]);
    }
  }
}

std::string PlanCsv(const MatchTables& tables, const Problem& problem,
                    const Assignment& plan) {
  std::string text = "task,labeler,utility\n";
  ForEachPair(problem, plan, [&](int task, int labeler, double utility) {
    AppendCsvField(tables.tasks[task], text);
    text += ',';
    AppendCsvField(tables.labelers[labeler], text);
    absl::StrAppend(&text, ",", Shortest(utility), "\n");
  });
  return text;
}

std::string Summary(const Problem& problem, const Assignment& plan,
                    const Times& times) {
  const int64_t slots = problem.num_slots();
  std::string text = absl::StrFormat(
      "tasks        %d\n"
      "labelers     %d\n"
      "edges        %d\n"
      "slots        %d filled of %d\n",
      problem.num_tasks(), problem.num_labelers(), problem.num_edges(),
      plan.num_filled(), slots);
  absl::StrAppend(&text, "objective    ", Shortest(plan.objective), "\n",
                  "upper bound  ", Shortest(plan.upper_bound), "\n",
                  "gap          ", Shortest(plan.gap), "\n");
  absl::StrAppend(&text, "empty slots  ", EmptySlots(problem, plan), "\n");
  absl::StrAppend(&text, "exact        ",
                  plan.exact ? absl::StrCat("yes, utilities in multiples of ",
                                            Shortest(plan.quantum))
                  : plan.deadline_reached ? "no, the time limit came first"
                                          : "no",
                  "\n", "solver       ", SolverName(plan.solver), "\n");
  absl::StrAppendFormat(
      &text, "time         read %.3f s, build %.3f s, solve %.3f s\n",
      times.read_ms / 1e3, times.build_ms / 1e3, times.solve_ms / 1e3);
  return text;
}

// Written piece by piece: the plan may be long.
std::string PlanJson(const MatchTables& tables, const Problem& problem,
                     const Assignment& plan, const Times& times,
                     bool with_pairs) {
  const auto quoted = [](const std::string& id) {
    return Json(id).dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  const Json head = {{"tasks", problem.num_tasks()},
                     {"labelers", problem.num_labelers()},
                     {"edges", problem.num_edges()},
                     {"slots", problem.num_slots()},
                     {"filled", plan.num_filled()},
                     {"empty_slots", EmptySlots(problem, plan)},
                     {"objective", plan.objective},
                     {"upper_bound", plan.upper_bound},
                     {"gap", plan.gap},
                     {"exact", plan.exact},
                     {"quantum", plan.quantum},
                     {"time_limit_reached", plan.deadline_reached},
                     {"solver", SolverName(plan.solver)},
                     {"read_ms", times.read_ms},
                     {"build_ms", times.build_ms},
                     {"solve_ms", times.solve_ms},
                     {"bids", plan.stats.bids},
                     {"augmentations", plan.stats.augmentations},
                     {"scaling_phases", plan.stats.scaling_phases}};
  std::string text = head.dump(2);
  text.resize(text.size() - 2);  // "\n}"
  absl::string_view between = "\n";
  if (with_pairs) {
    text += ",\n  \"plan\": [";
    ForEachPair(problem, plan, [&](int task, int labeler, double utility) {
      absl::StrAppend(&text, between,
                      "    {\"task\": ", quoted(tables.tasks[task]),
                      ", \"labeler\": ", quoted(tables.labelers[labeler]),
                      ", \"utility\": ", Shortest(utility), "}");
      between = ",\n";
    });
    text += "\n  ]";
  }
  // What a further slot of a labeler would be worth, where it is worth
  // anything: the proof of the bound.
  text += ",\n  \"labeler_price\": {";
  between = "\n";
  for (int l = 0; l < problem.num_labelers(); ++l) {
    if (plan.labeler_price[l] == 0) continue;
    absl::StrAppend(&text, between, "    ", quoted(tables.labelers[l]), ": ",
                    Shortest(plan.labeler_price[l]));
    between = ",\n";
  }
  text += "\n  }\n}\n";
  return text;
}

bool HasSide(const SideConstraints& side) {
  return side.max_share < 1 || !side.answer_value.empty() ||
         !side.load_tiers.empty();
}

// Match() or MatchWithSide(), and a second opinion on what comes of it: nobody
// need take the solver's word.
absl::StatusOr<Assignment> SolveAndCheck(const Problem& problem,
                                         const SideConstraints& side,
                                         const MatchOptions& match) {
  if (!HasSide(side)) {
    ALLOT_ASSIGN_OR_RETURN(Assignment plan, Match(problem, match));
    ALLOT_RETURN_IF_ERROR(CheckAssignment(problem, plan).status());
    return plan;
  }
  ALLOT_ASSIGN_OR_RETURN(Assignment plan, MatchWithSide(problem, side, match));
  const double counted = SideObjective(problem, side, plan);
  const double tolerance = 1e-9 * std::max(1.0, std::abs(counted));
  if (std::abs(counted - plan.objective) > tolerance ||
      counted > plan.upper_bound + tolerance) {
    return absl::InternalError(
        absl::StrCat("objective: stated ", plan.objective, ", bound ",
                     plan.upper_bound, ", recomputed ", counted));
  }
  return plan;
}

absl::Status CheckOptions(const MatchCommandOptions& options,
                          const SideConstraints& side) {
  if (!(options.max_share > 0 && options.max_share <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--max-share: want in (0, 1], got ", options.max_share));
  }
  const bool views = !options.explain.empty() || !options.frontier.empty() ||
                     !options.win.empty();
  if (views && HasSide(side)) {
    return absl::InvalidArgumentError(
        "--explain, --frontier and --win: not with answer_values, load_costs "
        "or --max-share");
  }
  return absl::OkStatus();
}

absl::Status WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text << std::flush;
  if (file.good()) return absl::OkStatus();
  return absl::UnknownError(absl::StrCat(path, ": cannot be written"));
}

// What was asked for beyond the plan, and lines for the summary.
absl::StatusOr<std::string> WriteViews(const MatchCommandOptions& options,
                                       const MatchTables& tables,
                                       const Problem& problem,
                                       const Assignment& plan) {
  std::string lines;
  MatchOptions again;
  again.solver = options.solver;
  if (!options.explain.empty()) {
    ALLOT_RETURN_IF_ERROR(
        WriteFile(options.explain, ExplainCsv(tables, problem, plan)));
  }
  if (!options.win.empty()) {
    const std::vector<std::string> pair = absl::StrSplit(options.win, ',');
    if (pair.size() != 2) {
      return absl::InvalidArgumentError(
          absl::StrCat("--win: want TASK,LABELER, got \"", options.win, "\""));
    }
    ALLOT_ASSIGN_OR_RETURN(
        const std::string line,
        WhatWouldWin(tables, problem, plan, pair[0], pair[1], again));
    absl::StrAppend(&lines, "to win       ", line, "\n");
  }
  if (!options.frontier.empty()) {
    ALLOT_ASSIGN_OR_RETURN(
        const Frontier frontier,
        TraceFrontier(options.files, tables, problem, again));
    ALLOT_RETURN_IF_ERROR(WriteFile(options.frontier, frontier.csv));
    absl::StrAppend(&lines, "frontier     ", frontier.summary, "\n");
  }
  return lines;
}

}  // namespace

absl::Status RunMatch(const MatchCommandOptions& options, const Clock& clock,
                      std::ostream& out, std::ostream& err) {
  Times times;
  int64_t last = clock.MonotonicNanos();
  const auto lap = [&clock, &last] {
    const int64_t before = last;
    last = clock.MonotonicNanos();
    return static_cast<double>(last - before) * 1e-6;
  };
  ALLOT_ASSIGN_OR_RETURN(MatchTables tables, ReadMatchTables(options.files));
  times.read_ms = lap();
  ALLOT_ASSIGN_OR_RETURN(const Problem problem,
                         BuildMatchProblem(options.files, tables));
  times.build_ms = lap();
  const SideConstraints side{.load_tiers = tables.load_tiers,
                             .answer_value = tables.answer_value,
                             .max_share = options.max_share};
  ALLOT_RETURN_IF_ERROR(CheckOptions(options, side));
  MatchOptions match;
  match.solver = options.solver;
  if (options.time_limit_nanos.has_value()) {
    match.deadline.clock = &clock;
    match.deadline.at_nanos = last + *options.time_limit_nanos;
  }
  ALLOT_ASSIGN_OR_RETURN(const Assignment plan,
                         SolveAndCheck(problem, side, match));
  times.solve_ms = lap();
  ALLOT_ASSIGN_OR_RETURN(const std::string more,
                         WriteViews(options, tables, problem, plan));

  const bool plan_apart = !options.plan.empty();
  if (plan_apart) {
    ALLOT_RETURN_IF_ERROR(
        WriteFile(options.plan, PlanCsv(tables, problem, plan)));
  }
  if (options.json) {
    out << PlanJson(tables, problem, plan, times, !plan_apart) << std::flush;
  } else if (plan_apart) {
    out << Summary(problem, plan, times) << more << std::flush;
  } else {
    out << PlanCsv(tables, problem, plan) << std::flush;
    err << Summary(problem, plan, times) << more;
  }
  return absl::OkStatus();
}

}  // namespace allot
