// SPDX-License-Identifier: Apache-2.0
// Several engines on one log: who learns what when, and what a slow, cut off or
// misinformed one can do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/engine/replica_fixture.h"

namespace allot {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(ReplicaTest, FindsAPoolThatAnotherReplicaMade) {
  Start(2, 1);
  Pool pool = SimplePool();
  pool.id = "new";
  ASSERT_TRUE(engines_[0]->UpsertPool(pool).ok());
  EXPECT_TRUE(engines_[1]->FindPool("new").ok());
  EXPECT_TRUE(absl::IsNotFound(engines_[1]->FindPool("none").status()));
  pool.id = "newer";
  ASSERT_TRUE(engines_[0]->UpsertPool(pool).ok());
  ASSERT_TRUE(engines_[1]->CatchUp().ok());
  EXPECT_THAT(engines_[1]->ListPools(), SizeIs(3));
}

TEST_F(ReplicaTest, OnlyOneOfTwoCreatesAPool) {
  Start(2, 1);
  Pool pool = SimplePool();
  pool.id = "new";
  // The second decides to create it, and the first is faster.
  bool raced = false;
  stores_[1]->before = [&] {
    if (stores_[1]->appends == 1 && !raced) {
      raced = true;
      EXPECT_TRUE(engines_[0]->UpsertPool(pool)->created);
    }
    return absl::OkStatus();
  };
  stores_[1]->appends = 0;
  const auto change = engines_[1]->UpsertPool(pool);
  ASSERT_TRUE(change.ok()) << change.status();
  EXPECT_TRUE(raced);
  EXPECT_FALSE(change->created);
}

TEST_F(ReplicaTest, LostEventsAreCountedOnceEvenIfNothingIsLeft) {
  Start(2, 1);
  ASSERT_TRUE(engines_[0]->ReportAnswers(Answered("t", "a")).ok());
  // A look asks where the log ends, reads on, then reads all again; some
  // of these calls find that what was read before is gone.
  const auto look = [&](int first_failing, int last_failing) {
    int call = 0;
    stores_[1]->before = [&, call]() mutable {
      ++call;
      return call >= first_failing && call <= last_failing
                 ? absl::DataLossError("gone")
                 : absl::OkStatus();
    };
    return engines_[1]->CatchUp();
  };
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(absl::IsDataLoss(look(2, 100)));
    EXPECT_EQ(engines_[1]->replica_stats().lost, 1) << "at the first look";
  }
  // Something is left in the end: the same loss.
  EXPECT_TRUE(look(2, 2).ok());
  EXPECT_EQ(engines_[1]->replica_stats().lost, 1);
  EXPECT_EQ(engines_[1]->GetPool("p")->stats.answers, 1);
  // Another one.
  ASSERT_TRUE(engines_[0]->ReportAnswers(Answered("u", "a")).ok());
  EXPECT_TRUE(absl::IsDataLoss(look(2, 2)));
  EXPECT_EQ(engines_[1]->replica_stats().lost, 2);
}

TEST_F(ReplicaTest, FollowsWhatOthersAppend) {
  Start(2, 2);
  ASSERT_TRUE(engines_[0]->ReportAnswers(Answered("t", "a")).ok());
  EXPECT_EQ(engines_[1]->GetPool("p")->stats.answers, 0);
  ASSERT_TRUE(engines_[1]->CatchUp().ok());
  EXPECT_EQ(engines_[1]->GetPool("p")->stats.answers, 1);
  EXPECT_EQ(engines_[1]->replica_stats().lag_events, 2);
  ASSERT_TRUE(engines_[1]->CatchUp().ok());
  EXPECT_EQ(engines_[1]->replica_stats().lag_events, 0);
  // The same labeler, bit for bit.
  EXPECT_EQ(engines_[0]->GetLabeler("p", "a")->labeler.skills[0].mean,
            engines_[1]->GetLabeler("p", "a")->labeler.skills[0].mean);
  EXPECT_EQ(engines_[0]->GetPool("p")->stats.roster_version,
            engines_[1]->GetPool("p")->stats.roster_version);
}

TEST_F(ReplicaTest, LooksAgainBeforeItCallsAnythingUnknown) {
  Start(2, 1);
  ASSERT_TRUE(engines_[0]->UpsertLabelers("p", {MakeLabeler("new")}).ok());
  EXPECT_TRUE(engines_[1]->GetLabeler("p", "new").ok());
  ASSERT_TRUE(engines_[0]->UpsertLabelers("p", {MakeLabeler("newer")}).ok());
  EXPECT_TRUE(engines_[1]->ReportAnswers(Answered("t", "newer")).ok());
  ASSERT_TRUE(engines_[0]->UpsertLabelers("p", {MakeLabeler("newest")}).ok());
  AllocateCall call = Leased({{"u", 1}});
  call.labelers = {"newest"};
  EXPECT_THAT(engines_[1]->Allocate(call)->pairs, SizeIs(1));
  ASSERT_TRUE(engines_[0]->ReportAnswers(Answered("v", "a")).ok());
  ScoreCall score;
  score.pool = "p";
  score.items.push_back({DefaultTask(SimplePool(), "v"), true, std::nullopt});
  EXPECT_TRUE(engines_[1]->Score(score).ok());
  EXPECT_TRUE(
      absl::IsNotFound(engines_[1]->GetLabeler("p", "nobody").status()));
}

TEST_F(ReplicaTest, ReleasesAndRenewsWhatAnotherReplicaGranted) {
  Start(2, 2);
  const Plan plan = *engines_[0]->Allocate(Leased({{"t", 2}}));
  ASSERT_THAT(plan.pairs, SizeIs(2));
  // The second replica has not seen the grant: nothing it would append, so it
  // must look before it says "no such lease".
  std::vector<std::string> ids = {plan.pairs[0].lease->id};
  EXPECT_TRUE((*engines_[1]->RenewLeases("p", ids, 1'000'000))[0].open);
  EXPECT_TRUE(
      (*engines_[1]->ReleaseLeases("p", ids, ReleaseReason::kReleased))[0]
          .open);
  ids = {plan.pairs[1].lease->id};
  EXPECT_TRUE(
      (*engines_[0]->ReleaseLeases("p", ids, ReleaseReason::kReleased))[0]
          .open);
  EXPECT_FALSE(
      (*engines_[1]->ReleaseLeases("p", ids, ReleaseReason::kReleased))[0]
          .open);
  EXPECT_THAT(Model().open, IsEmpty());
}

TEST_F(ReplicaTest, AReplicaThatSleptCannotClaimWhatIsTaken) {
  Start(2, 3);
  // It has planned, and is stopped before it appends; the other one takes the
  // task and, when its lease is over, ends it and takes it again.
  bool stopped = false;
  stores_[0]->before = [&] {
    if (stopped) return absl::OkStatus();
    stopped = true;
    EXPECT_THAT(engines_[1]->Allocate(Leased({{"t", 1}}))->pairs, SizeIs(1));
    Advance(absl::Minutes(2));
    EXPECT_EQ(*engines_[1]->ExpireLeases(), 1);
    EXPECT_THAT(engines_[1]->Allocate(Leased({{"t", 1}}))->pairs, SizeIs(1));
    return absl::OkStatus();
  };
  const auto plan = engines_[0]->Allocate(Leased({{"t", 1}}));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(stopped);
  EXPECT_THAT(plan->pairs, IsEmpty());
  EXPECT_GT(engines_[0]->replica_stats().conflicts, 0);
  EXPECT_THAT(Model().open, SizeIs(1));
}

TEST_F(ReplicaTest, AReplicaThatSleptCannotClaimWhatIsWithdrawn) {
  Start(2, 3);
  // It has planned, and is stopped before it appends; the other one's labeler
  // finds that the task cannot be done.
  bool stopped = false;
  stores_[0]->before = [&] {
    if (stopped) return absl::OkStatus();
    stopped = true;
    const auto taken = engines_[1]->Allocate(Leased({{"t", 1}}));
    const std::vector<std::string> ids = {taken->pairs[0].lease->id};
    EXPECT_TRUE(
        (*engines_[1]->ReleaseLeases("p", ids, ReleaseReason::kNever))[0].open);
    return absl::OkStatus();
  };
  const auto plan = engines_[0]->Allocate(Leased({{"t", 1}, {"u", 1}}));
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_TRUE(stopped);
  ASSERT_THAT(plan->pairs, SizeIs(1));
  EXPECT_EQ(plan->pairs[0].task, 1);
  EXPECT_THAT(Model().open, SizeIs(1));
}

TEST_F(ReplicaTest, AReplicaThatSleptHasItsAnswerCalledLate) {
  Start(2, 2);
  const Plan plan = *engines_[0]->Allocate(Leased({{"t", 1}}));
  const std::string labeler = plan.pairs[0].labeler;
  bool stopped = false;
  stores_[0]->before = [&] {
    if (stopped) return absl::OkStatus();
    stopped = true;
    EXPECT_TRUE(engines_[1]->CatchUp().ok());
    clocks_[1]->Advance(absl::Minutes(2));
    EXPECT_EQ(*engines_[1]->ExpireLeases(), 1);
    return absl::OkStatus();
  };
  const auto receipt = engines_[0]->ReportAnswers(
      Answered("t", labeler, plan.pairs[0].lease->id));
  ASSERT_TRUE(receipt.ok()) << receipt.status();
  EXPECT_THAT(receipt->outcomes, ElementsAre(AnswerOutcome::kRecordedLate));
  EXPECT_EQ(Model().late["t"], 1);
}

TEST_F(ReplicaTest, EndsALeaseOnceHoweverManyReplicasSeeItEnd) {
  Start(3, 2);
  ASSERT_THAT(engines_[0]->Allocate(Leased({{"t", 2}}))->pairs, SizeIs(2));
  for (const auto& engine : engines_) ASSERT_TRUE(engine->CatchUp().ok());
  Advance(absl::Minutes(2));
  int64_t ended = 0;
  for (const auto& engine : engines_) ended += *engine->ExpireLeases();
  EXPECT_EQ(ended, 2);
  EXPECT_EQ(Model().expired, 2);
}

TEST_F(ReplicaTest, AnAppendWhoseReplyWasLostIsFoundOut) {
  Start(2, 3);
  stores_[0]->after_append = [](absl::StatusOr<int64_t>& result) {
    result = absl::UnavailableError("the connection was lost");
  };
  EXPECT_TRUE(absl::IsUnavailable(
      engines_[0]->ReportAnswers(Answered("t", "a")).status()));
  EXPECT_TRUE(
      absl::IsUnavailable(engines_[0]->Allocate(Leased({{"u", 1}})).status()));
  stores_[0]->after_append = [](absl::StatusOr<int64_t>&) {};
  // It had been recorded; the retry says so, here as elsewhere.
  EXPECT_THAT(engines_[0]->ReportAnswers(Answered("t", "a"))->outcomes,
              ElementsAre(AnswerOutcome::kDuplicate));
  EXPECT_THAT(engines_[1]->ReportAnswers(Answered("t", "a"))->outcomes,
              ElementsAre(AnswerOutcome::kDuplicate));
  // The second append was refused: the first had moved the log.
  EXPECT_THAT(Model().open, IsEmpty());
  EXPECT_THAT(Model().answers, SizeIs(1));
}

TEST_F(ReplicaTest, ARetryAtAnotherReplicaGetsTheFirstResponse) {
  Start(2, 2);
  const auto request = [] {
    Request<Plan> made;
    made.id = "r";
    made.fingerprint = 7;
    made.encode = [](const Plan& plan) { return plan.pairs[0].lease->id; };
    return made;
  };
  stores_[0]->after_append = [](absl::StatusOr<int64_t>& result) {
    result = absl::UnavailableError("the connection was lost");
  };
  Request<Plan> first = request();
  EXPECT_FALSE(engines_[0]->Allocate(Leased({{"t", 1}}), &first).ok());
  Request<Plan> second = request();
  ASSERT_TRUE(engines_[1]->Allocate(Leased({{"t", 1}}), &second).ok());
  ASSERT_TRUE(second.replay.has_value());
  EXPECT_EQ(second.replay->response, "L1");
  EXPECT_THAT(Model().leases, SizeIs(1));
}

TEST_F(ReplicaTest, ReadsAndPlansGoOnWhileTheStoreIsAway) {
  Start(1, 2);
  ASSERT_TRUE(engines_[0]->ReportAnswers(Answered("t", "a")).ok());
  stores_[0]->before = [] { return absl::UnavailableError("away"); };
  AllocateCall call = Leased({{"u", 1}});
  EXPECT_TRUE(absl::IsUnavailable(engines_[0]->Allocate(call).status()));
  call.lease_micros.reset();
  EXPECT_THAT(engines_[0]->Allocate(call)->pairs, SizeIs(1));
  ScoreCall score;
  score.pool = "p";
  score.items.push_back({DefaultTask(SimplePool(), "t"), true, std::nullopt});
  EXPECT_TRUE(engines_[0]->Score(score).ok());
  EXPECT_TRUE(absl::IsUnavailable(engines_[0]->FindPool("other").status()));
  EXPECT_FALSE(engines_[0]->CatchUp().ok());
  stores_[0]->before = [] { return absl::OkStatus(); };
  EXPECT_TRUE(engines_[0]->CatchUp().ok());
  EXPECT_TRUE(engines_[0]->ReportAnswers(Answered("u", "a")).ok());
}

TEST_F(ReplicaTest, FallsBackToTheCheckpointWhenTheLogWasTrimmed) {
  Start(3, 4, 10);
  for (const char* task : {"t", "u", "v"}) {
    ASSERT_TRUE(engines_[0]->ReportAnswers(Answered(task, "a")).ok());
  }
  ASSERT_THAT(engines_[0]->Allocate(Leased({{"w", 2}}))->pairs, SizeIs(2));
  ASSERT_TRUE(engines_[0]->SaveCheckpoints().ok());
  trimmed_["p"] = log_->Ends()->at(0).sequence;
  ASSERT_TRUE(engines_[0]->ReportAnswers(Answered("x", "a")).ok());
  // One that tails, one that changes something, one that starts.
  ASSERT_TRUE(engines_[1]->CatchUp().ok());
  ASSERT_TRUE(engines_[2]->ReportAnswers(Answered("y", "a")).ok());
  ASSERT_TRUE(engines_[1]->CatchUp().ok());
  const size_t late = AddReplica();
  for (const size_t i : {size_t{1}, size_t{2}, late}) {
    EXPECT_EQ(engines_[i]->GetPool("p")->stats.answers, 5) << i;
    EXPECT_EQ(engines_[i]->GetPool("p")->stats.open_leases, 2) << i;
  }
  Advance(absl::Minutes(2));
  EXPECT_EQ(*engines_[late]->ExpireLeases(), 2);
}

TEST_F(ReplicaTest, WallClocksThatJumpOrDifferMoveNoLease) {
  for (const absl::Duration jump : {absl::Hours(1), -absl::Hours(1)}) {
    Start(3, 1);
    // The third replica's clock is wrong from the start.
    clocks_[2]->JumpWall(jump);
    ASSERT_THAT(engines_[0]->Allocate(Leased({{"t", 1}}))->pairs, SizeIs(1));
    for (const auto& engine : engines_) ASSERT_TRUE(engine->CatchUp().ok());
    clocks_[0]->JumpWall(jump);
    clocks_[1]->JumpWall(-jump);
    for (const auto& engine : engines_) EXPECT_EQ(*engine->ExpireLeases(), 0);
    // One that starts with a wrong clock is no better informed.
    const size_t late = AddReplica();
    clocks_[late]->JumpWall(jump);
    EXPECT_EQ(*engines_[late]->ExpireLeases(), 0);
    Advance(absl::Seconds(59));
    for (const auto& engine : engines_) EXPECT_EQ(*engine->ExpireLeases(), 0);
    Advance(absl::Seconds(1));
    EXPECT_EQ(*engines_[2]->ExpireLeases(), 1) << jump;
    EXPECT_THAT(Model().open, IsEmpty());
  }
}

TEST_F(ReplicaTest, AGrantFoldedLateEndsWhenItWasGrantedTo) {
  Start(2, 1);
  ASSERT_TRUE(engines_[1]->CatchUp().ok());
  ASSERT_THAT(engines_[0]->Allocate(Leased({{"t", 1}}))->pairs, SizeIs(1));
  Advance(absl::Seconds(40));  // paused, say
  ASSERT_TRUE(engines_[1]->CatchUp().ok());
  Advance(absl::Seconds(19));
  EXPECT_EQ(*engines_[1]->ExpireLeases(), 0);
  Advance(absl::Seconds(1));
  EXPECT_EQ(*engines_[1]->ExpireLeases(), 1);
}

TEST_F(ReplicaTest, AWrongClockIsNotBelievedBeyondTheLastLook) {
  Start(2, 1);
  Advance(absl::Seconds(30));
  ASSERT_TRUE(engines_[1]->CatchUp().ok());
  Advance(absl::Seconds(2));
  ASSERT_THAT(engines_[0]->Allocate(Leased({{"t", 1}}))->pairs, SizeIs(1));
  clocks_[1]->JumpWall(absl::Hours(1));
  ASSERT_TRUE(engines_[1]->CatchUp().ok());
  Advance(absl::Seconds(57));
  EXPECT_EQ(*engines_[1]->ExpireLeases(), 0);
  Advance(absl::Seconds(1));
  EXPECT_EQ(*engines_[1]->ExpireLeases(), 1);
}

TEST_F(ReplicaTest, AWrongClockIsNotBelievedBeyondTheLastFoldEither) {
  Start(3, 2);
  Advance(absl::Seconds(30));
  // A change folded is a look.
  ASSERT_TRUE(engines_[2]->ReportAnswers(Answered("u", "b")).ok());
  ASSERT_TRUE(engines_[1]->GetLabeler("p", "a").ok());
  const std::vector<std::string> none = {"L0"};
  ASSERT_TRUE(
      engines_[1]->ReleaseLeases("p", none, ReleaseReason::kReleased).ok());
  Advance(absl::Seconds(2));
  ASSERT_THAT(engines_[0]->Allocate(Leased({{"t", 1}}))->pairs, SizeIs(1));
  clocks_[1]->JumpWall(absl::Hours(1));
  ASSERT_TRUE(
      engines_[1]->ReleaseLeases("p", none, ReleaseReason::kReleased).ok());
  Advance(absl::Seconds(57));
  EXPECT_EQ(*engines_[1]->ExpireLeases(), 0);
  Advance(absl::Seconds(3));
  EXPECT_EQ(*engines_[1]->ExpireLeases(), 1);
}

TEST_F(ReplicaTest, ACheckpointOfAnotherReplicaIsOneLessToWrite) {
  Start(2, 1);
  EngineOptions often;
  often.checkpoint_events = 3;
  ReplicaStore store(log_.get());
  store.trimmed = &trimmed_;
  ManualClock clock;
  auto engine = *Engine::Open(&store, &clock, often);
  for (const char* task : {"t", "u", "v"}) {
    ASSERT_TRUE(engines_[0]->ReportAnswers(Answered(task, "a")).ok());
  }
  ASSERT_TRUE(engine->CatchUp().ok());
  ASSERT_TRUE(engines_[0]->SaveCheckpoints().ok());
  ASSERT_TRUE(engine->CatchUp().ok());
  const auto kept = *log_->LoadCheckpoint("p");
  ASSERT_TRUE(engines_[0]->ReportAnswers(Answered("w", "a")).ok());
  ASSERT_TRUE(engine->CatchUp().ok());
  ASSERT_TRUE(engine->SaveDueCheckpoints().ok());
  EXPECT_EQ((*log_->LoadCheckpoint("p"))->sequence, kept->sequence);
}

TEST_F(ReplicaTest, ARestartWithAWrongClockFreesNoLeaseOfASharedLog) {
  Start(1, 1);
  ASSERT_THAT(engines_[0]->Allocate(Leased({{"t", 1}}))->pairs, SizeIs(1));
  ManualClock wrong(clocks_[0]->Now() + absl::Hours(1));
  auto engine = Engine::Open(stores_[0].get(), &wrong, {});
  ASSERT_TRUE(engine.ok());
  EXPECT_EQ(*(*engine)->ExpireLeases(), 0);
  wrong.Advance(absl::Minutes(1));
  EXPECT_EQ(*(*engine)->ExpireLeases(), 1);
}

TEST_F(ReplicaTest, RacingReplicasKeepEveryInvariant) {
  Start(3, 6, 2);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 3; ++i) {
    threads.emplace_back([this, i] {
      Engine& engine = *engines_[i];
      for (int round = 0; round < 60; ++round) {
        const auto plan =
            engine.Allocate(Leased({{absl::StrCat("t", round % 7), 2},
                                    {absl::StrCat("u", round % 5), 3}}));
        ASSERT_TRUE(plan.ok()) << plan.status();
        for (const PlannedPair& pair : plan->pairs) {
          const std::vector<std::string> ids = {pair.lease->id};
          if (round % 3 == 0) {
            ASSERT_TRUE(
                engine.ReleaseLeases("p", ids, ReleaseReason::kReleased).ok());
          } else {
            ASSERT_TRUE(engine
                            .ReportAnswers(Answered(pair.lease->task,
                                                    pair.labeler, ids[0]))
                            .ok());
          }
        }
        ASSERT_TRUE(engine.CatchUp().ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const LogModel model = Model();
  EXPECT_THAT(model.open, IsEmpty());
  EXPECT_THAT(model.late, IsEmpty());
  for (const auto& engine : engines_) {
    ASSERT_TRUE(engine->CatchUp().ok());
    EXPECT_EQ(engine->GetPool("p")->stats.answers,
              static_cast<int64_t>(model.answers.size()));
  }
}

}  // namespace
}  // namespace allot
