// SPDX-License-Identifier: Apache-2.0
// The front door of lib/match: checks the problem, picks a solver, returns the
// best assignment it found with its certificate.
//
//   ALLOT_ASSIGN_OR_RETURN(Assignment plan, Match(problem, {}));
//
// Exact unless the deadline or the gap tolerance ends it early. Deterministic:
// the same problem and options give the same assignment, on any number of
// threads, as long as the deadline does not cut it short. Pure and thread-safe.
//
// For a problem too large to list every edge see pricing.h.
#ifndef ALLOT_LIB_MATCH_MATCHER_H_
#define ALLOT_LIB_MATCH_MATCHER_H_

#include <span>

#include "absl/status/statusor.h"
#include "lib/match/assignment.h"
#include "lib/match/deadline.h"
#include "lib/match/problem.h"

namespace allot {

struct MatchOptions {
  Solver solver = Solver::kAuto;
  // [labelers] or empty: prices of an earlier, similar batch. Advice only: a
  // wrong price costs time, never correctness. Negative or not finite: taken
  // as 0.
  std::span<const double> warm_price;
  Deadline deadline;
  // Stop as soon as the gap is proven to be no more than this. 0: exact.
  double gap_tolerance = 0;
  // For the scans of MatchDense(); the solvers themselves use one thread.
  int threads = 1;
};

// kInvalidArgument as Validate(problem), or if warm_price has the wrong size or
// gap_tolerance is not a number >= 0.
absl::StatusOr<Assignment> Match(const Problem& problem,
                                 const MatchOptions& options);

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_MATCHER_H_
