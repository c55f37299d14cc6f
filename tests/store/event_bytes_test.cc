// SPDX-License-Identifier: Apache-2.0
#include "lib/store/event_bytes.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "tests/store/store_testing.h"

namespace allot {
namespace {

TEST(EventBytes, ReadBackTheSameBits) {
  for (const Event& event : HardEvents()) {
    const std::string bytes = ToBytes(event);
    const absl::StatusOr<Event> read = ParseEventBytes(event.pool, bytes);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(Describe(*read), Describe(event));
  }
}

TEST(EventBytes, NoticeEveryCutAndKindsOfTheFuture) {
  for (const Event& event : HardEvents()) {
    const std::string bytes = ToBytes(event);
    for (size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(ParseEventBytes("p", bytes.substr(0, size)).ok()) << size;
    }
    EXPECT_TRUE(absl::IsDataLoss(ParseEventBytes("p", bytes + "x").status()));
  }
  EXPECT_TRUE(absl::IsFailedPrecondition(
      ParseEventBytes("p", std::string("\x01\x7f\x00", 3)).status()));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      ParseEventBytes("p", std::string("\x03\x00\x00", 3)).status()));
}

// Policies had no fairness then.
TEST(EventBytes, ReadPoolsOfVersionOne) {
  Event event{"p", 7, PoolUpserted()};
  Pool& pool = std::get<PoolUpserted>(event.body).pool;
  pool.id = "p";
  ObjectiveWeights& weights = pool.policies.emplace_back().weights;
  weights.balance = 0.25;
  weights.fairness = 0.5;
  weights.fair_answers = 63;
  weights.must_fill = true;
  std::string bytes = ToBytes(event);
  // A double and a number of one byte, behind the balance.
  const auto number = [](double value) {
    return std::string(reinterpret_cast<const char*>(&value), sizeof(value));
  };
  const size_t at = bytes.find(number(0.25) + number(0.5) + "\x7e");
  ASSERT_NE(at, std::string::npos);
  bytes.erase(at + sizeof(double), sizeof(double) + 1);
  ASSERT_EQ(bytes[0], 2);
  bytes[0] = 1;
  const absl::StatusOr<Event> read = ParseEventBytes("p", bytes);
  ASSERT_TRUE(read.ok()) << read.status();
  weights.fairness = ObjectiveWeights().fairness;
  weights.fair_answers = ObjectiveWeights().fair_answers;
  EXPECT_EQ(Describe(*read), Describe(event));
}

// So that during an upgrade the version before goes on reading the log.
TEST(EventBytes, AreOfTheFirstVersionWhereNothingIsNew) {
  for (const Event& event : HardEvents()) {
    EXPECT_EQ(ToBytes(event)[0],
              std::holds_alternative<PoolUpserted>(event.body) ? 2 : 1);
  }
}

}  // namespace
}  // namespace allot
