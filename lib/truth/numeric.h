// SPDX-License-Identifier: Apache-2.0
// Numeric truth from numeric answers: labelers have an offset, a scale and a
// noise of their own, and the crowd errs together.
//
//   y_tl = b_l + g_l (z_t - z.) + noise,   noise ~ N(0, v_l)
//
// z. is the mean of z; offsets b_l ~ N(0, B), scales g_l around 1 with
// Student-t (8) tails, variances v_l shrunk hard to the pool's, because a crowd
// whose members share their errors gains little from weights and loses much
// from wrong ones. B and the spread of scales are learned. Which scale is the
// true one cannot be seen; the estimates get the spread of the task means.
//
// Robust     An answer further than 6 standard deviations from its prediction
//            has its pull capped there (Huber): a typing error cannot drag a
//            task, and honest heavy tails, which do carry information, stay.
// Interval   normal, with variance spread_t (1 / n_t + r / (1 - r)): spread_t
// is
//            the variance of the task's answers, r = error_correlation that of
//            the errors of two labelers. Common errors are invisible in the
//            answers, so r is a prior, updated where gold shows it.
// Gold       is returned as it is, corrects a common offset and scale (ridge),
//            and updates r.
// Units      equivariant: a + c y in gives a + c z out, c > 0.
// Cost       O(answers) an iteration; deterministic, single-threaded.
// Errors     kInvalidArgument: options or gold out of range.
//
// Raykar et al. (2010), section 5; Palley and Soll (2019),
// doi:10.1287/mnsc.2018.3047 (shared errors); Huber (1964),
// doi:10.1214/aoms/1177703732.
#ifndef ALLOT_LIB_TRUTH_NUMERIC_H_
#define ALLOT_LIB_TRUTH_NUMERIC_H_

#include <span>

#include "absl/status/statusor.h"
#include "lib/base/matrix.h"
#include "lib/truth/numeric_answer_set.h"

namespace allot {

struct NumericOptions {
  double coverage = 0.9;            // of the intervals, in (0, 1)
  double error_correlation = 0.45;  // prior of r, in [0, 0.95]
  int max_iterations = 100;         // >= 1
};

// T tasks, L labelers.
struct NumericFit {
  VectorD value;          // [T]; a task without answers gets the mean
  VectorD low, high;      // [T]
  VectorD labeler_bias;   // [L], b_l, in the answers' unit
  VectorD labeler_scale;  // [L], g_l; 1 is typical, <= 0 contrary
  VectorD labeler_sd;     // [L], sqrt(v_l)
  double error_correlation = 0;
  int iterations = 0;
};

absl::StatusOr<NumericFit> FitNumeric(const NumericAnswerSet& answers,
                                      std::span<const NumericGold> gold = {},
                                      const NumericOptions& options = {});

// Per task, the plain statistics; NaN for a task without answers. `trim` is the
// share cut off at each end, in [0, 0.5): 0 is the mean.
VectorD TrimmedMeans(const NumericAnswerSet& answers, double trim);
VectorD Medians(const NumericAnswerSet& answers);

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_NUMERIC_H_
