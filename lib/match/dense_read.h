// SPDX-License-Identifier: Apache-2.0
// One pass over a row of the matrix, in portable code: dense_read_avx2.h is the
// same eight cells at a time. Internal to dense_kernel.cc.
#ifndef ALLOT_LIB_MATCH_DENSE_READ_H_
#define ALLOT_LIB_MATCH_DENSE_READ_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "lib/match/dense_kernel.h"

namespace allot::dense {

inline constexpr int kGroups = 32;
// At least this many cells are in the nearer part of a list; on random rows
// about 12.
inline constexpr int kNearTarget = 10;
// What a cell counts: as it is; with base and price; that, if not below a
// floor.
enum class Read { kRaw, kPriced, kFloored };

template <typename Value>
inline constexpr Value kMost = std::numeric_limits<Value>::max();

template <Read kRead, typename Value>
inline Value ValueAt(const RowView& row, const Value* price, int32_t j) {
  const int32_t cost = row.cells[j] ^ row.flip;
  if constexpr (kRead == Read::kRaw) {
    return cost;
  } else {
    // For int32_t the sum is in range though cost - base alone may wrap.
    using Wide = std::make_unsigned_t<Value>;
    return static_cast<Value>(static_cast<Wide>(static_cast<Value>(cost)) -
                              static_cast<Wide>(static_cast<Value>(row.base)) +
                              static_cast<Wide>(price[j]));
  }
}

// minima[g] = least value among columns j with j % 32 == g, at or above floor.
template <Read kRead, typename Value>
void GroupMinima(const RowView& row, const Value* price, Value floor,
                 Value* minima, int32_t& most) {
  std::fill_n(minima, kGroups, kMost<Value>);
  for (int32_t j = 0; j < row.columns; ++j) {
    const Value value = ValueAt<kRead>(row, price, j);
    if constexpr (kRead == Read::kRaw) most = std::max(most, value);
    if (kRead == Read::kFloored && value < floor) continue;
    minima[j % kGroups] = std::min(minima[j % kGroups], value);
  }
}

// Appends the cells of [begin, end) with floor <= value <= threshold; stops
// before a block of 32 once `limit` are held. Returns where it stopped.
template <Read kRead, typename Value>
int32_t Collect(const RowView& row, const Value* price, Value floor,
                Value threshold, int32_t begin, int32_t end, int limit,
                int32_t* column, Value* kept, int& count) {
  int32_t j = begin;
  while (j < end && count < limit) {
    const int32_t stop = std::min(end, j + kGroups);
    for (; j < stop; ++j) {
      const Value value = ValueAt<kRead>(row, price, j);
      if (value > threshold || (kRead == Read::kFloored && value < floor))
        continue;
      column[count] = j;
      kept[count++] = value;
    }
  }
  return j;
}

// The kNearTarget-th and the kTarget-th least.
template <typename Value>
Value Thresholds(const Value* minima, int target, Value& near) {
  Value sorted[kGroups];
  std::copy_n(minima, kGroups, sorted);
  std::sort(sorted, sorted + kGroups);
  near = sorted[kNearTarget - 1];
  return sorted[target - 1];
}

}  // namespace allot::dense

#endif  // ALLOT_LIB_MATCH_DENSE_READ_H_
