// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/ordinal.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/truth/simulated_pool.h"

namespace allot {
namespace {

// Answers that miss by a step up or down, half of the time.
SimulatedPool SimulateScale(int32_t tasks, uint64_t seed) {
  Rng rng(seed);
  SimulatedPool pool;
  for (int32_t t = 0; t < tasks; ++t) {
    pool.truth.push_back(static_cast<int32_t>(rng.Below(5)));
    for (int32_t l = 0; l < 6; ++l) {
      int32_t y = pool.truth.back();
      if (rng.Bernoulli(0.5)) y += rng.Bernoulli(0.5) ? 1 : -1;
      pool.rows.push_back({t, l, std::clamp(y, 0, 4)});
    }
  }
  pool.answers = BuildOrDie(tasks, 6, 5, pool.rows);
  return pool;
}

TEST(Ordinal, ValueIsTheMedianAndGoldItself) {
  const AnswerSet answers = BuildOrDie(
      3, 3, 5, {{0, 0, 0}, {0, 1, 4}, {0, 2, 1}, {1, 0, 2}, {1, 1, 3}});
  const std::vector<GoldLabel> gold = {{2, 4}};
  const auto fit = FitOrdinal(answers, gold);
  ASSERT_TRUE(fit.ok());
  EXPECT_EQ(fit->value[0], 1);
  EXPECT_EQ(fit->value[1], 2.5);
  EXPECT_EQ(fit->value[2], 4);
  EXPECT_EQ(fit->posterior(2, 4), 1);
}

TEST(Ordinal, PosteriorLeansToNearClasses) {
  const SimulatedPool pool = SimulateScale(400, 1);
  const auto fit = FitOrdinal(pool.answers);
  ASSERT_TRUE(fit.ok());
  EXPECT_GT(Accuracy(fit->posterior, pool.truth), 0.7);
  double near = 0, far = 0;
  for (int t = 0; t < 400; ++t) {
    EXPECT_NEAR(fit->posterior.row(t).sum(), 1, 1e-5);
    if (pool.truth[t] != 2) continue;
    near += fit->posterior(t, 1) + fit->posterior(t, 3);
    far += fit->posterior(t, 0) + fit->posterior(t, 4);
  }
  EXPECT_GT(near, 3 * far);
}

TEST(Ordinal, ReversingTheScaleReversesTheResult) {
  const SimulatedPool pool = SimulateScale(100, 2);
  const auto up = FitOrdinal(pool.answers);
  const auto down =
      FitOrdinal(BuildOrDie(100, 6, 5, Renamed(pool.rows, {4, 3, 2, 1, 0})));
  ASSERT_TRUE(up.ok() && down.ok());
  EXPECT_NEAR(up->lambda, down->lambda, 1e-6);
  for (int t = 0; t < 100; ++t) {
    EXPECT_EQ(up->value[t], 4 - down->value[t]);
    EXPECT_NEAR(up->posterior(t, 1), down->posterior(t, 3), 1e-5);
  }
}

TEST(Ordinal, NothingAnsweredIsTheMiddleOfTheScale) {
  const auto fit = FitOrdinal(BuildOrDie(1, 1, 4, {}));
  ASSERT_TRUE(fit.ok());
  EXPECT_EQ(fit->value[0], 1.5);
  EXPECT_TRUE(std::isnan(fit->labeler_distance[0]));
  EXPECT_FALSE(FitOrdinal(BuildOrDie(1, 1, 4, {}), {}, 1).ok());
}

}  // namespace
}  // namespace allot
