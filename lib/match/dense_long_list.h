// SPDX-License-Identifier: Apache-2.0
// Where rows compete, a row's list of cheapest columns is used up and rebuilt
// dozens of times, each time from nearly the same few hundred columns: those of
// its cluster. These are kept in a long list, and the matrix is read only when
// the long list no longer decides. Internal to lib/match.
#ifndef ALLOT_LIB_MATCH_DENSE_LONG_LIST_H_
#define ALLOT_LIB_MATCH_DENSE_LONG_LIST_H_

#include <cstdint>
#include <vector>

#include "lib/match/dense_kernel.h"
#include "lib/match/raw_vector.h"

namespace allot::dense {

class LongLists {
 public:
  // Makes room, if the matrix is wide enough to gain by it.
  void Open(int32_t rows, int32_t columns);
  bool open() const { return !bound_.empty(); }

  // Finds row i's cells of least value, as FindNearest() does, in its long
  // list; reads the row where that does not decide (`read`). False if a long
  // list is no help. Prices must not have fallen since the row was last read.
  bool FindNearest(const RowView& row, int32_t i, const int32_t* price,
                   int target, Found<int32_t>& found, bool& read);

 private:
  int32_t Threshold(const RowView& row, const int32_t* price);
  bool Shorten(int32_t i, const int32_t* price, int target,
               Found<int32_t>& found);
  void Read(const RowView& row, int32_t i, const int32_t* price,
            Found<int32_t>& found);

  int32_t target_ = 0;  // cells wanted
  int64_t rebuilt_ = 0, read_ = 0;
  int64_t stride_ = 0;
  RawVector<int32_t> column_, cost_;  // [rows x stride_]
  std::vector<int32_t> size_;
  // Every column outside the long list has at least this value.
  std::vector<int32_t> bound_;
  std::vector<int32_t> values_;  // work space
};

}  // namespace allot::dense

#endif  // ALLOT_LIB_MATCH_DENSE_LONG_LIST_H_
