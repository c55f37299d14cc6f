// SPDX-License-Identifier: Apache-2.0
#include "lib/match/dense_start.h"

#include <algorithm>

namespace allot::dense {

bool Start::Read(int32_t end, const Deadline& deadline) {
  if (read == 0) lists.Resize(rows);
  for (; read < end; ++read) {
    const int32_t i = read;
    if (i % 16 == 0 && deadline.Passed()) return false;
    RowView row = first;
    row.cells += int64_t{row.columns} * i;
    row.start = RowStart(i, row.columns);
    bool complete = false;
    FindNearestRaw(row, kShortTarget, found_, complete, least, most);
    const size_t at = lists.kStride * i;
    lists.size[i] = found_.count;
    lists.near[i] =
        WriteList<int32_t>(found_, nullptr, &lists.column[at], &lists.cost[at]);
    lists.bound[i] = complete ? kNever<int64_t> : found_.bound;
    lists.cost_floor[i] = lists.bound[i];
    lists.near_floor[i] =
        std::min<int64_t>(int64_t{found_.near} + 1, lists.bound[i]);
  }
  return true;
}

bool Start::Spread(const Deadline& deadline) {
  // Few rows: their lists would hold most columns, wanted or not.
  constexpr int32_t kFewRows = 256;
  if (rows < kFewRows) return false;
  // Twice as many cells as columns hit 86 columns in a hundred if they are
  // independent; where rows compete hardly 70.
  std::vector<uint8_t> hit(first.columns);
  int64_t cells = 0, columns = 0;
  while (read < rows && cells < 2 * int64_t{first.columns}) {
    if (!Read(read + 1, deadline)) return false;
    const size_t at = lists.kStride * (read - 1);
    for (int32_t k = 0; k < lists.size[read - 1]; ++k) {
      uint8_t& seen = hit[lists.column[at + k]];
      columns += 1 - seen;
      seen = 1;
    }
    cells += lists.size[read - 1];
  }
  return 5 * columns >= 4 * int64_t{first.columns};
}

void SetListedPrices(const Lists<int32_t>& lists, std::vector<int32_t>& price) {
  if (lists.bound.empty()) return;
  std::vector<int32_t> bounds = lists.bound;
  const auto middle = bounds.begin() + bounds.size() / 2;
  std::nth_element(bounds.begin(), middle, bounds.end());
  // Half of the bound costs twice the readings, none at all three times the
  // searches.
  const int32_t cap = *middle / 4;
  std::fill(price.begin(), price.end(), cap);
  for (size_t i = 0; i < lists.size.size(); ++i) {
    const size_t at = lists.kStride * i;
    for (int32_t k = 0; k < lists.size[i]; ++k) {
      int32_t& least = price[lists.column[at + k]];
      least = std::min(least, lists.cost[at + k]);
    }
  }
  for (int32_t& p : price) p = cap - p;
}

}  // namespace allot::dense
