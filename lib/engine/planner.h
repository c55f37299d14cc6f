// SPDX-License-Identifier: Apache-2.0
// From a batch and a roster to a plan: score, match, certify, say what stayed
// empty and why. Reads snapshots only; claims nothing.
#ifndef ALLOT_LIB_ENGINE_PLANNER_H_
#define ALLOT_LIB_ENGINE_PLANNER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "lib/engine/calls.h"
#include "lib/engine/load_table.h"
#include "lib/engine/scan.h"
#include "lib/roster/roster.h"

namespace allot {

struct PlanInput {
  const AllocateCall& call;
  std::span<const BatchTask> tasks;  // one for each of call.tasks
  const Roster& roster;
  const LoadTable& loads;
  std::span<const char> allowed;  // [rows], or empty: everybody
  const Clock& clock;
  int threads = 1;
  // By row, slots taken that are in `loads` no more than in the log yet; or
  // null.
  const absl::flat_hash_map<int32_t, int32_t>* taken = nullptr;
};

// A planned pair by row, so that claims need no look-up.
struct DraftPair {
  int32_t task = 0;
  int32_t labeler = 0;  // roster row
};

struct Draft {
  Plan plan;                    // without leases
  std::vector<DraftPair> rows;  // [plan.pairs]
};

// A budget is met by a multiplier on price, found by bisection: each value of
// it gives a plan and, by Lagrangian duality, a bound, so the gap is certified
// with a budget too, though it need not be 0: a multiplier cannot tell apart
// pairs of equal worth per price.
//
// With must_fill an empty slot costs more than any exchange of pairs can gain,
// so as many slots are filled as can be; objective and bound are reported
// without that cost.
absl::StatusOr<Draft> MakePlan(const PlanInput& input);

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_PLANNER_H_
