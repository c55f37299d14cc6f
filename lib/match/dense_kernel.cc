// SPDX-License-Identifier: Apache-2.0
#include "lib/match/dense_kernel.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <type_traits>

#include "lib/match/dense_read.h"
#include "lib/match/dense_read_avx2.h"

namespace allot::dense {
namespace {

// Found cells are cut back to the list's capacity when more than this many
// have gathered; one block of columns may add kGroups.
constexpr int kGather = 2 * kListCapacity;

std::atomic<bool> avx2_forbidden{false};

template <Read kRead, typename Value>
Value Threshold(const RowView& row, const Value* price, Value floor,
                Value& least, int32_t& most, Value& near, int target,
                [[maybe_unused]] std::vector<int32_t>& blocks) {
  Value minima[kGroups];
#if defined(__x86_64__)
  if constexpr (std::is_same_v<Value, int32_t>) {
    if (HasAvx2()) {
      blocks.resize(row.columns / 4 + 8);
      GroupMinimaAvx2<kRead>(row, price, floor, minima, most, blocks.data());
      least = *std::min_element(minima, minima + kGroups);
      return ThresholdsAvx2(minima, target, near);
    }
  }
#endif
  GroupMinima<kRead>(row, price, floor, minima, most);
  least = *std::min_element(minima, minima + kGroups);
  return Thresholds(minima, target, near);
}

template <Read kRead, typename Value>
int32_t CollectAny(const RowView& row, const Value* price, Value floor,
                   Value threshold, int32_t begin, int32_t end, int limit,
                   const int32_t* blocks, int32_t* column, Value* kept,
                   int& count) {
#if defined(__x86_64__)
  if constexpr (std::is_same_v<Value, int32_t>) {
    if (HasAvx2())
      return CollectAvx2<kRead>(row, price, floor, threshold, begin, end, limit,
                                blocks, column, kept, count);
  }
#endif
  return Collect<kRead>(row, price, floor, threshold, begin, end, limit, column,
                        kept, count);
}

template <typename Value>
void MakeRoom(size_t cells, Found<Value>& found) {
  if (found.column.size() >= cells) return;
  found.column.resize(cells);
  found.value.resize(cells);
}

// Keeps the `kListCapacity` least of `count` found cells, ties by the order of
// finding, and returns the least value dropped.
template <typename Value>
Value Cut(Found<Value>& found, int& count) {
  std::vector<int32_t>& order = found.order;
  order.resize(count);
  for (int k = 0; k < count; ++k) order[k] = k;
  const Value* value = found.value.data();
  std::nth_element(order.begin(), order.begin() + kListCapacity, order.end(),
                   [value](int32_t a, int32_t b) {
                     return value[a] != value[b] ? value[a] < value[b] : a < b;
                   });
  const Value dropped = value[order[kListCapacity]];
  std::sort(order.begin(), order.begin() + kListCapacity);
  for (int k = 0; k < kListCapacity; ++k) {
    // order[k] >= k, so nothing is overwritten before it is read.
    found.column[k] = found.column[order[k]];
    found.value[k] = found.value[order[k]];
  }
  count = kListCapacity;
  return dropped;
}

template <Read kRead, typename Value>
void Find(const RowView& row, const Value* price, int target,
          Found<Value>& found, bool& complete, int32_t& least, int32_t& most) {
  Value row_least;
  Value threshold = Threshold<kRead>(row, price, Value{0}, row_least, most,
                                     found.near, target, found.blocks);
  if constexpr (kRead == Read::kRaw) least = std::min(least, row_least);
  complete = threshold == kMost<Value>;
  MakeRoom(kGather + 2 * kGroups, found);
  int count = 0;
  const int32_t ends[2] = {row.columns, row.start};
  const int32_t begins[2] = {row.start, 0};
  for (int part = 0; part < 2; ++part) {
    int32_t j = begins[part];
    while (j < ends[part]) {
      j = CollectAny<kRead>(row, price, Value{0}, threshold, j, ends[part],
                            kGather, found.blocks.data(), found.column.data(),
                            found.value.data(), count);
      if (count < kGather) break;
      // From here on only a cell cheaper than all that are kept is of use:
      // those left out cost at least as much as the dearest kept.
      Cut(found, count);
      complete = false;
      const Value dearest =
          *std::max_element(found.value.begin(), found.value.begin() + count);
      if (dearest == std::numeric_limits<Value>::min()) {
        threshold = dearest;
        found.bound = dearest;
        found.count = count;
        return;
      }
      threshold = dearest - 1;
    }
  }
  found.bound = threshold == kMost<Value> ? threshold : threshold + 1;
  if (count > kListCapacity) {
    found.bound = Cut(found, count);
    complete = false;
  }
  found.count = count;
}

}  // namespace

bool HasAvx2() {
#if defined(__x86_64__)
  static const bool supported = __builtin_cpu_supports("avx2") != 0;
  return supported && !avx2_forbidden.load(std::memory_order_relaxed);
#else
  return false;
#endif
}

void ForbidAvx2ForTesting(bool forbid) { avx2_forbidden = forbid; }

template <typename Price>
void FindNearest(const RowView& row, const Price* price, int target,
                 Found<Price>& found) {
  bool complete;
  int32_t least = 0, most = 0;
  Find<Read::kPriced>(row, price, target, found, complete, least, most);
  if (complete) found.bound = kNever<Price>;
}

void ColumnMinima(const RowView& row, int32_t rows, int32_t* minima,
                  int32_t& most) {
  int32_t i = 0;
#if defined(__x86_64__)
  if (HasAvx2()) i = ColumnMinimaAvx2(row, rows, minima, most);
#endif
  for (; i < rows; ++i) {
    const int32_t* cells = row.cells + int64_t{row.columns} * i;
    for (int32_t j = 0; j < row.columns; ++j) {
      const int32_t cost = cells[j] ^ row.flip;
      minima[j] = std::min(minima[j], cost);
      most = std::max(most, cost);
    }
  }
}

void FindNearestRaw(const RowView& row, int target, Found<int32_t>& found,
                    bool& complete, int32_t& least, int32_t& most) {
  Find<Read::kRaw, int32_t>(row, nullptr, target, found, complete, least, most);
}

void FindUpTo(const RowView& row, const int32_t* price, int32_t threshold,
              int limit, Found<int32_t>& found) {
  MakeRoom(limit + 2 * kGroups, found);
  int count = 0;
  int32_t j = 0;
  while (true) {
    j = CollectAny<Read::kPriced>(
        row, price, int32_t{0}, threshold, j, row.columns, limit, nullptr,
        found.column.data(), found.value.data(), count);
    if (count < limit || threshold == 0) break;
    // Too many, or just enough: go on with the cheaper half.
    found.order.assign(found.value.begin(), found.value.begin() + count);
    const auto middle = found.order.begin() + count / 2;
    std::nth_element(found.order.begin(), middle, found.order.end());
    threshold = std::max(0, *middle - 1);
    int kept = 0;
    for (int k = 0; k < count; ++k) {
      if (found.value[k] > threshold) continue;
      found.column[kept] = found.column[k];
      found.value[kept++] = found.value[k];
    }
    count = kept;
  }
  found.count = j < row.columns ? 0 : count;
  found.bound = j < row.columns ? 0 : threshold + 1;
}

template <typename Price>
void FindFrom(const RowView& row, const Price* price, Price floor,
              Found<Price>& found) {
  int32_t most = 0;
  Price least;
  const Price threshold = Threshold<Read::kFloored>(
      row, price, floor, least, most, found.near, kLongTarget, found.blocks);
  MakeRoom(row.columns + kGroups, found);
  int count = 0;
  CollectAny<Read::kFloored>(row, price, floor, threshold, 0, row.columns,
                             row.columns + 1, found.blocks.data(),
                             found.column.data(), found.value.data(), count);
  if (threshold == kMost<Price>) {
    // Cells below the floor were lifted to the same value: leave them out.
    count = 0;
    for (int32_t j = 0; j < row.columns; ++j) {
      const Price value = ValueAt<Read::kPriced>(row, price, j);
      if (value < floor) continue;
      found.column[count] = j;
      found.value[count++] = value;
    }
    found.bound = kNever<Price>;
  } else {
    found.bound = threshold + 1;
  }
  found.count = count;
}

template void FindNearest(const RowView&, const int32_t*, int, Found<int32_t>&);
template void FindNearest(const RowView&, const int64_t*, int, Found<int64_t>&);
template void FindFrom(const RowView&, const int32_t*, int32_t,
                       Found<int32_t>&);
template void FindFrom(const RowView&, const int64_t*, int64_t,
                       Found<int64_t>&);

}  // namespace allot::dense
