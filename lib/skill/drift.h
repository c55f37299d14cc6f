// SPDX-License-Identifier: Apache-2.0
// Labelers change: what was learned long ago counts for less.
//
// A skill drifts as a random walk, so that a belief of variance s^2 seen t
// seconds ago is worth N(mean, min(s^2 + rate * t, cap)) now. The cap is the
// prior's variance: however long ago, somebody we met is at most as unknown as
// a stranger. The mean stays: the walk prefers no direction.
#ifndef ALLOT_LIB_SKILL_DRIFT_H_
#define ALLOT_LIB_SKILL_DRIFT_H_

#include <algorithm>

namespace allot {

struct DriftOptions {
  // Growth of a skill's variance in logits^2 per day. The default widens a
  // well-known skill to a standard deviation of 0.55 within a month. 0 or more.
  double variance_per_day = 0.01;
};

// The variance after `elapsed_seconds`; never below `variance`, which stays as
// it is when it exceeds the cap already. Time that runs backwards counts as
// none. Composes: drifting by t1 and then by t2 is drifting by t1 + t2.
inline double DriftedVariance(double variance, double elapsed_seconds,
                              double cap, const DriftOptions& options) {
  constexpr double kSecondsPerDay = 86400;
  const double growth = options.variance_per_day *
                        (std::max(elapsed_seconds, 0.0) / kSecondsPerDay);
  return std::max(variance, std::min(variance + growth, cap));
}

// The share of every site (update.h) that is left in a belief whose variance
// drifted from `before` to `after`: widening a normal about its mean scales
// both natural parameters by this. Who keeps sites longer than a drift takes
// them out scaled by the product of the factors since they were put in.
inline double DriftFactor(double before, double after) {
  return before / after;
}

}  // namespace allot

#endif  // ALLOT_LIB_SKILL_DRIFT_H_
