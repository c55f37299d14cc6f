// SPDX-License-Identifier: Apache-2.0
// How far a share is known from a sample.
#ifndef ALLOT_LIB_TRUTH_WILSON_H_
#define ALLOT_LIB_TRUTH_WILSON_H_

#include <algorithm>
#include <cmath>

namespace allot {

struct ShareInterval {
  double low = 0, high = 1;
};

// Wilson's (1927) score interval of a share of which `right` of `count` were
// seen, neither of which need be whole; `z` is the normal quantile of its
// coverage, 95% unless told. Nothing seen: [0, 1].
inline ShareInterval WilsonInterval(double right, double count,
                                    double z = 1.959963984540054) {
  if (count <= 0) return {};
  const double share = right / count, z2 = z * z / count;
  const double centre = (share + z2 / 2) / (1 + z2);
  const double reach =
      z * std::sqrt(share * (1 - share) / count + z2 / (4 * count)) / (1 + z2);
  return {std::max(0.0, centre - reach), std::min(1.0, centre + reach)};
}

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_WILSON_H_
