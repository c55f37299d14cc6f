// SPDX-License-Identifier: Apache-2.0
#include "lib/study/summary.h"

#include <gtest/gtest.h>

namespace allot {
namespace {

TEST(SummaryTest, StandardErrorIsOfTheMean) {
  const std::vector<double> values = {1, 2, 3, 4};
  const Estimate estimate = EstimateOf(values);
  EXPECT_DOUBLE_EQ(estimate.mean, 2.5);
  EXPECT_NEAR(estimate.error, 1.2909944487 / 2, 1e-9);
  EXPECT_EQ(EstimateOf(std::vector<double>{7}).error, 0);
}

TEST(SummaryTest, GiniIsZeroForEqualsAndNearOneForOneWhoDoesAll) {
  EXPECT_NEAR(Gini(std::vector<double>(10, 3.0)), 0, 1e-12);
  std::vector<double> one(100, 0.0);
  one[7] = 5;
  EXPECT_NEAR(Gini(one), 0.99, 1e-12);
  EXPECT_EQ(Gini(std::vector<double>(3, 0.0)), 0);
}

TEST(SummaryTest, LorenzRunsFromNothingToAllBelowTheDiagonal) {
  const std::vector<double> curve = Lorenz(std::vector<double>{4, 1, 1, 2}, 4);
  EXPECT_EQ(curve, (std::vector<double>{0, 0.125, 0.25, 0.5, 1}));
}

TEST(SummaryTest, FirstReachInterpolatesAndAdmitsThatALevelIsNeverReached) {
  const std::vector<std::pair<double, double>> curve = {{1, .5}, {3, .7}};
  EXPECT_NEAR(*FirstReach(curve, .6), 2, 1e-12);
  EXPECT_EQ(*FirstReach(curve, .4), 1);
  EXPECT_FALSE(FirstReach(curve, .8).has_value());
}

TEST(SummaryTest, QuantileIsTheNearestRank) {
  std::vector<double> values = {5, 1, 4, 2, 3};
  EXPECT_EQ(Quantile(values, 0.5), 3);
  EXPECT_EQ(Quantile(values, 0.99), 5);
  EXPECT_EQ(Quantile(values, 0), 1);
}

}  // namespace
}  // namespace allot
