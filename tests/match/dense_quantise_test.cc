// SPDX-License-Identifier: Apache-2.0
#include "lib/match/dense_quantise.h"

#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/base/rng.h"

namespace allot {
namespace {

using ::testing::HasSubstr;

TEST(QuantiseCosts, IsWithinHalfAQuantumOfEveryCost) {
  for (const double scale : {1e-290, 1e-9, 1.0, 3e7, 1e300}) {
    Rng rng(1);
    std::vector<double> costs(600);
    for (double& cost : costs) cost = scale * (rng.Uniform() - 0.5);
    const auto q = QuantiseCosts(costs, 20, 30);
    ASSERT_TRUE(q.ok()) << q.status();
    int32_t most = 0;
    for (size_t k = 0; k < costs.size(); ++k) {
      ASSERT_LE(std::abs(costs[k] - q->quantum * q->costs[k]), q->quantum / 2);
      most = std::max(most, std::abs(q->costs[k]));
    }
    EXPECT_LE(most, 1 << 28);
    EXPECT_GE(most, 1 << 27);  // No finer power of two would do.
  }
}

TEST(QuantiseCosts, KeepsWholeNumbersExact) {
  const std::vector<float> costs = {1, -7, 100000, 0};
  const auto q = QuantiseCosts(costs, 2, 2, 1.0);
  ASSERT_TRUE(q.ok());
  EXPECT_EQ(q->quantum, 1);
  EXPECT_THAT(q->costs, ::testing::ElementsAre(1, -7, 100000, 0));
}

TEST(QuantiseCosts, TakesZeroesAndNothing) {
  const std::vector<double> zeroes(4), none;
  EXPECT_EQ(QuantiseCosts(zeroes, 2, 2)->quantum, 1);
  EXPECT_TRUE(QuantiseCosts(none, 0, 7).ok());
}

TEST(QuantiseCosts, RefusesNanAndInfinityByName) {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(),
                           std::numeric_limits<double>::infinity(),
                           -std::numeric_limits<double>::infinity()}) {
    std::vector<double> costs(12, 1.0);
    costs[7] = bad;
    const auto q = QuantiseCosts(costs, 3, 4);
    EXPECT_EQ(q.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(q.status().message()), HasSubstr("costs[1][3]"));
  }
}

TEST(QuantiseCosts, RefusesSizesAndQuantaWithoutMeaning) {
  const std::vector<double> costs(6);
  EXPECT_FALSE(QuantiseCosts(costs, 2, 4).ok());
  EXPECT_FALSE(QuantiseCosts(costs, -2, -3).ok());
  EXPECT_FALSE(QuantiseCosts(costs, 2, 3, 0.3).ok());
  EXPECT_FALSE(QuantiseCosts(costs, 2, 3, -1).ok());
}

}  // namespace
}  // namespace allot
