// SPDX-License-Identifier: Apache-2.0
// How long a solver may run: time as an argument.
#ifndef ALLOT_LIB_MATCH_DEADLINE_H_
#define ALLOT_LIB_MATCH_DEADLINE_H_

#include <atomic>
#include <cstdint>
#include <limits>

#include "lib/base/clock.h"

namespace allot {

struct Deadline {
  const Clock* clock = nullptr;  // null: no deadline
  // In Clock::MonotonicNanos().
  int64_t at_nanos = std::numeric_limits<int64_t>::max();
  // Whoever asked may give up before: true is as good as a deadline that has
  // passed. Needs a clock; null: nobody does.
  const std::atomic<bool>* cancelled = nullptr;

  // 0 where there is none.
  int64_t NowNanos() const {
    return clock == nullptr ? 0 : clock->MonotonicNanos();
  }
  bool Passed() const {
    if (clock == nullptr) return false;
    return (cancelled != nullptr &&
            cancelled->load(std::memory_order_relaxed)) ||
           clock->MonotonicNanos() >= at_nanos;
  }
};

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_DEADLINE_H_
