// SPDX-License-Identifier: Apache-2.0
// Slow and certain: averages under a normal by a fine trapezoid rule.
#ifndef ALLOT_TESTS_SKILL_QUADRATURE_H_
#define ALLOT_TESTS_SKILL_QUADRATURE_H_

#include <cmath>
#include <numbers>

namespace allot {

// The average of f(x) for x ~ N(mean, variance). The trapezoid rule converges
// exponentially fast for smooth f; 4000 steps over 12 deviations either way
// leave nothing but rounding.
template <typename Function>
double NormalAverage(double mean, double variance, const Function& f) {
  constexpr int kSteps = 4000;
  constexpr double kReach = 12;
  const double deviation = std::sqrt(variance);
  const double step = 2 * kReach / kSteps;
  double sum = 0;
  for (int i = 0; i <= kSteps; ++i) {
    const double t = -kReach + step * i;
    sum += f(mean + deviation * t) * std::exp(-0.5 * t * t);
  }
  return sum * step / std::sqrt(2 * std::numbers::pi);
}

inline double Logistic(double x) { return 1 / (1 + std::exp(-x)); }

}  // namespace allot

#endif  // ALLOT_TESTS_SKILL_QUADRATURE_H_
