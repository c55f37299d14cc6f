// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/tempering.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace allot {
namespace {

TaskPosterior Posterior(std::vector<double> probability) {
  TaskPosterior posterior;
  posterior.probability = std::move(probability);
  posterior.contribution_bits = {1.0, -0.5};
  return posterior;
}

TEST(EvidencePower, FallsWithTheNumberOfAnswersToABound) {
  EXPECT_DOUBLE_EQ(EvidencePower(1), 0.7);
  EXPECT_DOUBLE_EQ(EvidencePower(11), 0.35);
  EXPECT_DOUBLE_EQ(EvidencePower(1000), 0.2);
}

TEST(Temper, LeavesAPriorWithoutAnswersAlone) {
  TaskPosterior posterior = Posterior({0.9, 0.1});
  Temper({}, 0, &posterior);
  EXPECT_EQ(posterior.probability[0], 0.9);
}

TEST(Temper, KeepsADistributionAndItsOrder) {
  TaskPosterior posterior = Posterior({0.05, 0.8, 0.15});
  Temper({}, 5, &posterior);
  const std::vector<double>& p = posterior.probability;
  EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1, 1e-12);
  EXPECT_EQ(posterior.label, 1);
  EXPECT_LT(posterior.confidence, 0.8);
  EXPECT_GT(p[2], p[0]);
}

TEST(Temper, ShrinksLogOddsAgainstThePriorByThePower) {
  const std::vector<double> prior = {0.8, 0.2};
  TaskPosterior posterior = Posterior({0.4, 0.6});
  Temper(prior, 1, &posterior);
  const double before = std::log(0.6 / 0.4) - std::log(0.2 / 0.8);
  const double after =
      std::log(posterior.probability[1] / posterior.probability[0]) -
      std::log(0.2 / 0.8);
  EXPECT_NEAR(after, 0.7 * before, 1e-12);
  EXPECT_DOUBLE_EQ(posterior.contribution_bits[0], 0.7);
}

TEST(Temper, CertaintyStaysCertain) {
  TaskPosterior posterior = Posterior({1.0, 0.0});
  Temper({}, 3, &posterior);
  EXPECT_EQ(posterior.confidence, 1);
  EXPECT_EQ(posterior.entropy_bits, 0);
}

}  // namespace
}  // namespace allot
