// SPDX-License-Identifier: Apache-2.0
// What every service works with.
#ifndef ALLOT_SERVER_CORE_H_
#define ALLOT_SERVER_CORE_H_

#include <atomic>
#include <cstdint>

#include "lib/base/clock.h"
#include "lib/engine/engine.h"
#include "server/access.h"
#include "server/admission.h"
#include "server/allocation_log.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/recent.h"
#include "server/worker_pool.h"

namespace allot {

// All of it outlives every call.
struct ServerCore {
  Engine* engine = nullptr;
  const Clock* clock = nullptr;
  WorkerPool* workers = nullptr;
  Admission* admission = nullptr;
  Access* access = nullptr;
  Metrics* metrics = nullptr;
  Logger* log = nullptr;
  AllocationLog* allocation_log = nullptr;  // null: none is kept
  Recent<PlanNote>* plans = nullptr;
  Recent<CallNote>* slow_calls = nullptr;
  // Calls that take longer are logged, and shown on the status page.
  std::atomic<int64_t> slow_call_nanos{1'000'000'000};
};

}  // namespace allot

#endif  // ALLOT_SERVER_CORE_H_
