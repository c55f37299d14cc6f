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
  // Costs and bounds are flipped, not shifted; kNever where nothing is left.
  dense::Lists<int64_t> lists;
  int32_t least = std::numeric_limits<int32_t>::max();
  int32_t most = std::numeric_limits<int32_t>::min();
  int32_t rows = 0;  // read before the deadline
};

Start ReadMatrix(const DenseProblem& problem, int32_t flip,
                 const Deadline& deadline) {
  Start start;
  const int32_t rows = static_cast<int32_t>(problem.rows);
  const int32_t columns = static_cast<int32_t>(problem.columns);
  start.lists.Resize(rows);
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
    dense::Lists<int64_t>& lists = start.lists;
    const size_t first = lists.kStride * i;
    lists.size[i] = static_cast<int32_t>(found.column.size());
    lists.near[i] = dense::WriteList<int32_t>(
        found, nullptr, &lists.column[first], &lists.cost[first]);
    lists.bound[i] = complete ? kNever<int64_t> : found.bound;
    lists.near_floor[i] =
        std::min<int64_t>(int64_t{found.near} + 1, lists.bound[i]);
    start.rows = i + 1;
  }
  return start;
}

// Moves lists to another width of price and another base.
template <typename To, typename From>
void Rebase(dense::Lists<From>& from, int64_t shift, dense::Lists<To>& to) {
  to.column = std::move(from.column);
  to.cost = std::move(from.cost);
  to.size = std::move(from.size);
  to.near = std::move(from.near);
  const auto move = [shift](From value) {
    return value == kNever<From> ? kNever<To>
                                 : static_cast<To>(value - shift);
  };
  const size_t rows = to.size.size();
  to.bound.resize(rows);
  to.near_floor.resize(rows);
  for (size_t i = 0; i < rows; ++i) {
    to.bound[i] = move(from.bound[i]);
    to.near_floor[i] = move(from.near_floor[i]);
    int32_t* cost = &to.cost[to.kStride * i];
    // The pad keeps its own value; costs fit by the choice of base.
    for (int32_t k = 0; k < to.size[i]; ++k)
      cost[k] = static_cast<int32_t>(cost[k] - shift);
  }
}

template <typename Price>
void Adopt(Start& start, int32_t base, Solver<Price>& solver, int32_t rows,
           int32_t columns) {
  Rebase(start.lists, base, solver.lists);
  solver.price.assign(columns, 0);
  solver.column_of_row.assign(rows, kNone);
  solver.row_of_column.assign(columns, kNone);
  solver.matched_cost.assign(rows, 0);
}

// The same state with wider prices; costs lose their shift.
void Widen(Solver<int32_t>& from, int32_t base, Solver<int64_t>& to) {
  Rebase(from.lists, -int64_t{base}, to.lists);
  to.matched_cost = std::move(from.matched_cost);
  for (size_t i = 0; i < to.matched_cost.size(); ++i) {
    if (from.column_of_row[i] >= 0)
      to.matched_cost[i] = static_cast<int32_t>(to.matched_cost[i] + int64_t{base});
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
  if (rows == columns && rows > 0 && !problem.unassigned_cost) {
    std::vector<int32_t> minima(columns, std::numeric_limits<int32_t>::max());
    int32_t most = std::numeric_limits<int32_t>::min();
    dense::RowView block{problem.costs.data(), columns, flip, 0, 0};
    for (int32_t i = 0; i < rows; i += 16) {
      if (deadline.Passed()) return Unstarted(problem);
      block.cells = problem.costs.data() + int64_t{columns} * i;
      dense::ColumnMinima(block, std::min(16, rows - i), minima.data(), most);
    }
    const int32_t base = *std::min_element(minima.begin(), minima.end());
    if (int64_t{most} - base < kNarrowRange) {
      Solver<int32_t> narrow({problem.costs.data(), rows, columns, flip, base},
                             kNever<int32_t>, deadline);
      narrow.price.resize(columns);
      for (int32_t j = 0; j < columns; ++j) narrow.price[j] = base - minima[j];
      narrow.column_of_row.assign(rows, kNone);
      narrow.row_of_column.assign(columns, kNone);
      narrow.matched_cost.assign(rows, 0);
      narrow.lists.Resize(rows);
      for (int32_t i = 0; i < rows; ++i) {
        if ((i & 15) == 0 && deadline.Passed()) return Unstarted(problem);
        narrow.Refresh(i);
      }
      narrow.work.refreshes = 0;
      narrow.Run();
      if (!narrow.overflow) return Report(problem, narrow, flip, base);
      Solver<int64_t> wide({problem.costs.data(), rows, columns, flip, 0},
                           kNever<int64_t>, deadline);
      Widen(narrow, base, wide);
      wide.Run();
      return Report(problem, wide, flip, 0);
    }
  }
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
