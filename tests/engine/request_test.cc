// SPDX-License-Identifier: Apache-2.0
// A retry gets the first response, and nothing happens twice: at once, after a
// restart from the log, after one from a checkpoint, and in the middle of a
// crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>
#include <utility>

#include "lib/engine/request_table.h"
#include "tests/engine/engine_fixture.h"
#include "tests/testing/faulty_store.h"

namespace allot {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

constexpr int64_t kMinute = 60'000'000;

template <typename Result>
Request<Result> Tag(std::string id, uint64_t fingerprint = 1) {
  Request<Result> request;
  request.id = std::move(id);
  request.fingerprint = fingerprint;
  request.encode = [](const Result&) { return std::string("unset"); };
  return request;
}

std::string Text(const Plan& plan) {
  std::string text;
  for (const PlannedPair& pair : plan.pairs) {
    absl::StrAppend(&text, pair.labeler, "=", pair.lease->id, " ");
  }
  return text;
}

class RequestTest : public EngineTest {
 protected:
  RequestTest() {
    MakePool();
    Add({MakeLabeler("a", 5), MakeLabeler("b", 5), MakeLabeler("c", 5)});
  }
  // What a leased call is answered; by a replay it begins with "again ".
  std::string Lease(const std::string& id, uint64_t fingerprint = 1,
                    int redundancy = 2) {
    AllocateCall call = Batch({MakeTask("t" + id, redundancy)});
    call.lease_micros = kMinute;
    auto request = Tag<Plan>(id, fingerprint);
    request.encode = Text;
    const absl::StatusOr<Plan> plan = engine_->Allocate(call, &request);
    if (!plan.ok()) return std::string(plan.status().message());
    if (request.replay) return "again " + request.replay->response;
    return Text(*plan);
  }
  int64_t OpenLeases() const {
    return engine_->GetPool("p")->stats.open_leases;
  }
};

TEST_F(RequestTest, ARetryGetsTheFirstResponseAndClaimsNothing) {
  const std::string first = Lease("r");
  EXPECT_THAT(first, HasSubstr("L1"));
  EXPECT_EQ(Lease("r"), "again " + first);
  EXPECT_EQ(OpenLeases(), 2);
}

TEST_F(RequestTest, SoAfterARestartFromTheLogAndFromACheckpoint) {
  const std::string first = Lease("r");
  Restart();
  EXPECT_EQ(Lease("r"), "again " + first);
  ASSERT_TRUE(engine_->SaveCheckpoints().ok());
  Restart();
  EXPECT_EQ(engine_->recovery().events_replayed, 0);
  EXPECT_EQ(Lease("r"), "again " + first);
  EXPECT_EQ(OpenLeases(), 2);
}

TEST_F(RequestTest, TheSameIdForAnotherRequestIsRefused) {
  Lease("r", 1);
  EXPECT_THAT(Lease("r", 2), HasSubstr("request_id: was used before"));
  EXPECT_EQ(OpenLeases(), 2);
}

TEST_F(RequestTest, IsForgottenAfterADay) {
  const std::string first = Lease("r");
  clock_.Advance(absl::Hours(24) - absl::Seconds(1));
  EXPECT_EQ(Lease("r"), "again " + first);
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(engine_->ExpireLeases().ok());
  EXPECT_THAT(Lease("r", 2), HasSubstr("L3"));
}

TEST_F(RequestTest, AWallClockThatJumpsNeitherFreesNorStrandsTheResponse) {
  const std::string first = Lease("r");
  clock_.JumpWall(-absl::Hours(1));
  EXPECT_EQ(Lease("r"), "again " + first);
  clock_.JumpWall(absl::Hours(2));
  EXPECT_EQ(Lease("r"), "again " + first);
}

TEST_F(RequestTest, EveryMethodThatChangesSomethingReplays) {
  auto pool = Tag<PoolChange>("pool");
  auto labelers = Tag<LabelerChange>("labelers");
  auto answers = Tag<AnswerReceipt>("answers");
  auto renewal = Tag<std::vector<LeaseResult>>("renew");
  auto release = Tag<std::vector<LeaseResult>>("release");
  auto deletion = Tag<LabelerDeletion>("delete");
  AnswerReport report;
  report.pool = "p";
  report.answers = {{.task = "t", .labeler = "a", .label = 1}};
  Lease("lease");
  for (const bool again : {false, true}) {
    ASSERT_TRUE(engine_->UpsertPool(SimplePool(), &pool).ok());
    ASSERT_TRUE(
        engine_->UpsertLabelers("p", {MakeLabeler("d")}, &labelers).ok());
    ASSERT_TRUE(engine_->ReportAnswers(report, &answers).ok());
    const std::vector<std::string> leases = {"L1"};
    ASSERT_TRUE(engine_->RenewLeases("p", leases, kMinute, &renewal).ok());
    ASSERT_TRUE(
        engine_->ReleaseLeases("p", leases, ReleaseReason::kReleased, &release)
            .ok());
    ASSERT_TRUE(engine_->DeleteLabelers("p", {"d"}, &deletion).ok());
    for (const bool replayed :
         {pool.replay.has_value(), labelers.replay.has_value(),
          answers.replay.has_value(), renewal.replay.has_value(),
          release.replay.has_value(), deletion.replay.has_value()}) {
      EXPECT_EQ(replayed, again);
    }
    EXPECT_EQ(pool.replay ? pool.replay->sequence : pool.sequence,
              pool.sequence);
  }
  EXPECT_EQ(engine_->GetPool("p")->stats.answers, 1);
}

TEST_F(RequestTest, NamesTheRosterThatItsAnswersMade) {
  AnswerReport report;
  report.pool = "p";
  report.answers = {{.task = "t", .labeler = "a", .label = 1}};
  auto first = Tag<AnswerReceipt>("one");
  int64_t known = -1;
  first.encode = [&](const AnswerReceipt& receipt) {
    known = receipt.roster_version;
    return std::string();
  };
  const auto receipt = engine_->ReportAnswers(report, &first);
  EXPECT_EQ(known, 0) << "not known before the append";
  EXPECT_EQ(first.sequence, receipt->roster_version);
  EXPECT_EQ(engine_->GetPool("p")->stats.roster_version, first.sequence);
  // A duplicate makes no roster: the one there was is named.
  auto second = Tag<AnswerReceipt>("two");
  second.encode = first.encode;
  ASSERT_TRUE(engine_->ReportAnswers(report, &second).ok());
  EXPECT_EQ(known, first.sequence);
}

TEST_F(RequestTest, APlanThatClaimsNothingIsNotRemembered) {
  auto request = Tag<Plan>("r");
  ASSERT_TRUE(engine_->Allocate(Batch({MakeTask("t")}), &request).ok());
  EXPECT_FALSE(engine_->FindReplay("p", "r", 1)->has_value());
}

TEST_F(RequestTest, ConcurrentDuplicatesAllGetTheFirstResponse) {
  constexpr int kThreads = 4, kRounds = 50;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::string> responses(kThreads);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        const std::string text = Lease(absl::StrCat("r", round), 1, 1);
        responses[t] = text.substr(text.rfind("again ", 0) == 0 ? 6 : 0);
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_THAT(std::set<std::string>(responses.begin(), responses.end()),
                SizeIs(1));
    EXPECT_LE(OpenLeases(), round + 1);
    clock_.Advance(absl::Seconds(1));
  }
}

TEST(RequestCrash, AResponseIsInTheLogExactlyWhenItsChangesAre) {
  // Every append of a call that fills lost slots is cut off once.
  for (int64_t cut = 1; cut <= 6; ++cut) {
    ManualClock clock;
    FaultyStore store(*OpenStore("memory:"));
    auto engine = *Engine::Open(&store, &clock, {});
    (void)engine->UpsertPool(SimplePool());
    (void)engine->UpsertLabelers("p", {MakeLabeler("a", 9)});
    store.FailAppend(cut, absl::UnavailableError("gone"));
    int failed = 0;
    for (int i = 0; i < 6; ++i) {
      AllocateCall call;
      call.pool = "p";
      call.tasks = {DefaultTask(**engine->FindPool("p"), absl::StrCat("t", i))};
      call.lease_micros = kMinute;
      auto request = Tag<Plan>(absl::StrCat("r", i));
      request.encode = Text;
      const auto plan = engine->Allocate(call, &request);
      failed += plan.ok() ? 0 : 1;
      if (!plan.ok()) {
        engine = *Engine::Open(&store, &clock, {});
        EXPECT_EQ(engine->GetPool("p")->stats.open_leases, i);
        ASSERT_TRUE(engine->Allocate(call, &request).ok());
        EXPECT_FALSE(request.replay.has_value());
      }
    }
    EXPECT_EQ(failed, 1);
    EXPECT_EQ(engine->GetPool("p")->stats.open_leases, 6);
  }
}

RequestAnswered Answered(int n, size_t bytes = 1) {
  return {absl::StrCat("r", n), 1, std::string(bytes, 'x')};
}

TEST(RequestTable, KeepsAsManyAsItsBoundsAllowAndTheNewestAlways) {
  RequestTable table;
  constexpr auto kMost = static_cast<int>(RequestTable::kMaxEntries);
  for (int n = 0; n <= kMost; ++n) table.Add(n + 1, 0, Answered(n));
  EXPECT_EQ(table.by_age().size(), RequestTable::kMaxEntries);
  EXPECT_EQ(table.Find("r0", 0), nullptr);
  EXPECT_NE(table.Find("r1", 0), nullptr);
  table.Add(kMost + 2, 0, Answered(-1, RequestTable::kMaxBytes + 1));
  EXPECT_EQ(table.by_age().size(), 1u);
  EXPECT_NE(table.Find("r-1", 0), nullptr);
}

TEST(RequestTable, IsTheSameWhetherTheStoreForgotOldOnesOrNot) {
  RequestTable all, forgetful;
  for (int n = 0; n < 100; ++n) {
    const int64_t now = n * (RequestTable::kKeepMicros / 10);
    all.Add(n + 1, now, Answered(n));
    forgetful.Add(n + 1, now, n < 90 ? RequestAnswered() : Answered(n));
  }
  EXPECT_EQ(all.by_age().size(), 10u);
  EXPECT_EQ(all.by_age().size(), forgetful.by_age().size());
  EXPECT_EQ(all.bytes(), forgetful.bytes());
}

}  // namespace
}  // namespace allot
