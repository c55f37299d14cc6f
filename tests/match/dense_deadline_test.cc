// SPDX-License-Identifier: Apache-2.0
// Dense solves that a deadline ends.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include "gtest/gtest.h"
#include "lib/base/clock.h"
#include "lib/base/rng.h"
#include "lib/match/dense_assignment.h"
#include "tests/match/dense_testing.h"

namespace allot {
namespace {

// Moves on by one nanosecond each time it is read.
class TickingClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::UnixEpoch(); }
  int64_t MonotonicNanos() const override { return ++nanos_; }

 private:
  mutable int64_t nanos_ = 0;
};

// Stops a solve at each `step`th look at the clock. Returns how often the
// deadline struck, and the best bound then.
struct Stops {
  int stopped = 0;
  int64_t last_bound = std::numeric_limits<int64_t>::min();
};
Stops StopEverywhere(const DenseInstance& p, int64_t most, int64_t step) {
  const int64_t best = SolveProven(p);
  Stops stops;
  for (int64_t reads = 1; reads < most; reads += step) {
    TickingClock clock;
    DenseOptions options;
    options.clock = &clock;
    options.deadline_nanos = reads;
    const DenseAssignment answer = Solve(p, options);
    if (answer.optimal) {
      EXPECT_EQ(answer.objective, best);
      continue;
    }
    ++stops.stopped;
    EXPECT_GT(answer.unreached_rows, 0);
    EXPECT_LE(answer.bound, best);
    for (int i = 0; i < p.rows; ++i) {
      for (int j = 0; j < p.columns; ++j) {
        if (answer.row_dual[i] + answer.column_dual[j] <= p.at(i, j)) continue;
        ADD_FAILURE() << "stopped after " << reads;
        return stops;
      }
    }
    stops.last_bound = std::max(stops.last_bound, answer.bound);
  }
  return stops;
}

TEST(DenseDeadline, StopsWithDualsThatStillHold) {
  Rng rng(8);
  const DenseInstance p = Clustered(300, 300, 1e6, rng);
  const int64_t best = SolveProven(p);
  const Stops stops = StopEverywhere(p, 160, 3);
  EXPECT_GT(stops.stopped, 5);
  // The bound was worth having before the end.
  EXPECT_GT(stops.last_bound, best - std::abs(best) / 10);
}

TEST(DenseDeadline, StopsWhileItLooksForAnOrder) {
  // Without a look meanwhile it would stop a third less often.
  Rng rng(9);
  EXPECT_GT(StopEverywhere(Product(600, rng), 220, 1).stopped, 150);
}

}  // namespace
}  // namespace allot
