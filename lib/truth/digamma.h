// SPDX-License-Identifier: Apache-2.0
#ifndef ALLOT_LIB_TRUTH_DIGAMMA_H_
#define ALLOT_LIB_TRUTH_DIGAMMA_H_

#include <cmath>

namespace allot {

// Derivative of ln Gamma(x) for x > 0, to about 1e-12: the recurrence up to 6,
// then the asymptotic series (Abramowitz and Stegun 6.3.5, 6.3.18).
inline double Digamma(double x) {
  double sum = 0;
  for (; x < 6; x += 1) sum -= 1 / x;
  const double i = 1 / (x * x);
  return sum + std::log(x) - 0.5 / x -
         i * (1.0 / 12 -
              i * (1.0 / 120 -
                   i * (1.0 / 252 -
                        i * (1.0 / 240 - i * (1.0 / 132 - i * 691 / 32760)))));
}

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_DIGAMMA_H_
