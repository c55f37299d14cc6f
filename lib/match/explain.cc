// SPDX-License-Identifier: Apache-2.0
#include "lib/match/explain.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

bool Holds(const Assignment& plan, int task, int32_t edge) {
  const auto edges = plan.edges(task);
  return std::find(edges.begin(), edges.end(), edge) != edges.end();
}

// May be made at all.
bool Usable(const Problem& problem, int32_t edge) {
  return problem.capacity[problem.labeler[edge]] > 0;
}

double Reduced(const Problem& problem, const Assignment& plan, int32_t edge) {
  return problem.utility[edge] - plan.labeler_price[problem.labeler[edge]];
}

}  // namespace

std::optional<RunnerUp> FindRunnerUp(const Problem& problem,
                                     const Assignment& plan, int task,
                                     int32_t edge) {
  std::optional<RunnerUp> best;
  for (int32_t e = problem.offset[task]; e < problem.offset[task + 1]; ++e) {
    if (e == edge || !Usable(problem, e) || Holds(plan, task, e)) continue;
    const double margin =
        Reduced(problem, plan, edge) - Reduced(problem, plan, e);
    if (!best.has_value() || margin < best->margin) best = {e, margin};
  }
  return best;
}

EmptySlotReason WhyEmpty(const Problem& problem, const Assignment& plan,
                         int task) {
  if (plan.filled(task) >= problem.redundancy[task]) {
    return EmptySlotReason::kNone;
  }
  int usable = 0;
  bool worth_it = false;
  for (int32_t e = problem.offset[task]; e < problem.offset[task + 1]; ++e) {
    if (!Usable(problem, e)) continue;
    ++usable;
    worth_it = worth_it || (!Holds(plan, task, e) &&
                            problem.utility[e] > -problem.penalty(task));
  }
  if (worth_it) return EmptySlotReason::kTakenByOthers;
  return usable < problem.redundancy[task] ? EmptySlotReason::kNoLabeler
                                           : EmptySlotReason::kNotWorthIt;
}

double LeastRaiseToWin(const Problem& problem, const Assignment& plan, int task,
                       int32_t edge) {
  if (Holds(plan, task, edge)) return 0;
  // Forcing the edge in uses a slot of the task, worth its least positive
  // reduced value (0 if one is empty), and one of the labeler, worth her price.
  const double penalty = problem.penalty(task);
  double slot = std::numeric_limits<double>::infinity();
  if (plan.filled(task) < problem.redundancy[task]) slot = 0;
  for (const int32_t e : plan.edges(task)) {
    slot = std::min(slot, Reduced(problem, plan, e) + penalty);
  }
  slot = std::max(slot, 0.0);
  return std::max(0.0, slot - (Reduced(problem, plan, edge) + penalty));
}

absl::StatusOr<double> RaiseToWin(const Problem& problem,
                                  const Assignment& plan, int task,
                                  int32_t edge, const MatchOptions& options) {
  if (task < 0 || task >= problem.num_tasks() || edge < problem.offset[task] ||
      edge >= problem.offset[task + 1]) {
    return absl::InvalidArgumentError(
        absl::StrCat("edge: ", edge, " is not one of task ", task));
  }
  if (Holds(plan, task, edge)) return 0;
  if (problem.redundancy[task] == 0 || !Usable(problem, edge)) {
    return std::numeric_limits<double>::infinity();
  }
  // The best plan that holds the edge is the edge and the best plan of what it
  // leaves.
  Problem rest = problem;
  const int32_t l = problem.labeler[edge];
  rest.labeler.erase(rest.labeler.begin() + edge);
  rest.utility.erase(rest.utility.begin() + edge);
  for (int t = task; t < problem.num_tasks(); ++t) --rest.offset[t + 1];
  --rest.redundancy[task];
  --rest.capacity[l];
  MatchOptions match = options;
  match.warm_price = plan.labeler_price;
  ALLOT_ASSIGN_OR_RETURN(const Assignment best_of_rest, Match(rest, match));
  return std::max(
      0.0, plan.objective - (problem.utility[edge] + best_of_rest.objective));
}

}  // namespace allot
