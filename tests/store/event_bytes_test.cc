// SPDX-License-Identifier: Apache-2.0
#include "lib/store/event_bytes.h"

#include <gtest/gtest.h>

#include <string>

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
      ParseEventBytes("p", std::string("\x02\x00\x00", 3)).status()));
}

}  // namespace
}  // namespace allot
