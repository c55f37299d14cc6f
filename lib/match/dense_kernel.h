// SPDX-License-Identifier: Apache-2.0
// The inner loop of the dense assignment solver: one row of the matrix in,
// its cheapest few columns out.
//
// A cell's value is  (cost ^ flip) - base + price[column].  flip = -1 turns
// maximisation into minimisation (x ^ -1 = -1 - x maps int32 onto itself, so
// nothing overflows); base makes 32-bit values non-negative.
//
// The row is read twice: once for the minima of 32 interleaved groups of
// columns, the least few of which give a threshold that few cells meet,
// and once, now from cache, to collect those cells. An AVX2 and a portable
// implementation give the same bits; the choice is made at run time.
#ifndef ALLOT_LIB_MATCH_DENSE_KERNEL_H_
#define ALLOT_LIB_MATCH_DENSE_KERNEL_H_

#include <cstdint>
#include <vector>

namespace allot::dense {

// Values and distances stay below it: 2^30 (int32) or 2^62 (int64).
template <typename Price>
inline constexpr Price kNever = Price{1} << (sizeof(Price) * 8 - 2);

inline constexpr int kListCapacity = 128;

struct RowView {
  const int32_t* cells = nullptr;
  int32_t columns = 0;
  int32_t flip = 0;   // 0 or -1
  int32_t base = 0;   // 0 when Price is int64_t
  int32_t start = 0;  // Collecting starts here, a multiple of 32, so that rows
                      // full of ties do not all list the same columns.
};

// Work space, kept between calls.
template <typename Price>
struct Found {
  // The first `count` hold the cells found; they only ever grow, so that room
  // is not filled with zeros each time.
  int count = 0;
  std::vector<int32_t> column;
  std::vector<Price> value;  // Price included.
  std::vector<int32_t> order, blocks;
  // Every column not found has at least this value; kNever if there is none.
  Price bound = 0;
  // About a dozen of those found are no dearer than this.
  Price near = 0;
};

// minima[j] = least flipped cost of column j in `rows` rows from row.cells on
// (at most what it was), and `most` the greatest of all.
void ColumnMinima(const RowView& row, int32_t rows, int32_t* minima,
                  int32_t& most);

// At least this many cells are found (if the row has them): about 18 and 80 on
// random rows. Where rows compete, each reading of the matrix costs as much as
// ten bids from a list: long lists halve the readings.
inline constexpr int kShortTarget = 14;
inline constexpr int kLongTarget = 30;

// Finds at most kListCapacity cells of least value. Requires, for int32_t,
// values in [0, 2^30).
template <typename Price>
void FindNearest(const RowView& row, const Price* price, int target,
                 Found<Price>& found);

// The same over raw flipped costs (no price, base ignored), any int32 values.
// Widens [least, most] to the flipped costs seen. `found.bound` may be
// INT32_MAX with `complete` false: some column was left out and costs
// INT32_MAX.
void FindNearestRaw(const RowView& row, int target, Found<int32_t>& found,
                    bool& complete, int32_t& least, int32_t& most);

// Finds every cell with value in [floor, found.bound), where the bound is
// chosen so that at least 14 are found unless fewer are left.
template <typename Price>
void FindFrom(const RowView& row, const Price* price, Price floor,
              Found<Price>& found);

// Finds the cells of value at most `threshold`; where they are more than
// `limit` or so, only cells below some lower one. `found.bound` tells.
void FindUpTo(const RowView& row, const int32_t* price, int32_t threshold,
              int limit, Found<int32_t>& found);

// Whether this machine runs the AVX2 kernels; tests may forbid them.
bool HasAvx2();
void ForbidAvx2ForTesting(bool forbid);

}  // namespace allot::dense

#endif  // ALLOT_LIB_MATCH_DENSE_KERNEL_H_
