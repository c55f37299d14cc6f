// SPDX-License-Identifier: Apache-2.0
// Why a plan is as it is: what a pair was up against, why a slot stayed empty,
// and what would have won a labeler the task.
//
// All of it reads the prices of an optimal plan (Assignment::exact). For a plan
// cut short the margins are estimates, apart from RaiseToWin().
#ifndef ALLOT_LIB_MATCH_EXPLAIN_H_
#define ALLOT_LIB_MATCH_EXPLAIN_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "lib/match/assignment.h"
#include "lib/match/matcher.h"
#include "lib/match/problem.h"

namespace allot {

// The best edge that the task of `edge` does without, and by how much its
// reduced utility (utility less the labeler's price) falls short of `edge`'s.
struct RunnerUp {
  int32_t edge = 0;
  double margin = 0;  // may be negative by up to a quantum or two
};
// None if the task's other edges are all taken or without capacity. Requires a
// plan of the problem and an edge of `task`. O(edges of the task).
std::optional<RunnerUp> FindRunnerUp(const Problem& problem,
                                     const Assignment& plan, int task,
                                     int32_t edge);

enum class EmptySlotReason {
  kNone,           // all slots are filled
  kNoLabeler,      // fewer labelers with capacity are listed than slots wanted
  kNotWorthIt,     // every labeler left is worth no more than the empty slot
  kTakenByOthers,  // labelers worth it are left, but worth more elsewhere
};
// Of several, the one that comes first here. O(edges of the task).
EmptySlotReason WhyEmpty(const Problem& problem, const Assignment& plan,
                         int task);

// What the edge's utility would have to rise by, at the least, for some best
// plan to hold it: a bound by the prices alone, 0 for an edge in the plan.
// O(edges of the task).
double LeastRaiseToWin(const Problem& problem, const Assignment& plan, int task,
                       int32_t edge);

// The same exactly (up to the quantum): the smallest rise of utility that wins
// the labeler the task. With utility = ... - weight * price, the labeler's
// price would have to fall by the rise / weight. Infinite if the labeler has no
// capacity or the task no slot. Solves once more without the edge, from the
// plan's prices. kInvalidArgument for an edge that is not the task's.
absl::StatusOr<double> RaiseToWin(const Problem& problem,
                                  const Assignment& plan, int task,
                                  int32_t edge, const MatchOptions& options);

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_EXPLAIN_H_
