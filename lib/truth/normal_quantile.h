// SPDX-License-Identifier: Apache-2.0
#ifndef ALLOT_LIB_TRUTH_NORMAL_QUANTILE_H_
#define ALLOT_LIB_TRUTH_NORMAL_QUANTILE_H_

#include <cmath>

namespace allot {

// x with P(standard normal <= x) = p, for p in (0, 1): Newton on erfc, from the
// logistic approximation. Full double precision.
inline double NormalQuantile(double p) {
  double x = std::log(p / (1 - p)) / 1.702;
  for (int i = 0; i < 40; ++i) {
    const double error = 0.5 * std::erfc(-x * 0.70710678118654752) - p;
    const double density = 0.39894228040143268 * std::exp(-x * x / 2);
    double step = error / density;
    if (std::abs(step) > 0.5) step = std::copysign(0.5, step);
    x -= step;
    if (std::abs(step) < 1e-14) break;
  }
  return x;
}

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_NORMAL_QUANTILE_H_
