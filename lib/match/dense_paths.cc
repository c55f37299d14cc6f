// SPDX-License-Identifier: Apache-2.0
// Shortest augmenting paths over the lists: Dijkstra on reduced costs, which
// reads a dense row only when the bound on what its list leaves out is the
// least key of all.
//
// Edmonds and Karp (1972), doi:10.1145/321694.321699; Jonker and Volgenant
// (1987), doi:10.1007/BF02278710.
#include <algorithm>

#include "lib/match/dense_solver.h"

namespace allot::dense {

template <typename Price>
void Solver<Price>::Push(Price key, int32_t id) {
  size_t at = heap_.size();
  heap_.push_back({key, id});
  while (at > 0) {
    const size_t up = (at - 1) / 2;
    if (!(key < heap_[up].key)) break;
    heap_[at] = heap_[up];
    at = up;
  }
  heap_[at] = {key, id};
}

template <typename Price>
typename Solver<Price>::Event Solver<Price>::Pop() {
  const Event top = heap_.front();
  const Event last = heap_.back();
  heap_.pop_back();
  const size_t size = heap_.size();
  size_t at = 0;
  while (size > 0) {
    size_t down = 2 * at + 1;
    if (down >= size) break;
    if (down + 1 < size && heap_[down + 1].key < heap_[down].key) ++down;
    if (!(heap_[down].key < last.key)) break;
    heap_[at] = heap_[down];
    at = down;
  }
  if (size > 0) heap_[at] = last;
  return top;
}

template <typename Price>
void Solver<Price>::Relax(int32_t i, int32_t j, Price distance) {
  if (distance >= distance_[j] || distance >= best_) return;
  if (distance_[j] == kNever<Price>) touched_.push_back(j);
  distance_[j] = distance;
  reached_by_[j] = i;
  if (row_of_column[j] == kNone) {
    if (fillers_ && spare_ == 0 && price[j] == lambda_) {
      if (distance < filler_distance_) {
        filler_distance_ = distance;
        filler_column_ = j;
        Push(distance, matrix_.columns);
      }
      return;
    }
    best_ = distance;
    best_column_ = j;
    best_row_ = i;
  } else if (distance == now_) {
    zero_stack_.push_back(j);
  } else {
    Push(distance, j);
  }
}

// A filler reaches any column at what that costs above lambda. So row i reaches
// those sooner that cost less, price or no price, than it takes from here to a
// filler. A row reached by a filler wants columns cheaper than its own.
template <typename Price>
Price Solver<Price>::CostLimit(int32_t i) const {
  if (!fillers_ || spare_ != 0 || filler_distance_ == kNever<Price>)
    return kNever<Price>;
  return filler_distance_ - lambda_ - row_base_[i];
}

template <typename Price>
void Solver<Price>::RelaxList(int32_t i) {
  int32_t column[kListCapacity + 8];
  Price distance[kListCapacity + 8];
  const int count = Closer(lists.View(i), price.data(), distance_.data(),
                           row_base_[i], best_, CostLimit(i), column, distance);
  for (int k = 0; k < count; ++k) Relax(i, column[k], distance[k]);
}

// Row i is reached at distance now_ and row_base_[i] = now_ - u[i].
template <typename Price>
void Solver<Price>::ScanRow(int32_t i) {
  ++work.scanned_rows;
  const Price base = row_base_[i];
  if (outside_ != kNever<Price> && base + outside_ < best_) {
    best_ = base + outside_;
    best_column_ = kOutside;
    best_row_ = i;
  }
  RelaxList(i);
  row_bound_[i] = lists.bound[i];
  row_fresh_[i] = 0;
  // A bound may have fallen behind u[i] (an earlier search read on past it);
  // reduced costs are never negative all the same.
  PushRest(i);
}

// The rest of row i, as far as it can matter.
template <typename Price>
void Solver<Price>::PushRest(int32_t i) {
  if (row_bound_[i] == kNever<Price> || lists.cost_floor[i] >= CostLimit(i))
    return;
  const Price key = std::max(now_, row_base_[i] + row_bound_[i]);
  if (key < best_) Push(key, ~i);
}

// The least key is that of row i's unlisted columns.
template <typename Price>
void Solver<Price>::DeepRead(int32_t i) {
  if (lists.cost_floor[i] >= CostLimit(i)) return;
  const Price base = row_base_[i];
  Price bound = row_bound_[i];
  if (fillers_ && !listed_cheapest_[i]) {
    // What is cheap for itself is all that matters once fillers are near.
    listed_cheapest_[i] = 1;
    ++work.refreshes;
    if (ListCheapest(i)) {
      RelaxList(i);
      row_bound_[i] = std::max(bound, lists.bound[i]);
      PushRest(i);
      return;
    }
  }
  if (!row_fresh_[i]) {
    row_fresh_[i] = 1;
    // Built at older prices, perhaps: a fresh list may already say more.
    Refresh(i);
    if (lists.bound[i] > bound) {
      bound = lists.bound[i];
      RelaxList(i);
      row_bound_[i] = bound;
      PushRest(i);
      return;
    }
  }
  ++work.deep_reads;
  FindFrom(Row(i), price.data(), bound, found_);
  for (int k = 0; k < found_.count; ++k)
    Relax(i, found_.column[k], base + found_.value[k]);
  row_bound_[i] = found_.bound;
  PushRest(i);
}

template <typename Price>
void Solver<Price>::PrepareSearch() {
  distance_.assign(matrix_.columns, kNever<Price>);
  reached_by_.resize(matrix_.columns);
  row_base_.resize(matrix_.rows);
  row_bound_.resize(matrix_.rows);
  row_fresh_.resize(matrix_.rows);
}

template <typename Price>
void Solver<Price>::PrepareFillers(size_t free_rows) {
  fillers_ = true;
  free_left_ = static_cast<int64_t>(free_rows);
  lambda_ = kNever<Price>;
  for (int32_t j = 0; j < matrix_.columns; ++j)
    if (row_of_column[j] == kNone) lambda_ = std::min(lambda_, price[j]);
  held_.clear();
  listed_.assign(matrix_.columns, 0);
  listed_cheapest_.assign(matrix_.rows, 0);
  for (int32_t j = 0; j < matrix_.columns; ++j)
    if (!FillerHolds(j)) Hold(j);
}

template <typename Price>
void Solver<Price>::Hold(int32_t j) {
  if (listed_[j]) return;
  listed_[j] = 1;
  held_.push_back(j);
}

// Columns without a row are as many as fillers and free rows.
template <typename Price>
void Solver<Price>::CountFillers() {
  spare_ = free_left_;
  for (const int32_t j : held_)
    if (row_of_column[j] == kNone && price[j] != lambda_) --spare_;
  filler_distance_ = kNever<Price>;
  filler_scanned_ = false;
}

// A filler at distance now_ reaches any column at what it costs above lambda.
template <typename Price>
void Solver<Price>::ScanFillers() {
  filler_scanned_ = true;
  for (const int32_t j : held_)
    if (!FillerHolds(j)) Relax(kFiller, j, now_ + (price[j] - lambda_));
}

// Columns are many, those that no filler holds are few: raise all, then take
// back.
template <typename Price>
void Solver<Price>::RaiseFillers() {
  const Price rise = best_ - filler_distance_;
  for (Price& p : price) p += rise;
  lambda_ += rise;
  for (const int32_t j : held_)
    if (!FillerHolds(j)) price[j] -= rise;
}

// Columns nearer than the end of the path get dearer by the difference, which
// makes the whole path tight and keeps every reduced cost at or above 0.
template <typename Price>
void Solver<Price>::RaisePrices() {
  if (filler_scanned_) RaiseFillers();
  for (const int32_t j : touched_) {
    if (distance_[j] < best_ && !(fillers_ && FillerHolds(j)))
      price[j] += best_ - distance_[j];
  }
}

template <typename Price>
void Solver<Price>::TracePath(int32_t free_row) {
  int32_t i = best_row_;
  int32_t j = best_column_;
  for (;;) {
    if (i == kFiller) {
      row_of_column[j] = kNone;  // A filler moves here from
      j = filler_column_;
      Hold(j);
      i = reached_by_[j];
      continue;
    }
    const int32_t old = column_of_row[i];
    if (j == kOutside) {
      column_of_row[i] = kOutside;
    } else {
      if (fillers_) Hold(j);
      Match(i, j, CostAt(i, j));
    }
    if (i == free_row) return;
    j = old;
    i = reached_by_[j];
  }
}

template <typename Price>
bool Solver<Price>::Augment(int32_t free_row) {
  heap_.clear();
  zero_stack_.clear();
  touched_.clear();
  best_ = kNever<Price>;
  best_row_ = kNone;
  now_ = 0;
  if (fillers_) CountFillers();
  row_base_[free_row] = -RowDual(free_row);
  ScanRow(free_row);
  for (;;) {
    if (Tick()) break;
    int32_t id;
    if (!zero_stack_.empty() && now_ < best_) {
      id = zero_stack_.back();
      zero_stack_.pop_back();
    } else {
      if (heap_.empty() || heap_.front().key >= best_) break;
      const Event event = Pop();
      if (event.id >= 0 && event.id < matrix_.columns &&
          event.key != distance_[event.id])
        continue;
      now_ = event.key;
      id = event.id;
    }
    if (id < 0) {
      DeepRead(~id);
    } else if (id == matrix_.columns) {
      if (!filler_scanned_) ScanFillers();
    } else {
      const int32_t i = row_of_column[id];
      row_base_[i] = now_ - (matched_cost[i] + price[id]);
      ScanRow(i);
    }
  }
  const bool found = best_row_ != kNone && !expired;
  // No path below kNever, or a price beyond its limit: wider prices needed.
  overflow = overflow || (best_row_ == kNone && !expired);
  if (found) {
    for (const int32_t j : touched_)
      overflow =
          overflow || (distance_[j] < best_ &&
                       price[j] + (best_ - distance_[j]) >= kPriceLimit<Price>);
    overflow = overflow ||
               (filler_scanned_ &&
                lambda_ + (best_ - filler_distance_) >= kPriceLimit<Price>);
  }
  if (found && !overflow) {
    RaisePrices();
    TracePath(free_row);
    --free_left_;
  }
  for (const int32_t j : touched_) distance_[j] = kNever<Price>;
  return found && !overflow;
}

template class Solver<int32_t>;
template class Solver<int64_t>;

}  // namespace allot::dense
