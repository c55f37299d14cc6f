// SPDX-License-Identifier: Apache-2.0
#include "server/concurrency_limit.h"

#include <algorithm>
#include <cmath>

namespace allot {

bool ConcurrencyLimit::Observe(int64_t now_nanos, int64_t sojourn_nanos,
                               int64_t service_nanos, int in_flight) {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const std::optional<int64_t> allowance = AllowanceNanos(service_nanos);
  const double before = limit_.load(kRelaxed);
  if (!allowance) {
    limit_.store(options_.most, kRelaxed);
    return before != options_.most;
  }
  sojourn_nanos_.fetch_add(sojourn_nanos, kRelaxed);
  allowed_nanos_.fetch_add(*allowance, kRelaxed);
  const int calls = calls_.fetch_add(1, kRelaxed) + 1;
  const int64_t opened = opened_nanos_.load(kRelaxed);
  if (calls < (now_nanos - opened < kWindowNanos ? kWindowCalls : kFewCalls)) {
    return false;
  }
  if (closing_.test_and_set(std::memory_order_acquire)) return false;
  opened_nanos_.store(now_nanos, kRelaxed);
  calls_.store(0, kRelaxed);
  const auto allowed =
      static_cast<double>(allowed_nanos_.exchange(0, kRelaxed));
  const auto sojourn =
      static_cast<double>(sojourn_nanos_.exchange(0, kRelaxed));
  closing_.clear(std::memory_order_release);
  if (sojourn <= 0) return false;
  const double gradient = std::clamp(allowed / sojourn, 0.5, 1.0);
  // Room that nobody uses proves nothing about more of it.
  const double growth =
      gradient < 1 || 2 * in_flight >= before ? std::sqrt(before) : 0;
  const double limit = std::clamp((before + before * gradient + growth) / 2,
                                  static_cast<double>(options_.least),
                                  static_cast<double>(options_.most));
  limit_.store(limit, kRelaxed);
  return static_cast<int>(limit) != static_cast<int>(before);
}

}  // namespace allot
