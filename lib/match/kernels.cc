// SPDX-License-Identifier: Apache-2.0
#include "lib/match/kernels.h"

#include <algorithm>
#include <limits>

#include "lib/match/kernels_avx2.h"
#include "lib/match/top_insert.h"

namespace allot {
namespace {

template <typename V>
void TopReducedPlain(const int32_t* labeler, const V* value, const V* price,
                     int n, int want, Top<V>& top) {
  int have = 0;
  for (int i = 0; i < n; ++i) {
    const V r = price == nullptr ? value[i] : value[i] - price[labeler[i]];
    if (have == want && r <= top.reduced[want - 1]) continue;
    have = Insert(r, i, want, have, top);
  }
  Fill(have, want, top);
}

template <typename V>
BestEdge<V> LargestReducedPlain(const int32_t* labeler, const V* value,
                                const V* price, int n) {
  BestEdge<V> best = {value[0] - price[labeler[0]], 0};
  for (int i = 1; i < n; ++i) {
    const V r = value[i] - price[labeler[i]];
    if (r > best.reduced) best = {r, i};
  }
  return best;
}

template <typename V>
BestTwo<V> TwoLargestReducedPlain(const int32_t* labeler, const V* value,
                                  const V* price, int n) {
  BestTwo<V> two = {value[0] - price[labeler[0]], std::numeric_limits<V>::min(),
                    0};
  for (int i = 1; i < n; ++i) {
    const V r = value[i] - price[labeler[i]];
    two.next = std::max(two.next, std::min(r, two.best));
    if (r > two.best) {
      two.best = r;
      two.index = i;
    }
  }
  return two;
}

template <typename V>
Above<V> FindAbovePlain(const int32_t* labeler, const V* value, const V* price,
                        int n, V threshold, int32_t* found) {
  Above<V> above = {0, std::numeric_limits<V>::min()};
  for (int i = 0; i < n; ++i) {
    const V r = value[i] - price[labeler[i]];
    found[above.count] = i;
    above.count += r > threshold;
    above.largest = std::max(above.largest, r);
  }
  return above;
}

template <typename V>
int64_t SumOfTopPlain(const int32_t* labeler, const V* value, const V* price,
                      int n, int want, V held) {
  V best[kMostTop] = {};
  for (int i = 0; i < n; ++i) {
    const V r = value[i] + (value[i] < 0 ? held : 0) - price[labeler[i]];
    if (r <= best[want - 1]) continue;
    int at = want - 1;
    for (; at > 0 && best[at - 1] < r; --at) best[at] = best[at - 1];
    best[at] = r;
  }
  int64_t sum = 0;
  for (int i = 0; i < want; ++i) sum += best[i];
  return sum;
}

struct Kernels {
  BestEdge<int32_t> (*largest)(const int32_t*, const int32_t*, const int32_t*,
                               int);
  BestTwo<int32_t> (*two)(const int32_t*, const int32_t*, const int32_t*, int);
  void (*top)(const int32_t*, const int32_t*, const int32_t*, int, int,
              Top<int32_t>&);
  Above<int32_t> (*above)(const int32_t*, const int32_t*, const int32_t*, int,
                          int32_t, int32_t*);
  int64_t (*sum)(const int32_t*, const int32_t*, const int32_t*, int, int,
                 int32_t);
};

Kernels ChooseKernels() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    return {LargestReducedAvx2, TwoLargestReducedAvx2, TopReducedAvx2,
            FindAboveAvx2, SumOfTopAvx2};
  }
#endif
  return {LargestReducedPlain<int32_t>, TwoLargestReducedPlain<int32_t>,
          TopReducedPlain<int32_t>, FindAbovePlain<int32_t>,
          SumOfTopPlain<int32_t>};
}

const Kernels kKernels = ChooseKernels();

}  // namespace

BestEdge<int32_t> LargestReduced(const int32_t* labeler, const int32_t* value,
                                 const int32_t* price, int n) {
  return kKernels.largest(labeler, value, price, n);
}

BestEdge<int64_t> LargestReduced(const int32_t* labeler, const int64_t* value,
                                 const int64_t* price, int n) {
  return LargestReducedPlain(labeler, value, price, n);
}

BestTwo<int32_t> TwoLargestReduced(const int32_t* labeler, const int32_t* value,
                                   const int32_t* price, int n) {
  return kKernels.two(labeler, value, price, n);
}

BestTwo<int64_t> TwoLargestReduced(const int32_t* labeler, const int64_t* value,
                                   const int64_t* price, int n) {
  return TwoLargestReducedPlain(labeler, value, price, n);
}

void TopReduced(const int32_t* labeler, const int32_t* value,
                const int32_t* price, int n, int want, Top<int32_t>& top) {
  kKernels.top(labeler, value, price, n, want, top);
}

void TopReduced(const int32_t* labeler, const int64_t* value,
                const int64_t* price, int n, int want, Top<int64_t>& top) {
  TopReducedPlain(labeler, value, price, n, want, top);
}

Above<int32_t> FindAbove(const int32_t* labeler, const int32_t* value,
                         const int32_t* price, int n, int32_t threshold,
                         int32_t* found) {
  return kKernels.above(labeler, value, price, n, threshold, found);
}

Above<int64_t> FindAbove(const int32_t* labeler, const int64_t* value,
                         const int64_t* price, int n, int64_t threshold,
                         int32_t* found) {
  return FindAbovePlain(labeler, value, price, n, threshold, found);
}

int64_t SumOfTop(const int32_t* labeler, const int32_t* value,
                 const int32_t* price, int n, int want, int32_t held) {
  const int64_t sum = kKernels.sum(labeler, value, price, n, want, held);
  return sum >= 0 ? sum : SumOfTopPlain(labeler, value, price, n, want, held);
}

int64_t SumOfTop(const int32_t* labeler, const int64_t* value,
                 const int64_t* price, int n, int want, int64_t held) {
  return SumOfTopPlain(labeler, value, price, n, want, held);
}

}  // namespace allot
