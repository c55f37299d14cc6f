// SPDX-License-Identifier: Apache-2.0
// Nobody starves where the policy says so: who has had less work gets a bonus,
// and the plan is the best one with it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "lib/base/rng.h"
#include "tests/engine/engine_fixture.h"

namespace allot {
namespace {

constexpr int kLabelers = 6;
constexpr int kTurn = 4;

class FairnessTest : public EngineTest {
 protected:
  void SetUp() override {
    Pool pool = SimplePool();
    pool.learning.learn_prior = false;
    MakePool(pool);
    for (int i = 0; i < kLabelers; ++i) {
      Add({WithSkill(MakeLabeler(absl::StrCat("l", i), 10, 0.01 * i),
                     3 - 0.5 * i, 1e-4)});
    }
  }
  AllocateCall FairBatch(std::vector<Task> tasks, double fairness) const {
    AllocateCall call = Batch(std::move(tasks));
    call.policy.weights.fairness = fairness;
    call.policy.weights.fair_answers = kTurn;
    return call;
  }
  // One task after another, each answered at once.
  void Serve(int tasks, double fairness) {
    for (int t = 0; t < tasks; ++t) {
      const std::string id = absl::StrCat("t", served_++);
      const Plan plan = Allocate(FairBatch({MakeTask(id)}, fairness));
      ASSERT_EQ(plan.pairs.size(), 1u);
      Report({{.task = id, .labeler = plan.pairs[0].labeler, .label = 0}});
      ++answers_[plan.pairs[0].labeler];
    }
  }
  std::vector<int> Counts() const {
    std::vector<int> counts;
    for (const auto& [id, count] : answers_) counts.push_back(count);
    return counts;
  }

  int served_ = 0;
  std::map<std::string, int> answers_;
};

TEST_F(FairnessTest, WithoutItTheBestGetsEverything) {
  Serve(10, 0);
  EXPECT_THAT(answers_, testing::ElementsAre(testing::Pair("l0", 10)));
}

// fairness / fair_answers is more than the best is ahead of the last.
TEST_F(FairnessTest, WorkGoesRoundWhereItOutweighsWhatLabelersDifferBy) {
  for (int round = 1; round <= kTurn; ++round) {
    Serve(kLabelers, 10);
    EXPECT_THAT(Counts(),
                testing::ElementsAreArray(std::vector<int>(kLabelers, round)));
  }
}

TEST_F(FairnessTest, WhenAllHaveHadTheirTurnTheBestGetsEverything) {
  Serve(kLabelers * kTurn + 5, 10);
  EXPECT_EQ(answers_["l0"], kTurn + 5);
  EXPECT_EQ(answers_["l5"], kTurn);
}

TEST_F(FairnessTest, ANewcomerHasHerTurnFirst) {
  Serve(kLabelers * kTurn, 10);
  Add({WithSkill(MakeLabeler("new"), 0)});
  Serve(kTurn, 10);
  EXPECT_EQ(answers_["new"], kTurn);
}

TEST_F(FairnessTest, OpenLeasesCountAsWork) {
  std::map<std::string, int> leases;
  for (int t = 0; t < kLabelers; ++t) {
    AllocateCall call = FairBatch({MakeTask(absl::StrCat("t", t))}, 10);
    call.lease_micros = 60'000'000;
    const Plan plan = Allocate(call);
    ASSERT_EQ(plan.pairs.size(), 1u);
    ++leases[plan.pairs[0].labeler];
  }
  EXPECT_EQ(leases.size(), static_cast<size_t>(kLabelers));
}

TEST_F(FairnessTest, AnAnswerMayCostMoreThanItTellsByTheBonusAtMost) {
  Add({MakeLabeler("dear", 10, 3)});
  AllocateCall call = FairBatch({MakeTask("t")}, 3);
  call.labelers = {"dear"};
  const Plan made = Allocate(call);
  ASSERT_EQ(made.pairs.size(), 1u);
  EXPECT_GT(made.pairs[0].utility, 0);
  call.policy.weights.fairness = 2;
  const Plan none = Allocate(call);
  ASSERT_EQ(none.unfilled.size(), 1u);
  EXPECT_EQ(none.unfilled[0].reason, UnfilledReason::kNotWorthItsPrice);
}

// The bound that docs/model.md states, on plans with everything in them.
class FairnessBoundTest : public FairnessTest,
                          public testing::WithParamInterface<int> {};

TEST_P(FairnessBoundTest, NobodyFreeIsPassedOverForLessThanTheBonusSays) {
  Rng rng(static_cast<uint64_t>(GetParam()));
  const double fairness = 0.3 * static_cast<double>(rng.Below(4));
  Serve(static_cast<int>(rng.Below(12)), 0.5);
  std::vector<Task> tasks;
  for (int t = 0; t < 5; ++t) {
    tasks.push_back(
        MakeTask(absl::StrCat("new", t), 1 + static_cast<int>(rng.Below(3))));
    tasks.back().value = 0.5 + rng.Uniform();
  }
  const auto turn = [&](const std::string& labeler) {
    return std::min(1.0, static_cast<double>(answers_[labeler]) / kTurn);
  };
  AllocateCall call = FairBatch(tasks, fairness);
  const Plan plan = Allocate(call);
  EXPECT_EQ(plan.gap, 0);
  EXPECT_LE(plan.objective, plan.upper_bound + 1e-6);
  EXPECT_NEAR(plan.objective, plan.upper_bound, 1e-5);
  std::map<int32_t, std::set<std::string>> served;
  for (const PlannedPair& pair : plan.pairs) {
    served[pair.task].insert(pair.labeler);
  }
  for (const PlannedPair& pair : plan.pairs) {
    for (int i = 0; i < kLabelers; ++i) {
      const std::string other = absl::StrCat("l", i);
      if (served[pair.task].contains(other)) continue;
      // Everybody has room to spare. What would the other be worth?
      AllocateCall alone = FairBatch({tasks[pair.task]}, 0);
      alone.policy.weights.must_fill = true;
      alone.tasks[0].redundancy = 1;
      alone.labelers = {other};
      const double worth = Allocate(alone).pairs[0].utility;
      alone.labelers = {pair.labeler};
      const double kept = Allocate(alone).pairs[0].utility;
      EXPECT_NEAR(pair.utility, kept + fairness * (1 - turn(pair.labeler)),
                  1e-5);
      EXPECT_GE(kept - worth,
                fairness * (turn(pair.labeler) - turn(other)) - 1e-5);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, FairnessBoundTest, testing::Range(0, 20));

}  // namespace
}  // namespace allot
