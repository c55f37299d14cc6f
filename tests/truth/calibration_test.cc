// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/calibration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lib/base/rng.h"

namespace allot {
namespace {

CalibrationMap MustFit(const std::vector<GoldOutcome>& outcomes) {
  const absl::StatusOr<CalibrationMap> map = CalibrationMap::Fit(outcomes, 3);
  EXPECT_TRUE(map.ok()) << map.status();
  return *map;
}

// Outcomes of a model whose log-odds are `sharp` times what they should be.
std::vector<GoldOutcome> OverconfidentOutcomes(int n, double sharp,
                                               uint64_t seed) {
  Rng rng(seed);
  std::vector<GoldOutcome> outcomes;
  for (int i = 0; i < n; ++i) {
    const double truth = 0.5 + 0.5 * rng.Uniform();
    const double odds = std::pow(truth / (1 - truth), sharp);
    outcomes.push_back({odds / (1 + odds), rng.Bernoulli(truth)});
  }
  return outcomes;
}

TEST(Calibration, IsTheIdentityUntilFitted) {
  const CalibrationMap map;
  EXPECT_EQ(map.version(), 0);
  for (const double c : {0.0, 0.3, 0.9, 1.0}) EXPECT_EQ(map.Apply(c), c);
  EXPECT_EQ(map.RawTarget(0.9), 0.9);
}

TEST(Calibration, WithoutGoldClaimsLessThanTheModelButKeepsEvenOdds) {
  const CalibrationMap map = MustFit({});
  EXPECT_EQ(map.version(), 3);
  EXPECT_NEAR(map.temperature(), std::exp(0.125), 0.01);
  EXPECT_NEAR(map.Apply(0.5), 0.5, 1e-9);
  for (const double c : {0.6, 0.9, 0.95, 0.99}) EXPECT_LT(map.Apply(c), c);
  EXPECT_GT(map.Apply(0.985), 0.95);
}

TEST(Calibration, LowersTheHeldOutLogLossOfAMiscalibratedModel) {
  const auto log_loss = [](const CalibrationMap& map, uint64_t seed) {
    double sum = 0;
    for (const GoldOutcome& o : OverconfidentOutcomes(2000, 3, seed)) {
      const double p = std::clamp(map.Apply(o.confidence), 1e-9, 1 - 1e-9);
      sum -= std::log(o.correct ? p : 1 - p);
    }
    return sum;
  };
  const CalibrationMap fitted = MustFit(OverconfidentOutcomes(40, 3, 1));
  EXPECT_LT(log_loss(fitted, 2), 0.9 * log_loss(CalibrationMap(), 2));
  EXPECT_LT(log_loss(fitted, 2), log_loss(MustFit({}), 2));
}

TEST(Calibration, RestoresItsOwnNumbersAndNoOthers) {
  const CalibrationMap map = MustFit(OverconfidentOutcomes(100, 2, 4));
  const auto restored =
      CalibrationMap::Restore(map.version(), map.temperature(), map.knots());
  ASSERT_TRUE(restored.has_value());
  for (const double c : {0.1, 0.63, 0.99}) {
    EXPECT_EQ(restored->Apply(c), map.Apply(c));
  }
  EXPECT_FALSE(CalibrationMap::Restore(1, 1, {1, 2}).has_value());
}

class CalibrationLaw : public ::testing::TestWithParam<int> {};

TEST_P(CalibrationLaw, IsMonotoneWhateverTheGold) {
  Rng rng(GetParam());
  std::vector<GoldOutcome> outcomes;
  const uint64_t n = 1 + rng.Below(300);
  for (uint64_t i = 0; i < n; ++i) {
    const double c = rng.Bernoulli(0.1) ? 1.0 : rng.Uniform();
    outcomes.push_back({c, rng.Bernoulli(rng.Uniform())});
  }
  const CalibrationMap map = MustFit(outcomes);
  double before = 0;
  for (int i = 0; i <= 1000; ++i) {
    const double now = map.Apply(i / 1000.0);
    ASSERT_GE(now, before) << "at " << i / 1000.0;
    ASSERT_LE(now, 1);
    before = now;
  }
}

TEST_P(CalibrationLaw, RawTargetIsWhereTheMapReachesTheTarget) {
  const CalibrationMap map = MustFit(OverconfidentOutcomes(400, 2, GetParam()));
  for (const double target : {0.6, 0.8, 0.95}) {
    const std::optional<double> raw = map.RawTarget(target);
    ASSERT_TRUE(raw.has_value());
    EXPECT_GE(map.Apply(*raw), target);
    EXPECT_LT(map.Apply(*raw - 1e-6), target);
  }
}

TEST_P(CalibrationLaw, KeepsAPosteriorADistributionAndItsArgmax) {
  Rng rng(GetParam());
  const CalibrationMap map =
      MustFit(OverconfidentOutcomes(200, 3, GetParam() + 100));
  TaskPosterior posterior;
  posterior.probability.resize(2 + rng.Below(6));
  double total = 0;
  for (double& p : posterior.probability) total += p = rng.Gamma(0.4);
  for (double& p : posterior.probability) p /= total;
  const auto top = std::max_element(posterior.probability.begin(),
                                    posterior.probability.end());
  posterior.label = static_cast<int32_t>(top - posterior.probability.begin());
  posterior.confidence = *top;
  map.Apply(&posterior);
  EXPECT_NEAR(std::accumulate(posterior.probability.begin(),
                              posterior.probability.end(), 0.0),
              1, 1e-9);
  EXPECT_EQ(posterior.confidence, posterior.probability[posterior.label]);
  for (const double p : posterior.probability) {
    EXPECT_LE(p, posterior.confidence + 1e-12);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CalibrationLaw, ::testing::Range(0, 20));

TEST(Calibration, RestoresTheTruthBehindAnOverconfidentModel) {
  const CalibrationMap map = MustFit(OverconfidentOutcomes(5000, 2, 1));
  EXPECT_NEAR(map.temperature(), 2, 0.25);
  for (const double truth : {0.6, 0.75, 0.9, 0.97}) {
    const double odds = std::pow(truth / (1 - truth), 2);
    EXPECT_NEAR(map.Apply(odds / (1 + odds)), truth, 0.05);
  }
}

TEST(Calibration, AFewLuckyGoldTasksDoNotMakeCertainty) {
  const CalibrationMap map = MustFit({{0.8, true}, {0.8, true}, {0.8, true}});
  EXPECT_GT(map.Apply(0.8), 0.8);
  EXPECT_LT(map.Apply(0.8), 0.95);
}

TEST(Calibration, OneErrorAtCertaintyDoesNotFlattenEverything) {
  std::vector<GoldOutcome> outcomes(99, {1.0, true});
  outcomes.push_back({1.0, false});
  const CalibrationMap map = MustFit(outcomes);
  EXPECT_NEAR(map.Apply(1.0), 0.99, 0.012);
}

TEST(Calibration, RefusesAConfidenceThatIsNone) {
  EXPECT_EQ(CalibrationMap::Fit(std::vector<GoldOutcome>{{1.2, true}}, 1)
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace allot
