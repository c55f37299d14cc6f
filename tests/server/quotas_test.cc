// SPDX-License-Identifier: Apache-2.0
#include "server/quotas.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/peek.h"

namespace allot {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kMilli = 1'000'000;

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

TEST(Quotas, TimeInWhichNobodyCalledDoesNotAddUp) {
  Quotas quotas;
  quotas.Set({Rule("a", 10, 3, 0)});
  const uint64_t a = HashPool("a");
  ASSERT_TRUE(quotas.Take(a, 0).granted);
  const int64_t an_hour_later = int64_t{3'600'000} * kMilli;
  int granted = 0;
  for (int i = 0; i < 100; ++i) {
    granted += quotas.Take(a, an_hour_later).granted;
  }
  EXPECT_EQ(granted, 3) << "the burst, and no more";
}

TEST(Quotas, ARefusalTakesNothing) {
  Quotas quotas;
  quotas.Set({Rule("a", 10, 2, 2)});
  const uint64_t a = HashPool("a");
  const Quotas::Outcome first = quotas.Take(a, 0);
  ASSERT_TRUE(quotas.Take(a, 0).granted);
  for (int i = 0; i < 10; ++i) {
    const Quotas::Outcome refused = quotas.Take(a, 1000 * kMilli);
    EXPECT_FALSE(refused.granted) << "two in flight";
    EXPECT_EQ(refused.account, nullptr) << "so there is nothing to give back";
    EXPECT_GT(refused.retry_nanos, 0);
  }
  Quotas::Give(first.account);
  EXPECT_TRUE(quotas.Take(a, 1000 * kMilli).granted)
      << "those that were refused are not in flight";

  quotas.Set({Rule("b", 10, 1, 2)});
  const uint64_t b = HashPool("b");
  ASSERT_TRUE(quotas.Take(b, 0).granted);
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(quotas.Take(b, 0).granted) << "too fast";
  }
  EXPECT_TRUE(quotas.Take(b, 100 * kMilli).granted);
}

TEST(Quotas, ARuleThatIsTakenAwayHoldsNobody) {
  Quotas quotas;
  quotas.Set({Rule("a", 0, 1, 1), Rule("*", 0, 1, 1)});
  ASSERT_TRUE(quotas.Take(HashPool("a"), 0).granted);
  quotas.Set({Rule("b", 0, 1, 1)});
  EXPECT_TRUE(quotas.Take(HashPool("a"), 0).granted);
  quotas.Set({});
  EXPECT_TRUE(quotas.Take(HashPool("b"), 0).granted);
  EXPECT_TRUE(quotas.Take(HashPool("b"), 0).granted);
}

TEST(Quotas, ABurstIsASecondsWorthUnlessItIsGiven) {
  const auto burst = [](const std::string& text) {
    const auto json = ParseJson("f.json", text);
    EXPECT_TRUE(json.ok()) << json.status();
    const auto rules = ParseQuotas("f.json", *json);
    EXPECT_TRUE(rules.ok()) << rules.status();
    return (*rules)[0].burst;
  };
  EXPECT_EQ(burst(R"([{"pool": "a", "calls_per_second": 20}])"), 20);
  EXPECT_EQ(burst(R"([{"pool": "a", "calls_per_second": 0.5}])"), 1);
  EXPECT_EQ(burst(R"([{"pool": "a", "calls_per_second": 20, "burst": 2}])"), 2);
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

}  // namespace
}  // namespace allot
