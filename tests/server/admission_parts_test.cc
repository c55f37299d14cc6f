// SPDX-License-Identifier: Apache-2.0
// What admission is made of: the limit, what it foretells from, quotas, and
// what it sees of a request.
#include <cmath>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "allot/v1/allocation.pb.h"
#include "allot/v1/labeler.pb.h"
#include "allot/v1/pool.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/concurrency_limit.h"
#include "server/decode.h"
#include "server/peek.h"
#include "server/quotas.h"
#include "server/service_times.h"

namespace allot {
namespace {

using ::testing::HasSubstr;

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

TEST(ServiceTimes, KnowsCallsOfAKindApart) {
  auto times = std::make_unique<ServiceTimes>();
  const uint64_t small = ServiceTimes::KindOf(1, 2, 1000);
  EXPECT_EQ(small, ServiceTimes::KindOf(1, 2, 600)) << "within a factor of two";
  for (const uint64_t other :
       {ServiceTimes::KindOf(1, 2, 4000), ServiceTimes::KindOf(1, 3, 1000),
        ServiceTimes::KindOf(2, 2, 1000)}) {
    EXPECT_NE(small, other);
  }
  EXPECT_EQ(times->Of(small).usual_nanos, 0) << "nothing known";
  times->Record(small, 100, 40);
  EXPECT_EQ(times->Of(small).usual_nanos, 100);
  EXPECT_EQ(times->Of(small).least_nanos, 40);
}

TEST(ServiceTimes, TheLeastFallsAtOnceAndRisesSlowly) {
  auto times = std::make_unique<ServiceTimes>();
  times->Record(1, 1000, 1000);
  times->Record(1, 100, 100);
  EXPECT_EQ(times->Of(1).least_nanos, 100);
  times->Record(1, 1000, 1000);
  EXPECT_LT(times->Of(1).least_nanos, 120);
  for (int i = 0; i < 1000; ++i) times->Record(1, 1000, 1000);
  EXPECT_NEAR(static_cast<double>(times->Of(1).least_nanos), 1000, 10);
}

QuotaRule Rule(const std::string& pool, double rate, double burst,
               int in_flight) {
  QuotaRule rule;
  rule.pool = pool;
  rule.calls_per_second = rate;
  rule.burst = burst;
  rule.in_flight = in_flight;
  return rule;
}

TEST(Quotas, WithoutRulesEverybodyMay) {
  Quotas quotas;
  EXPECT_TRUE(quotas.Take(HashPool("a"), 0).granted);
}

TEST(Quotas, ABurstThenTheRate) {
  Quotas quotas;
  quotas.Set({Rule("a", 10, 3, 0)});
  const uint64_t a = HashPool("a");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(quotas.Take(a, 0).granted) << i;
  const Quotas::Outcome refused = quotas.Take(a, 0);
  EXPECT_FALSE(refused.granted);
  EXPECT_EQ(refused.retry_nanos, 100 * kMilli) << "10 a second";
  EXPECT_FALSE(quotas.Take(a, 99 * kMilli).granted);
  EXPECT_TRUE(quotas.Take(a, 100 * kMilli).granted);
  EXPECT_FALSE(quotas.Take(a, 101 * kMilli).granted);
  EXPECT_TRUE(quotas.Take(HashPool("b"), 0).granted) << "no rule for b";
}

TEST(Quotas, InFlightComesBackWhenCallsEnd) {
  Quotas quotas;
  quotas.Set({Rule("a", 0, 1, 2)});
  const uint64_t a = HashPool("a");
  const Quotas::Outcome first = quotas.Take(a, 0);
  EXPECT_TRUE(quotas.Take(a, 0).granted);
  EXPECT_FALSE(quotas.Take(a, 0).granted);
  Quotas::Give(first.account);
  EXPECT_TRUE(quotas.Take(a, 0).granted);
  quotas.Set({Rule("a", 0, 1, 3)});
  EXPECT_TRUE(quotas.Take(a, 0).granted) << "2 in flight are counted still";
  EXPECT_FALSE(quotas.Take(a, 0).granted);
}

TEST(Quotas, AStarIsForEachOfTheOthers) {
  Quotas quotas;
  quotas.Set({Rule("*", 0, 1, 1), Rule("a", 0, 1, 2)});
  EXPECT_TRUE(quotas.Take(HashPool("b"), 0).granted);
  EXPECT_FALSE(quotas.Take(HashPool("b"), 0).granted);
  EXPECT_TRUE(quotas.Take(HashPool("c"), 0).granted) << "c has its own";
  EXPECT_TRUE(quotas.Take(HashPool("a"), 0).granted);
  EXPECT_TRUE(quotas.Take(HashPool("a"), 0).granted);
}

TEST(Quotas, MistakesAreShownWithTheirLine) {
  const auto error = [](const std::string& text) {
    const auto json = ParseJson("f.json", text);
    EXPECT_TRUE(json.ok()) << json.status();
    return std::string(ParseQuotas("f.json", *json).status().message());
  };
  EXPECT_EQ(error("[{\"pool\": \"a\",\n\"in_flight\": 0}]"),
            "f.json:2: in_flight: must be a whole number in [1, 1000000], got "
            "0");
  EXPECT_THAT(error("[\n{\"in_flight\": 1}]"), HasSubstr("f.json:2: pool:"));
  EXPECT_THAT(error("[{\"pool\": \"a\"}]"), HasSubstr("a quota needs"));
  EXPECT_THAT(error("[{\"pool\": \"a\", \"in_flight\": 1},\n"
                    "{\"pool\": \"a\", \"in_flight\": 1}]"),
              HasSubstr("f.json:2: pool: \"a\" has a quota already"));
  EXPECT_THAT(
      error("[{\"pool\": \"a\",\n\n\"inflight\": 1, \"in_flight\": 1}]"),
      HasSubstr("f.json:3: unknown member \"inflight\""));
}

template <typename Request>
Peeked PeekAt(const Request& request) {
  return Peek(Encode(request), PlanPeek(*Request::descriptor()));
}

TEST(Peek, SeesThePoolAndWhetherItIsOneTask) {
  v1::AllocateRequest request;
  request.set_pool_id("animals");
  request.set_request_id("r");
  request.add_tasks()->set_task_id("t");
  EXPECT_EQ(PeekAt(request).pool_hash, HashPool("animals"));
  EXPECT_TRUE(PeekAt(request).single);
  v1::AllocateStreamRequest wrapped;
  *wrapped.mutable_request() = request;
  EXPECT_EQ(PeekAt(wrapped).pool_hash, HashPool("animals"));
  EXPECT_TRUE(PeekAt(wrapped).single);
  request.add_tasks()->set_task_id("u");
  EXPECT_FALSE(PeekAt(request).single);
  *wrapped.mutable_request() = request;
  EXPECT_FALSE(PeekAt(wrapped).single);
  request.add_labeler_ids("ana");
  EXPECT_TRUE(PeekAt(request).single) << "ana asks for her next task";
  request.add_labeler_ids("bob");
  EXPECT_FALSE(PeekAt(request).single);
}

TEST(Peek, KnowsEveryKindOfRequest) {
  v1::UpsertPoolRequest pool;
  pool.mutable_pool()->set_pool_id("p");
  pool.mutable_pool()->add_skills()->set_name("s");
  EXPECT_EQ(PeekAt(pool).pool_hash, HashPool("p"));
  EXPECT_FALSE(PeekAt(pool).single);
  v1::DeleteLabelersRequest deletion;
  deletion.set_pool_id("p");
  deletion.add_labeler_ids("a");
  EXPECT_TRUE(PeekAt(deletion).single);
  deletion.add_labeler_ids("b");
  EXPECT_FALSE(PeekAt(deletion).single);
  v1::ReportAnswersRequest answers;
  answers.set_pool_id("p");
  answers.add_answers()->set_task_id("a");
  answers.add_tasks()->set_task_id("a");
  EXPECT_TRUE(PeekAt(answers).single);
  answers.add_answers()->set_task_id("b");
  EXPECT_FALSE(PeekAt(answers).single);
  v1::ListPoolsRequest list;
  EXPECT_EQ(PeekAt(list).pool_hash, HashPool(""));
}

TEST(Peek, ReadsOnOverTheEndsOfSlices) {
  v1::AllocateRequest request;
  request.set_pool_id(std::string(200, 'x'));
  for (int i = 0; i < 2; ++i) request.add_tasks()->set_task_id("t");
  const std::string bytes = request.SerializeAsString();
  std::vector<grpc::Slice> slices;
  for (const char c : bytes) slices.emplace_back(&c, 1);
  const grpc::ByteBuffer buffer(slices.data(), slices.size());
  const Peeked peeked =
      Peek(buffer, PlanPeek(*v1::AllocateRequest::descriptor()));
  EXPECT_EQ(peeked.pool_hash, HashPool(request.pool_id()));
  EXPECT_FALSE(peeked.single);
}

TEST(Peek, SurvivesWhatIsNoMessage) {
  const PeekPlan plan = PlanPeek(*v1::AllocateStreamRequest::descriptor());
  uint64_t random = 1;
  for (int i = 0; i < 2000; ++i) {
    std::string bytes;
    for (int k = 0; k < i % 64; ++k) {
      random = random * 6364136223846793005 + 1442695040888963407;
      bytes += static_cast<char>(random >> 56);
    }
    const grpc::Slice slice(bytes);
    Peek(grpc::ByteBuffer(&slice, 1), plan);
  }
}

}  // namespace
}  // namespace allot
