// SPDX-License-Identifier: Apache-2.0
// The dense linear assignment problem, solved exactly and proven so.
//
//   minimise  sum over rows i of cost[i][column(i)],   column(i) all distinct
//
// or maximise the same sum. With `unassigned_cost` a row may instead stay
// unassigned at that price. One number per row and per column proves the
// answer (linear programming duality):
//
//   minimise   row_dual[i] + column_dual[j] <= cost[i][j],  column_dual <= 0
//   maximise   row_dual[i] + column_dual[j] >= cost[i][j],  column_dual >= 0
//
// with equality on every assigned pair, column_dual = 0 on every unassigned
// column, and row_dual no worse than unassigned_cost (equal on unassigned
// rows). Then the sum of all duals equals the objective: no assignment is
// better. Anyone can check this in one pass over the matrix.
//
// Units    integer costs, any int32. Reals: see dense_quantise.h.
// Shapes   row-major; rows <= columns, or any shape when rows may stay
//          unassigned.
// Cost     expected: one or two readings of the matrix plus work that
//          grows with how much rows compete. Worst O(rows^2 columns).
//          Memory beyond the matrix: O(rows * 270 + columns) numbers, and
//          rows * 1,600 where rows compete for 4,096 columns or more.
// Result   Deterministic: the same bits on every machine. Which of several
//          optima is unspecified.
// Errors   kInvalidArgument: sizes disagree, rows > columns without
//          unassigned_cost, 2^24 rows or columns or more, a changed row out
//          of range. A warm start of another shape is ignored.
// Threads  Pure functions, apart from the warm start they are given.
//
// Shortest augmenting paths: Jonker and Volgenant (1987),
// doi:10.1007/BF02278710. Epsilon scaling where rows compete: Bertsekas
// (1988), doi:10.1007/BF02186476.
#ifndef ALLOT_LIB_MATCH_DENSE_ASSIGNMENT_H_
#define ALLOT_LIB_MATCH_DENSE_ASSIGNMENT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/clock.h"

namespace allot {

// Held by the caller, who keeps `costs` alive during the call.
struct DenseProblem {
  std::span<const int32_t> costs;  // [rows x columns], row-major
  int64_t rows = 0;
  int64_t columns = 0;
  bool maximise = false;
  // Price (when maximising: gain) of a row without a column. None: every row
  // must have one.
  std::optional<int32_t> unassigned_cost;
};

// How much was done, for benchmarks and for the curious.
struct DenseStats {
  int64_t bids = 0;          // auction and row reduction
  int64_t row_readings = 0;  // passes over a row after the first
  int64_t searches = 0;      // shortest augmenting paths
  int64_t scanned_rows = 0;  // by those searches
  bool scaled = false;       // epsilon scaling was used
  bool wide = false;         // 64-bit prices were needed
  bool warm = false;         // the warm start was used
};

struct DenseAssignment {
  static constexpr int32_t kUnassigned = -1;
  std::vector<int32_t> column_of_row;  // [rows]; kUnassigned: see `optimal`
  std::vector<int64_t> row_dual;       // [rows]
  std::vector<int64_t> column_dual;    // [columns]
  // Sum over assigned pairs, plus unassigned_cost for each row that stays
  // unassigned by choice.
  int64_t objective = 0;
  // Sum of the duals: no complete assignment is better than this.
  int64_t bound = 0;
  // False only if the deadline struck: rows without a column may then be rows
  // that were not reached, and rows with one need not be best served. The
  // duals and the bound hold all the same.
  bool optimal = false;
  int64_t unreached_rows = 0;
  DenseStats stats;
};

// What one solve teaches the next one of the same shape: column prices, each
// row's cheapest columns, and the assignment. Advice with a contract: rows not
// named in `changed_rows` must hold the costs they held last time.
class DenseWarmStart {
 public:
  DenseWarmStart();
  ~DenseWarmStart();
  DenseWarmStart(DenseWarmStart&&) noexcept;
  DenseWarmStart& operator=(DenseWarmStart&&) noexcept;

  struct State;
  State& state() { return *state_; }

 private:
  std::unique_ptr<State> state_;
};

struct DenseOptions {
  // Stop when clock->MonotonicNanos() reaches deadline_nanos. No clock: never.
  const Clock* clock = nullptr;
  int64_t deadline_nanos = 0;
  // Read if it holds an earlier solve, written unless the deadline struck.
  DenseWarmStart* warm_start = nullptr;
  // Rows whose costs differ from the last solve with this warm start.
  std::span<const int32_t> changed_rows;
};

absl::StatusOr<DenseAssignment> SolveDenseAssignment(
    const DenseProblem& problem, const DenseOptions& options = {});

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_DENSE_ASSIGNMENT_H_
