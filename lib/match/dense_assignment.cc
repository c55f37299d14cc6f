// SPDX-License-Identifier: Apache-2.0
#include "lib/match/dense_assignment.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/match/dense_solver.h"

namespace allot {
namespace {

using dense::Deadline;
using dense::kListCapacity;
using dense::kNever;
using dense::kNone;
using dense::kOutside;
using dense::Solver;

constexpr int64_t kMaxSide = int64_t{1} << 24;
// Costs within this range of each other are solved with 32-bit prices.
constexpr int64_t kNarrowRange = int64_t{1} << 29;

absl::Status Validate(const DenseProblem& problem) {
  if (problem.rows < 0 || problem.rows >= kMaxSide) {
    return absl::InvalidArgumentError(
        absl::StrCat("rows: want [0, 2^24), got ", problem.rows));
  }
  if (problem.columns < 0 || problem.columns >= kMaxSide) {
    return absl::InvalidArgumentError(
        absl::StrCat("columns: want [0, 2^24), got ", problem.columns));
  }
  if (static_cast<int64_t>(problem.costs.size()) !=
      problem.rows * problem.columns) {
    return absl::InvalidArgumentError(absl::StrCat(
        "costs: want rows * columns = ", problem.rows * problem.columns,
        " cells, got ", problem.costs.size()));
  }
  if (problem.rows > problem.columns && !problem.unassigned_cost) {
    return absl::InvalidArgumentError(
        absl::StrCat("rows: ", problem.rows, " rows cannot all be assigned to ",
                     problem.columns, " columns; give unassigned_cost"));
  }
  return absl::OkStatus();
}

}  // namespace

struct DenseWarmStart::State {
  bool ready = false;
};

DenseWarmStart::DenseWarmStart() : state_(std::make_unique<State>()) {}
DenseWarmStart::~DenseWarmStart() = default;
DenseWarmStart::DenseWarmStart(DenseWarmStart&&) noexcept = default;
DenseWarmStart& DenseWarmStart::operator=(DenseWarmStart&&) noexcept = default;

namespace {

// The solver's first state: zero prices and each row's cheapest columns.
struct Start {
  std::vector<int32_t> column, cost, size;  // cost is flipped, not shifted
  std::vector<int64_t> bound;               // flipped; kNever<int64_t>: none
  int32_t least = std::numeric_limits<int32_t>::max();
  int32_t most = std::numeric_limits<int32_t>::min();
  int32_t rows = 0;  // read before the deadline
};

Start ReadMatrix(const DenseProblem& problem, int32_t flip,
                 const Deadline& deadline) {
  Start start;
  const int32_t rows = static_cast<int32_t>(problem.rows);
  const int32_t columns = static_cast<int32_t>(problem.columns);
  start.column.resize(int64_t{rows} * kListCapacity);
  start.cost.resize(int64_t{rows} * kListCapacity);
  start.size.resize(rows);
  start.bound.resize(rows);
  dense::Found<int32_t> found;
  for (int32_t i = 0; i < rows; ++i) {
    if ((i & 15) == 0 && deadline.Passed()) return start;
    dense::RowView row;
    row.cells = problem.costs.data() + int64_t{columns} * i;
    row.columns = columns;
    row.flip = flip;
    row.start = dense::RowStart(i, columns);
    bool complete = false;
    dense::FindNearestRaw(row, found, complete, start.least, start.most);
    const size_t first = size_t{kListCapacity} * i;
    const int32_t size = static_cast<int32_t>(found.column.size());
    for (int32_t k = 0; k < size; ++k) {
      start.column[first + k] = found.column[k];
      start.cost[first + k] = found.value[k];
    }
    start.size[i] = size;
    start.bound[i] = complete ? kNever<int64_t> : found.bound;
    start.rows = i + 1;
  }
  return start;
}

template <typename Price>
void Adopt(Start& start, int32_t base, Solver<Price>& solver, int32_t rows,
           int32_t columns) {
  solver.lists.column = std::move(start.column);
  solver.lists.cost = std::move(start.cost);
  solver.lists.size = std::move(start.size);
  solver.lists.bound.resize(rows);
  for (int32_t i = 0; i < rows; ++i) {
    solver.lists.bound[i] = start.bound[i] == kNever<int64_t>
                                ? kNever<Price>
                                : static_cast<Price>(start.bound[i] - base);
    // Costs are at least base, so the difference fits.
    const size_t first = size_t{kListCapacity} * i;
    if (base != 0) {
      for (int32_t k = 0; k < solver.lists.size[i]; ++k) {
        int32_t& cost = solver.lists.cost[first + k];
        cost = static_cast<int32_t>(static_cast<uint32_t>(cost) -
                                    static_cast<uint32_t>(base));
      }
    }
  }
  solver.price.assign(columns, 0);
  solver.column_of_row.assign(rows, kNone);
  solver.row_of_column.assign(columns, kNone);
  solver.matched_cost.assign(rows, 0);
}

// The same state with wider prices; costs lose their shift.
void Widen(const Solver<int32_t>& from, int32_t base, Solver<int64_t>& to) {
  to.lists.column = from.lists.column;
  to.lists.cost = from.lists.cost;
  to.lists.size = from.lists.size;
  const size_t rows = from.column_of_row.size();
  to.lists.bound.resize(rows);
  to.matched_cost = from.matched_cost;
  const auto unshift = [base](int32_t cost) {
    return static_cast<int32_t>(static_cast<uint32_t>(cost) +
                                static_cast<uint32_t>(base));
  };
  for (size_t i = 0; i < rows; ++i) {
    to.lists.bound[i] = from.lists.bound[i] == kNever<int32_t>
                            ? kNever<int64_t>
                            : int64_t{from.lists.bound[i]} + base;
    to.matched_cost[i] = unshift(to.matched_cost[i]);
    for (int32_t k = 0; k < to.lists.size[i]; ++k) {
      int32_t& cost = to.lists.cost[kListCapacity * i + k];
      cost = unshift(cost);
    }
  }
  to.price.assign(from.price.begin(), from.price.end());
  to.column_of_row = from.column_of_row;
  to.row_of_column = from.row_of_column;
  to.work = from.work;
}

// Reads the answer off a solver, in the caller's own sign and units.
template <typename Price>
DenseAssignment Report(const DenseProblem& problem, Solver<Price>& solver,
                       int32_t flip, int32_t base) {
  DenseAssignment answer;
  const int32_t rows = static_cast<int32_t>(problem.rows);
  const int32_t columns = static_cast<int32_t>(problem.columns);
  answer.column_of_row.resize(rows);
  answer.row_dual.resize(rows);
  answer.column_dual.resize(columns);
  // Flipped costs are -1 - cost: undo the -1 in the row's dual.
  const int64_t sign = flip == 0 ? 1 : -1;
  // A square matrix fixes prices up to a constant: make the least one 0.
  Price floor = 0;
  if (solver.square() && columns > 0)
    floor = *std::min_element(solver.price.begin(), solver.price.end());
  for (int32_t i = 0; i < rows; ++i) {
    const int32_t j = solver.column_of_row[i];
    answer.column_of_row[i] = std::max(j, DenseAssignment::kUnassigned);
    int64_t dual;  // of the flipped cost
    if (j >= 0) {
      dual = int64_t{solver.matched_cost[i]} + solver.price[j] - floor + base;
      answer.objective += problem.costs[int64_t{columns} * i + j];
    } else {
      dual = int64_t{solver.RowDual(i)} - floor + base;
      if (j == kOutside) {
        answer.objective += *problem.unassigned_cost;
      } else {
        ++answer.unreached_rows;
      }
    }
    answer.row_dual[i] = flip == 0 ? dual : -1 - dual;
    answer.bound += answer.row_dual[i];
  }
  for (int32_t j = 0; j < columns; ++j) {
    answer.column_dual[j] =
        -sign * (static_cast<int64_t>(solver.price[j]) - floor);
    answer.bound += answer.column_dual[j];
  }
  answer.optimal = answer.unreached_rows == 0;
  answer.stats.bids = solver.work.bids;
  answer.stats.row_readings = solver.work.refreshes + solver.work.deep_reads;
  answer.stats.searches = solver.work.searches;
  answer.stats.scanned_rows = solver.work.scanned_rows;
  answer.stats.scaled = solver.work.scaled;
  answer.stats.wide = sizeof(Price) == 8;
  return answer;
}

// Not even every row's cheapest column is known: only trivial duals hold.
DenseAssignment Unstarted(const DenseProblem& problem) {
  DenseAssignment answer;
  int64_t dual = problem.maximise ? std::numeric_limits<int32_t>::max()
                                  : std::numeric_limits<int32_t>::min();
  answer.column_of_row.assign(problem.rows, DenseAssignment::kUnassigned);
  answer.row_dual.assign(problem.rows, dual);
  answer.column_dual.assign(problem.columns, 0);
  answer.bound = dual * problem.rows;
  answer.unreached_rows = problem.rows;
  return answer;
}

}  // namespace

absl::StatusOr<DenseAssignment> SolveDenseAssignment(
    const DenseProblem& problem, const DenseOptions& options) {
  ALLOT_RETURN_IF_ERROR(Validate(problem));
  const int32_t flip = problem.maximise ? -1 : 0;
  const int32_t rows = static_cast<int32_t>(problem.rows);
  const int32_t columns = static_cast<int32_t>(problem.columns);
  const Deadline deadline{options.clock, options.deadline_nanos};
  Start start = ReadMatrix(problem, flip, deadline);
  if (start.rows < rows) return Unstarted(problem);
  if (rows == 0 || columns == 0) start.least = start.most = 0;
  // The price of staying outside takes part in the range of values.
  int64_t least = start.least, most = start.most, outside = 0;
  if (problem.unassigned_cost) {
    outside = int64_t{*problem.unassigned_cost ^ flip};
    least = std::min(least, outside);
    most = std::max(most, outside);
  }
  if (most - least < kNarrowRange) {
    const int32_t base = static_cast<int32_t>(least);
    Solver<int32_t> narrow({problem.costs.data(), rows, columns, flip, base},
                           problem.unassigned_cost
                               ? static_cast<int32_t>(outside - base)
                               : kNever<int32_t>,
                           deadline);
    Adopt(start, base, narrow, rows, columns);
    narrow.Run();
    if (!narrow.overflow) return Report(problem, narrow, flip, base);
    Solver<int64_t> wide({problem.costs.data(), rows, columns, flip, 0},
                         problem.unassigned_cost ? outside : kNever<int64_t>,
                         deadline);
    Widen(narrow, base, wide);
    wide.Run();
    return Report(problem, wide, flip, 0);
  }
  Solver<int64_t> wide({problem.costs.data(), rows, columns, flip, 0},
                       problem.unassigned_cost ? outside : kNever<int64_t>,
                       deadline);
  Adopt(start, 0, wide, rows, columns);
  wide.Run();
  return Report(problem, wide, flip, 0);
}

}  // namespace allot
