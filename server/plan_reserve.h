// SPDX-License-Identifier: Apache-2.0
// How much of a deadline to keep back, so that a plan cut short by it is still
// answered in time: what lies behind the solver takes its share, and a solver
// looks at the clock only so often.
#ifndef ALLOT_SERVER_PLAN_RESERVE_H_
#define ALLOT_SERVER_PLAN_RESERVE_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace allot {

// Learns from how late plans of about the same size were. Thread-safe,
// lock-free.
class PlanReserve {
 public:
  // When the plan must be there, for an answer by `deadline_nanos`.
  int64_t PlanBy(int64_t now_nanos, int64_t deadline_nanos,
                 size_t tasks) const {
    const int64_t left = std::max<int64_t>(0, deadline_nanos - now_nanos);
    const int64_t late = Late(tasks).load(std::memory_order_relaxed);
    return deadline_nanos -
           std::min(left / 2, std::min<int64_t>(left / 10, kLeast) + late);
  }

  // The answer was ready at `ready_nanos`, its plan was due at `due_nanos`. One
  // that was ready long before says nothing.
  void Learn(int64_t due_nanos, int64_t ready_nanos, size_t tasks) {
    const int64_t late = ready_nanos - due_nanos;
    if (late <= 0) return;
    std::atomic<int64_t>& known = Late(tasks);
    const int64_t before = known.load(std::memory_order_relaxed);
    known.store(late > before ? late : before - (before - late) / 16,
                std::memory_order_relaxed);
  }

 private:
  // For encoding and the way back.
  static constexpr int64_t kLeast = 2'000'000;

  std::atomic<int64_t>& Late(size_t tasks) {
    return late_[static_cast<size_t>(std::bit_width(tasks)) % late_.size()];
  }
  const std::atomic<int64_t>& Late(size_t tasks) const {
    return late_[static_cast<size_t>(std::bit_width(tasks)) % late_.size()];
  }

  std::array<std::atomic<int64_t>, 16> late_{};
};

}  // namespace allot

#endif  // ALLOT_SERVER_PLAN_RESERVE_H_
