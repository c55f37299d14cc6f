// SPDX-License-Identifier: Apache-2.0
#include "cli/match.h"

#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "lib/base/status_macros.h"
#include "lib/match/certificate.h"
#include "lib/match/matcher.h"

namespace allot {
namespace {

using Json = nlohmann::ordered_json;

struct Times {
  double read_ms = 0, build_ms = 0, solve_ms = 0;
};

// The fewest digits that read back as the same number.
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

absl::Status WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text << std::flush;
  if (file.good()) return absl::OkStatus();
  return absl::UnknownError(absl::StrCat(path, ": cannot be written"));
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
  MatchOptions match;
  match.solver = options.solver;
  if (options.time_limit_nanos.has_value()) {
    match.deadline.clock = &clock;
    match.deadline.at_nanos = last + *options.time_limit_nanos;
  }
  ALLOT_ASSIGN_OR_RETURN(const Assignment plan, Match(problem, match));
  times.solve_ms = lap();
  // Nobody need take the solver's word: one more pass over the edges.
  ALLOT_RETURN_IF_ERROR(CheckAssignment(problem, plan).status());

  const bool plan_apart = !options.plan.empty();
  if (plan_apart) {
    ALLOT_RETURN_IF_ERROR(
        WriteFile(options.plan, PlanCsv(tables, problem, plan)));
  }
  if (options.json) {
    out << PlanJson(tables, problem, plan, times, !plan_apart) << std::flush;
  } else if (plan_apart) {
    out << Summary(problem, plan, times) << std::flush;
  } else {
    out << PlanCsv(tables, problem, plan) << std::flush;
    err << Summary(problem, plan, times);
  }
  return absl::OkStatus();
}

}  // namespace allot
