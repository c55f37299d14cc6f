// SPDX-License-Identifier: Apache-2.0
#include "lib/match/dense_long_list.h"

#include <cstdint>
#include <set>
#include <vector>

#include "gtest/gtest.h"
#include "lib/base/rng.h"

namespace allot::dense {
namespace {

constexpr int32_t kColumns = 4500;

RowView View(const std::vector<int32_t>& costs) {
  RowView row;
  row.cells = costs.data();
  row.columns = kColumns;
  row.base = -7;
  return row;
}

std::vector<int32_t> Draw(uint64_t below, Rng& rng) {
  std::vector<int32_t> costs;
  for (int32_t j = 0; j < kColumns; ++j)
    costs.push_back(static_cast<int32_t>(rng.Below(below)) - 7);
  return costs;
}

// Every column of value below the bound is found, at its value.
void ExpectNearest(const RowView& row, const std::vector<int32_t>& price,
                   const Found<int32_t>& found) {
  std::set<int32_t> columns;
  for (int k = 0; k < found.count; ++k) {
    const int32_t j = found.column[k];
    ASSERT_EQ(found.value[k], row.cells[j] - row.base + price[j]);
    ASSERT_TRUE(columns.insert(j).second) << "column " << j << " twice";
  }
  for (int32_t j = 0; j < kColumns; ++j) {
    if (row.cells[j] - row.base + price[j] < found.bound) {
      ASSERT_EQ(columns.count(j), 1u) << "column " << j;
    }
  }
}

TEST(DenseLongList, FindsWhatIsNearestWhilePricesRise) {
  for (const uint64_t range : {1000000, 3000, 40}) {
    SCOPED_TRACE(range);
    Rng rng(range);
    std::vector<std::vector<int32_t>> rows;
    for (int i = 0; i < 3; ++i) rows.push_back(Draw(range, rng));
    std::vector<int32_t> price(kColumns, 0);
    LongLists lists;
    lists.Open(3, kColumns);
    ASSERT_TRUE(lists.open());
    Found<int32_t> found;
    int found_rows = 0, readings = 0;
    for (int round = 0; round < 60; ++round) {
      for (int i = 0; i < 3; ++i) {
        bool read;
        if (!lists.FindNearest(View(rows[i]), i, price.data(), kLongTarget,
                               found, read))
          continue;
        ++found_rows;
        readings += read ? 1 : 0;
        ExpectNearest(View(rows[i]), price, found);
        if (HasFailure()) return;
        EXPECT_GE(found.count, 14);
        // The cheapest get dearer.
        for (int k = 0; k < found.count; ++k)
          price[found.column[k]] += static_cast<int32_t>(rng.Below(range / 20));
      }
    }
    EXPECT_GT(found_rows, range == 40 ? 0 : 100);
    EXPECT_LT(readings, 60);
  }
}

TEST(DenseLongList, ReadsTheRowOnlyOnceWhilePricesStay) {
  Rng rng(5);
  const std::vector<int32_t> row = Draw(1000000, rng);
  const std::vector<int32_t> price(kColumns, 0);
  LongLists lists;
  lists.Open(1, kColumns);
  Found<int32_t> found;
  for (const bool first : {true, false, false}) {
    bool read;
    ASSERT_TRUE(lists.FindNearest(View(row), 0, price.data(), kLongTarget,
                                  found, read));
    EXPECT_EQ(read, first);
  }
}

TEST(DenseLongList, StaysClosedWhereRowsAreShort) {
  LongLists lists;
  lists.Open(1000, 1000);
  EXPECT_FALSE(lists.open());
}

TEST(DenseLongList, AndTheSameWithoutAvx2) {
  Rng rng(6);
  const std::vector<int32_t> row = Draw(9000, rng);
  std::vector<int32_t> price(kColumns, 0);
  LongLists fast, plain;
  fast.Open(1, kColumns);
  plain.Open(1, kColumns);
  Found<int32_t> a, b;
  for (int round = 0; round < 30; ++round) {
    bool read_a, read_b;
    ASSERT_TRUE(
        fast.FindNearest(View(row), 0, price.data(), kLongTarget, a, read_a));
    ForbidAvx2ForTesting(true);
    ASSERT_TRUE(
        plain.FindNearest(View(row), 0, price.data(), kLongTarget, b, read_b));
    ForbidAvx2ForTesting(false);
    ASSERT_EQ(read_a, read_b);
    ASSERT_EQ(a.bound, b.bound);
    ASSERT_EQ(a.near, b.near);
    ASSERT_EQ(a.count, b.count);
    for (int k = 0; k < a.count; ++k) {
      ASSERT_EQ(a.column[k], b.column[k]);
      ASSERT_EQ(a.value[k], b.value[k]);
      price[a.column[k]] += static_cast<int32_t>(rng.Below(300));
    }
  }
}

}  // namespace
}  // namespace allot::dense
