// SPDX-License-Identifier: Apache-2.0
// Between planning and claiming others may be faster. A clock that calls back
// puts them there, in one thread and at the same place in every run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <utility>

#include "tests/engine/engine_fixture.h"

namespace allot {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

constexpr int64_t kMinute = 60'000'000;

// Runs each `meanwhile` once, when a call has read the clock so often: by the
// sixth time the plan is made, and about to be claimed.
class InterruptingClock final : public Clock {
 public:
  absl::Time Now() const override {
    return absl::FromUnixSeconds(1'700'000'000);
  }
  int64_t MonotonicNanos() const override {
    const auto due = meanwhile.find(++reads);
    if (due != meanwhile.end()) {
      const int paused = reads;
      meanwhile.extract(due).mapped()();
      reads = paused;
    }
    return 0;
  }
  mutable std::map<int, std::function<void()>> meanwhile;
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
    interrupting_.meanwhile[6] = [this, other] {
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

// Whenever the second rival comes, the task that loses twice gets the third
// labeler, and the other task no more than it asked for.
TEST_F(ClaimTest, ATaskThatLosesTwiceIsPlannedAThirdTime) {
  int lost_twice = 0;
  for (int when = 7; when < 40; ++when) {
    SCOPED_TRACE(when);
    const auto name = [when](const char* role) {
      return absl::StrCat(role, when);
    };
    Add({WithSkill(MakeLabeler(name("first"), 1), 4),
         WithSkill(MakeLabeler(name("star"), 1), 3),
         WithSkill(MakeLabeler(name("second"), 1), 2),
         WithSkill(MakeLabeler(name("third"), 1), 1)});
    const auto rival = [&](const char* role) {
      AllocateCall other = Leased({MakeTask(name(role))});
      other.labelers = {name(role)};
      return [this, other] { Allocate(other); };
    };
    AllocateCall call = Leased({MakeTask(name("t")), MakeTask(name("v"))});
    call.tasks[0].value = 2;
    call.tasks[1].excluded_labelers = {name("first")};
    call.labelers = {name("first"), name("star"), name("second"),
                     name("third")};
    interrupting_.reads = 0;
    interrupting_.meanwhile = {{6, rival("star")}, {when, rival("second")}};
    const Plan plan = Allocate(call);
    if (plan.claims_lost == 2) {
      ++lost_twice;
      EXPECT_EQ(OpenLeases(name("third")), 1);
    }
    EXPECT_THAT(plan.pairs, SizeIs(2));
    EXPECT_THAT(plan.unfilled, IsEmpty());
    interrupting_.meanwhile.clear();
  }
  EXPECT_GT(lost_twice, 0);
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
