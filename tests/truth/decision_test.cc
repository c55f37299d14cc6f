// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/decision.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "lib/base/rng.h"

namespace allot {
namespace {

Decision MustDecide(const std::vector<double>& posterior, const StopRule& rule,
                    const CalibrationMap& map = CalibrationMap()) {
  const absl::StatusOr<Decision> decision = Decide(posterior, map, rule);
  EXPECT_TRUE(decision.ok()) << decision.status();
  return *decision;
}

TEST(AnswerInformation, IsZeroForAGuesserAndLogKForAnOracle) {
  const std::vector<double> uniform(4, 0.25);
  EXPECT_NEAR(AnswerInformationBits(uniform, 0.25), 0, 1e-12);
  EXPECT_NEAR(AnswerInformationBits(uniform, 1), 2, 1e-12);
  EXPECT_NEAR(AnswerInformationBits(std::vector<double>{1, 0}, 0.9), 0, 1e-12);
  // The binary symmetric channel: 1 - H(0.9).
  EXPECT_NEAR(AnswerInformationBits(std::vector<double>{0.5, 0.5}, 0.9),
              0.5310044064107187, 1e-12);
}

TEST(Decision, AcceptsAtTheTargetAndNotBelow) {
  StopRule rule;
  rule.target = 0.9;
  EXPECT_EQ(MustDecide({0.1, 0.9}, rule).verdict, Verdict::kAccept);
  EXPECT_EQ(MustDecide({0.11, 0.89}, rule).verdict, Verdict::kCollect);
}

TEST(Decision, ExpectsAsManyAnswersAsSimulatedLabelersNeed) {
  // Binary task, uniform posterior, labelers right 3 times of 4: walk the
  // log-odds until the goal and count the steps.
  StopRule rule;
  rule.target = 0.99;
  rule.expected_accuracy = 0.75;
  rule.answers_left = 1000;
  Rng rng(3);
  const double step = std::log(3.0);
  const double goal = std::log(0.99 / 0.01);
  double steps = 0;
  constexpr int kWalks = 4000;
  for (int walk = 0; walk < kWalks; ++walk) {
    double odds = 0;
    while (std::abs(odds) < goal) {
      odds += rng.Bernoulli(0.75) ? step : -step;
      steps += 1;
    }
  }
  // Wald's identity forgets the last step's overshoot, less than a step.
  EXPECT_NEAR(static_cast<double>(MustDecide({0.5, 0.5}, rule).answers),
              steps / kWalks, 2.0);
}

TEST(Decision, EscalatesWithTheReason) {
  StopRule rule;
  rule.target = 0.999;
  rule.expected_accuracy = 0.7;
  rule.price = 1;
  const std::vector<double> open = {0.5, 0.5};
  rule.answers_left = 0;
  EXPECT_EQ(MustDecide(open, rule).reason, EscalationReason::kNoAnswersLeft);
  rule.answers_left = 3;
  EXPECT_EQ(MustDecide(open, rule).reason, EscalationReason::kOutOfReach);
  rule.answers_left = 100;
  EXPECT_EQ(MustDecide(open, rule).verdict, Verdict::kCollect);
  rule.budget_left = 3;
  EXPECT_EQ(MustDecide(open, rule).reason, EscalationReason::kOutOfReach);
  rule.budget_left = 0.5;
  EXPECT_EQ(MustDecide(open, rule).reason, EscalationReason::kNoBudgetLeft);
  rule.budget_left = 100;
  rule.value_per_bit = 2;  // an answer tells 0.12 bits
  EXPECT_EQ(MustDecide(open, rule).reason, EscalationReason::kNotWorthItsPrice);
  rule.value_per_bit = 20;
  EXPECT_EQ(MustDecide(open, rule).verdict, Verdict::kCollect);
  rule.expected_accuracy = 0.5;
  rule.value_per_bit = 0;
  EXPECT_EQ(MustDecide(open, rule).reason,
            EscalationReason::kLabelersOnlyGuess);
}

TEST(Decision, IsMonotoneInTheTargetAndTheLimits) {
  Rng rng(5);
  for (int trial = 0; trial < 200; ++trial) {
    std::vector<double> posterior(2 + rng.Below(5));
    double total = 0;
    for (double& p : posterior) total += p = rng.Gamma(0.5);
    for (double& p : posterior) p /= total;
    StopRule rule;
    rule.expected_accuracy = 0.5 + 0.45 * rng.Uniform();
    rule.answers_left = 40;
    const auto rank = [](const Decision& decision) {
      return decision.verdict == Verdict::kAccept    ? int64_t{0}
             : decision.verdict == Verdict::kCollect ? decision.answers
                                                     : int64_t{1000};
    };
    int64_t before = 0;
    for (double target = 0.05; target < 1; target += 0.05) {
      rule.target = target;
      const int64_t now = rank(MustDecide(posterior, rule));
      ASSERT_GE(now, before) << "trial " << trial << ", target " << target;
      before = now;
    }
    Verdict last = Verdict::kEscalate;
    for (int64_t limit = 1; limit < 40; limit += 3) {
      rule.answers_left = limit;
      const Verdict now = MustDecide(posterior, rule).verdict;
      if (last == Verdict::kCollect) {
        ASSERT_EQ(now, Verdict::kCollect) << trial;
      }
      last = now;
    }
  }
}

TEST(Decision, AnswersToTheCalibratedConfidence) {
  // The model says 0.97 where gold says 0.7.
  std::vector<GoldOutcome> outcomes;
  for (int i = 0; i < 1000; ++i) outcomes.push_back({0.97, i % 10 < 7});
  const auto map = CalibrationMap::Fit(outcomes, 1);
  ASSERT_TRUE(map.ok());
  StopRule rule;
  rule.target = 0.9;
  EXPECT_EQ(MustDecide({0.03, 0.97}, rule).verdict, Verdict::kAccept);
  EXPECT_NE(MustDecide({0.03, 0.97}, rule, *map).verdict, Verdict::kAccept);
}

TEST(Decision, RefusesARuleThatMakesNoSense) {
  for (const auto& [target, accuracy, price] :
       {std::tuple(1.0, 0.7, 0.0), std::tuple(0.9, 1.0, 0.0),
        std::tuple(0.9, 0.7, -1.0)}) {
    StopRule rule;
    rule.target = target;
    rule.expected_accuracy = accuracy;
    rule.price = price;
    EXPECT_EQ(Decide(std::vector<double>{0.5, 0.5}, CalibrationMap(), rule)
                  .status()
                  .code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace allot
