// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/probability.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace allot {
namespace {

NumericAnswerSet Build(int32_t tasks, int32_t labelers,
                       const std::vector<NumericAnswer>& rows) {
  auto set = NumericAnswerSet::Build(tasks, labelers, rows);
  EXPECT_TRUE(set.ok()) << set.status();
  return *std::move(set);
}

TEST(Probability, MeansLogOddsAndMovesThemOutward) {
  const auto fit = FitProbabilities(
      Build(2, 2, {{0, 0, 0.8}, {0, 1, 0.8}, {1, 0, 0.3}, {1, 1, 0.7}}));
  ASSERT_TRUE(fit.ok());
  EXPECT_DOUBLE_EQ(fit->extremising, 1.25);
  const double odds = std::pow(4.0, 1.25);
  EXPECT_NEAR(fit->probability[0], odds / (1 + odds), 1e-12);
  EXPECT_NEAR(fit->probability[1], 0.5, 1e-12);
  EXPECT_NEAR(fit->labeler_gap[0], (fit->probability[0] - 0.8 + 0.2) / 2,
              1e-12);
}

TEST(Probability, YesAndNoAreTreatedAlike) {
  const auto fit = FitProbabilities(
      Build(2, 2, {{0, 0, 0.9}, {0, 1, 0.4}, {1, 0, 0.1}, {1, 1, 0.6}}));
  ASSERT_TRUE(fit.ok());
  EXPECT_NEAR(fit->probability[0] + fit->probability[1], 1, 1e-12);
}

TEST(Probability, OneCertaintyDecidesNothing) {
  const auto fit = FitProbabilities(
      Build(1, 4, {{0, 0, 0.0}, {0, 1, 0.9}, {0, 2, 0.9}, {0, 3, 0.9}}));
  ASSERT_TRUE(fit.ok());
  EXPECT_GT(fit->probability[0], 0.5);
}

TEST(Probability, GoldTellsHowFarReportsHoldBack) {
  std::vector<NumericAnswer> rows;
  std::vector<NumericGold> right, mixed;
  for (int32_t t = 0; t < 60; ++t) {
    rows.push_back({t, 0, 0.7});
    right.push_back({t, 1});
    mixed.push_back({t, t % 2 == 0 ? 1.0 : 0.0});
  }
  const NumericAnswerSet answers = Build(61, 1, [&] {
    rows.push_back({60, 0, 0.7});
    return rows;
  }());
  const auto more = FitProbabilities(answers, right);
  const auto less = FitProbabilities(answers, mixed);
  ASSERT_TRUE(more.ok());
  ASSERT_TRUE(less.ok());
  EXPECT_GT(more->extremising, 1.4);
  EXPECT_LT(less->extremising, 1.1);
  EXPECT_GT(more->probability[60], less->probability[60]);
  EXPECT_EQ(more->probability[0], 1);
}

TEST(Probability, TasksAndLabelersWithoutAnswersAreUnknown) {
  const auto fit = FitProbabilities(Build(2, 2, {{0, 0, 0.9}}));
  ASSERT_TRUE(fit.ok());
  EXPECT_EQ(fit->probability[1], 0.5);
  EXPECT_TRUE(std::isnan(fit->labeler_gap[1]));
}

TEST(Probability, RefusesWhatIsNoProbability) {
  EXPECT_FALSE(FitProbabilities(Build(1, 1, {{0, 0, 1.5}})).ok());
  const NumericAnswerSet answers = Build(1, 1, {{0, 0, 0.5}});
  EXPECT_FALSE(
      FitProbabilities(answers, std::vector<NumericGold>{{0, 0.5}}).ok());
  EXPECT_FALSE(
      FitProbabilities(answers, std::vector<NumericGold>{{1, 1}}).ok());
}

}  // namespace
}  // namespace allot
