// SPDX-License-Identifier: Apache-2.0
// Time as an argument: lib/ never reads the machine's clock by itself.
#ifndef ALLOT_LIB_BASE_CLOCK_H_
#define ALLOT_LIB_BASE_CLOCK_H_

#include <atomic>
#include <chrono>
#include <cstdint>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace allot {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall time: may jump when an operator sets the clock.
  virtual absl::Time Now() const = 0;
  // Nanoseconds since an arbitrary start: never jumps, for measuring and for
  // deadlines inside one process.
  virtual int64_t MonotonicNanos() const = 0;
};

class SystemClock final : public Clock {
 public:
  absl::Time Now() const override {
    return absl::FromChrono(std::chrono::system_clock::now());
  }
  int64_t MonotonicNanos() const override {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
};

// Stands still until told otherwise. For tests and simulation.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(absl::Time start = absl::FromUnixSeconds(1'700'000'000))
      : unix_nanos_(absl::ToUnixNanos(start)) {}
  absl::Time Now() const override {
    return absl::FromUnixNanos(unix_nanos_.load());
  }
  int64_t MonotonicNanos() const override { return monotonic_nanos_.load(); }
  // Both clocks move on. Requires step >= 0.
  void Advance(absl::Duration step) {
    unix_nanos_ += absl::ToInt64Nanoseconds(step);
    monotonic_nanos_ += absl::ToInt64Nanoseconds(step);
  }
  // Only the wall clock moves, either way: what an operator or NTP does.
  void JumpWall(absl::Duration step) {
    unix_nanos_ += absl::ToInt64Nanoseconds(step);
  }

 private:
  std::atomic<int64_t> unix_nanos_;
  std::atomic<int64_t> monotonic_nanos_{0};
};

}  // namespace allot

#endif  // ALLOT_LIB_BASE_CLOCK_H_
