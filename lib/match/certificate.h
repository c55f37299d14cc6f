// SPDX-License-Identifier: Apache-2.0
// The certificate: how good a plan is, proven without trusting its solver.
//
// For any labeler prices p >= 0, weak linear-programming duality gives, with
// a[e] = w[e] + penalty[t],
//
//   UB(p) = sum_l min(capacity[l], tasks) p[l]
//         + sum_t ( sum of the redundancy[t] largest positive (a[e] - p[l])
//                   - redundancy[t] penalty[t] )     >=  every objective.
//
// where edges of labelers without capacity do not count: they are never made.
// At the optimal prices the two are equal. O(edges) time.
#ifndef ALLOT_LIB_MATCH_CERTIFICATE_H_
#define ALLOT_LIB_MATCH_CERTIFICATE_H_

#include <span>

#include "absl/status/statusor.h"
#include "lib/match/assignment.h"
#include "lib/match/problem.h"

namespace allot {

// Requires Validate(problem).ok(), labeler_price of size [labelers], each a
// finite number >= 0.
double UpperBound(const Problem& problem,
                  std::span<const double> labeler_price);

// Total utility of the assignment's pairs, less the penalties of empty slots.
// Requires a feasible assignment.
double Objective(const Problem& problem, const Assignment& assignment);

// (upper_bound - objective) / max(|upper_bound|, tiny), not below 0; 1 if the
// bound is infinite (nothing is known).
double RelativeGap(double objective, double upper_bound);

struct Certificate {
  double objective = 0;
  double upper_bound = 0;
  double gap = 0;
  int64_t empty_slots = 0;
};

// Recomputes everything that an assignment claims of itself. kInternal, naming
// the element, if a pair is not the task's, is taken twice, a redundancy or a
// capacity is exceeded, a price is negative or not finite, or the objective,
// the bound or the gap stated are not the ones recomputed (within 1e-9 of their
// size). Requires Validate(problem).ok().
absl::StatusOr<Certificate> CheckAssignment(const Problem& problem,
                                            const Assignment& assignment);

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_CERTIFICATE_H_
