// SPDX-License-Identifier: Apache-2.0
// The clock of a load test, and what processes use.
#ifndef ALLOT_TESTS_LOAD_PROCESS_USE_H_
#define ALLOT_TESTS_LOAD_PROCESS_USE_H_

#include <atomic>
#include <cstdint>

namespace allot {

// Monotonic nanoseconds.
int64_t NowNanos();
// Returns when NowNanos() has reached `when`, to some tens of microseconds.
void SleepUntil(int64_t when);
// The same, or soon after `stop` has become true.
void SleepUntil(int64_t when, const std::atomic<bool>& stop);
// CPU time of this process, all threads.
double OwnCpuSeconds();

}  // namespace allot

#endif  // ALLOT_TESTS_LOAD_PROCESS_USE_H_
