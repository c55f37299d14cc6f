// SPDX-License-Identifier: Apache-2.0
#include "lib/study/market.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lib/study/compare_market.h"
#include "lib/study/crowd.h"
#include "lib/truth/posterior.h"

namespace allot {
namespace {

Scenario SmallMarket() {
  Scenario scenario;
  scenario.hours = 6;
  scenario.domains = 2;
  scenario.classes = 3;
  scenario.tasks_per_hour = 60;
  scenario.groups.push_back({.name = "crowd",
                             .count = 12,
                             .domain_sd = 0.4,
                             .drift_sd_per_day = 0.1,
                             .shift_hours = 24});
  scenario.groups.push_back({.name = "spam",
                             .count = 3,
                             .conduct = Conduct::kGuesser,
                             .shift_hours = 24});
  return scenario;
}

MarketOutcome Simulate(const Scenario& scenario, const char* policy,
                       uint64_t seed = 1) {
  auto outcome = SimulateMarket(scenario, policy, {}, seed);
  EXPECT_TRUE(outcome.ok()) << outcome.status();
  return outcome.ok() ? *std::move(outcome) : MarketOutcome();
}

TEST(MarketTest, EveryTaskIsDoneOnceAndEveryAnswerPaid) {
  for (const char* policy : {"majority", "overlap", "allot"}) {
    const MarketOutcome outcome = Simulate(SmallMarket(), policy);
    EXPECT_NEAR(static_cast<double>(outcome.tasks),
                6 * outcome.arrivals_per_hour, 1e-6);
    EXPECT_EQ(outcome.waiting_hours.size(), static_cast<size_t>(outcome.tasks));
    EXPECT_NEAR(outcome.cost, 0.05 * static_cast<double>(outcome.answers),
                1e-6);
    int64_t of_groups = 0, binned = 0;
    for (const GroupOutcome& group : outcome.groups) of_groups += group.answers;
    for (const CalibrationBin& bin : outcome.calibration) binned += bin.tasks;
    EXPECT_EQ(of_groups, outcome.answers);
    EXPECT_EQ(binned, outcome.tasks);
    EXPECT_GT(outcome.accuracy(), 0.8) << policy;
  }
}

// The time average of open tasks is arrivals an hour times the mean wait.
TEST(MarketTest, LittlesLawHolds) {
  Scenario scenario = SmallMarket();
  scenario.hours = 30;
  for (const char* policy : {"majority", "allot"}) {
    const MarketOutcome outcome = Simulate(scenario, policy);
    const double expected =
        outcome.arrivals_per_hour * outcome.mean_waiting_hours;
    // What is open at the last arrival waits on beyond the window of the
    // average: the ends are a small part of 30 hours.
    EXPECT_NEAR(outcome.open_tasks, expected, 0.05 * expected) << policy;
  }
}

TEST(MarketTest, IsAFunctionOfTheSeed) {
  const MarketOutcome first = Simulate(SmallMarket(), "allot", 4);
  const MarketOutcome again = Simulate(SmallMarket(), "allot", 4);
  const MarketOutcome other = Simulate(SmallMarket(), "allot", 5);
  EXPECT_EQ(first.waiting_hours, again.waiting_hours);
  EXPECT_EQ(first.right, again.right);
  EXPECT_EQ(first.answers_of_labeler, again.answers_of_labeler);
  EXPECT_NE(first.waiting_hours, other.waiting_hours);
}

TEST(MarketTest, TheSameBytesOnOneAndTwoThreads) {
  std::vector<MarketVariant> variants;
  for (const char* policy : {"majority", "allot"}) {
    variants.push_back({.policy = policy});
  }
  Scenario scenario = SmallMarket();
  scenario.hours = 5;
  const auto one =
      CompareMarket(scenario, variants, {.seeds = 3, .threads = 1});
  const auto two =
      CompareMarket(scenario, variants, {.seeds = 3, .threads = 2});
  ASSERT_TRUE(one.ok() && two.ok());
  for (size_t v = 0; v < variants.size(); ++v) {
    EXPECT_EQ((*one)[v].accuracy.mean, (*two)[v].accuracy.mean);
    EXPECT_EQ((*one)[v].cost_per_right.error, (*two)[v].cost_per_right.error);
    EXPECT_EQ((*one)[v].waiting, (*two)[v].waiting);
    EXPECT_EQ((*one)[v].lorenz, (*two)[v].lorenz);
  }
}

TEST(MarketTest, AbandonedTasksAreOfferedAgain) {
  Scenario scenario = SmallMarket();
  scenario.groups[0].abandon = 0.4;
  for (const char* policy : {"majority", "allot"}) {
    const MarketOutcome outcome = Simulate(scenario, policy);
    EXPECT_GT(outcome.abandoned, outcome.answers / 5);
    EXPECT_EQ(outcome.late, 0) << policy;
  }
}

TEST(MarketTest, ASupplyThatLeavesMakesTasksWait) {
  Scenario scenario = SmallMarket();
  const MarketOutcome full = Simulate(scenario, "majority");
  scenario.groups[0].leave_hour = 3;
  scenario.groups.push_back(
      {.name = "back", .count = 12, .shift_hours = 24, .arrive_hour = 6});
  const MarketOutcome shock = Simulate(scenario, "majority");
  EXPECT_GT(shock.mean_waiting_hours, 1.5 * full.mean_waiting_hours);
}

TEST(MarketTest, AllotLearnsToLeaveGuessersAlone) {
  Scenario scenario = SmallMarket();
  scenario.hours = 30;
  const auto share_of_spam = [&](const char* policy) {
    const MarketOutcome outcome = Simulate(scenario, policy);
    return static_cast<double>(outcome.groups[1].answers) /
           static_cast<double>(outcome.answers);
  };
  EXPECT_LT(share_of_spam("allot"), 0.25 * share_of_spam("majority"));
}

// Far more labelers than work: the best get it all, unless the policy is fair.
TEST(MarketTest, AFairPolicyStarvesNobody) {
  Scenario scenario = SmallMarket();
  scenario.hours = 10;
  scenario.groups[0].count = 60;
  EXPECT_GT(Simulate(scenario, "allot").starved, 10);
  EXPECT_EQ(Simulate(scenario, "allot-fair").starved, 0);
}

TEST(MarketTest, FieldsOutOfRangeAreNamed) {
  Scenario scenario = SmallMarket();
  scenario.groups[1].abandon = 2;
  const absl::Status status =
      SimulateMarket(scenario, "majority", {}, 1).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("groups[1].abandon"), std::string::npos);
}

// Of what is said with probability p, so much is right: the simulated answers
// follow the model that posteriors are computed by.
TEST(CrowdTest, PosteriorsUnderTheTrueParametersCoverAtTheNominalRate) {
  Scenario scenario;
  scenario.classes = 3;
  scenario.groups.push_back({.count = 40, .skill_mean = 0.5, .skill_sd = 1});
  const Rng rng(11);
  Crowd crowd(scenario, rng);
  Rng draws = rng.Split(99);
  PosteriorScorer scorer;
  TaskPosterior posterior;
  constexpr int kTasks = 20000;
  double said[10] = {}, right[10] = {}, count[10] = {};
  for (int t = 0; t < kTasks; ++t) {
    const SimulatedTask task{.truth = static_cast<int32_t>(draws.Below(3)),
                             .difficulty = 0.7 * draws.Normal()};
    std::vector<ScoredAnswer> answers;
    for (int a = 0; a < 5; ++a) {
      const auto row = static_cast<int32_t>(draws.Below(40));
      answers.push_back(
          {.label = DrawAnswer(scenario, crowd.group_of(row), crowd.at(row),
                               task, t, 0, 1, draws),
           .logit_mean = crowd.at(row).skill[0]});
    }
    ASSERT_TRUE(scorer
                    .Score({.num_classes = 3, .difficulty_variance = 0.49},
                           answers, &posterior)
                    .ok());
    const int bin = std::min(9, static_cast<int>(10 * posterior.confidence));
    said[bin] += posterior.confidence;
    right[bin] += posterior.label == task.truth ? 1 : 0;
    count[bin] += 1;
  }
  for (int b = 0; b < 10; ++b) {
    if (count[b] < 200) continue;
    const double p = said[b] / count[b];
    EXPECT_NEAR(right[b] / count[b], p,
                4 * std::sqrt(p * (1 - p) / count[b]) + 0.003)
        << "bin " << b;
  }
}

TEST(CrowdTest, ColludersAgreeAndConstantsRepeat) {
  Scenario scenario;
  scenario.classes = 5;
  scenario.groups.push_back({.count = 2, .conduct = Conduct::kColluder});
  scenario.groups.push_back({.count = 1, .conduct = Conduct::kConstant});
  const Rng rng(3);
  Crowd crowd(scenario, rng);
  Rng draws(5);
  for (int t = 0; t < 50; ++t) {
    const SimulatedTask task;
    const auto answer = [&](int32_t row) {
      return DrawAnswer(scenario, crowd.group_of(row), crowd.at(row), task, t,
                        0, 7, draws);
    };
    EXPECT_EQ(answer(0), answer(1));
    EXPECT_EQ(answer(2), crowd.at(2).habit);
  }
}

TEST(CrowdTest, ShiftsAddUpToThePresenceOfADay) {
  Scenario scenario;
  scenario.groups.push_back({.count = 20, .shift_hours = 8});
  const Crowd crowd(scenario, Rng(1));
  for (int32_t i = 0; i < crowd.size(); ++i) {
    int present = 0;
    constexpr int kSteps = 72000;
    for (int s = 0; s < kSteps; ++s) {
      present += crowd.HoursIntoShift(i, 72.0 * (s + 0.5) / kSteps) >= 0;
    }
    const double counted = 72.0 * present / kSteps;
    EXPECT_NEAR(counted, 24, 0.01);
    EXPECT_NEAR(crowd.HoursPresent(i, 72), counted, 0.01);
  }
}

}  // namespace
}  // namespace allot
