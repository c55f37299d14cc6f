// SPDX-License-Identifier: Apache-2.0
// A row's list of cheapest columns: how the dense solver reads it. Internal to
// lib/match.
#ifndef ALLOT_LIB_MATCH_DENSE_LIST_H_
#define ALLOT_LIB_MATCH_DENSE_LIST_H_

#include <cstdint>

#include "lib/match/dense_kernel.h"

namespace allot::dense {

// Writes the found cells into a list, price subtracted (null: zero prices),
// those no dearer than found.near first, and returns the number of those.
// Pads the list.
template <typename Price>
int WriteList(const Found<Price>& found, const Price* price, int32_t* column,
              int32_t* cost);

template <typename Price>
struct BestTwo {
  Price best, second;  // kNever where there is none
  int at;              // place of the best in the list
};

// A row's list. Cells from place `near` on have at least the value
// `near_floor`, so they are looked at only if the nearer ones do not decide.
// Padded to a multiple of 8 with kPadCost and column 0.
inline constexpr int32_t kPadCost = int32_t{1} << 30;
template <typename Price>
struct ListView {
  const int32_t* column;
  const int32_t* cost;
  int size;
  int near;
  Price near_floor;
};

// The best two of a list's cost + price.
template <typename Price>
BestTwo<Price> ListBest(const ListView<Price>& list, const Price* price);

// The listed columns of cost below `cost_limit` that base + cost + price brings
// closer than both `limit` and their present distance; the output has room for
// kListCapacity + 8.
template <typename Price>
int Closer(const ListView<Price>& list, const Price* price,
           const Price* distance, Price base, Price limit, Price cost_limit,
           int32_t* out_column, Price* out_distance);

// values[k] = cost[k] + price[column[k]], and back.
void AddPrices(const int32_t* column, const int32_t* cost, int32_t count,
               const int32_t* price, int32_t* values);
void TakePrices(const int32_t* column, const int32_t* values, int32_t count,
                const int32_t* price, int32_t* cost);

}  // namespace allot::dense

#endif  // ALLOT_LIB_MATCH_DENSE_LIST_H_
