// SPDX-License-Identifier: Apache-2.0
// How a dense solve begins: each row's cheapest columns, found in one reading
// of the matrix, and prices that follow from them. Internal to lib/match.
#ifndef ALLOT_LIB_MATCH_DENSE_START_H_
#define ALLOT_LIB_MATCH_DENSE_START_H_

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "lib/match/dense_solver.h"

namespace allot::dense {

// Each row's cheapest columns at zero prices.
struct Start {
  // The matrix begins with row `first_row`; base and start left aside.
  Start(const RowView& first_row, int32_t row_count)
      : first(first_row), rows(row_count) {}

  // Reads rows as far as `end`. False if the deadline struck first.
  bool Read(int32_t end, const Deadline& deadline);
  // Whether the first few rows' cheapest columns are mostly different ones, as
  // where costs are independent: then they tell what column minima would, and
  // no reading is needed for those. Where rows want the same columns, lists
  // at zero prices are of little use.
  bool Spread(const Deadline& deadline);

  const RowView first;
  const int32_t rows;
  int32_t read = 0;  // rows read
  // Costs and bounds are flipped, not shifted; kNever where nothing is left.
  Lists<int64_t> lists;
  int32_t least = std::numeric_limits<int32_t>::max();
  int32_t most = std::numeric_limits<int32_t>::min();

 private:
  Found<int32_t> found_;
};

// Column minima as first prices, as far as the lists know them: a column gets
// dearer by what its cheapest listed cost is below a cap. The cap is low enough
// for the lists' bounds, which hold at zero prices, to last.
void SetListedPrices(const Lists<int32_t>& lists, std::vector<int32_t>& price);

// Moves lists to another width of price and another base.
template <typename To, typename From>
void Rebase(Lists<From>& from, int64_t shift, Lists<To>& to) {
  to.column = std::move(from.column);
  to.cost = std::move(from.cost);
  to.size = std::move(from.size);
  to.near = std::move(from.near);
  const auto move = [shift](From value) {
    return value == kNever<From> ? kNever<To> : static_cast<To>(value - shift);
  };
  const size_t rows = to.size.size();
  to.bound.resize(rows);
  to.near_floor.resize(rows);
  to.cost_floor.resize(rows);
  for (size_t i = 0; i < rows; ++i) {
    to.bound[i] = move(from.bound[i]);
    to.near_floor[i] = move(from.near_floor[i]);
    to.cost_floor[i] = move(from.cost_floor[i]);
    int32_t* cost = &to.cost[to.kStride * i];
    // The pad keeps its own value; costs fit by the choice of base.
    for (int32_t k = 0; k < to.size[i]; ++k)
      cost[k] = static_cast<int32_t>(cost[k] - shift);
  }
}

}  // namespace allot::dense

#endif  // ALLOT_LIB_MATCH_DENSE_START_H_
