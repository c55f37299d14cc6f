// SPDX-License-Identifier: Apache-2.0
#include "lib/base/rng.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace allot {
namespace {

struct Moments {
  double mean = 0, variance = 0;
};

template <typename Draw>
Moments Sample(Draw draw, int n = 200'000) {
  double sum = 0, squares = 0;
  for (int i = 0; i < n; ++i) {
    const double x = draw();
    sum += x;
    squares += x * x;
  }
  const double mean = sum / n;
  return {mean, squares / n - mean * mean};
}

TEST(Rng, TheSameSeedDrawsTheSameNumbers) {
  Rng a(42), b(42), c(43);
  const uint64_t first = a.NextU64();
  EXPECT_EQ(first, b.NextU64());
  EXPECT_NE(first, c.NextU64());
}

TEST(Rng, SplitStreamsDifferAndLeaveTheParentUntouched) {
  Rng parent(1), twin(1);
  Rng left = parent.Split(0), right = parent.Split(1);
  EXPECT_NE(left.NextU64(), right.NextU64());
  EXPECT_EQ(parent.NextU64(), twin.NextU64());
}

TEST(Rng, UniformHasTheMomentsOfTheUnitInterval) {
  Rng rng(7);
  const Moments m = Sample([&] { return rng.Uniform(); });
  EXPECT_NEAR(m.mean, 0.5, 0.005);
  EXPECT_NEAR(m.variance, 1.0 / 12, 0.002);
}

TEST(Rng, NormalHasZeroMeanAndUnitVariance) {
  Rng rng(7);
  const Moments m = Sample([&] { return rng.Normal(); });
  EXPECT_NEAR(m.mean, 0, 0.01);
  EXPECT_NEAR(m.variance, 1, 0.02);
}

class RngGamma : public testing::TestWithParam<double> {};

TEST_P(RngGamma, HasMeanAndVarianceEqualToItsShape) {
  const double shape = GetParam();
  Rng rng(7);
  const Moments m = Sample([&] { return rng.Gamma(shape); });
  EXPECT_NEAR(m.mean, shape, 0.02 * std::max(1.0, shape));
  EXPECT_NEAR(m.variance, shape, 0.05 * std::max(1.0, shape));
}
INSTANTIATE_TEST_SUITE_P(Shapes, RngGamma,
                         testing::Values(0.3, 1.0, 2.5, 20.0));

TEST(Rng, BelowReachesEveryValueAboutEquallyOften) {
  Rng rng(3);
  std::vector<int> counts(7);
  for (int i = 0; i < 70'000; ++i) ++counts[rng.Below(7)];
  for (int count : counts) EXPECT_NEAR(count, 10'000, 400);
}

TEST(Rng, ShuffleKeepsTheItems) {
  Rng rng(9);
  std::vector<int> items = {1, 2, 3, 4, 5};
  Shuffle(items, rng);
  EXPECT_EQ(items.size(), 5u);
  int sum = 0;
  for (int item : items) sum += item;
  EXPECT_EQ(sum, 15);
}

}  // namespace
}  // namespace allot
