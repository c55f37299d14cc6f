// SPDX-License-Identifier: Apache-2.0
// What every service works with.
#ifndef ALLOT_SERVER_CORE_H_
#define ALLOT_SERVER_CORE_H_

#include "absl/time/time.h"
#include "lib/base/clock.h"
#include "lib/engine/engine.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/worker_pool.h"

namespace allot {

// All of it outlives every call.
struct ServerCore {
  Engine* engine = nullptr;
  const Clock* clock = nullptr;
  WorkerPool* workers = nullptr;
  Metrics* metrics = nullptr;
  Logger* log = nullptr;
  // Calls that take longer are logged.
  absl::Duration slow_call = absl::Seconds(1);
};

}  // namespace allot

#endif  // ALLOT_SERVER_CORE_H_
