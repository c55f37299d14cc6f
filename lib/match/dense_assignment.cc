// SPDX-License-Identifier: Apache-2.0
#include "lib/match/dense_assignment.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/match/dense_solver.h"
#include "lib/match/dense_start.h"

namespace allot {
namespace {

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

// A solved problem in 32-bit prices, all rows assigned; the least price is 0.
struct DenseWarmStart::State {
  bool ready = false;
  int64_t rows = 0, columns = 0;
  int32_t flip = 0, base = 0;
  dense::Lists<int32_t> lists;
  std::vector<int32_t> price, column_of_row, row_of_column, matched_cost;
};

DenseWarmStart::DenseWarmStart() : state_(std::make_unique<State>()) {}
DenseWarmStart::~DenseWarmStart() = default;
DenseWarmStart::DenseWarmStart(DenseWarmStart&&) noexcept = default;
DenseWarmStart& DenseWarmStart::operator=(DenseWarmStart&&) noexcept = default;

namespace {

template <typename Price>
void Adopt(dense::Start& start, int32_t base, Solver<Price>& solver,
           int32_t rows, int32_t columns) {
  dense::Rebase(start.lists, base, solver.lists);
  solver.price.assign(columns, 0);
  solver.column_of_row.assign(rows, kNone);
  solver.row_of_column.assign(columns, kNone);
  solver.matched_cost.assign(rows, 0);
}

// The same state with wider prices; costs lose their shift.
void Widen(Solver<int32_t>& from, int32_t base, Solver<int64_t>& to) {
  dense::Rebase(from.lists, -int64_t{base}, to.lists);
  to.matched_cost = std::move(from.matched_cost);
  for (size_t i = 0; i < to.matched_cost.size(); ++i) {
    if (from.column_of_row[i] >= 0)
      to.matched_cost[i] =
          static_cast<int32_t>(to.matched_cost[i] + int64_t{base});
  }
  to.price.assign(from.price.begin(), from.price.end());
  to.column_of_row = from.column_of_row;
  to.row_of_column = from.row_of_column;
  to.work = from.work;
}

// Where every row needs a column, prices are fixed up to a constant: the least
// one, which every unmatched column has, is to be 0.
template <typename Price>
Price LeastPrice(const DenseProblem& problem, const Solver<Price>& solver) {
  if (problem.unassigned_cost || solver.price.empty()) return 0;
  return *std::min_element(solver.price.begin(), solver.price.end());
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
  const Price floor = LeastPrice(problem, solver);
  for (int32_t i = 0; i < rows; ++i) {
    const int32_t j = solver.column_of_row[i];
    answer.column_of_row[i] = std::max(j, DenseAssignment::kUnassigned);
    int64_t dual;  // of the flipped cost
    if (solver.expired) {
      // Pairs need not be tight and there is no time to read: a bound will do.
      dual = int64_t{solver.LowerRowDual(i)} - floor + base;
    } else if (j >= 0) {
      dual = int64_t{solver.matched_cost[i]} + solver.price[j] - floor + base;
    } else {
      dual = int64_t{solver.RowDual(i)} - floor + base;
    }
    if (j >= 0) {
      answer.objective += problem.costs[int64_t{columns} * i + j];
    } else if (j == kOutside) {
      answer.objective += *problem.unassigned_cost;
    } else {
      ++answer.unreached_rows;
    }
    answer.row_dual[i] = flip == 0 ? dual : -1 - dual;
    answer.bound += answer.row_dual[i];
  }
  for (int32_t j = 0; j < columns; ++j) {
    answer.column_dual[j] =
        -sign * (static_cast<int64_t>(solver.price[j]) - floor);
    answer.bound += answer.column_dual[j];
  }
  answer.optimal =
      answer.unreached_rows == 0 && answer.bound == answer.objective;
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

// Leaves what the next solve can use, or nothing.
void Keep(const DenseProblem& problem, Solver<int32_t>& solver, int32_t flip,
          int32_t base, DenseWarmStart::State& state) {
  state.ready = !solver.expired && !problem.unassigned_cost;
  if (!state.ready) return;
  state.rows = problem.rows;
  state.columns = problem.columns;
  state.flip = flip;
  state.base = base;
  state.lists = std::move(solver.lists);
  state.price = std::move(solver.price);
  state.column_of_row = std::move(solver.column_of_row);
  state.row_of_column = std::move(solver.row_of_column);
  state.matched_cost = std::move(solver.matched_cost);
  if (state.price.empty()) return;
  const int32_t floor =
      *std::min_element(state.price.begin(), state.price.end());
  for (int32_t& price : state.price) price -= floor;
  for (size_t i = 0; i < state.lists.size.size(); ++i) {
    for (int32_t* value : {&state.lists.bound[i], &state.lists.near_floor[i]})
      if (*value != kNever<int32_t>) *value -= floor;
  }
}

// The solve's parts that do not depend on the width of prices.
class Run {
 public:
  Run(const DenseProblem& problem, const DenseOptions& options)
      : problem_(problem),
        options_(options),
        deadline_{options.clock, options.deadline_nanos},
        flip_(problem.maximise ? -1 : 0),
        rows_(static_cast<int32_t>(problem.rows)),
        columns_(static_cast<int32_t>(problem.columns)) {}

  DenseAssignment Solve();

 private:
  std::optional<DenseAssignment> Warm(DenseWarmStart::State& state);
  // From column minima; nothing if the costs are too far apart.
  std::optional<DenseAssignment> Square();
  // From each row's cheapest columns, of which `start` may hold some.
  DenseAssignment General(dense::Start& start);

  // What is subtracted from costs for 32-bit prices. A warm start gets room for
  // cheaper costs and for dearer ones, or a change of range would end it.
  int32_t Base(int64_t least, int64_t most) const {
    const int64_t room = kNarrowRange - 1 - (most - least);
    const int64_t below = std::min(room / 2, most - least);
    return static_cast<int32_t>(
        options_.warm_start == nullptr
            ? least
            : std::max<int64_t>(least - below,
                                std::numeric_limits<int32_t>::min()));
  }
  Solver<int32_t> Narrow(int32_t base) const {
    Solver<int32_t> solver(
        {problem_.costs.data(), rows_, columns_, flip_, base},
        problem_.unassigned_cost
            ? static_cast<int32_t>(int64_t{*problem_.unassigned_cost ^ flip_} -
                                   base)
            : kNever<int32_t>,
        deadline_);
    return solver;
  }
  Solver<int64_t> Wide() const {
    return Solver<int64_t>({problem_.costs.data(), rows_, columns_, flip_, 0},
                           problem_.unassigned_cost
                               ? int64_t{*problem_.unassigned_cost ^ flip_}
                               : kNever<int64_t>,
                           deadline_);
  }
  // Answers for a solver that has run, or goes on with wider prices.
  DenseAssignment Finish(Solver<int32_t>& narrow, int32_t base);

  const DenseProblem& problem_;
  const DenseOptions& options_;
  const Deadline deadline_;
  const int32_t flip_, rows_, columns_;
};

DenseAssignment Run::Finish(Solver<int32_t>& narrow, int32_t base) {
  if (!narrow.overflow) {
    DenseAssignment answer = Report(problem_, narrow, flip_, base);
    if (options_.warm_start != nullptr)
      Keep(problem_, narrow, flip_, base, options_.warm_start->state());
    return answer;
  }
  Solver<int64_t> wide = Wide();
  Widen(narrow, base, wide);
  wide.Run();
  return Report(problem_, wide, flip_, 0);
}

std::optional<DenseAssignment> Run::Warm(DenseWarmStart::State& state) {
  Solver<int32_t> solver = Narrow(state.base);
  solver.lists = std::move(state.lists);
  solver.price = std::move(state.price);
  solver.column_of_row = std::move(state.column_of_row);
  solver.row_of_column = std::move(state.row_of_column);
  solver.matched_cost = std::move(state.matched_cost);
  for (const int32_t i : options_.changed_rows) {
    if (solver.column_of_row[i] != kNone) solver.Unmatch(i);
    // The changed costs must still fit the 32-bit state.
    if (!solver.Renew(i)) return std::nullopt;
  }
  solver.RunWarm();
  if (solver.overflow) return std::nullopt;
  DenseAssignment answer = Finish(solver, state.base);
  answer.stats.warm = true;
  return answer;
}

std::optional<DenseAssignment> Run::Square() {
  std::vector<int32_t> minima(columns_, std::numeric_limits<int32_t>::max());
  int32_t most = std::numeric_limits<int32_t>::min();
  constexpr int32_t kBlock = 16;
  for (int32_t i = 0; i < rows_; i += kBlock) {
    if (deadline_.Passed()) return Unstarted(problem_);
    const dense::RowView block{problem_.costs.data() + int64_t{columns_} * i,
                               columns_, flip_, 0, 0};
    dense::ColumnMinima(block, std::min(kBlock, rows_ - i), minima.data(),
                        most);
  }
  const int32_t least = *std::min_element(minima.begin(), minima.end());
  if (int64_t{most} - least >= kNarrowRange) return std::nullopt;
  const int32_t base = Base(least, most);
  Solver<int32_t> solver = Narrow(base);
  solver.price.resize(columns_);
  for (int32_t j = 0; j < columns_; ++j) solver.price[j] = base - minima[j];
  solver.column_of_row.assign(rows_, kNone);
  solver.row_of_column.assign(columns_, kNone);
  solver.matched_cost.assign(rows_, 0);
  solver.lists.Resize(rows_);
  for (int32_t i = 0; i < rows_; ++i) {
    if (i % kBlock == 0 && deadline_.Passed()) return Unstarted(problem_);
    solver.Refresh(i);
  }
  solver.work.refreshes = 0;
  solver.Run();
  return Finish(solver, base);
}

DenseAssignment Run::General(dense::Start& start) {
  if (!start.Read(rows_, deadline_)) return Unstarted(problem_);
  if (problem_.costs.empty()) start.least = start.most = 0;
  // The price of staying outside takes part in the range of values.
  int64_t least = start.least, most = start.most;
  if (problem_.unassigned_cost) {
    const int64_t outside = *problem_.unassigned_cost ^ flip_;
    least = std::min(least, outside);
    most = std::max(most, outside);
  }
  if (most - least < kNarrowRange) {
    const int32_t base = Base(least, most);
    Solver<int32_t> narrow = Narrow(base);
    Adopt(start, base, narrow, rows_, columns_);
    if (narrow.square()) dense::SetListedPrices(narrow.lists, narrow.price);
    narrow.Run();
    return Finish(narrow, base);
  }
  Solver<int64_t> wide = Wide();
  Adopt(start, 0, wide, rows_, columns_);
  wide.Run();
  return Report(problem_, wide, flip_, 0);
}

DenseAssignment Run::Solve() {
  if (options_.warm_start != nullptr && options_.warm_start->state().ready) {
    DenseWarmStart::State& state = options_.warm_start->state();
    state.ready = false;
    if (state.rows == rows_ && state.columns == columns_ &&
        state.flip == flip_ && !problem_.unassigned_cost && rows_ > 0) {
      if (auto answer = Warm(state)) return *std::move(answer);
    }
  }
  dense::Start start(
      {problem_.costs.data(), columns_, flip_, /*base=*/0, /*start=*/0}, rows_);
  if (rows_ == columns_ && rows_ > 0 && !problem_.unassigned_cost &&
      !start.Spread(deadline_)) {
    if (auto answer = Square()) return *std::move(answer);
  }
  return General(start);
}

}  // namespace

absl::StatusOr<DenseAssignment> SolveDenseAssignment(
    const DenseProblem& problem, const DenseOptions& options) {
  ALLOT_RETURN_IF_ERROR(Validate(problem));
  for (size_t k = 0; k < options.changed_rows.size(); ++k) {
    const int32_t i = options.changed_rows[k];
    if (i < 0 || i >= problem.rows) {
      return absl::InvalidArgumentError(absl::StrCat(
          "changed_rows[", k, "]: want [0, ", problem.rows, "), got ", i));
    }
  }
  return Run(problem, options).Solve();
}

}  // namespace allot
