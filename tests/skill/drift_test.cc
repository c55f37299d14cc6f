// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/drift.h"

#include <gtest/gtest.h>

#include <vector>

#include "lib/skill/update.h"

namespace allot {
namespace {

constexpr double kDay = 86400;
const DriftOptions kOptions = {0.02};

TEST(Drift, WidensByTheRateTimesTheDays) {
  EXPECT_NEAR(DriftedVariance(0.1, 3 * kDay, 1, kOptions), 0.16, 1e-15);
  EXPECT_EQ(DriftedVariance(0.1, 0, 1, kOptions), 0.1);
}

TEST(Drift, NeverMakesAnAcquaintanceStrangerThanAStranger) {
  EXPECT_EQ(DriftedVariance(0.1, 1e6 * kDay, 1, kOptions), 1);
  EXPECT_EQ(DriftedVariance(1, kDay, 1, kOptions), 1);
}

TEST(Drift, LeavesABeliefWiderThanTheCapAlone) {
  EXPECT_EQ(DriftedVariance(1.5, kDay, 1, kOptions), 1.5);
}

TEST(Drift, TakesTimeThatRunsBackwardsAsNone) {
  EXPECT_EQ(DriftedVariance(0.1, -kDay, 1, kOptions), 0.1);
}

TEST(Drift, InTwoStepsIsDriftInOne) {
  for (double cap : {0.13, 0.5}) {
    const double once = DriftedVariance(0.1, 5 * kDay, cap, kOptions);
    const double twice = DriftedVariance(
        DriftedVariance(0.1, 2 * kDay, cap, kOptions), 3 * kDay, cap, kOptions);
    EXPECT_NEAR(once, twice, 1e-15);
  }
}

TEST(Drift, FactorIsTheShareOfEverySiteThatIsLeft) {
  // A belief of one site over a vague prior: after a drift, the site scaled by
  // the factor is what has to be taken out to get the scaled prior back.
  const SkillUpdateOptions options;
  const SiteTerm site[] = {{3.0, 2.0}};
  std::vector<SkillBelief> beliefs = {{0.4, 1.0}};
  ApplySite(site, beliefs);
  const double drifted =
      DriftedVariance(beliefs[0].variance, 5 * kDay, 1, kOptions);
  const double factor = DriftFactor(beliefs[0].variance, drifted);
  beliefs[0].variance = drifted;
  const SiteTerm scaled[] = {{3.0 * factor, 2.0 * factor}};
  RemoveSite(scaled, options, beliefs);
  EXPECT_NEAR(beliefs[0].variance, 1.0 / factor, 1e-12);
  EXPECT_NEAR(beliefs[0].mean, 0.4, 1e-12);
}

}  // namespace
}  // namespace allot
