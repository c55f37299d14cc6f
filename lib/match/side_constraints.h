// SPDX-License-Identifier: Apache-2.0
// Batches whose worth is more than a sum over pairs: work spread over the
// labelers, and answers given where the next one tells most.
//
//   maximise    sum w x  -  sum penalty (empty slots)
//               + sum_t (value[t][1] + ... + value[t][answers of t])
//               - sum_l (cost of l's first task + ... + of her last)
//
// with the limits of Problem, and no labeler above a share of the batch's
// slots. Values fall from answer to answer and costs rise from task to task, so
// the whole is still a flow, and Match() solves it exactly once it is put as a
// Problem:
//
//   load     a labeler's idle slot becomes a task of one pair that is worth the
//            cost it saves; the dearest stay idle first. (Splitting her into
//            several labelers instead would let one task have her twice.)
//   answers  an answer not asked for becomes a labeler of one pair that costs
//            the value forgone; the least is forgone first.
//
// Exact where an answer's value depends on how many there are. Where it depends
// on whose they are (a good answer makes the next one worth less), give the
// values at the batch's usual accuracy: the plan is then the best for those.
//
// Cost     that of Match() with at most edges + slots pairs more; nothing more
//          where no tier costs anything and all answers are worth the same.
// Threads  Pure functions.
//
// Convex costs as parallel arcs: Ahuja, Magnanti and Orlin, Network Flows
// (1993), section 14.3.
#ifndef ALLOT_LIB_MATCH_SIDE_CONSTRAINTS_H_
#define ALLOT_LIB_MATCH_SIDE_CONSTRAINTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/match/assignment.h"
#include "lib/match/matcher.h"
#include "lib/match/problem.h"

namespace allot {

// Each of the next `slots` tasks of a labeler costs this much.
struct LoadTier {
  int32_t slots = 1;  // >= 1; the last tier goes on to the capacity
  double cost = 0;    // in the unit of utility, in [0, kMaxUtility]
};

struct SideConstraints {
  // [labelers], or empty for none: costs in ascending order. A labeler without
  // tiers works at no cost.
  std::vector<std::vector<LoadTier>> load_tiers;
  // [tasks], or empty for none: what the first answer is worth beyond its
  // pair's utility, the second, ... in descending order, in [0, kMaxUtility].
  // At most `redundancy` of them; those left out are worth 0.
  std::vector<std::vector<double>> answer_value;
  // No labeler takes more than this share of the batch's slots, rounded down,
  // but at least one. In (0, 1].
  double max_share = 1;
};

// The same, as an ordinary problem: its optimum plus `constant` is the optimum
// sought, and so is its upper bound. Tasks and labelers of the original come
// first, and each task's pairs come first in it.
struct ExpandedProblem {
  Problem problem;
  double constant = 0;
};

// kInvalidArgument as Validate(problem), or naming the wrong element of `side`.
absl::StatusOr<ExpandedProblem> Expand(const Problem& problem,
                                       const SideConstraints& side);

// The best plan under all of it. Edges are those of `problem`; objective, bound
// and gap are of the whole, values and load costs included. labeler_price is
// per labeler, and good as warm_price for the next batch; UpperBound(problem,
// labeler_price) does not prove the bound, CheckAssignment() of the expanded
// problem does.
absl::StatusOr<Assignment> MatchWithSide(const Problem& problem,
                                         const SideConstraints& side,
                                         const MatchOptions& options);

// What a plan is worth under `side`, counted directly. Requires a feasible
// assignment of the problem and Expand(problem, side).ok().
double SideObjective(const Problem& problem, const SideConstraints& side,
                     const Assignment& assignment);

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_SIDE_CONSTRAINTS_H_
