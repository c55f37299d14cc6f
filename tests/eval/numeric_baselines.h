// SPDX-License-Identifier: Apache-2.0
// What numeric aggregation is measured against: weights by precision, learned
// by alternating between values and labelers.
#ifndef ALLOT_TESTS_EVAL_NUMERIC_BASELINES_H_
#define ALLOT_TESTS_EVAL_NUMERIC_BASELINES_H_

#include "lib/base/matrix.h"
#include "lib/truth/numeric_answer_set.h"

namespace allot {

// y_tl = z_t + noise of variance v_l; with `biases` also an offset b_l, whose
// mean over labelers is 0. Each variance is its labeler's mean squared
// residual, two answers at the pool's added, so that nobody becomes infallible.
// Up to 200 rounds. [tasks]; NaN without answers.
VectorD PrecisionWeighted(const NumericAnswerSet& answers, bool biases);

}  // namespace allot

#endif  // ALLOT_TESTS_EVAL_NUMERIC_BASELINES_H_
