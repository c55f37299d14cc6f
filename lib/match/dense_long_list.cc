// SPDX-License-Identifier: Apache-2.0
#include "lib/match/dense_long_list.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "lib/match/dense_list.h"

namespace allot::dense {

void LongLists::Open(int32_t rows, int32_t columns) {
  // A long list is read at the cost of four times as many cells in the matrix:
  // with fewer columns than this nothing is gained.
  constexpr int32_t kTarget = 512, kLeastColumns = 4096;
  if (columns < kLeastColumns) return;
  target_ = kTarget;
  // A sample sets the threshold, give or take a fifth. Whole eights are
  // written.
  stride_ = (target_ + target_ / 2 + 63) / 32 * 32;
  column_.resize(rows * stride_);
  cost_.resize(rows * stride_);
  size_.assign(rows, 0);
  bound_.assign(rows, 0);
}

bool LongLists::FindNearest(const RowView& row, int32_t i, const int32_t* price,
                            int target, Found<int32_t>& found, bool& read) {
  read = false;
  // Where most of the rebuilding takes a reading all the same, long lists only
  // make it dearer.
  const auto rows = static_cast<int64_t>(size_.size());
  if (rebuilt_ >= 4 * rows && 2 * read_ > rebuilt_) return false;
  ++rebuilt_;
  if (Shorten(i, price, target, found)) return true;
  read = true;
  ++read_;
  Read(row, i, price, found);
  return Shorten(i, price, target, found);
}

bool LongLists::Shorten(int32_t i, const int32_t* price, int target,
                        Found<int32_t>& found) {
  constexpr int kEnough = 14;
  const int32_t size = size_[i];
  if (size < kEnough) return false;
  const int32_t* column = &column_[stride_ * i];
  values_.resize(stride_);
  AddPrices(column, &cost_[stride_ * i], size, price, values_.data());
  RowView values;
  values.cells = values_.data();
  values.columns = size;
  values.start = static_cast<int32_t>(i % (size / 32 + 1)) * 32;
  bool complete;
  int32_t least = 0, most = 0;
  FindNearestRaw(values, target, found, complete, least, most);
  const int32_t bound = complete ? kNever<int32_t> : found.bound;
  int count = 0;
  for (int k = 0; k < found.count; ++k) {
    found.column[count] = column[found.column[k]];
    found.value[count] = found.value[k];
    // A cell at or above the bound on columns outside says nothing about them.
    if (found.value[k] < bound_[i]) ++count;
  }
  found.count = count;
  found.bound = std::min(bound, bound_[i]);
  return count >= kEnough;
}

// About target_ cells of the row are at most this, by a sample.
int32_t LongLists::Threshold(const RowView& row, const int32_t* price) {
  constexpr int kRuns = 32, kRun = 8;
  int32_t sample[kRuns * kRun];
  int32_t low = std::numeric_limits<int32_t>::max(), high = 0;
  for (int run = 0; run < kRuns; ++run) {
    const auto j = static_cast<int32_t>(int64_t{row.columns} * run / kRuns);
    for (int k = 0; k < kRun; ++k) {
      const auto value = static_cast<int32_t>(
          static_cast<uint32_t>(row.cells[j + k] ^ row.flip) -
          static_cast<uint32_t>(row.base) +
          static_cast<uint32_t>(price[j + k]));
      sample[run * kRun + k] = value;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  // Halving beats sorting: no branch depends on the values.
  const auto wanted =
      static_cast<int>(int64_t{kRuns * kRun} * target_ / row.columns);
  while (low < high) {
    const int32_t middle = low + (high - low) / 2;
    int count = 0;
    for (const int32_t value : sample) count += value <= middle ? 1 : 0;
    // Near enough: the sample is no nearer.
    if (std::abs(count - wanted) <= wanted / 8) return middle;
    if (count < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

void LongLists::Read(const RowView& row, int32_t i, const int32_t* price,
                     Found<int32_t>& found) {
  const int32_t threshold = Threshold(row, price);
  FindUpTo(row, price, threshold, static_cast<int>(stride_) - 32, found);
  const int64_t first = stride_ * i;
  size_[i] = found.count;
  bound_[i] = found.bound;
  std::copy_n(found.column.data(), found.count, &column_[first]);
  TakePrices(found.column.data(), found.value.data(), found.count, price,
             &cost_[first]);
}

}  // namespace allot::dense
