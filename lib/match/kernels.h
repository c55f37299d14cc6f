// SPDX-License-Identifier: Apache-2.0
// The inner loop of every sparse solver: the largest reduced values of a row.
// Internal to lib/match.
//
// One binary serves all machines: the build targets x86-64-v2, and the loop for
// 32-bit values is chosen at run time where AVX2 is there. Both give the same
// answer to the bit.
#ifndef ALLOT_LIB_MATCH_KERNELS_H_
#define ALLOT_LIB_MATCH_KERNELS_H_

#include <cstdint>

namespace allot {

inline constexpr int kMostTop = 16;

template <typename V>
struct Top {
  V reduced[kMostTop];
  int32_t index[kMostTop];
};

// The `want` largest of value[i] - price[labeler[i]], i < n, in descending
// order, ties by index; where n < want, the rest is `lowest`, with index -1.
// Requires 1 <= want <= kMostTop; values of at most 2^30 in size. `price` may
// be null: then all are 0.
void TopReduced(const int32_t* labeler, const int32_t* value,
                const int32_t* price, int n, int want, Top<int32_t>& top);
void TopReduced(const int32_t* labeler, const int64_t* value,
                const int64_t* price, int n, int want, Top<int64_t>& top);

// The largest of value[i] - price[labeler[i]], the first of several. Requires
// n > 0.
template <typename V>
struct BestEdge {
  V reduced;
  int32_t index;
};
BestEdge<int32_t> LargestReduced(const int32_t* labeler, const int32_t* value,
                                 const int32_t* price, int n);
BestEdge<int64_t> LargestReduced(const int32_t* labeler, const int64_t* value,
                                 const int64_t* price, int n);

// The largest, the first of several, and the next: what a bid for one slot
// wants to know. Requires n > 0; where n = 1, next is `lowest` as above.
template <typename V>
struct BestTwo {
  V best, next;
  int32_t index;
};
BestTwo<int32_t> TwoLargestReduced(const int32_t* labeler, const int32_t* value,
                                   const int32_t* price, int n);
BestTwo<int64_t> TwoLargestReduced(const int32_t* labeler, const int64_t* value,
                                   const int64_t* price, int n);

// The indices i < n of value[i] - price[labeler[i]] > threshold, ascending, of
// which there are `count`, and the largest of all n (the
// lowest there is if n = 0). `found` has room for n + 8.
template <typename V>
struct Above {
  int count;
  V largest;
};
Above<int32_t> FindAbove(const int32_t* labeler, const int32_t* value,
                         const int32_t* price, int n, int32_t threshold,
                         int32_t* found);
Above<int64_t> FindAbove(const int32_t* labeler, const int64_t* value,
                         const int64_t* price, int n, int64_t threshold,
                         int32_t* found);

// The sum of the `want` largest of value[i] - price[labeler[i]], i < n, of
// which those below 0 count as 0; a negative value is one less `held` (flow.h).
// Requires 1 <= want <= kMostTop.
int64_t SumOfTop(const int32_t* labeler, const int32_t* value,
                 const int32_t* price, int n, int want, int32_t held);
int64_t SumOfTop(const int32_t* labeler, const int64_t* value,
                 const int64_t* price, int n, int want, int64_t held);

// Below every reduced value of an edge that may be used. A value of kBlocked
// keeps an edge out of the top.
template <typename V>
inline constexpr V kBlocked = -(V{1} << (sizeof(V) == 4 ? 30 : 60));

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_KERNELS_H_
