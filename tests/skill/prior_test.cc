// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/prior.h"

#include <gtest/gtest.h>

#include <cmath>
#include <tuple>
#include <vector>

#include "lib/base/rng.h"
#include "tests/skill/quadrature.h"

namespace allot {
namespace {

// Evidence of labelers with skills from N(mean, variance), each seen through
// normal noise of varied precision.
std::vector<SiteTerm> NormalEvidence(double mean, double variance, int labelers,
                                     Rng& rng) {
  std::vector<SiteTerm> evidence;
  for (int i = 0; i < labelers; ++i) {
    const double skill = mean + std::sqrt(variance) * rng.Normal();
    const double precision = 0.1 + 5 * rng.Uniform();
    const double seen = skill + rng.Normal() / std::sqrt(precision);
    evidence.push_back({precision, precision * seen});
  }
  return evidence;
}

class PriorRecovery
    : public testing::TestWithParam<std::tuple<double, double>> {};

TEST_P(PriorRecovery, FindsTheGeneratingPriorFromNormalEvidenceInOnePass) {
  const auto [mean, variance] = GetParam();
  Rng rng(21);
  PriorAccumulator sums;
  for (const SiteTerm& one : NormalEvidence(mean, variance, 20'000, rng)) {
    sums.Add(one);
  }
  const SkillBelief prior = sums.Estimate({});
  EXPECT_NEAR(prior.mean, mean, 0.03 * (1 + std::sqrt(variance)));
  EXPECT_NEAR(prior.variance, std::max(variance, 0.05), 0.03 + 0.06 * variance);
}

// Evidence of labelers with skills from `truth`, learned from right and wrong
// answers to questions of four classes, beginning at `start`.
std::vector<SiteTerm> AnswerEvidenceFrom(const SkillBelief& truth,
                                         const SkillBelief& start, int labelers,
                                         Rng& rng) {
  const SkillWeight loading[] = {{0, 1.0f}};
  std::vector<SiteTerm> evidence;
  for (int i = 0; i < labelers; ++i) {
    const double skill = truth.mean + std::sqrt(truth.variance) * rng.Normal();
    std::vector<SkillBelief> belief = {start};
    const int answers = 20 + static_cast<int>(rng.Below(60));
    for (int j = 0; j < answers; ++j) {
      AnswerEvidence answer;
      answer.loading = loading;
      answer.classes = 4;
      answer.belief = rng.Bernoulli(0.25 + 0.75 * Logistic(skill)) ? 1 : 0;
      std::vector<SiteTerm> site(1);
      ReviseAnswer(answer, {}, belief, site);
    }
    evidence.push_back(SkillEvidence(start, belief[0]));
  }
  return evidence;
}

TEST_P(PriorRecovery, ComesCloseFromAnswersEvenWhenTheStartWasFarOff) {
  const auto [mean, variance] = GetParam();
  Rng rng(22);
  const SkillBelief prior =
      FitPrior(AnswerEvidenceFrom({mean, variance}, {1, 1}, 3000, rng), {});
  EXPECT_NEAR(prior.mean, mean, variance > 1 ? 0.25 : 0.1);
  EXPECT_NEAR(prior.variance / variance, 1, variance > 1 ? 0.4 : 0.25);
}

TEST_P(PriorRecovery, FindsTheGeneratingPriorWithLaterGenerations) {
  // Newcomers start from what the first ones taught.
  const auto [mean, variance] = GetParam();
  Rng rng(23);
  const SkillBelief truth = {mean, variance};
  SkillBelief prior = {1, 1};
  for (int generation = 0; generation < 3; ++generation) {
    PriorOptions options;
    options.configured = prior;
    prior = FitPrior(AnswerEvidenceFrom(truth, prior, 1500, rng), options);
  }
  EXPECT_NEAR(prior.mean, mean, 0.12);
  EXPECT_NEAR(prior.variance / variance, 1, 0.2);
}

INSTANTIATE_TEST_SUITE_P(Grid, PriorRecovery,
                         testing::Combine(testing::Values(0.0, 1.0, 2.0),
                                          testing::Values(0.25, 1.0, 2.0)));

TEST(Prior, WithoutEvidenceIsTheConfiguredOne) {
  PriorOptions options;
  options.configured = {0.7, 0.4};
  PriorAccumulator sums;
  EXPECT_EQ(sums.Estimate(options).mean, 0.7);
  sums.Add({});
  EXPECT_EQ(sums.effective_count(), 0);
  for (int i = 0; i < 4; ++i) sums.Add({1e6, 3e6});
  EXPECT_EQ(sums.Estimate(options).mean, 0.7);
  EXPECT_EQ(sums.Estimate(options).variance, 0.4);
}

TEST(Prior, IsShrunkTowardsTheConfiguredOneByItsStrength) {
  PriorOptions options;
  options.configured = {0, 1};
  options.strength = 10;
  PriorAccumulator sums({0, 1});
  for (int i = 0; i < 10; ++i) sums.Add({1e9, 2e9});
  // Ten labelers known to be at 2 against ten that stand for 0.
  EXPECT_NEAR(sums.Estimate(options).mean, 1, 1e-6);
  EXPECT_NEAR(sums.Estimate(options).variance, (1 + 0.05) / 2, 1e-6);
}

TEST(Prior, AddingAndRemovingInAnyOrderEndsInTheSameBits) {
  Rng rng(23);
  std::vector<SiteTerm> evidence = NormalEvidence(0.5, 2, 500, rng);
  PriorAccumulator direct;
  for (size_t i = 0; i < 100; ++i) direct.Add(evidence[i]);

  std::vector<int> order(500);
  for (int i = 0; i < 500; ++i) order[i] = i;
  Shuffle(order, rng);
  PriorAccumulator winding;
  for (int i : order) winding.Add(evidence[i]);
  Shuffle(order, rng);
  for (int i : order) {
    if (i >= 100) winding.Remove(evidence[i]);
  }
  EXPECT_EQ(direct.Estimate({}).mean, winding.Estimate({}).mean);
  EXPECT_EQ(direct.Estimate({}).variance, winding.Estimate({}).variance);
  EXPECT_EQ(direct.effective_count(), winding.effective_count());
}

TEST(Prior, StaysWithinItsLimitsOnAbsurdEvidence) {
  PriorAccumulator sums;
  Rng rng(24);
  for (int i = 0; i < 100; ++i) sums.Add({10, rng.Bernoulli(0.5) ? 1e9 : -1e9});
  const PriorOptions options;
  const SkillBelief prior = sums.Estimate(options);
  EXPECT_LE(std::abs(prior.mean), 20);
  EXPECT_LE(prior.variance, options.max_variance);
  PriorAccumulator identical;
  for (int i = 0; i < 100; ++i) identical.Add({10, 10});
  EXPECT_GE(identical.Estimate(options).variance, options.min_variance);
}

TEST(SkillEvidence, IsWhatTheSitesAddedUp) {
  std::vector<SkillBelief> beliefs = {{0.4, 1.2}};
  const SiteTerm first[] = {{0.5, 1.0}}, second[] = {{0.25, -0.75}};
  ApplySite(first, beliefs);
  ApplySite(second, beliefs);
  const SiteTerm evidence = SkillEvidence({0.4, 1.2}, beliefs[0]);
  EXPECT_NEAR(evidence.precision, 0.75, 1e-12);
  EXPECT_NEAR(evidence.shift, 0.25, 1e-12);
}

TEST(SkillEvidence, IsNothingWhereTheBeliefIsNoNarrower) {
  EXPECT_EQ(SkillEvidence({0, 1}, {0.3, 1}).precision, 0);
  EXPECT_EQ(SkillEvidence({0, 1}, {0.3, 2}).shift, 0);
}

}  // namespace
}  // namespace allot
