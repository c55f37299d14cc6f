// SPDX-License-Identifier: Apache-2.0
// The machinery behind SolveDenseAssignment(): rows compete for columns whose
// prices only ever rise. Not for use elsewhere: include dense_assignment.h.
//
// Letters: value(i, j) = cost(i, j) + p[j]; u[i] = min over j of value(i, j);
// the reduced cost value(i, j) - u[i] is >= 0, and 0 on every matched pair
// ("tight"). Those two facts, and p = 0 on unmatched columns unless the matrix
// is square, prove a complete matching optimal.
//
// Each row keeps a list of its cheapest columns and a bound on the value of
// all others. Because prices only rise, the bound stays true for the rest of
// the solve: the matrix is read again only where a list no longer decides.
//
// Overflow. With Price = int32_t costs are shifted to [0, 2^29) and prices kept
// below 2^29, so a value is below 2^30. A distance is kept below the best
// known path and that below kNever = 2^30; distance + reduced cost is then
// below 2^31. A price that would reach 2^29 sets `overflow` and the caller goes
// on with int64_t, where values are at most 2^32 + price. There a price is at
// most the length of an alternating path to a column at the initial price, in
// which each row adds at most cost range + epsilon < 2^34: with fewer than 2^24
// rows, below 2^58, far from kNever = 2^62.
#ifndef ALLOT_LIB_MATCH_DENSE_SOLVER_H_
#define ALLOT_LIB_MATCH_DENSE_SOLVER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lib/match/deadline.h"
#include "lib/match/dense_list.h"
#include "lib/match/dense_long_list.h"
#include "lib/match/raw_vector.h"

namespace allot::dense {

inline constexpr int32_t kNone = -1;     // Column unmatched; row free.
inline constexpr int32_t kOutside = -2;  // Row content to stay unassigned.
inline constexpr int32_t kFiller = -3;   // See Solver::lambda_.

template <typename Price>
inline constexpr Price kPriceLimit = Price{1} << (sizeof(Price) * 8 - 3);

template <typename Price>
struct Lists {
  RawVector<int32_t> column, cost;  // [rows x kStride]
  std::vector<int32_t> size;
  std::vector<int32_t> near;  // See ListView.
  std::vector<Price> near_floor;
  // Every unlisted column has at least this value, now and later.
  std::vector<Price> bound;
  // Every unlisted column costs at least this, its price not counted; 0 if
  // that is not known.
  std::vector<Price> cost_floor;
  static constexpr size_t kStride = kListCapacity + 8;  // Room to write eights.

  void Resize(size_t rows) {
    column.resize(rows * kStride);
    cost.resize(rows * kStride);
    size.resize(rows);
    near.resize(rows);
    near_floor.resize(rows);
    bound.resize(rows);
    cost_floor.resize(rows);
  }
  ListView<Price> View(size_t row) const {
    return {&column[row * kStride], &cost[row * kStride], size[row], near[row],
            near_floor[row]};
  }
};

// Scrambled, so that rows full of ties spread over the columns.
inline int32_t RowStart(int32_t i, int32_t columns) {
  const uint64_t blocks = static_cast<uint64_t>(columns) / 32;
  const uint64_t mixed = static_cast<uint32_t>(i) * uint64_t{2654435769u};
  return static_cast<int32_t>(((mixed & 0xffffffffu) * blocks >> 32) * 32);
}

// Counts for tests and benchmarks.
struct DenseWork {
  int64_t bids = 0;
  int64_t refreshes = 0;
  int64_t searches = 0;
  int64_t scanned_rows = 0;
  int64_t deep_reads = 0;
  bool scaled = false;
};

template <typename Price>
class Solver {
 public:
  struct Matrix {
    const int32_t* cells;
    int32_t rows, columns;
    int32_t flip, base;
  };
  Solver(const Matrix& matrix, Price outside_value, Deadline deadline);

  // State, filled by the caller before Run() and read after it.
  Lists<Price> lists;
  std::vector<Price> price;            // [columns]
  std::vector<int32_t> column_of_row;  // kNone, kOutside or a column
  std::vector<int32_t> row_of_column;  // kNone or a row
  std::vector<int32_t> matched_cost;   // [rows], of the matched cell
  DenseWork work;
  bool overflow = false;
  bool expired = false;

  // Matches rows until none is free, or overflow or expired is set; the state
  // is then consistent: matched pairs are tight, unless it expired.
  void Run();
  // The same from prices and pairs of an earlier solve. Requires a complete
  // matching then, every row's list true now, and a column for every row.
  void RunWarm();

  void Unmatch(int32_t i);
  // Rebuilds row i's list at today's prices.
  void Refresh(int32_t i);
  // Rebuilds the list of a row that has changed. False if its costs are out of
  // range. For int32_t prices.
  bool Renew(int32_t i);
  // u[i], exact. May refresh the list.
  Price RowDual(int32_t i);
  // At most u[i], without reading the matrix.
  Price LowerRowDual(int32_t i) const;

  bool square() const {
    return matrix_.rows == matrix_.columns && outside_ == kNever<Price>;
  }

 private:
  struct Event {
    Price key;
    int32_t id;  // column, or ~row: the rest of that row
  };
  struct Bid {
    Price best, second;
    int32_t column;
    int32_t cost;
  };

  // dense_solver.cc
  // The row's best two over all columns; the second may be a lower bound.
  Bid BestOf(int32_t i);
  Bid ListBest(int32_t i) const;
  void Match(int32_t i, int32_t j, int32_t cost);
  // Row reduction: each free row takes its best column and raises the price
  // to its second best, at most `max_bids` times. Rows that would only tie stay
  // free.
  void Reduce(int64_t max_bids, std::vector<int32_t>& free_rows);
  // The same with prices raised by a further epsilon, until no row is free;
  // pairs are then within epsilon of tight.
  void Auction(Price epsilon, std::vector<int32_t>& free_rows);
  void Scale(std::vector<int32_t>& free_rows);
  // Takes the start of dense_order.h, if there is one. True if few rows are
  // left to improve; then no row is free.
  bool StartInOrder(std::vector<int32_t>& free_rows);
  int32_t FreeTie(int32_t i, Price value, int32_t& cost) const;
  void Loosen(Price slack, std::vector<int32_t>& free_rows);
  bool Tick();
  // Lists the cheapest columns, prices left aside. False, and nothing done,
  // if the row's costs are out of range.
  bool ListCheapest(int32_t i);
  // Whether 32-bit prices do for these flipped costs.
  bool InRange(int32_t least, int32_t most) const {
    return least >= matrix_.base &&
           int64_t{most} - matrix_.base < kPriceLimit<int32_t>;
  }
  RowView Row(int32_t i) const {
    RowView row;
    row.cells = matrix_.cells + int64_t{matrix_.columns} * i;
    row.columns = matrix_.columns;
    row.flip = matrix_.flip;
    row.base = matrix_.base;
    row.start = RowStart(i, matrix_.columns);
    return row;
  }
  int32_t CostAt(int32_t i, int32_t j) const {
    const uint32_t flipped = static_cast<uint32_t>(
        matrix_.cells[int64_t{matrix_.columns} * i + j] ^ matrix_.flip);
    return static_cast<int32_t>(flipped - static_cast<uint32_t>(matrix_.base));
  }

  // dense_paths.cc
  void PrepareSearch();
  // Where columns outnumber rows: finds lambda_ and held_, then spare_.
  void PrepareFillers(size_t free_rows);
  void CountFillers();
  bool FillerHolds(int32_t j) const {
    return row_of_column[j] == kNone && price[j] == lambda_;
  }
  void Hold(int32_t j);
  void ScanFillers();
  void RaiseFillers();
  void RaisePrices();
  void TracePath(int32_t free_row);
  // False if the row could not be matched: overflow or expired is set.
  bool Augment(int32_t free_row);
  void ScanRow(int32_t i);
  void Relax(int32_t i, int32_t j, Price distance);
  void RelaxList(int32_t i);
  void DeepRead(int32_t i);
  void PushRest(int32_t i);
  Price CostLimit(int32_t i) const;

  void Push(Price key, int32_t id);
  Event Pop();

  Matrix matrix_;
  Price outside_;
  Deadline deadline_;
  int32_t ticks_ = 0;
  Found<Price> found_;
  int list_target_ = kShortTarget;
  LongLists long_lists_;

  // Where columns outnumber rows, think of columns - rows filler rows of cost 0
  // that hold the unmatched columns: they make the matrix square, and all of
  // them act as one. Fillers hold only columns at the least price, lambda. A
  // search ends at an unmatched column of a higher price, which nobody holds,
  // or at one of the `spare_` columns at lambda that outnumber the fillers;
  // when there is none, a filler moves on and the search with it. A solve from
  // zero prices never needs that: spare columns last as long as free rows.
  bool fillers_ = false;
  Price lambda_ = 0;
  int64_t spare_ = 0;
  int64_t free_left_ = 0;        // Rows without a column.
  std::vector<int32_t> held_;    // At least those that no filler holds.
  std::vector<uint8_t> listed_;  // [columns], whether in held_
  std::vector<uint8_t> listed_cheapest_;  // [rows], tried
  Price filler_distance_ = 0;             // kNever: not reached
  int32_t filler_column_ = kNone;         // where they were reached
  bool filler_scanned_ = false;

  // One search.
  std::vector<Price> distance_;      // [columns]; kNever = not reached
  std::vector<int32_t> reached_by_;  // [columns]
  std::vector<int32_t> touched_;     // reached columns
  std::vector<int32_t> zero_stack_;  // reached at the present distance
  std::vector<Event> heap_;
  std::vector<Price> row_base_;     // [rows], distance - u of scanned rows
  std::vector<Price> row_bound_;    // [rows], what is left has this value
  std::vector<uint8_t> row_fresh_;  // [rows], list rebuilt in this search
  Price now_ = 0;                   // distance of the row in hand
  Price best_ = 0;                  // least distance to an end
  int32_t best_column_ = kNone;     // the end, or kOutside
  int32_t best_row_ = kNone;        // last row of the path
};

}  // namespace allot::dense

#endif  // ALLOT_LIB_MATCH_DENSE_SOLVER_H_
