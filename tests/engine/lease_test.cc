// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <thread>

#include "tests/engine/engine_fixture.h"
#include "tests/testing/faulty_store.h"

namespace allot {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr int64_t kMinute = 60'000'000;

class LeaseTest : public EngineTest {
 protected:
  void SetUp() override { MakePool(); }

  AllocateCall Leased(std::vector<Task> tasks) const {
    AllocateCall call = Batch(std::move(tasks));
    call.lease_micros = kMinute;
    return call;
  }
  int32_t OpenLeases(const std::string& labeler) const {
    return engine_->GetLabeler("p", labeler)->open_leases;
  }
};

TEST_F(LeaseTest, AClaimTakesCapacityAndASlotUntilItEnds) {
  Add({MakeLabeler("a", 1), MakeLabeler("b", 1)});
  const Plan plan = Allocate(Leased({MakeTask("t")}));
  ASSERT_THAT(plan.pairs, SizeIs(1));
  ASSERT_TRUE(plan.pairs[0].lease.has_value());
  EXPECT_EQ(OpenLeases(plan.pairs[0].labeler), 1);
  EXPECT_THAT(Allocate(Leased({MakeTask("t")})).pairs, IsEmpty());
  EXPECT_THAT(Allocate(Leased({MakeTask("u"), MakeTask("v")})).pairs,
              SizeIs(1));
}

TEST_F(LeaseTest, AnAnswerEndsTheLease) {
  Add({MakeLabeler("a", 1)});
  Allocate(Leased({MakeTask("t")}));
  Report({{.task = "t", .labeler = "a", .label = 0}});
  EXPECT_EQ(OpenLeases("a"), 0);
  EXPECT_EQ(engine_->GetPool("p")->stats.open_leases, 0);
}

TEST_F(LeaseTest, ADryRunClaimsNothing) {
  Add({MakeLabeler("a", 1)});
  AllocateCall call = Leased({MakeTask("t")});
  call.dry_run = true;
  EXPECT_FALSE(Allocate(call).pairs[0].lease.has_value());
  EXPECT_EQ(OpenLeases("a"), 0);
}

TEST_F(LeaseTest, AnExpiredLeaseReturnsAndItsAnswerIsLateButCounts) {
  Add({MakeLabeler("a", 1)});
  const Plan plan = Allocate(Leased({MakeTask("t")}));
  clock_.Advance(absl::Minutes(2));
  EXPECT_EQ(*engine_->ExpireLeases(), 1);
  EXPECT_EQ(OpenLeases("a"), 0);
  AnswerReport report;
  report.pool = "p";
  report.answers = {{.task = "t", .labeler = "a", .label = 0}};
  report.lease_ids = {plan.pairs[0].lease->id};
  EXPECT_THAT(engine_->ReportAnswers(report)->outcomes,
              ElementsAre(AnswerOutcome::kRecordedLate));
}

TEST_F(LeaseTest, ARenewedLeaseOutlivesItsFirstExpiry) {
  Add({MakeLabeler("a", 1)});
  const std::string id = Allocate(Leased({MakeTask("t")})).pairs[0].lease->id;
  clock_.Advance(absl::Seconds(50));
  const std::vector<std::string> ids = {id, "L999"};
  const auto renewed = *engine_->RenewLeases("p", ids, kMinute);
  EXPECT_TRUE(renewed[0].open);
  EXPECT_FALSE(renewed[1].open);
  clock_.Advance(absl::Seconds(30));
  EXPECT_EQ(*engine_->ExpireLeases(), 0);
  clock_.Advance(absl::Seconds(40));
  EXPECT_EQ(*engine_->ExpireLeases(), 1);
}

TEST_F(LeaseTest, ALeaseEndsWithItsLastMicrosecond) {
  Add({MakeLabeler("a", 1)});
  Allocate(Leased({MakeTask("t")}));
  clock_.Advance(absl::Microseconds(kMinute - 1));
  EXPECT_EQ(*engine_->ExpireLeases(), 0);
  clock_.Advance(absl::Microseconds(1));
  EXPECT_EQ(*engine_->ExpireLeases(), 1);
}

TEST_F(LeaseTest, ASlowStoreMakesNoLeaseLongerThanItsHolderWasTold) {
  auto slow = std::make_unique<FaultyStore>(std::move(store_));
  slow->BeforeAppend([this] { clock_.Advance(absl::Seconds(1)); });
  store_ = std::move(slow);
  Restart();
  Add({MakeLabeler("a", 2)});
  Allocate(Leased({MakeTask("t")}));
  clock_.Advance(absl::Minutes(2));
  // Two appends: that the first lease is over, and the second one.
  const Plan plan = Allocate(Leased({MakeTask("u")}));
  ASSERT_THAT(plan.pairs, SizeIs(1));
  const std::vector<std::string> ids = {plan.pairs[0].lease->id};
  const auto left = [&] {
    return absl::FromUnixMicros(plan.pairs[0].lease->expires_unix_micros) -
           clock_.Now();
  };
  clock_.Advance(left() - absl::Microseconds(1));
  EXPECT_EQ(*engine_->ExpireLeases(), 0);
  clock_.Advance(absl::Microseconds(1));
  EXPECT_FALSE((*engine_->RenewLeases("p", ids, kMinute))[0].open);
}

TEST_F(LeaseTest, WithoutALengthALeaseFitsTheLabelersHandlingTimes) {
  Add({MakeLabeler("a", 2)});
  const auto seconds = [&](const std::string& task) {
    AllocateCall call = Leased({MakeTask(task)});
    call.lease_micros = kLeaseByHandlingTime;
    const Plan plan = Allocate(call);
    return static_cast<double>(plan.pairs.at(0).lease->expires_unix_micros -
                               absl::ToUnixMicros(clock_.Now())) /
           1e6;
  };
  // Of a newcomer little is known, so she gets long; the second task comes
  // after the first.
  const double first = seconds("t");
  EXPECT_GT(first, 5 * MakeTask("t").base_seconds);
  EXPECT_NEAR(seconds("u"), 2 * first, 1e-3);
  for (int i = 0; i < 40; ++i) {
    Report({{.task = absl::StrCat("v", i),
             .labeler = "a",
             .label = 0,
             .handling_seconds = 60}});
  }
  Report({{.task = "t", .labeler = "a", .label = 0, .handling_seconds = 60},
          {.task = "u", .labeler = "a", .label = 0, .handling_seconds = 60}});
  // She takes a minute, hardly ever three.
  const double known = seconds("w");
  EXPECT_GT(known, 60);
  EXPECT_LT(known, 180);
}

TEST_F(LeaseTest, AnAnswerInTimeIsNotLate) {
  Add({MakeLabeler("a", 1)});
  AnswerReport report;
  report.pool = "p";
  report.lease_ids = {Allocate(Leased({MakeTask("t")})).pairs.at(0).lease->id};
  report.answers = {{.task = "t", .labeler = "a", .label = 0}};
  EXPECT_THAT(engine_->ReportAnswers(report)->outcomes,
              ElementsAre(AnswerOutcome::kRecorded));
}

TEST_F(LeaseTest, ALeaseNamedTwiceIsReleasedOnce) {
  Add({MakeLabeler("a", 2), MakeLabeler("b", 2)});
  const Plan plan = Allocate(Leased({MakeTask("t", 2)}));
  const std::string id = plan.pairs.at(0).lease->id;
  const std::vector<std::string> ids = {id, id};
  const auto released =
      *engine_->ReleaseLeases("p", ids, ReleaseReason::kReleased);
  EXPECT_TRUE(released[0].open);
  EXPECT_FALSE(released[1].open);
  EXPECT_EQ(engine_->GetPool("p")->stats.open_leases, 1);
}

TEST_F(LeaseTest, AReleasedTaskMayComeBackASkippedOneDoesNot) {
  Add({MakeLabeler("a", 1)});
  std::vector<std::string> ids = {
      Allocate(Leased({MakeTask("t")})).pairs[0].lease->id};
  EXPECT_TRUE(
      (*engine_->ReleaseLeases("p", ids, ReleaseReason::kReleased))[0].open);
  const Plan again = Allocate(Leased({MakeTask("t")}));
  ASSERT_THAT(again.pairs, SizeIs(1));
  ids = {again.pairs[0].lease->id};
  EXPECT_TRUE(
      (*engine_->ReleaseLeases("p", ids, ReleaseReason::kNotAgainToHer))[0]
          .open);
  EXPECT_FALSE(
      (*engine_->ReleaseLeases("p", ids, ReleaseReason::kReleased))[0].open);
  EXPECT_THAT(Allocate(Leased({MakeTask("t")})).pairs, IsEmpty());
}

TEST_F(LeaseTest, AWithdrawnTaskGoesToNobodyAndEscalates) {
  Add({MakeLabeler("a"), MakeLabeler("b"), MakeLabeler("c")});
  const Plan plan = Allocate(Leased({MakeTask("t", 2)}));
  ASSERT_THAT(plan.pairs, SizeIs(2));
  const std::vector<std::string> ids = {plan.pairs[0].lease->id};
  EXPECT_TRUE(
      (*engine_->ReleaseLeases("p", ids, ReleaseReason::kNever))[0].open);
  for (const char* when : {"at once", "after a restart"}) {
    const Plan again = Allocate(Leased({MakeTask("t", 2), MakeTask(when)}));
    ASSERT_THAT(again.pairs, SizeIs(1)) << when;
    EXPECT_EQ(again.pairs[0].task, 1) << when;
    EXPECT_EQ(again.slots, 2) << when;
    ASSERT_THAT(again.unfilled, SizeIs(1)) << when;
    EXPECT_EQ(again.unfilled[0].task, 0) << when;
    EXPECT_EQ(again.unfilled[0].missing, 1) << "the other lease stays";
    EXPECT_EQ(again.unfilled[0].reason, UnfilledReason::kWithdrawn) << when;
    Restart();
  }
  // Whoever holds it may still answer; nobody is asked for more.
  EXPECT_THAT(
      Report({{.task = "t", .labeler = plan.pairs[1].labeler, .label = 0}})
          .outcomes,
      ElementsAre(AnswerOutcome::kRecorded));
  ScoreCall score;
  score.pool = "p";
  score.items.push_back({.task = MakeTask("t")});
  const auto scored = engine_->Score(score);
  ASSERT_TRUE(scored.ok()) << scored.status();
  EXPECT_EQ(scored->tasks[0].verdict, Verdict::kEscalate);
  EXPECT_EQ(scored->tasks[0].reason, EscalationReason::kNoAnswersLeft);
}

TEST_F(LeaseTest, LeasesOutliveARestart) {
  Add({MakeLabeler("a", 1)});
  const std::string id = Allocate(Leased({MakeTask("t")})).pairs[0].lease->id;
  Restart();
  EXPECT_EQ(OpenLeases("a"), 1);
  const std::vector<std::string> ids = {id};
  EXPECT_TRUE((*engine_->RenewLeases("p", ids, kMinute))[0].open);
}

TEST_F(LeaseTest, DeletingALabelerGivesHerTasksBack) {
  Add({MakeLabeler("a", 1)});
  Allocate(Leased({MakeTask("t")}));
  EXPECT_EQ(engine_->DeleteLabelers("p", {"a", "nobody"})->deleted, 1);
  EXPECT_EQ(engine_->GetPool("p")->stats.open_leases, 0);
  Add({MakeLabeler("b", 1)});
  EXPECT_THAT(Allocate(Leased({MakeTask("t")})).pairs, SizeIs(1));
}

TEST_F(LeaseTest, RacingCallsNeverExceedRedundancyOrCapacity) {
  std::vector<LabelerUpdate> labelers;
  for (int i = 0; i < 12; ++i) {
    labelers.push_back(MakeLabeler(absl::StrCat("l", i), 3));
  }
  Add(labelers);
  constexpr int kThreads = 4;
  std::vector<std::vector<PlannedPair>> won(kThreads);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < 10; ++round) {
        std::vector<Task> tasks;
        for (int i = 0; i < 8; ++i) {
          tasks.push_back(MakeTask(absl::StrCat("t", i), 3));
        }
        AllocateCall call = Leased(std::move(tasks));
        call.seed = thread * 100 + round;
        auto plan = engine_->Allocate(call);
        ASSERT_TRUE(plan.ok()) << plan.status();
        for (PlannedPair& pair : plan->pairs) {
          ASSERT_TRUE(pair.lease.has_value());
          won[thread].push_back(std::move(pair));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::map<std::string, int> of_labeler;
  std::map<std::string, std::set<std::string>> of_task;
  int total = 0;
  for (const auto& pairs : won) {
    for (const PlannedPair& pair : pairs) {
      ++total;
      ++of_labeler[pair.labeler];
      EXPECT_TRUE(of_task[pair.lease->task].insert(pair.labeler).second);
    }
  }
  EXPECT_EQ(total, 24);
  for (const auto& [labeler, count] : of_labeler) EXPECT_LE(count, 3);
  for (const auto& [task, holders] : of_task) EXPECT_EQ(holders.size(), 3u);
}

}  // namespace
}  // namespace allot
