// SPDX-License-Identifier: Apache-2.0
// Yes or no, from labelers who answer with a probability of yes.
//
//   logit P(yes) = a * mean_i logit p_i,   p_i kept within [0.02, 0.98]
//
// The mean is taken in log-odds, where a report of 0.98 says more than one of
// 0.6, and then moved away from a half (a > 1): every labeler holds back for
// what only others know, and the mean of the held-back is held back too. How
// far is one number, a = 1.25 without gold; with gold it is the most probable
// one, ln a being N(ln 1.25, 1/16) beforehand. The bounds keep a single
// "certainly not" from deciding a task.
//
// Cost    O(answers); deterministic.
// Errors  kInvalidArgument: an answer outside [0, 1], or gold that is no task
//         of the set or neither 0 nor 1.
//
// Satopaa et al. (2014), doi:10.1016/j.ijforecast.2013.09.009.
#ifndef ALLOT_LIB_TRUTH_PROBABILITY_H_
#define ALLOT_LIB_TRUTH_PROBABILITY_H_

#include <span>

#include "absl/status/statusor.h"
#include "lib/base/matrix.h"
#include "lib/truth/numeric_answer_set.h"

namespace allot {

struct ProbabilityFit {
  VectorD probability;     // [T] of yes; a half without answers; gold: 0 or 1
  VectorD labeler_gap;     // [L] mean |p_i - probability|, NaN without answers
  double extremising = 0;  // a
};

absl::StatusOr<ProbabilityFit> FitProbabilities(
    const NumericAnswerSet& answers, std::span<const NumericGold> gold = {});

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_PROBABILITY_H_
