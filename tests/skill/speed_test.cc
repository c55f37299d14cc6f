// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/speed.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "lib/base/rng.h"

namespace allot {
namespace {

double NormalCdf(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

TEST(NormalQuantile, InvertsTheDistributionFunction) {
  for (double x = -8; x <= 5; x += 0.0731) {
    EXPECT_NEAR(NormalQuantile(NormalCdf(x)), x, 1e-9 * std::exp(x > 0 ? x : 0))
        << x;
  }
  EXPECT_EQ(NormalQuantile(0.5), 0);
  EXPECT_NEAR(NormalQuantile(0.975), 1.959963984540054, 1e-12);
  EXPECT_NEAR(NormalQuantile(1e-300), -37.0471, 1e-3);
}

TEST(Speed, AFasterLabelerIsExpectedToTakeLess) {
  SpeedBelief belief;
  for (int i = 0; i < 50; ++i) belief = ObserveTime(belief, 15, 30);
  EXPECT_NEAR(belief.mean, std::log(2), 0.05);
  EXPECT_NEAR(ExpectedSeconds(belief, 30), 15, 1.5);
  EXPECT_NEAR(ExpectedSeconds(belief, 60), 30, 3);
}

TEST(Speed, ExpectedTimeIsTheMeanOfTheLogNormal) {
  const SpeedBelief belief = {0.3, 1e12, 1e6, 1e6 * 0.25};
  EXPECT_NEAR(TimeFactor(belief), std::exp(-0.3 + 0.125), 1e-5);
  EXPECT_NEAR(QuantileSeconds(belief, 10, 0.5), 10 * std::exp(-0.3), 1e-5);
  EXPECT_NEAR(QuantileSeconds(belief, 10, 0.9),
              10 * std::exp(-0.3 + 1.2815516 * 0.5), 1e-4);
}

TEST(Speed, UncertaintyAboutANewcomerMakesLeasesLonger) {
  SpeedBelief known;
  for (int i = 0; i < 200; ++i) known = ObserveTime(known, i % 2 ? 8 : 12, 10);
  EXPECT_LT(QuantileSeconds(known, 10, 0.95),
            QuantileSeconds(SpeedBelief{}, 10, 0.95));
}

TEST(Speed, OneAbandonedTaskMovesNoMoreThanAPlausibleOne) {
  SpeedBelief belief;
  for (int i = 0; i < 30; ++i) belief = ObserveTime(belief, 10, 10);
  const SpeedBelief an_hour = ObserveTime(belief, 3600, 10);
  const SpeedBelief a_week = ObserveTime(belief, 604800, 10);
  EXPECT_EQ(an_hour.mean, a_week.mean);
  EXPECT_EQ(an_hour.rate, a_week.rate);
  EXPECT_LT(TimeFactor(an_hour), 1.3 * TimeFactor(belief));
}

class SpeedRecovery : public testing::TestWithParam<uint64_t> {};

TEST_P(SpeedRecovery, FindsPaceAndNoiseOfASimulatedLabeler) {
  Rng rng(GetParam());
  const double tau = 0.5 * rng.Normal(), sigma = 0.2 + 0.6 * rng.Uniform();
  SpeedBelief belief;
  for (int i = 0; i < 4000; ++i) {
    const double base = 5 + 100 * rng.Uniform();
    belief =
        ObserveTime(belief, base * std::exp(-tau + sigma * rng.Normal()), base);
  }
  EXPECT_NEAR(belief.mean, tau, 0.06);
  EXPECT_NEAR(std::sqrt(NoiseVariance(belief)), sigma, 0.05 * sigma + 0.01);
  EXPECT_NEAR(TimeFactor(belief) / std::exp(-tau + 0.5 * sigma * sigma), 1,
              0.08);
}

INSTANTIATE_TEST_SUITE_P(Seeds, SpeedRecovery, testing::Range<uint64_t>(0, 6));

TEST(Speed, NineInTenNextTimesFallBelowTheNinetyPercentQuantile) {
  // Labelers drawn from the prior, known by five answers each.
  Rng rng(9);
  const SpeedBelief prior;
  int below = 0;
  const int labelers = 20'000;
  for (int i = 0; i < labelers; ++i) {
    const double noise = prior.rate / rng.Gamma(prior.shape);
    const double tau =
        prior.mean + std::sqrt(noise / prior.count) * rng.Normal();
    const auto draw = [&] {
      return 10 * std::exp(-tau + std::sqrt(noise) * rng.Normal());
    };
    SpeedBelief belief = prior;
    for (int j = 0; j < 5; ++j) belief = ObserveTime(belief, draw(), 10);
    below += draw() <= QuantileSeconds(belief, 10, 0.9);
  }
  EXPECT_NEAR(static_cast<double>(below) / labelers, 0.9, 0.015);
}

}  // namespace
}  // namespace allot
