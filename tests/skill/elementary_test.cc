// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/elementary.h"

#include <gtest/gtest.h>

#include <cmath>

namespace allot {
namespace {

TEST(Elementary, ExpFAgreesWithTheLibraryOverItsWholeRange) {
  for (double x = -87; x <= 87; x += 0.0137) {
    const float argument = static_cast<float>(x);
    const double truth = std::exp(static_cast<double>(argument));
    EXPECT_NEAR(ExpF(argument) / truth, 1, 3e-7) << x;
  }
  EXPECT_EQ(ExpF(0), 1.0f);
}

TEST(Elementary, ExpDAgreesWithTheLibraryOverItsWholeRange) {
  for (double x = -700; x <= 700; x += 0.137) {
    EXPECT_NEAR(ExpD(x) / std::exp(x), 1, 1e-15) << x;
  }
  EXPECT_EQ(ExpD(0), 1.0);
}

TEST(Elementary, Log2FAgreesWithTheLibraryFromTheSmallestNormalToHuge) {
  for (double exponent = -125.9; exponent <= 126; exponent += 0.0137) {
    const float x = static_cast<float>(std::exp2(exponent));
    const double truth = std::log2(static_cast<double>(x));
    EXPECT_NEAR(Log2F(x), truth, 2e-7 * std::max(1.0, std::abs(truth))) << x;
  }
}

TEST(Elementary, Log2FIsExactAtPowersOfTwo) {
  for (int exponent = -126; exponent <= 127; ++exponent) {
    EXPECT_EQ(Log2F(std::ldexp(1.0f, exponent)), static_cast<float>(exponent));
  }
}

}  // namespace
}  // namespace allot
