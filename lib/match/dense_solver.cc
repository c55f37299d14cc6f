// SPDX-License-Identifier: Apache-2.0
// Lists, row reduction and the auction with epsilon scaling.
//
// Row reduction: Jonker and Volgenant (1987), doi:10.1007/BF02278710. Auction
// and epsilon scaling: Bertsekas (1988), doi:10.1007/BF02186476.
#include "lib/match/dense_solver.h"

#include <algorithm>
#include <limits>
#include <type_traits>

#include "lib/match/dense_order.h"

namespace allot::dense {
namespace {

// More than one row in eight without a column: they compete.
constexpr int kManyFree = 8;

}  // namespace

template <typename Price>
Solver<Price>::Solver(const Matrix& matrix, Price outside_value,
                      Deadline deadline)
    : matrix_(matrix), outside_(outside_value), deadline_(deadline) {}

// Reads the clock every 256th time.
template <typename Price>
bool Solver<Price>::Tick() {
  if (deadline_.clock != nullptr && (++ticks_ & 255) == 0)
    expired = expired || deadline_.Passed();
  return expired;
}

template <typename Price>
bool Solver<Price>::ListCheapest(int32_t i) {
  if constexpr (std::is_same_v<Price, int32_t>) {
    int32_t least = std::numeric_limits<int32_t>::max(), most = ~least;
    bool complete;
    FindNearestRaw(Row(i), kLongTarget, found_, complete, least, most);
    if (!InRange(least, most)) return false;
    const size_t first = Lists<Price>::kStride * i;
    for (int k = 0; k < found_.count; ++k) found_.value[k] -= matrix_.base;
    found_.near -= matrix_.base;
    found_.bound = complete ? kNever<int32_t> : found_.bound - matrix_.base;
    lists.size[i] = found_.count;
    lists.near[i] = WriteList<int32_t>(found_, nullptr, &lists.column[first],
                                       &lists.cost[first]);
    lists.near_floor[i] =
        found_.near < found_.bound ? found_.near + 1 : found_.bound;
    lists.bound[i] = lists.cost_floor[i] = found_.bound;
  }
  return true;
}

template <typename Price>
bool Solver<Price>::Renew(int32_t i) {
  if (matrix_.columns > matrix_.rows) {
    if (!ListCheapest(i)) return false;
    if (ListBest(i).best <= lists.bound[i]) return true;
  } else {
    const RowView row = Row(i);
    int32_t least = std::numeric_limits<int32_t>::max(), most = ~least;
    for (int32_t j = 0; j < row.columns; ++j) {
      least = std::min(least, row.cells[j] ^ row.flip);
      most = std::max(most, row.cells[j] ^ row.flip);
    }
    if (!InRange(least, most)) return false;
  }
  Refresh(i);
  return true;
}

template <typename Price>
void Solver<Price>::Refresh(int32_t i) {
  lists.cost_floor[i] = 0;
  bool read = false, listed = false;
  if constexpr (std::is_same_v<Price, int32_t>) {
    listed = long_lists_.open() &&
             long_lists_.FindNearest(Row(i), i, price.data(), list_target_,
                                     found_, read);
  }
  if (read || !listed) ++work.refreshes;
  if (!listed) FindNearest(Row(i), price.data(), list_target_, found_);
  const size_t first = Lists<Price>::kStride * i;
  lists.size[i] = found_.count;
  lists.near[i] =
      WriteList(found_, price.data(), &lists.column[first], &lists.cost[first]);
  lists.near_floor[i] =
      found_.near < found_.bound ? found_.near + 1 : found_.bound;
  lists.bound[i] = found_.bound;
}

template <typename Price>
typename Solver<Price>::Bid Solver<Price>::ListBest(int32_t i) const {
  Bid bid{kNever<Price>, kNever<Price>, kNone, 0};
  const size_t first = Lists<Price>::kStride * i;
  if (lists.size[i] == 0) return bid;
  const BestTwo<Price> two = dense::ListBest(lists.View(i), price.data());
  bid.best = two.best;
  bid.second = two.second;
  bid.column = lists.column[first + two.at];
  bid.cost = lists.cost[first + two.at];
  return bid;
}

// Where unlisted columns may beat the second best, their bound takes its place:
// the row then bids less than it might, which is never wrong and saves reading
// the matrix. Only a best that is in doubt is worth that.
template <typename Price>
typename Solver<Price>::Bid Solver<Price>::BestOf(int32_t i) {
  Bid bid = ListBest(i);
  if (bid.best > lists.bound[i]) {
    Refresh(i);
    bid = ListBest(i);
  }
  bid.second = std::min(bid.second, lists.bound[i]);
  return bid;
}

template <typename Price>
Price Solver<Price>::LowerRowDual(int32_t i) const {
  return std::min({ListBest(i).best, lists.bound[i], outside_});
}

template <typename Price>
Price Solver<Price>::RowDual(int32_t i) {
  Bid bid = ListBest(i);
  if (bid.best > lists.bound[i]) {
    Refresh(i);
    bid = ListBest(i);
  }
  return std::min(bid.best, outside_);
}

template <typename Price>
void Solver<Price>::Match(int32_t i, int32_t j, int32_t cost) {
  column_of_row[i] = j;
  row_of_column[j] = i;
  matched_cost[i] = cost;
}

// A listed unmatched column of exactly this value.
template <typename Price>
int32_t Solver<Price>::FreeTie(int32_t i, Price value, int32_t& cost) const {
  const size_t first = Lists<Price>::kStride * i;
  for (int32_t k = 0; k < lists.size[i]; ++k) {
    const int32_t j = lists.column[first + k];
    if (row_of_column[j] == kNone &&
        lists.cost[first + k] + price[j] == value) {
      cost = lists.cost[first + k];
      return j;
    }
  }
  return kNone;
}

template <typename Price>
void Solver<Price>::Reduce(int64_t max_bids, std::vector<int32_t>& free_rows) {
  std::vector<int32_t> left;
  int64_t bids = 0;
  size_t next = 0;
  for (; next < free_rows.size() && !overflow; ++next) {
    int32_t i = free_rows[next];
    // Follow the chain of displaced rows while prices rise.
    while (i != kNone) {
      if (bids >= max_bids || overflow || Tick()) {
        left.push_back(i);
        break;
      }
      ++bids;
      const Bid bid = BestOf(i);
      if (bid.best >= outside_) {
        column_of_row[i] = kOutside;
        break;
      }
      int32_t j = bid.column;
      int32_t cost = bid.cost;
      Price second = std::min(bid.second, outside_);
      if (second == kNever<Price>) second = bid.best;
      const Price rise = second - bid.best;
      if (rise == 0 && row_of_column[j] != kNone) {
        j = FreeTie(i, bid.best, cost);
        if (j == kNone) {
          left.push_back(i);
          break;
        }
      }
      if (price[j] + rise >= kPriceLimit<Price>) {
        overflow = true;
        left.push_back(i);
        break;
      }
      price[j] += rise;
      const int32_t displaced = row_of_column[j];
      Match(i, j, cost);
      if (displaced != kNone) column_of_row[displaced] = kNone;
      i = displaced;
    }
  }
  work.bids += bids;
  left.insert(left.end(), free_rows.begin() + next, free_rows.end());
  free_rows.swap(left);
}

template <typename Price>
void Solver<Price>::Auction(Price epsilon, std::vector<int32_t>& free_rows) {
  // A displaced row bids next: its list is in cache.
  while (!free_rows.empty() && !Tick()) {
    const int32_t i = free_rows.back();
    ++work.bids;
    const Bid bid = BestOf(i);
    const int32_t j = bid.column;
    const Price second = bid.second == kNever<Price> ? bid.best : bid.second;
    const Price rise = second - bid.best + epsilon;
    if (price[j] + rise >= kPriceLimit<Price>) {
      overflow = true;
      return;
    }
    price[j] += rise;
    const int32_t displaced = row_of_column[j];
    Match(i, j, bid.cost);
    if (displaced == kNone) {
      free_rows.pop_back();
    } else {
      column_of_row[displaced] = kNone;
      free_rows.back() = displaced;
    }
  }
}

template <typename Price>
void Solver<Price>::Unmatch(int32_t i) {
  row_of_column[column_of_row[i]] = kNone;
  column_of_row[i] = kNone;
}

// Frees rows whose pair is dearer than their best by more than `slack`.
template <typename Price>
void Solver<Price>::Loosen(Price slack, std::vector<int32_t>& free_rows) {
  for (int32_t i = 0; i < matrix_.rows; ++i) {
    const int32_t j = column_of_row[i];
    if (j < 0) continue;
    if (matched_cost[i] + price[j] - RowDual(i) > slack) {
      Unmatch(i);
      free_rows.push_back(i);
    }
  }
}

template <typename Price>
bool Solver<Price>::StartInOrder(std::vector<int32_t>& free_rows) {
  OrderedStart start;
  if (!FindOrder(Row(0), deadline_, start)) {
    expired = expired || deadline_.Passed();
    return false;
  }
  // Prices matter up to a constant: raised above those at hand, they leave
  // every bound true.
  int64_t rise = 0, most = 0;
  for (int32_t j = 0; j < matrix_.columns; ++j)
    rise = std::max(rise, price[j] - start.price[j]);
  for (int64_t& p : start.price) most = std::max(most, p += rise);
  if (most >= kPriceLimit<Price> / 2) return false;
  std::copy(start.price.begin(), start.price.end(), price.begin());
  free_rows.clear();
  std::fill(column_of_row.begin(), column_of_row.end(), kNone);
  std::fill(row_of_column.begin(), row_of_column.end(), kNone);
  int32_t loose = 0;
  for (int32_t k = 0; k < matrix_.rows; ++k) {
    const int32_t i = start.row[k], j = start.column[k];
    if (k % 16 == 0 && deadline_.Passed()) {
      expired = true;
      return false;
    }
    Refresh(i);
    Match(i, j, CostAt(i, j));
    if (matched_cost[i] + price[j] > RowDual(i)) ++loose;
  }
  return loose <= matrix_.rows / kManyFree;
}

template <typename Price>
void Solver<Price>::Scale(std::vector<int32_t>& free_rows) {
  work.scaled = true;
  // Rows that compete use up their lists: longer ones save readings.
  list_target_ = kLongTarget;
  if (std::is_same_v<Price, int32_t>)
    long_lists_.Open(matrix_.rows, matrix_.columns);
  if (StartInOrder(free_rows)) {
    Loosen(0, free_rows);
    return;
  }
  if (expired) return;
  // Start well above the spread of values inside a list: starting at it is a
  // price war (i * j then takes minutes), much higher undoes what the reduction
  // found. Ten times the median spread and a fivefold step were best on
  // clustered costs, i * j and ties together; half or twice the step changes
  // little.
  std::vector<Price> spread;
  for (int32_t i = 0; i < matrix_.rows; ++i) {
    const size_t first = Lists<Price>::kStride * i;
    Price dearest = 0;
    for (int32_t k = 0; k < lists.size[i]; ++k) {
      dearest = std::max<Price>(
          dearest, lists.cost[first + k] + price[lists.column[first + k]]);
    }
    spread.push_back(dearest - ListBest(i).best);
  }
  const auto middle = spread.begin() + spread.size() / 2;
  std::nth_element(spread.begin(), middle, spread.end());
  // Capped so that epsilon, ten times the spread, stays below what the
  // overflow proof in dense_solver.h allows: 10 * 2^25 < 2^29, and with costs
  // less than 2^32 apart 10 * 2^30 + 2^32 < 2^34.
  constexpr Price kMostSpread = Price{1} << (sizeof(Price) == 4 ? 25 : 30);
  Price epsilon = std::clamp<Price>(*middle, 1, kMostSpread) * 10;
  while (true) {
    Loosen(epsilon, free_rows);
    Auction(epsilon, free_rows);
    if (overflow || expired || epsilon == 1) break;
    epsilon = std::max<Price>(1, epsilon / 5);
  }
  if (!expired) Loosen(0, free_rows);
}

template <typename Price>
void Solver<Price>::Run() {
  std::vector<int32_t> free_rows;
  for (int32_t i = 0; i < matrix_.rows; ++i)
    if (column_of_row[i] == kNone) free_rows.push_back(i);
  const int64_t asked = static_cast<int64_t>(free_rows.size());
  for (int pass = 0; pass < 2; ++pass) {
    Reduce(4 * asked, free_rows);
    if (overflow || expired) return;
  }
  // Many rows still free: they want the same columns. With few
  // rows the searches are done before the auction's phases are.
  constexpr int32_t kFewRows = 256;
  if (square() && matrix_.rows > kFewRows &&
      static_cast<int64_t>(free_rows.size()) > asked / kManyFree) {
    Scale(free_rows);
    if (overflow || expired) return;
    Reduce(2 * static_cast<int64_t>(free_rows.size()), free_rows);
    if (overflow || expired) return;
  }
  work.searches = static_cast<int64_t>(free_rows.size());
  PrepareSearch();
  for (const int32_t i : free_rows) {
    if (!Augment(i)) return;
  }
}

template <typename Price>
void Solver<Price>::RunWarm() {
  std::vector<int32_t> free_rows;
  for (int32_t i = 0; i < matrix_.rows; ++i)
    if (column_of_row[i] == kNone) free_rows.push_back(i);
  // Few rows are refreshed, and searched from many times.
  list_target_ = kLongTarget;
  work.searches = static_cast<int64_t>(free_rows.size());
  PrepareSearch();
  if (matrix_.columns > matrix_.rows) PrepareFillers(free_rows.size());
  for (const int32_t i : free_rows) {
    if (!Augment(i)) return;
  }
}

template class Solver<int32_t>;
template class Solver<int64_t>;

}  // namespace allot::dense
