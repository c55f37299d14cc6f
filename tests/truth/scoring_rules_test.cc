// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/scoring_rules.h"

#include <gtest/gtest.h>

#include <cmath>

namespace allot {
namespace {

TEST(ScoringRules, MatchesACalculationByHand) {
  MatrixF posterior(3, 2);
  posterior << 0.95F, 0.05F, 0.3F, 0.7F, 0.35F, 0.65F;
  // Right, right, wrong.
  const std::vector<GoldLabel> truth = {{0, 0}, {1, 1}, {2, 0}};
  const auto score = EvaluatePosteriors(posterior, truth);
  ASSERT_TRUE(score.ok());
  EXPECT_EQ(score->tasks, 3);
  EXPECT_NEAR(score->accuracy, 2.0 / 3, 1e-9);
  EXPECT_NEAR(score->brier, 2 * (0.05 * 0.05 + 0.3 * 0.3 + 0.65 * 0.65) / 3,
              1e-6);
  EXPECT_NEAR(score->log_loss,
              -(std::log(0.95) + std::log(0.7) + std::log(0.35)) / 3, 1e-6);
  // Bins (0.9, 1] and (0.6, 0.7]: 0.7 in single precision is not above 0.7.
  EXPECT_NEAR(score->ece, (0.05 + std::abs(0.7 + 0.65 - 1)) / 3, 1e-6);
  EXPECT_EQ(score->bins[9].tasks, 1);
  EXPECT_EQ(score->bins[6].tasks, 2);
  EXPECT_NEAR(score->bins[6].confidence, 0.675, 1e-6);
  EXPECT_NEAR(score->bins[6].accuracy, 0.5, 1e-9);
  EXPECT_EQ(score->bins[0].tasks, 0);
}

TEST(ScoringRules, ATieSharesTheCredit) {
  MatrixF posterior(1, 4);
  posterior << 0.4F, 0.4F, 0.2F, 0.0F;
  const std::vector<GoldLabel> first = {{0, 1}};
  EXPECT_NEAR(EvaluatePosteriors(posterior, first)->accuracy, 0.5, 1e-12);
  const std::vector<GoldLabel> neither = {{0, 3}};
  EXPECT_EQ(EvaluatePosteriors(posterior, neither)->accuracy, 0);
  EXPECT_NEAR(EvaluatePosteriors(posterior, neither)->log_loss,
              -std::log(1e-12), 1e-9);
}

TEST(ScoringRules, WithoutTruthIsZeroAndOutOfRangeIsAnError) {
  const MatrixF posterior = MatrixF::Constant(2, 2, 0.5F);
  EXPECT_EQ(EvaluatePosteriors(posterior, {})->tasks, 0);
  const std::vector<GoldLabel> outside = {{2, 0}};
  EXPECT_EQ(EvaluatePosteriors(posterior, outside).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace allot
