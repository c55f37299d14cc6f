// SPDX-License-Identifier: Apache-2.0
// Plans of an allocation log made again, each on the state that it was made on,
// by this build and, if wanted, by another policy.
//
// Each plan is compared by itself: the pool goes on as it did, whatever a
// plan would have been. No channel, no thread, no clock but for the solver's.
#ifndef ALLOT_SERVER_REPLAY_H_
#define ALLOT_SERVER_REPLAY_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "allot/v1/pool.pb.h"
#include "lib/base/clock.h"
#include "lib/engine/calls.h"
#include "lib/store/store.h"
#include "server/allocation_log_file.h"

namespace allot {

struct LogReplayOptions {
  // Instead of each request's own, absent: that.
  std::optional<v1::Policy> policy;
  // Fields that it gives override those of the policy.
  v1::Policy changes;
  // These pools only; empty: all.
  std::vector<std::string> pools;
};

// Totals of one plan, as PlanSummary has them.
struct PlanTotals {
  int64_t pairs = 0;
  double utility = 0;
  double cost = 0;
  double bits = 0;
  double gap = 0;
  double seconds = 0;  // that scoring and solving took
};

enum class PlanChange {
  kIdentical,   // the same pairs and numbers, bit for bit
  kNumbers,     // the same pairs, other numbers
  kPairs,       // other pairs
  kImpossible,  // this build refuses the request
};

struct ReplayedPlan {
  LogPlace place;
  std::string pool;
  std::string request_id;
  std::string version;  // of the allotd that logged it
  absl::Time time;
  int64_t sequence = 0;
  int32_t tasks = 0;
  // With what may have made it end otherwise even in the same build.
  PlanBasis basis;
  PlanChange change = PlanChange::kIdentical;
  absl::Status error;  // with kImpossible
  PlanTotals before, after;
  int64_t kept = 0;  // pairs that are in both
};

// Calls `visit` with each plan, pool by pool, in the order of their states.
// `store` holds the logs that the plans were made on, and is only read. `files`
// may be of several folders. `warn` is told of torn records.
// Errors: those of ReadAllocationLogFile() and PastEngine::Advance();
// kInvalidArgument for a policy out of range.
absl::Status ReplayAllocations(
    const std::vector<std::string>& files, Store* store, const Clock* clock,
    const LogReplayOptions& options,
    const std::function<void(const ReplayedPlan&)>& visit,
    const std::function<void(const std::string&)>& warn);

}  // namespace allot

#endif  // ALLOT_SERVER_REPLAY_H_
