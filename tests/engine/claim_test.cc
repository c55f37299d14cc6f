// SPDX-License-Identifier: Apache-2.0
// Between planning and claiming others may be faster. A clock that calls back
// puts them there, in one thread and at the same place in every run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <utility>

#include "tests/engine/engine_fixture.h"

namespace allot {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr int64_t kMinute = 60'000'000;

// Runs `meanwhile` once, when a call reads the clock the sixth time: the plan
// is made by then, and about to be claimed.
class InterruptingClock final : public Clock {
 public:
  absl::Time Now() const override {
    return absl::FromUnixSeconds(1'700'000'000);
  }
  int64_t MonotonicNanos() const override {
    if (meanwhile && ++reads == 6) std::exchange(meanwhile, nullptr)();
    return 0;
  }
  mutable std::function<void()> meanwhile;
  mutable int reads = 0;
};

class ClaimTest : public EngineTest {
 protected:
  void SetUp() override {
    auto engine = Engine::Open(store_.get(), &interrupting_, {});
    ASSERT_TRUE(engine.ok()) << engine.status();
    engine_ = *std::move(engine);
    MakePool();
  }
  void TearDown() override { engine_.reset(); }

  AllocateCall Leased(std::vector<Task> tasks) const {
    AllocateCall call = Batch(std::move(tasks));
    call.lease_micros = kMinute;
    return call;
  }
  // What `call` gets if `other` is served between its plan and its claims.
  Plan AllocateWhile(const AllocateCall& other, const AllocateCall& call) {
    interrupting_.reads = 0;
    interrupting_.meanwhile = [this, other] {
      EXPECT_THAT(Allocate(other).pairs, SizeIs(1));
    };
    return Allocate(call);
  }
  int32_t OpenLeases(const std::string& labeler) const {
    return engine_->GetLabeler("p", labeler)->open_leases;
  }

  InterruptingClock interrupting_;
};

TEST_F(ClaimTest, ALabelerWhoWasTakenMeanwhileIsReplaced) {
  Add({WithSkill(MakeLabeler("star", 1), 3),
       WithSkill(MakeLabeler("spare", 1), 1)});
  const Plan plan =
      AllocateWhile(Leased({MakeTask("u")}), Leased({MakeTask("t")}));
  EXPECT_EQ(plan.claims_lost, 1);
  EXPECT_EQ(plan.claims_granted, 1);
  ASSERT_THAT(plan.pairs, SizeIs(1));
  EXPECT_EQ(plan.pairs[0].labeler, "spare");
  EXPECT_EQ(plan.objective, plan.pairs[0].utility);
  EXPECT_EQ(plan.filled, 1);
  EXPECT_EQ(OpenLeases("star"), 1);
  EXPECT_EQ(OpenLeases("spare"), 1);
}

TEST_F(ClaimTest, ATaskThatWasFilledMeanwhileIsNotFilledTwice) {
  Add({WithSkill(MakeLabeler("star", 5), 3),
       WithSkill(MakeLabeler("spare", 5), 1)});
  AllocateCall other = Leased({MakeTask("t")});
  other.labelers = {"spare"};
  const Plan plan = AllocateWhile(other, Leased({MakeTask("t")}));
  EXPECT_EQ(plan.claims_lost, 1);
  EXPECT_THAT(plan.pairs, IsEmpty());
  EXPECT_EQ(engine_->GetPool("p")->stats.open_leases, 1);
}

TEST_F(ClaimTest, NobodyIsGivenATaskSheGotMeanwhile) {
  Add({MakeLabeler("only", 5)});
  const Plan plan =
      AllocateWhile(Leased({MakeTask("t", 1)}), Leased({MakeTask("t", 2)}));
  EXPECT_THAT(plan.pairs, IsEmpty());
  ASSERT_THAT(plan.unfilled, SizeIs(1));
  EXPECT_EQ(OpenLeases("only"), 1);
}

TEST_F(ClaimTest, WhatIsPlannedAgainKeepsWithinTheBudgetOfTheCall) {
  Add({WithSkill(MakeLabeler("star", 1, 0.4), 3),
       WithSkill(MakeLabeler("fair", 1, 0.4), 2.5),
       WithSkill(MakeLabeler("dear", 1, 0.9), 3)});
  AllocateCall other = Leased({MakeTask("u")});
  other.labelers = {"star"};
  AllocateCall call = Leased({MakeTask("t"), MakeTask("v")});
  for (Task& task : call.tasks) task.value = 10;
  call.budget = 1.0;
  const Plan plan = AllocateWhile(other, call);
  EXPECT_EQ(plan.claims_lost, 1);
  EXPECT_THAT(plan.pairs, SizeIs(1));
  EXPECT_LE(plan.cost, 1.0);
}

TEST_F(ClaimTest, AFullLabelerIsNotPlannedAtAll) {
  Add({WithSkill(MakeLabeler("star", 1), 3),
       WithSkill(MakeLabeler("spare", 1), 1)});
  EXPECT_EQ(Allocate(Leased({MakeTask("t")})).pairs.at(0).labeler, "star");
  const Plan plan = Allocate(Batch({MakeTask("u")}));
  ASSERT_THAT(plan.pairs, SizeIs(1));
  EXPECT_EQ(plan.pairs[0].labeler, "spare");
}

}  // namespace
}  // namespace allot
