// SPDX-License-Identifier: Apache-2.0
#include "lib/base/clock.h"

#include <gtest/gtest.h>

namespace allot {
namespace {

TEST(ManualClock, StandsStillUntilAdvanced) {
  ManualClock clock;
  const absl::Time start = clock.Now();
  EXPECT_EQ(clock.Now(), start);
  clock.Advance(absl::Seconds(3));
  EXPECT_EQ(clock.Now() - start, absl::Seconds(3));
  EXPECT_EQ(clock.MonotonicNanos(), 3'000'000'000);
}

TEST(ManualClock, AWallJumpLeavesMonotonicTimeAlone) {
  ManualClock clock;
  const absl::Time start = clock.Now();
  clock.JumpWall(-absl::Hours(1));
  EXPECT_EQ(start - clock.Now(), absl::Hours(1));
  EXPECT_EQ(clock.MonotonicNanos(), 0);
}

TEST(SystemClock, MonotonicTimeDoesNotRunBack) {
  SystemClock clock;
  const int64_t first = clock.MonotonicNanos();
  EXPECT_GE(clock.MonotonicNanos(), first);
}

}  // namespace
}  // namespace allot
