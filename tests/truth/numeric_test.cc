// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/numeric.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lib/base/rng.h"
#include "lib/truth/normal_quantile.h"

namespace allot {
namespace {

struct Crowd {
  double bias_sd = 0, scale_sd = 0, noise_sd = 1, shared_sd = 0;
};

struct SimulatedNumbers {
  std::vector<double> truth, bias, scale;
  std::vector<NumericAnswer> rows;
  NumericAnswerSet answers;
};

NumericAnswerSet BuildOrDie(int32_t tasks, int32_t labelers,
                            const std::vector<NumericAnswer>& rows) {
  auto set = NumericAnswerSet::Build(tasks, labelers, rows);
  EXPECT_TRUE(set.ok()) << set.status().ToString();
  return *std::move(set);
}

SimulatedNumbers Simulate(int32_t tasks, int32_t labelers, int32_t redundancy,
                          const Crowd& crowd, uint64_t seed) {
  Rng rng(seed);
  SimulatedNumbers s;
  std::vector<int32_t> order;
  for (int32_t l = 0; l < labelers; ++l) {
    s.bias.push_back(crowd.bias_sd * rng.Normal());
    s.scale.push_back(1 + crowd.scale_sd * rng.Normal());
    order.push_back(l);
  }
  for (int32_t t = 0; t < tasks; ++t) {
    s.truth.push_back(50 + 10 * rng.Normal());
    const double seen = s.truth.back() + crowd.shared_sd * rng.Normal();
    Shuffle(order, rng);
    for (int32_t r = 0; r < redundancy; ++r) {
      const int32_t l = order[r];
      s.rows.push_back({t, l,
                        50 + s.bias[l] + s.scale[l] * (seen - 50) +
                            crowd.noise_sd * rng.Normal()});
    }
  }
  s.answers = BuildOrDie(tasks, labelers, s.rows);
  return s;
}

double Rmse(const VectorD& value, const std::vector<double>& truth) {
  double sum = 0;
  for (size_t t = 0; t < truth.size(); ++t) {
    const double e = value[static_cast<Eigen::Index>(t)] - truth[t];
    sum += e * e;
  }
  return std::sqrt(sum / static_cast<double>(truth.size()));
}

double Coverage(const NumericFit& fit, const std::vector<double>& truth) {
  int inside = 0;
  for (size_t t = 0; t < truth.size(); ++t) {
    const auto at = static_cast<Eigen::Index>(t);
    if (fit.low[at] <= truth[t] && truth[t] <= fit.high[at]) ++inside;
  }
  return inside / static_cast<double>(truth.size());
}

TEST(NormalQuantile, InvertsTheDistribution) {
  EXPECT_NEAR(NormalQuantile(0.95), 1.6448536269514722, 1e-12);
  EXPECT_NEAR(NormalQuantile(0.5), 0, 1e-12);
  EXPECT_NEAR(NormalQuantile(1e-6), -4.753424308822899, 1e-10);
}

TEST(Numeric, LearnsOffsetsAndScalesAndSoBeatsTheMean) {
  const SimulatedNumbers s =
      Simulate(200, 20, 5, {.bias_sd = 6, .scale_sd = 0.2, .noise_sd = 2}, 1);
  const auto fit = FitNumeric(s.answers);
  ASSERT_TRUE(fit.ok());
  EXPECT_LT(Rmse(fit->value, s.truth),
            0.8 * Rmse(TrimmedMeans(s.answers, 0), s.truth));
  double worst = 0, shift = 0;
  for (int l = 0; l < 20; ++l) shift += fit->labeler_bias[l] - s.bias[l];
  for (int l = 0; l < 20; ++l) {
    worst = std::max(worst,
                     std::abs(fit->labeler_bias[l] - s.bias[l] - shift / 20));
    EXPECT_NEAR(fit->labeler_scale[l], s.scale[l], 0.2);
  }
  EXPECT_LT(worst, 2);
}

TEST(Numeric, IsTheMeanWhereNothingElseIsToBeLearned) {
  const SimulatedNumbers s = Simulate(300, 300, 4, {.noise_sd = 5}, 2);
  const auto fit = FitNumeric(s.answers);
  ASSERT_TRUE(fit.ok());
  EXPECT_LT(Rmse(fit->value, s.truth),
            1.03 * Rmse(TrimmedMeans(s.answers, 0), s.truth));
}

TEST(Numeric, IntervalsCoverAtTheirRateWhereErrorsCorrelateAsAssumed) {
  // r = 0.45: shared variance 4.5 beside a noise of 5.5.
  const SimulatedNumbers s = Simulate(
      800, 60, 8, {.noise_sd = std::sqrt(5.5), .shared_sd = std::sqrt(4.5)}, 3);
  const auto fit = FitNumeric(s.answers);
  ASSERT_TRUE(fit.ok());
  EXPECT_NEAR(Coverage(*fit, s.truth), 0.9, 0.03);
  const auto half = FitNumeric(s.answers, {}, {.coverage = 0.5});
  ASSERT_TRUE(half.ok());
  EXPECT_NEAR(Coverage(*half, s.truth), 0.5, 0.05);
}

TEST(Numeric, GoldShowsHowFarErrorsAreShared) {
  for (const double shared : {0.0, 4.0}) {
    const SimulatedNumbers s =
        Simulate(600, 60, 8, {.noise_sd = 2, .shared_sd = shared}, 4);
    std::vector<NumericGold> gold;
    for (int32_t t = 0; t < 200; ++t) gold.push_back({t, s.truth[t]});
    const auto fit = FitNumeric(s.answers, gold);
    ASSERT_TRUE(fit.ok());
    EXPECT_NEAR(fit->error_correlation, shared > 0 ? 0.8 : 0.05, 0.06);
    EXPECT_EQ(fit->value[7], s.truth[7]);
    EXPECT_EQ(fit->low[7], s.truth[7]);
    EXPECT_NEAR(Coverage(*fit, s.truth), 200.0 / 600 + 0.9 * 400 / 600, 0.04);
  }
}

TEST(Numeric, GoldCorrectsWhatTheWholeCrowdGetsWrong) {
  SimulatedNumbers s = Simulate(200, 30, 6, {.noise_sd = 2}, 5);
  for (NumericAnswer& row : s.rows) row.value = 0.6 * row.value - 4;
  s.answers = BuildOrDie(200, 30, s.rows);
  std::vector<NumericGold> gold;
  for (int32_t t = 0; t < 40; ++t) gold.push_back({t, s.truth[t]});
  const auto without = FitNumeric(s.answers),
             with = FitNumeric(s.answers, gold);
  ASSERT_TRUE(with.ok() && without.ok());
  EXPECT_LT(Rmse(with->value, s.truth), 0.2 * Rmse(without->value, s.truth));
}

TEST(Numeric, ATypingErrorDoesNotDragItsTask) {
  SimulatedNumbers s = Simulate(100, 20, 7, {.noise_sd = 2}, 6);
  const auto before = FitNumeric(s.answers);
  s.rows[3 * 7].value = 5e9;  // task 3
  s.answers = BuildOrDie(100, 20, s.rows);
  const auto after = FitNumeric(s.answers);
  ASSERT_TRUE(before.ok() && after.ok());
  EXPECT_NEAR(after->value[3], before->value[3], 5);
  EXPECT_NEAR(Rmse(after->value, s.truth), Rmse(before->value, s.truth), 0.4);
}

TEST(Numeric, FollowsTheUnitOfTheAnswers) {
  SimulatedNumbers s =
      Simulate(80, 15, 5, {.bias_sd = 3, .scale_sd = 0.2, .noise_sd = 2}, 7);
  const auto metres = FitNumeric(s.answers);
  for (NumericAnswer& row : s.rows) row.value = 1000 * row.value + 7e4;
  const auto millimetres = FitNumeric(BuildOrDie(80, 15, s.rows));
  ASSERT_TRUE(metres.ok() && millimetres.ok());
  for (int t = 0; t < 80; ++t) {
    EXPECT_NEAR(millimetres->value[t], 1000 * metres->value[t] + 7e4, 1);
    EXPECT_NEAR(millimetres->low[t], 1000 * metres->low[t] + 7e4, 1);
  }
}

TEST(Numeric, SurvivesOneAnswerTasksNoneAndConstants) {
  // Task 0: agreement to the digit; task 1: one answer; task 2: none.
  const auto fit = FitNumeric(
      BuildOrDie(3, 3, {{0, 0, 5}, {0, 1, 5}, {0, 2, 5}, {1, 0, 7}}));
  ASSERT_TRUE(fit.ok());
  EXPECT_TRUE(fit->value.allFinite() && fit->low.allFinite());
  EXPECT_NEAR(fit->value[0], 5, 1e-6);
  EXPECT_NEAR(fit->value[1], 7, 1e-6);
  EXPECT_NEAR(fit->value[2], 6, 1e-6);
  const auto same = FitNumeric(BuildOrDie(1, 2, {{0, 0, 0}, {0, 1, 0}}));
  ASSERT_TRUE(same.ok());
  EXPECT_EQ(same->value[0], 0);
}

TEST(Numeric, WrongInputIsNamed) {
  EXPECT_EQ(FitNumeric(BuildOrDie(1, 1, {})).status().message(),
            "answers: must not be empty");
  const NumericAnswerSet one = BuildOrDie(1, 1, {{0, 0, 1}});
  const std::vector<NumericGold> gold = {{4, 1.0}};
  EXPECT_FALSE(FitNumeric(one, gold).ok());
  EXPECT_FALSE(FitNumeric(one, {}, {.coverage = 1}).ok());
  const std::vector<NumericAnswer> nan = {{0, 0, std::nan("")}};
  EXPECT_EQ(NumericAnswerSet::Build(1, 1, nan).status().message(),
            "answers[0].value: must be finite, got nan");
}

TEST(TrimmedMeans, CutBothEnds) {
  const NumericAnswerSet set = BuildOrDie(
      2, 5, {{0, 0, 1}, {0, 1, 2}, {0, 2, 3}, {0, 3, 4}, {0, 4, 100}});
  EXPECT_DOUBLE_EQ(TrimmedMeans(set, 0.2)[0], 3);
  EXPECT_DOUBLE_EQ(TrimmedMeans(set, 0)[0], 22);
  EXPECT_DOUBLE_EQ(Medians(set)[0], 3);
  EXPECT_TRUE(std::isnan(Medians(set)[1]));
}

}  // namespace
}  // namespace allot
