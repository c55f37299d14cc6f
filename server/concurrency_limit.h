// SPDX-License-Identifier: Apache-2.0
// How many calls may be in flight: as many as can be served without their
// waiting getting out of hand, found from measured latency.
//
// A call's allowance is kFactor times what it takes to serve it plus a fixed
// target, so that one number serves calls of 20 us and of 2 s. Each window of
// calls gives
//
//   gradient = clamp(allowance / time from arrival to answer, 1/2, 1)
//   limit'   = (limit + limit * gradient + sqrt(limit)) / 2
//
// which shrinks geometrically while calls wait too long and grows by half a
// square root a window while they do not. As the "gradient" limit of Netflix's
// concurrency-limits, with the measured service time in place of the least
// latency, which a mixed load does not have.
#ifndef ALLOT_SERVER_CONCURRENCY_LIMIT_H_
#define ALLOT_SERVER_CONCURRENCY_LIMIT_H_

#include <atomic>
#include <cstdint>
#include <optional>

namespace allot {

struct ConcurrencyLimitOptions {
  int least = 4;
  int most = 258;
  // 0: the limit stays at `most`.
  int64_t target_nanos = 10'000'000;
};

// Thread-safe, lock-free.
class ConcurrencyLimit {
 public:
  static constexpr int kFactor = 4;
  // A window ends with so many calls, or after so long with a few.
  static constexpr int kWindowCalls = 32;
  static constexpr int kFewCalls = 8;
  static constexpr int64_t kWindowNanos = 100'000'000;

  explicit ConcurrencyLimit(ConcurrencyLimitOptions options)
      : options_(options), limit_(options.most) {}

  // A call was answered at `now_nanos`, so long after its arrival, of which so
  // long was work. `in_flight` beside it, when it ended. True if the limit has
  // changed.
  bool Observe(int64_t now_nanos, int64_t sojourn_nanos, int64_t service_nanos,
               int in_flight);

  // How long calls of so much work should take in the long run, waiting
  // included; nullopt if nothing is asked of them.
  std::optional<int64_t> AllowanceNanos(int64_t service_nanos) const {
    const int64_t target = target_nanos_.load(std::memory_order_relaxed);
    if (target <= 0) return std::nullopt;
    return kFactor * service_nanos + target;
  }

  int limit() const {
    return static_cast<int>(limit_.load(std::memory_order_relaxed));
  }
  void set_target_nanos(int64_t nanos) {
    target_nanos_.store(nanos, std::memory_order_relaxed);
  }

 private:
  const ConcurrencyLimitOptions options_;
  std::atomic<int64_t> target_nanos_{options_.target_nanos};
  std::atomic<double> limit_;
  // The window: only its sums, so a sample that comes while it is closed may
  // count in the next one.
  std::atomic<int64_t> opened_nanos_{0};
  std::atomic<int64_t> sojourn_nanos_{0};
  std::atomic<int64_t> allowed_nanos_{0};
  std::atomic<int> calls_{0};
  std::atomic_flag closing_;
};

}  // namespace allot

#endif  // ALLOT_SERVER_CONCURRENCY_LIMIT_H_
