// SPDX-License-Identifier: Apache-2.0
// A start for costs that follow two orders. Internal to lib/match.
//
// Where what a pair costs beyond its row and its column is governed by one
// trait of the row and one of the column (a product, as in Machol and Wien's
// hard instance; a distance on a line; ability against difficulty), the best
// matching pairs the rows in the order of their trait with the columns in the
// order of theirs, and prices follow from neighbours alone (Monge's condition;
// Burkard, Klinz and Rudolf (1996), doi:10.1016/0166-218X(95)00103-X). Epsilon
// scaling takes very long to find that, for every price depends on every other.
//
// The traits are the leading pair of singular vectors of a sample, rows and
// columns centred. What comes out is advice: any prices and pairs may be
// handed to the solver, and only its certificate counts.
#ifndef ALLOT_LIB_MATCH_DENSE_ORDER_H_
#define ALLOT_LIB_MATCH_DENSE_ORDER_H_

#include <cstdint>
#include <vector>

#include "lib/match/deadline.h"
#include "lib/match/dense_kernel.h"

namespace allot::dense {

struct OrderedStart {
  std::vector<int32_t> row, column;  // row[k] goes with column[k]
  std::vector<int64_t> price;        // [columns], the least is 0
};

// For the square matrix that begins with row `first`. False if its costs do not
// look like that, which takes O(size log size) and a sample of 64 rows and 64
// columns to see. Flipped costs, base left aside. False, too, if the deadline
// passes meanwhile.
bool FindOrder(const RowView& first, const Deadline& deadline,
               OrderedStart& start);

}  // namespace allot::dense

#endif  // ALLOT_LIB_MATCH_DENSE_ORDER_H_
