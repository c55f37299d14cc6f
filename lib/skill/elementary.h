// SPDX-License-Identifier: Apache-2.0
// exp and log2 from IEEE basic operations alone: without a branch, a table or a
// library call, so that a compiler turns a loop over them into vector code, and
// so that every instruction set (and one lane or many) gives the same bits.
// The C library's versions pick a variant by the processor.
#ifndef ALLOT_LIB_SKILL_ELEMENTARY_H_
#define ALLOT_LIB_SKILL_ELEMENTARY_H_

#include <bit>
#include <cstdint>

namespace allot {

// Must vanish into its caller, whatever instruction set that one is built for.
#define ALLOT_SKILL_INLINE inline __attribute__((always_inline))

// exp(x) for x in [-87, 87], relative error below 3e-7.
// x = n ln 2 + r with |r| <= ln(2)/2: a Taylor polynomial for exp(r), and n
// goes into the exponent bits. Adding 1.5 * 2^23 rounds to the nearest integer
// and leaves it in the low bits.
ALLOT_SKILL_INLINE float ExpF(float x) {
  constexpr float kRound = 12582912.0f;
  const float shifted = x * 1.44269504088896341f + kRound;
  const float n = shifted - kRound;
  // ln 2 in two parts; n times the first is exact.
  float r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  float y = 1.0f / 5040;
  y = y * r + 1.0f / 720;
  y = y * r + 1.0f / 120;
  y = y * r + 1.0f / 24;
  y = y * r + 1.0f / 6;
  y = y * r + 0.5f;
  y = y * r + 1.0f;
  y = y * r + 1.0f;
  const uint32_t power = (std::bit_cast<uint32_t>(shifted) + 127u) << 23;
  return y * std::bit_cast<float>(power);
}

// log2(x) for normal x > 0, absolute error below 2e-7 for |log2 x| <= 2 and
// relative error below 2e-7 beyond; log2(1) is exactly 0.
// x = 2^e m with m in [sqrt(1/2), sqrt(2)); ln m = 2 atanh((m-1)/(m+1)).
ALLOT_SKILL_INLINE float Log2F(float x) {
  constexpr int32_t kSqrtHalf = 0x3f3504f3;
  const int32_t bits = std::bit_cast<int32_t>(x);
  const int32_t exponent = (bits - kSqrtHalf) >> 23;
  const float m = std::bit_cast<float>(
      static_cast<int32_t>(bits - static_cast<int32_t>(exponent * (1 << 23))));
  const float s = (m - 1.0f) / (m + 1.0f);
  const float s2 = s * s;
  float y = 1.0f / 9;
  y = y * s2 + 1.0f / 7;
  y = y * s2 + 1.0f / 5;
  y = y * s2 + 1.0f / 3;
  y = y * s2 + 1.0f;
  return static_cast<float>(exponent) + (s * y) * 2.88539008177792681f;
}

// exp(x) for x in [-700, 700], relative error below 1e-15. Same method.
ALLOT_SKILL_INLINE double ExpD(double x) {
  constexpr double kRound = 6755399441055744.0;
  const double shifted = x * 1.44269504088896340736 + kRound;
  const double n = shifted - kRound;
  double r = x - n * 6.93147180369123816490e-01;
  r = r - n * 1.90821492927058770002e-10;
  double y = 1.0 / 6227020800;
  y = y * r + 1.0 / 479001600;
  y = y * r + 1.0 / 39916800;
  y = y * r + 1.0 / 3628800;
  y = y * r + 1.0 / 362880;
  y = y * r + 1.0 / 40320;
  y = y * r + 1.0 / 5040;
  y = y * r + 1.0 / 720;
  y = y * r + 1.0 / 120;
  y = y * r + 1.0 / 24;
  y = y * r + 1.0 / 6;
  y = y * r + 0.5;
  y = y * r + 1.0;
  y = y * r + 1.0;
  const uint64_t power = (std::bit_cast<uint64_t>(shifted) + 1023u) << 52;
  return y * std::bit_cast<double>(power);
}

}  // namespace allot

#endif  // ALLOT_LIB_SKILL_ELEMENTARY_H_
