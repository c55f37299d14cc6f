// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/pairwise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "lib/base/rng.h"

namespace allot {
namespace {

struct Contest {
  std::vector<double> score;
  std::vector<Comparison> comparisons;
};

Contest Simulate(int32_t items, const std::vector<double>& reliability,
                 int32_t each, uint64_t seed) {
  Rng rng(seed);
  Contest contest;
  for (int32_t i = 0; i < items; ++i) contest.score.push_back(rng.Normal());
  for (size_t l = 0; l < reliability.size(); ++l) {
    for (int32_t c = 0; c < each; ++c) {
      const auto i = static_cast<int32_t>(rng.Below(items));
      const auto j =
          static_cast<int32_t>((i + 1 + rng.Below(items - 1)) % items);
      const double p = 1 / (1 + std::exp(-reliability[l] * (contest.score[i] -
                                                            contest.score[j])));
      contest.comparisons.push_back(
          {i, j, static_cast<int32_t>(l), rng.Bernoulli(p) ? 1.0f : 0.0f});
    }
  }
  return contest;
}

double Correlation(const VectorD& a, const std::vector<double>& b) {
  const VectorD y = Eigen::Map<const VectorD>(b.data(), a.size());
  const VectorD p = a.array() - a.mean(), q = y.array() - y.mean();
  return p.dot(q) / std::sqrt(p.squaredNorm() * q.squaredNorm());
}

TEST(Pairwise, RecoversTheScores) {
  const Contest contest = Simulate(20, std::vector<double>(20, 1.0), 100, 1);
  const auto fit = FitPairwise(20, 20, contest.comparisons);
  ASSERT_TRUE(fit.ok());
  EXPECT_GT(Correlation(fit->score, contest.score), 0.97);
  EXPECT_NEAR(fit->score.mean(), 0, 1e-9);
  EXPECT_NEAR(fit->score_variance, 1, 0.6);
}

TEST(Pairwise, TellsGuessersAndContrariansFromTheRest) {
  std::vector<double> reliability(20, 1.2);
  reliability[0] = 0;
  reliability[1] = -1.2;
  const Contest contest = Simulate(20, reliability, 150, 2);
  const auto fit = FitPairwise(20, 20, contest.comparisons);
  ASSERT_TRUE(fit.ok());
  EXPECT_NEAR(fit->reliability[0], 0, 0.45);
  EXPECT_LT(fit->reliability[1], -0.3);
  EXPECT_GT(fit->reliability[5], 0.5);
}

TEST(Pairwise, PredictionsAreCalibratedOnNewComparisons) {
  const std::vector<double> reliability(30, 1.0);
  const Contest contest = Simulate(15, reliability, 80, 3);
  std::vector<Comparison> train, test;
  for (size_t i = 0; i < contest.comparisons.size(); ++i) {
    (i % 5 == 0 ? test : train).push_back(contest.comparisons[i]);
  }
  const auto fit = FitPairwise(15, 30, train);
  ASSERT_TRUE(fit.ok());
  double expected = 0, won = 0, loss = 0, best = 0;
  for (const Comparison& c : test) {
    const double p = PredictPreference(*fit, c.left, c.right, c.labeler);
    const double truth =
        1 / (1 + std::exp(contest.score[c.right] - contest.score[c.left]));
    const bool left = c.left_wins > 0.5f;
    loss -= std::log(left ? p : 1 - p);
    best -= std::log(left ? truth : 1 - truth);
    expected += std::max(p, 1 - p);
    if ((p > 0.5) == left) won += 1;
  }
  const auto n = static_cast<double>(test.size());
  EXPECT_NEAR(expected / n, won / n, 0.06);
  EXPECT_LT(loss / n, best / n + 0.03);
}

TEST(Pairwise, SwappingSidesChangesNothing) {
  const Contest contest = Simulate(10, {1, 1, 0.5, 2}, 60, 4);
  std::vector<Comparison> swapped = contest.comparisons;
  for (Comparison& c : swapped) {
    std::swap(c.left, c.right);
    c.left_wins = 1 - c.left_wins;
  }
  const auto a = FitPairwise(10, 4, contest.comparisons);
  const auto b = FitPairwise(10, 4, swapped);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_LT((a->score - b->score).cwiseAbs().maxCoeff(), 1e-9);
  EXPECT_NEAR(PredictPreference(*a, 1, 2, 0),
              1 - PredictPreference(*a, 2, 1, 0), 1e-12);
}

TEST(Pairwise, AnItemThatAlwaysWinsHasAFiniteScore) {
  std::vector<Comparison> rows;
  for (int i = 0; i < 1000; ++i) rows.push_back({0, 1 + i % 2, 0, 1});
  const auto fit = FitPairwise(4, 1, rows);
  ASSERT_TRUE(fit.ok());
  EXPECT_TRUE(fit->score.allFinite());
  EXPECT_GT(fit->score[0], fit->score[1] + 1);
  // Item 3 was never compared: its error bar is the prior's.
  EXPECT_NEAR(fit->score_error[3], std::sqrt(fit->score_variance),
              0.2 * fit->score_error[3]);
  EXPECT_GT(PredictPreference(*fit, 0, 3, -1), 0.5);
}

TEST(Pairwise, ProbabilitiesAreSharesOfAWin) {
  const std::vector<Comparison> sure = {{0, 1, 0, 1}}, tied = {{0, 1, 0, 0.5f}};
  const auto a = FitPairwise(2, 1, sure), b = FitPairwise(2, 1, tied);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_GT(a->score[0], a->score[1]);
  EXPECT_NEAR(b->score[0], b->score[1], 1e-9);
}

TEST(Pairwise, WrongRowsAreNamed) {
  const std::vector<Comparison> self = {{0, 1, 0, 1}, {1, 1, 0, 1}};
  EXPECT_EQ(FitPairwise(2, 1, self).status().message().substr(0, 14),
            "comparisons[1]");
  EXPECT_FALSE(FitPairwise(2, 1, {}).ok());
  const std::vector<Comparison> nan = {{0, 1, 0, std::nanf("")}};
  EXPECT_FALSE(FitPairwise(2, 1, nan).ok());
}

}  // namespace
}  // namespace allot
