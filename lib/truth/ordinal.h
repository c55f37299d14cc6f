// SPDX-License-Identifier: Apache-2.0
// Ordinal truth: classes in ascending order, errors that fall near by.
//
// value      the median of the task's answers, half-way between two middle
// ones:
//            the estimate whose absolute error no re-weighting was found to
//            beat reliably. Gold decides its task.
// posterior  P(true class = k) in proportion to exp(-sum_i d_i(k) / D), with
//            P(answer = y | k) in proportion to exp(-lambda |y - k|), one
//            lambda for the pool by EM, and D = 1 + (n - 1) r because labelers'
//            errors correlate (r = error_correlation, as in numeric.h). Uniform
//            prior.
// labeler_distance  mean |answer - value|, in steps: 0 for one who is always in
//            the middle.
//
// Shapes T tasks, L labelers, K classes. O(answers * K) an iteration.
// Errors kInvalidArgument: error_correlation outside [0, 0.95], or as
// IndexGold().
#ifndef ALLOT_LIB_TRUTH_ORDINAL_H_
#define ALLOT_LIB_TRUTH_ORDINAL_H_

#include <span>

#include "absl/status/statusor.h"
#include "lib/base/matrix.h"
#include "lib/truth/answer_set.h"

namespace allot {

struct OrdinalFit {
  VectorD value;      // [T], in steps from class 0; (K - 1) / 2 if unknown
  MatrixF posterior;  // [T x K]
  VectorD labeler_distance;  // [L], NaN without answers
  double lambda = 0;         // how fast errors die out, per step
};

absl::StatusOr<OrdinalFit> FitOrdinal(const AnswerSet& answers,
                                      std::span<const GoldLabel> gold = {},
                                      double error_correlation = 0.45);

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_ORDINAL_H_
