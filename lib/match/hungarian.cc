// SPDX-License-Identifier: Apache-2.0
#include "lib/match/hungarian.h"

#include "lib/match/flow.h"
#include "lib/match/reading.h"
#include "lib/match/shortest_path.h"

namespace allot {
namespace {

template <typename V>
Assignment Solve(const Problem& problem, Reading& reading,
                 std::span<const double> warm_price, const Deadline& deadline) {
  Flow<V> flow = MakeFlow<V>(problem, reading);
  SetPrices(warm_price, flow);
  LabelerIndex<V> index;
  SolveStats stats;
  const RepairResult result = Repair<V>(flow, index).Run({deadline}, stats);
  Assignment assignment = ToAssignment(flow);
  assignment.deadline_reached = result == RepairResult::kDeadline;
  assignment.solver = Solver::kHungarian;
  assignment.stats = stats;
  return assignment;
}

}  // namespace

Assignment SolveHungarian(const Problem& problem, Reading& reading,
                          std::span<const double> warm_price,
                          const Deadline& deadline) {
  return FitsInt32(reading)
             ? Solve<int32_t>(problem, reading, warm_price, deadline)
             : Solve<int64_t>(problem, reading, warm_price, deadline);
}

}  // namespace allot
