// SPDX-License-Identifier: Apache-2.0
// Gauss-Hermite quadrature for the standard normal weight:
//
//   E f(x), x ~ N(0, 1)   is about   sum_q weight[q] f(node[q])
//
// exact for polynomials up to degree 17. A likelihood is no polynomial: see
// posterior.h for the error that remains there.
//
// Abramowitz and Stegun (1964), 25.4.46, with nodes scaled by sqrt(2) and
// weights divided by sqrt(pi).
#ifndef ALLOT_LIB_TRUTH_QUADRATURE_H_
#define ALLOT_LIB_TRUTH_QUADRATURE_H_

#include <array>

namespace allot {

inline constexpr int kNumNodes = 9;

inline constexpr std::array<double, kNumNodes> kNormalNodes = {
    -4.512745863399783,
    -3.20542900285647,
    -2.07684797867783,
    -1.0232556637891326,
    0,
    1.0232556637891326,
    2.07684797867783,
    3.20542900285647,
    4.512745863399783};

inline constexpr std::array<double, kNumNodes> kNormalWeights = {
    2.2345844007746607e-05, 0.0027891413212317692, 0.04991640676521782,
    0.24409750289493953,    0.40634920634920635,   0.24409750289493953,
    0.04991640676521782,    0.0027891413212317692, 2.2345844007746607e-05};

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_QUADRATURE_H_
