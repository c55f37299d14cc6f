// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/glad.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lib/truth/majority.h"
#include "tests/truth/simulated_pool.h"

namespace allot {
namespace {

// Answers of the model itself. Ability of labeler l: abilities[l].
SimulatedPool SimulateGlad(int32_t tasks, int32_t redundancy,
                           const std::vector<double>& ability,
                           std::vector<double>& ease, uint64_t seed) {
  Rng rng(seed);
  SimulatedPool pool;
  const auto labelers = static_cast<int32_t>(ability.size());
  std::vector<int32_t> order(labelers);
  for (int32_t l = 0; l < labelers; ++l) order[l] = l;
  for (int32_t t = 0; t < tasks; ++t) {
    ease.push_back(rng.Normal());
    pool.truth.push_back(static_cast<int32_t>(rng.Below(2)));
    Shuffle(order, rng);
    for (int32_t r = 0; r < redundancy; ++r) {
      const double right =
          1 / (1 + std::exp(-ability[order[r]] * std::exp(ease.back())));
      const bool is_right = rng.Bernoulli(right);
      pool.rows.push_back(
          {t, order[r], is_right ? pool.truth.back() : 1 - pool.truth.back()});
    }
  }
  pool.answers = BuildOrDie(tasks, labelers, 2, pool.rows);
  return pool;
}

double LogPrior(const GladFit& fit) {
  return -0.5 * ((fit.ability.array() - 1).square().sum() +
                 (fit.ease.array() - 1).square().sum());
}

double Correlation(const VectorD& a, const VectorD& b) {
  const VectorD x = a.array() - a.mean(), y = b.array() - b.mean();
  return x.dot(y) / std::sqrt(x.squaredNorm() * y.squaredNorm());
}

TEST(Glad, TheObjectiveNeverFalls) {
  const SimulatedPool pool =
      SimulateOneCoin(200, 3, 5, {0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.6}, 1);
  double last = -1e300;
  for (int i = 1; i <= 30; ++i) {
    const auto fit = FitGlad(pool.answers, {}, {.max_iterations = i});
    ASSERT_TRUE(fit.ok());
    const double now = fit->aggregation.log_likelihood + LogPrior(*fit);
    EXPECT_GE(now, last - 1e-9) << "iteration " << i;
    last = now;
  }
}

TEST(Glad, RecoversAbilityAndEase) {
  std::vector<double> ability, ease;
  for (int l = 0; l < 40; ++l) ability.push_back(0.3 + 0.05 * l);
  const SimulatedPool pool = SimulateGlad(600, 20, ability, ease, 2);
  const auto fit = FitGlad(pool.answers);
  ASSERT_TRUE(fit.ok());
  EXPECT_GT(
      Correlation(fit->ability, Eigen::Map<const VectorD>(ability.data(), 40)),
      0.9);
  EXPECT_GT(Correlation(fit->ease, Eigen::Map<const VectorD>(ease.data(), 600)),
            0.6);
}

TEST(Glad, AnAdversaryHasNegativeAbility) {
  std::vector<double> accuracy(9, 0.85);
  accuracy[4] = 0.1;
  const SimulatedPool pool = SimulateOneCoin(400, 2, 7, accuracy, 3);
  const auto fit = FitGlad(pool.answers);
  const auto majority = FitMajority(pool.answers);
  ASSERT_TRUE(fit.ok() && majority.ok());
  EXPECT_LT(fit->ability[4], 0);
  EXPECT_LT(fit->aggregation.labeler_accuracy[4], 0.2);
  EXPECT_GT(Accuracy(fit->aggregation.posterior, pool.truth),
            Accuracy(majority->posterior, pool.truth));
}

TEST(Glad, RenamingClassesRenamesTheResult) {
  const SimulatedPool pool =
      SimulateOneCoin(150, 3, 5, std::vector<double>(15, 0.65), 4);
  const std::vector<int32_t> rename = {1, 2, 0};
  const auto a = FitGlad(pool.answers);
  const auto b = FitGlad(BuildOrDie(150, 15, 3, Renamed(pool.rows, rename)));
  ASSERT_TRUE(a.ok() && b.ok());
  for (int k = 0; k < 3; ++k) {
    EXPECT_LT((a->aggregation.posterior.col(k) -
               b->aggregation.posterior.col(rename[k]))
                  .cwiseAbs()
                  .maxCoeff(),
              1e-4);
  }
}

TEST(Glad, TheSameBitsOnAnyNumberOfThreads) {
  const SimulatedPool pool =
      SimulateOneCoin(4000, 3, 5, std::vector<double>(30, 0.7), 5);
  const auto one = FitGlad(pool.answers, {}, {.max_iterations = 5});
  const auto five =
      FitGlad(pool.answers, {}, {.max_iterations = 5, .threads = 5});
  ASSERT_TRUE(one.ok() && five.ok());
  EXPECT_EQ(one->aggregation.trace, five->aggregation.trace);
  EXPECT_EQ(one->aggregation.posterior, five->aggregation.posterior);
}

TEST(Glad, GoldIsCertain) {
  const SimulatedPool pool =
      SimulateOneCoin(100, 2, 3, std::vector<double>(6, 0.6), 6);
  std::vector<GoldLabel> gold;
  for (int32_t t = 0; t < 50; ++t) gold.push_back({t, pool.truth[t]});
  const auto fit = FitGlad(pool.answers, gold);
  ASSERT_TRUE(fit.ok());
  for (int32_t t = 0; t < 50; ++t) {
    EXPECT_EQ(fit->aggregation.posterior(t, pool.truth[t]), 1);
  }
}

TEST(Glad, SurvivesTenThousandAnswersOneAnswerTasksAndNone) {
  std::vector<LabelAnswer> rows;
  for (int32_t i = 0; i < 10'000; ++i) rows.push_back({0, i % 20, i % 3 == 0});
  rows.push_back({1, 3, 1});
  const auto fit =
      FitGlad(BuildOrDie(3, 21, 2, rows), {}, {.max_iterations = 10});
  ASSERT_TRUE(fit.ok());
  EXPECT_TRUE(fit->aggregation.posterior.allFinite());
  EXPECT_TRUE(std::isfinite(fit->aggregation.log_likelihood));
  EXPECT_GT(fit->aggregation.posterior(0, 0), 0.99);
  EXPECT_FLOAT_EQ(fit->aggregation.posterior(2, 0), 0.5f);
  EXPECT_TRUE(FitGlad(BuildOrDie(0, 0, 2, {})).ok());
}

TEST(Glad, OptionsOutOfRangeAreRefused) {
  const AnswerSet answers = BuildOrDie(1, 1, 2, {{0, 0, 1}});
  EXPECT_FALSE(FitGlad(answers, {}, {.max_iterations = 0}).ok());
  EXPECT_FALSE(FitGlad(answers, {}, {.threads = 0}).ok());
}

}  // namespace
}  // namespace allot
