// SPDX-License-Identifier: Apache-2.0
// Clocks that are set forward or back by an hour, while allotd runs and between
// two runs, on the stores that outlive it: no lease is freed before its time,
// none is stranded.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/engine/engine_fixture.h"
#include "tests/testing/redis_server.h"

namespace allot {
namespace {

class ClockJumpTest
    : public testing::TestWithParam<std::tuple<std::string, absl::Duration>> {
 protected:
  void SetUp() override {
    if (shared() && !RedisServer::Installed()) {
      GTEST_SKIP() << "there is no redis-server (Debian: redis-server)";
    }
    if (shared()) redis_ = std::make_unique<RedisServer>();
    folder_ = testing::TempDir() + "/clock_jump_XXXXXX";
    ASSERT_NE(mkdtemp(folder_.data()), nullptr);
    Start(clock_);
    ASSERT_TRUE(engine_->UpsertPool(SimplePool()).ok());
    ASSERT_TRUE(engine_->UpsertLabelers("p", {MakeLabeler("a", 1)}).ok());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  bool shared() const { return std::get<0>(GetParam()) == "redis"; }
  absl::Duration jump() const { return std::get<1>(GetParam()); }

  // An engine on the store, in place of the one that was; that one's process
  // ended if the store is one process's own.
  void Start(const Clock& clock) {
    engine_.reset();
    store_.reset();
    store_ = *OpenStore(shared() ? redis_->address()
                                 : absl::StrCat("sqlite:", folder_, "/a.db"));
    engine_ = *Engine::Open(store_.get(), &clock, {});
  }
  // Claims the only labeler for a minute: whether she was free.
  bool Claim(const std::string& task) {
    AllocateCall call;
    call.pool = "p";
    call.tasks = {DefaultTask(SimplePool(), task)};
    call.tasks[0].redundancy = 1;
    call.lease_micros = 60'000'000;
    const auto plan = engine_->Allocate(call);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() && plan->pairs.size() == 1;
  }
  // The lease is open for just so long on the engine's clock.
  void ExpectOpenFor(absl::Duration left, ManualClock& clock) {
    EXPECT_FALSE(Claim("another"));
    clock.Advance(left - absl::Seconds(1));
    EXPECT_EQ(*engine_->ExpireLeases(), 0);
    EXPECT_FALSE(Claim("another"));
    clock.Advance(absl::Seconds(1));
    EXPECT_EQ(*engine_->ExpireLeases(), 1);
    EXPECT_TRUE(Claim("another"));
  }

  std::unique_ptr<RedisServer> redis_;
  std::string folder_;
  ManualClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Engine> engine_;
};

TEST_P(ClockJumpTest, MovesNoLeaseGrantedBefore) {
  ASSERT_TRUE(Claim("t"));
  clock_.Advance(absl::Seconds(20));
  clock_.JumpWall(jump());
  ExpectOpenFor(absl::Seconds(40), clock_);
}

TEST_P(ClockJumpTest, MovesNoLeaseGrantedOrRenewedAfter) {
  clock_.JumpWall(jump());
  ASSERT_TRUE(Claim("t"));
  clock_.Advance(absl::Seconds(50));
  const std::vector<std::string> ids = {"L1"};
  EXPECT_TRUE((*engine_->RenewLeases("p", ids, 30'000'000))[0].open);
  clock_.JumpWall(-jump());
  ExpectOpenFor(absl::Seconds(30), clock_);
}

TEST_P(ClockJumpTest, StrandsNoLeaseOfBeforeIfItStartsAgain) {
  ASSERT_TRUE(Claim("t"));
  ManualClock wrong(clock_.Now() + jump());
  Start(wrong);
  // Alone, an hour that a clock was set forward looks like an hour's absence.
  if (!shared() && jump() > absl::ZeroDuration()) {
    EXPECT_EQ(*engine_->ExpireLeases(), 1);
    return;
  }
  ExpectOpenFor(absl::Minutes(1), wrong);
}

// The clock was wrong for a while and is right again: what was granted since
// has nothing to do with that, what was granted meanwhile ends in time, too.
TEST_P(ClockJumpTest, FreesNoLeaseOfTheRightClockIfItStartsAgain) {
  ManualClock clock(clock_.Now() + jump());
  Start(clock);
  ASSERT_TRUE(engine_->UpsertLabelers("p", {MakeLabeler("a", 1)}).ok());
  Start(clock_);
  ASSERT_TRUE(Claim("t"));
  clock_.Advance(absl::Seconds(20));
  Start(clock_);
  // What others know of a shared log's leases one that starts does not: for it
  // they begin anew.
  ExpectOpenFor(absl::Seconds(shared() ? 60 : 40), clock_);
}

TEST_P(ClockJumpTest, StrandsNoLeaseOfTheWrongClockIfItStartsAgain) {
  ManualClock wrong(clock_.Now() + jump());
  Start(wrong);
  ASSERT_TRUE(Claim("t"));
  Start(clock_);
  if (!shared() && jump() < absl::ZeroDuration()) {
    EXPECT_EQ(*engine_->ExpireLeases(), 1);
    return;
  }
  ExpectOpenFor(absl::Minutes(1), clock_);
}

INSTANTIATE_TEST_SUITE_P(
    Stores, ClockJumpTest,
    testing::Combine(testing::Values("sqlite", "redis"),
                     testing::Values(absl::Hours(1), -absl::Hours(1))),
    [](const auto& test) {
      return absl::StrCat(
          std::get<0>(test.param),
          std::get<1>(test.param) > absl::ZeroDuration() ? "Forward" : "Back");
    });

}  // namespace
}  // namespace allot
