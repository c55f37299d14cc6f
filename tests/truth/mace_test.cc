// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/mace.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lib/truth/digamma.h"
#include "lib/truth/majority.h"
#include "tests/truth/simulated_pool.h"

namespace allot {
namespace {

TEST(Digamma, GivesKnownValues) {
  EXPECT_NEAR(Digamma(1), -0.57721566490153286, 1e-11);
  EXPECT_NEAR(Digamma(0.5), -1.9635100260214235, 1e-11);
  EXPECT_NEAR(Digamma(10), 2.2517525890667211, 1e-11);
}

TEST(Mace, TheBoundNeverFalls) {
  for (const uint64_t seed : {1, 2, 3}) {
    const SimulatedPool pool =
        SimulateOneCoin(300, 4, 5, {0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.6}, seed);
    const auto fit = FitMace(pool.answers, {}, {.tolerance = 0});
    ASSERT_TRUE(fit.ok());
    ASSERT_GT(fit->trace.size(), 5u);
    for (size_t i = 1; i < fit->trace.size(); ++i) {
      EXPECT_GE(fit->trace[i], fit->trace[i - 1] - 1e-9) << "seed " << seed;
    }
  }
}

TEST(Mace, SeesThroughLabelersWhoAlwaysSayTheSame) {
  // Two of five answers to each task come from labelers stuck on class 0.
  SimulatedPool pool =
      SimulateOneCoin(500, 2, 3, std::vector<double>(10, 0.85), 4);
  for (int32_t t = 0; t < 500; ++t) {
    for (const int32_t l : {10, 11}) pool.rows.push_back({t, l, 0});
  }
  const AnswerSet answers = BuildOrDie(500, 12, 2, pool.rows);
  const auto fit = FitMace(answers);
  const auto majority = FitMajority(answers);
  ASSERT_TRUE(fit.ok() && majority.ok());
  EXPECT_LT(fit->labeler_accuracy[10], 0.6);
  EXPECT_GT(fit->labeler_accuracy[0], 0.7);
  EXPECT_GT(Accuracy(fit->posterior, pool.truth),
            Accuracy(majority->posterior, pool.truth) + 0.1);
}

TEST(Mace, MoreRestartsNeverLowerTheBound) {
  const SimulatedPool pool =
      SimulateOneCoin(200, 3, 3, std::vector<double>(12, 0.5), 5);
  const auto one = FitMace(pool.answers, {}, {.restarts = 1});
  const auto ten = FitMace(pool.answers, {}, {.restarts = 10});
  ASSERT_TRUE(one.ok() && ten.ok());
  EXPECT_GE(ten->log_likelihood, one->log_likelihood);
}

TEST(Mace, RenamingClassesRenamesTheResult) {
  const SimulatedPool pool =
      SimulateOneCoin(150, 3, 5, std::vector<double>(15, 0.65), 6);
  const std::vector<int32_t> rename = {1, 2, 0};
  const auto a = FitMace(pool.answers);
  const auto b = FitMace(BuildOrDie(150, 15, 3, Renamed(pool.rows, rename)));
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_NEAR(a->log_likelihood, b->log_likelihood, 1e-6);
  for (int k = 0; k < 3; ++k) {
    EXPECT_LT((a->posterior.col(k) - b->posterior.col(rename[k]))
                  .cwiseAbs()
                  .maxCoeff(),
              1e-4);
  }
}

TEST(Mace, TheSameBitsOnAnyNumberOfThreads) {
  const SimulatedPool pool =
      SimulateOneCoin(300, 3, 5, std::vector<double>(30, 0.7), 7);
  const auto one = FitMace(pool.answers);
  const auto four = FitMace(pool.answers, {}, {.threads = 4});
  ASSERT_TRUE(one.ok() && four.ok());
  EXPECT_EQ(one->trace, four->trace);
  EXPECT_EQ(one->posterior, four->posterior);
}

TEST(Mace, GoldIsCertainAndShowsWhoGuesses) {
  const SimulatedPool pool =
      SimulateOneCoin(200, 2, 3, {0.5, 0.5, 0.5, 0.5, 0.95, 0.95}, 8);
  std::vector<GoldLabel> gold;
  for (int32_t t = 0; t < 100; ++t) gold.push_back({t, pool.truth[t]});
  const auto fit = FitMace(pool.answers, gold);
  ASSERT_TRUE(fit.ok());
  for (int32_t t = 0; t < 100; ++t) {
    EXPECT_EQ(fit->posterior(t, pool.truth[t]), 1);
  }
  EXPECT_GT(fit->labeler_accuracy[4], fit->labeler_accuracy[0] + 0.2);
}

TEST(Mace, SurvivesTenThousandAnswersAThousandClassesAndNothing) {
  std::vector<LabelAnswer> rows;
  for (int32_t i = 0; i < 10'000; ++i) rows.push_back({0, i % 20, i % 3 == 0});
  rows.push_back({1, 3, 999});
  const auto fit =
      FitMace(BuildOrDie(3, 21, 1000, rows), {}, {.max_iterations = 10});
  ASSERT_TRUE(fit.ok());
  EXPECT_TRUE(fit->posterior.allFinite());
  EXPECT_TRUE(std::isfinite(fit->log_likelihood));
  EXPECT_GT(fit->posterior(0, 0), 0.9);
  EXPECT_FLOAT_EQ(fit->posterior(2, 5), 1e-3f);
  EXPECT_TRUE(FitMace(BuildOrDie(0, 0, 2, {})).ok());
}

TEST(Mace, OptionsOutOfRangeAreRefused) {
  const AnswerSet answers = BuildOrDie(1, 1, 2, {{0, 0, 1}});
  EXPECT_FALSE(FitMace(answers, {}, {.restarts = 0}).ok());
}

}  // namespace
}  // namespace allot
