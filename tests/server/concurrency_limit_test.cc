// SPDX-License-Identifier: Apache-2.0
#include "server/concurrency_limit.h"

#include "gtest/gtest.h"

namespace allot {
namespace {

constexpr int64_t kMilli = 1'000'000;

// Lets `limit` settle on a server with `workers` that is always full: each call
// waits for all that are in flight with it.
int Settle(ConcurrencyLimit& limit, int workers, int64_t service_nanos) {
  int64_t now = 0;
  for (int i = 0; i < 20'000; ++i) {
    const int in_flight = limit.limit();
    now += service_nanos / workers;
    limit.Observe(now, service_nanos * in_flight / workers, service_nanos,
                  in_flight);
  }
  return limit.limit();
}

TEST(ConcurrencyLimit, SettlesWhereCallsTakeWhatTheyMay) {
  // 4 x 10 ms of work + 10 ms: 50 ms, which is 10 calls on 2 workers.
  ConcurrencyLimit limit(
      {.least = 4, .most = 258, .target_nanos = 10 * kMilli});
  const int settled = Settle(limit, 2, 10 * kMilli);
  EXPECT_GE(settled, 8);
  EXPECT_LE(settled, 16) << "growth keeps it a little above";
}

TEST(ConcurrencyLimit, ShortCallsMayWaitTheTarget) {
  // 20 us calls: 64 in flight take 0.64 ms, which disturbs nobody.
  ConcurrencyLimit limit(
      {.least = 4, .most = 258, .target_nanos = 10 * kMilli});
  EXPECT_EQ(Settle(limit, 2, kMilli / 50), 258);
}

TEST(ConcurrencyLimit, ComesBackWhenTheLoadIsOver) {
  ConcurrencyLimit limit(
      {.least = 4, .most = 100, .target_nanos = 10 * kMilli});
  Settle(limit, 2, 100 * kMilli);
  const int during = limit.limit();
  EXPECT_LT(during, 20);
  int64_t now = int64_t{1} << 50;
  for (int i = 0; i < 20'000; ++i) {
    limit.Observe(now += kMilli, 2 * kMilli, kMilli, limit.limit());
  }
  EXPECT_EQ(limit.limit(), 100);
}

TEST(ConcurrencyLimit, DoesNotGrowOnRoomThatNobodyUses) {
  ConcurrencyLimit limit(
      {.least = 4, .most = 100, .target_nanos = 10 * kMilli});
  Settle(limit, 2, 100 * kMilli);
  const int during = limit.limit();
  int64_t now = int64_t{1} << 50;
  for (int i = 0; i < 1000; ++i) {
    limit.Observe(now += kMilli, 2 * kMilli, kMilli, 1);
  }
  EXPECT_EQ(limit.limit(), during);
}

TEST(ConcurrencyLimit, IsOffWithoutATarget) {
  ConcurrencyLimit limit({.least = 4, .most = 100, .target_nanos = 0});
  EXPECT_EQ(Settle(limit, 2, 100 * kMilli), 100);
}

// `calls` of 1 ms each that took `sojourn_nanos` in all, a microsecond apart.
// True if the limit moved.
bool Observe(ConcurrencyLimit& limit, int calls, int64_t sojourn_nanos,
             int64_t from_nanos) {
  bool moved = false;
  for (int i = 0; i < calls; ++i) {
    moved |= limit.Observe(from_nanos + i * 1000, sojourn_nanos, kMilli,
                           limit.limit());
  }
  return moved;
}

TEST(ConcurrencyLimit, AWindowIsSomeCallsOrFewerAfterAWhile) {
  ConcurrencyLimit limit(
      {.least = 4, .most = 100, .target_nanos = 10 * kMilli});
  int64_t now = int64_t{1} << 40;
  Observe(limit, ConcurrencyLimit::kFewCalls, 1000 * kMilli, now);
  now += kMilli;
  EXPECT_FALSE(
      Observe(limit, ConcurrencyLimit::kWindowCalls - 1, 1000 * kMilli, now))
      << "a millisecond, and one call short";
  EXPECT_TRUE(Observe(limit, 1, 1000 * kMilli, now));
  now += 2 * ConcurrencyLimit::kWindowNanos;
  EXPECT_FALSE(
      Observe(limit, ConcurrencyLimit::kFewCalls - 1, 1000 * kMilli, now));
  EXPECT_TRUE(Observe(limit, 1, 1000 * kMilli, now)) << "after a while";
}

TEST(ConcurrencyLimit, OneBadWindowTakesAQuarterAndOneGoodOneAddsARoot) {
  ConcurrencyLimit limit(
      {.least = 4, .most = 100, .target_nanos = 10 * kMilli});
  int64_t now = int64_t{1} << 40;
  Observe(limit, ConcurrencyLimit::kFewCalls, 1'000'000 * kMilli, now);
  EXPECT_EQ(limit.limit(), 80) << "(100 + 100 / 2 + 10) / 2";
  now += 2 * ConcurrencyLimit::kWindowNanos;
  Observe(limit, ConcurrencyLimit::kFewCalls, kMilli, now);
  EXPECT_EQ(limit.limit(), 84) << "(80 + 80 + 8.9) / 2";
}

TEST(ConcurrencyLimit, NeverFallsBelowTheLeast) {
  ConcurrencyLimit limit({.least = 30, .most = 100, .target_nanos = 1});
  for (int64_t i = 0; i < 1000; ++i) {
    Observe(limit, ConcurrencyLimit::kWindowCalls, 1'000'000 * kMilli,
            i * kMilli);
  }
  EXPECT_EQ(limit.limit(), 30);
}

TEST(ConcurrencyLimit, OpensWideWhenTheTargetIsTakenAway) {
  ConcurrencyLimit limit(
      {.least = 4, .most = 100, .target_nanos = 10 * kMilli});
  ASSERT_LT(Settle(limit, 2, 100 * kMilli), 20);
  limit.set_target_nanos(0);
  EXPECT_TRUE(Observe(limit, 1, 1000 * kMilli, int64_t{1} << 50));
  EXPECT_EQ(limit.limit(), 100);
}

}  // namespace
}  // namespace allot
