// SPDX-License-Identifier: Apache-2.0
#include "lib/match/kernels.h"

#include <algorithm>
#include <limits>

#include "lib/match/lookup_avx2.h"

namespace allot {
namespace {

constexpr int kChunk = 256;

// Puts the chunk's largest into `top`, which holds `have` sorted entries.
template <typename V>
inline int Insert(V reduced, int32_t index, int want, int have, Top<V>& top) {
  int at = have < want ? have : want - 1;
  while (at > 0 && top.reduced[at - 1] < reduced) {
    top.reduced[at] = top.reduced[at - 1];
    top.index[at] = top.index[at - 1];
    --at;
  }
  top.reduced[at] = reduced;
  top.index[at] = index;
  return have < want ? have + 1 : want;
}

template <typename V>
void Fill(int have, int want, Top<V>& top) {
  for (int i = have; i < want; ++i) {
    top.reduced[i] = std::numeric_limits<V>::min();
    top.index[i] = -1;
  }
}

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

#if defined(__x86_64__)

__attribute__((target("avx2"))) inline int32_t HorizontalMax(__m256i v) {
  __m128i m =
      _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, _MM_SHUFFLE(1, 0, 3, 2)));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, _MM_SHUFFLE(2, 3, 0, 1)));
  return _mm_cvtsi128_si32(m);
}

// The same, in every lane.
__attribute__((target("avx2"))) inline __m256i SpreadMax(__m256i v) {
  v = _mm256_max_epi32(v, _mm256_permute2x128_si256(v, v, 1));
  v = _mm256_max_epi32(v, _mm256_shuffle_epi32(v, _MM_SHUFFLE(1, 0, 3, 2)));
  return _mm256_max_epi32(v, _mm256_shuffle_epi32(v, _MM_SHUFFLE(2, 3, 0, 1)));
}

// The lanes' least index, in every lane, of those lanes that are `here`.
__attribute__((target("avx2"))) inline __m256i LeastIndex(__m256i index,
                                                          __m256i here) {
  const __m256i at = _mm256_blendv_epi8(
      _mm256_set1_epi32(std::numeric_limits<int32_t>::max()), index, here);
  const __m256i zero = _mm256_setzero_si256();
  return _mm256_sub_epi32(zero, SpreadMax(_mm256_sub_epi32(zero, at)));
}

__attribute__((target("avx2"))) Above<int32_t> FindAboveAvx2(
    const int32_t* labeler, const int32_t* value, const int32_t* price, int n,
    int32_t threshold, int32_t* found) {
  const __m256i least = _mm256_set1_epi32(threshold);
  __m256i most = _mm256_set1_epi32(std::numeric_limits<int32_t>::min());
  int count = 0;
  int i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256i a =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(value + i));
    const __m256i r = _mm256_sub_epi32(a, Lookup8(price, labeler + i));
    unsigned mask = static_cast<unsigned>(
        _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(r, least))));
    most = _mm256_max_epi32(most, r);
    for (; mask != 0; mask &= mask - 1)
      found[count++] = i + __builtin_ctz(mask);
  }
  int32_t largest = HorizontalMax(most);
  for (; i < n; ++i) {
    const int32_t r = value[i] - price[labeler[i]];
    found[count] = i;
    count += r > threshold;
    largest = std::max(largest, r);
  }
  return {count, largest};
}

__attribute__((target("avx2"))) void TopOfManyAvx2(const int32_t* labeler,
                                                   const int32_t* value,
                                                   const int32_t* price, int n,
                                                   int want,
                                                   Top<int32_t>& top) {
  alignas(32) int32_t buffer[kChunk];
  constexpr int32_t kNone = std::numeric_limits<int32_t>::min();
  const __m256i none = _mm256_set1_epi32(kNone);
  int have = 0;
  for (int begin = 0; begin < n; begin += kChunk) {
    const int size = std::min(kChunk, n - begin);
    const int whole = size / 8 * 8;
    const int padded = (size + 7) / 8 * 8;
    __m256i most = none;
    for (int i = 0; i < whole; i += 8) {
      const __m256i a = _mm256_loadu_si256(
          reinterpret_cast<const __m256i*>(value + begin + i));
      const __m256i r =
          price == nullptr
              ? a
              : _mm256_sub_epi32(a, Lookup8(price, labeler + begin + i));
      _mm256_store_si256(reinterpret_cast<__m256i*>(buffer + i), r);
      most = _mm256_max_epi32(most, r);
    }
    if (padded > whole) {
      for (int i = whole; i < padded; ++i) {
        buffer[i] = i >= size ? kNone
                    : price == nullptr
                        ? value[begin + i]
                        : value[begin + i] - price[labeler[begin + i]];
      }
      most = _mm256_max_epi32(
          most,
          _mm256_load_si256(reinterpret_cast<const __m256i*>(buffer + whole)));
    }
    for (int found = 0; found < std::min(want, size); ++found) {
      const int32_t best = HorizontalMax(most);
      if (have == want && best <= top.reduced[want - 1]) break;
      const __m256i wanted = _mm256_set1_epi32(best);
      int at = 0;
      unsigned mask = 0;
      for (;; at += 8) {
        const __m256i r =
            _mm256_load_si256(reinterpret_cast<const __m256i*>(buffer + at));
        mask = static_cast<unsigned>(_mm256_movemask_ps(
            _mm256_castsi256_ps(_mm256_cmpeq_epi32(r, wanted))));
        if (mask != 0) break;
      }
      at += __builtin_ctz(mask);
      have = Insert(best, begin + at, want, have, top);
      if (found + 1 == std::min(want, size)) break;
      buffer[at] = kNone;
      most = none;
      for (int i = 0; i < padded; i += 8) {
        most = _mm256_max_epi32(
            most,
            _mm256_load_si256(reinterpret_cast<const __m256i*>(buffer + i)));
      }
    }
  }
  Fill(have, want, top);
}

__attribute__((target("avx2"))) BestEdge<int32_t> LargestReducedAvx2(
    const int32_t* labeler, const int32_t* value, const int32_t* price, int n) {
  const __m256i none = _mm256_set1_epi32(std::numeric_limits<int32_t>::min());
  const __m256i eight = _mm256_set1_epi32(8);
  __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  __m256i most = none, where = _mm256_setzero_si256();
  int i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256i a =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(value + i));
    const __m256i r = _mm256_sub_epi32(a, Lookup8(price, labeler + i));
    where = _mm256_blendv_epi8(where, index, _mm256_cmpgt_epi32(r, most));
    most = _mm256_max_epi32(most, r);
    index = _mm256_add_epi32(index, eight);
  }
  if (i < n) {
    const __m256i used = _mm256_cmpgt_epi32(_mm256_set1_epi32(n), index);
    const __m256i l = _mm256_maskload_epi32(labeler + i, used);
    const __m256i a = _mm256_maskload_epi32(value + i, used);
    const __m256i r = _mm256_blendv_epi8(
        none, _mm256_sub_epi32(a, _mm256_i32gather_epi32(price, l, 4)), used);
    where = _mm256_blendv_epi8(where, index, _mm256_cmpgt_epi32(r, most));
    most = _mm256_max_epi32(most, r);
  }
  const int32_t best = HorizontalMax(most);
  const __m256i here = _mm256_cmpeq_epi32(most, _mm256_set1_epi32(best));
  const __m256i at = _mm256_blendv_epi8(
      _mm256_set1_epi32(std::numeric_limits<int32_t>::max()), where, here);
  return {best, -HorizontalMax(_mm256_sub_epi32(_mm256_setzero_si256(), at))};
}

__attribute__((target("avx2"))) BestTwo<int32_t> TwoLargestReducedAvx2(
    const int32_t* labeler, const int32_t* value, const int32_t* price, int n) {
  const __m256i none = _mm256_set1_epi32(std::numeric_limits<int32_t>::min());
  const __m256i eight = _mm256_set1_epi32(8);
  __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  __m256i most = none, next = none, where = _mm256_setzero_si256();
  const auto add = [&](__m256i r) __attribute__((target("avx2"))) {
    where = _mm256_blendv_epi8(where, index, _mm256_cmpgt_epi32(r, most));
    next = _mm256_max_epi32(next, _mm256_min_epi32(r, most));
    most = _mm256_max_epi32(most, r);
    index = _mm256_add_epi32(index, eight);
  };
  int i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256i a =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(value + i));
    add(_mm256_sub_epi32(a, Lookup8(price, labeler + i)));
  }
  if (i < n) {
    alignas(32) int32_t rest[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(rest), none);
    for (int j = i; j < n; ++j) rest[j - i] = value[j] - price[labeler[j]];
    add(_mm256_load_si256(reinterpret_cast<const __m256i*>(rest)));
  }
  const __m256i best = SpreadMax(most);
  __m256i lane = _mm256_cmpeq_epi32(most, best);
  const unsigned mask =
      static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(lane)));
  BestTwo<int32_t> two;
  two.best = _mm256_cvtsi256_si32(best);
  if ((mask & (mask - 1)) != 0) {
    two.next = two.best;
    two.index = _mm256_cvtsi256_si32(LeastIndex(where, lane));
    return two;
  }
  // The lane of the best has only its second to offer.
  two.next =
      _mm256_cvtsi256_si32(SpreadMax(_mm256_blendv_epi8(most, next, lane)));
  two.index = _mm256_cvtsi256_si32(_mm256_permutevar8x32_epi32(
      where, _mm256_set1_epi32(__builtin_ctz(mask))));
  return two;
}

// Eight interleaved parts of the row keep their two largest each, and of what
// those leave out only the largest: unless that is among the wanted, the wanted
// are among the sixteen.
__attribute__((target("avx2"))) void TopReducedAvx2(const int32_t* labeler,
                                                    const int32_t* value,
                                                    const int32_t* price, int n,
                                                    int want,
                                                    Top<int32_t>& top) {
  constexpr int32_t kNone = std::numeric_limits<int32_t>::min();
  const __m256i none = _mm256_set1_epi32(kNone);
  __m256i r1 = none, r2 = none, left = none;
  __m256i i1 = _mm256_set1_epi32(-1), i2 = i1;
  __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i eight = _mm256_set1_epi32(8);
  const auto add = [&](__m256i r) __attribute__((target("avx2"))) {
    const __m256i first = _mm256_cmpgt_epi32(r, r1);
    const __m256i second = _mm256_cmpgt_epi32(r, r2);
    left = _mm256_max_epi32(left, _mm256_min_epi32(r, r2));
    r2 = _mm256_max_epi32(r2, _mm256_min_epi32(r, r1));
    i2 = _mm256_blendv_epi8(_mm256_blendv_epi8(i2, index, second), i1, first);
    r1 = _mm256_max_epi32(r1, r);
    i1 = _mm256_blendv_epi8(i1, index, first);
    index = _mm256_add_epi32(index, eight);
  };
  int i = 0;
  for (; price == nullptr && i + 8 <= n; i += 8) {
    add(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(value + i)));
  }
  for (; i + 8 <= n; i += 8) {
    const __m256i a =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(value + i));
    add(_mm256_sub_epi32(a, Lookup8(price, labeler + i)));
  }
  if (i < n && price == nullptr) {
    const __m256i used = _mm256_cmpgt_epi32(_mm256_set1_epi32(n), index);
    add(_mm256_blendv_epi8(none, _mm256_maskload_epi32(value + i, used), used));
  } else if (i < n) {
    const __m256i used = _mm256_cmpgt_epi32(_mm256_set1_epi32(n), index);
    const __m256i l = _mm256_maskload_epi32(labeler + i, used);
    const __m256i a = _mm256_maskload_epi32(value + i, used);
    add(_mm256_blendv_epi8(
        none, _mm256_sub_epi32(a, _mm256_i32gather_epi32(price, l, 4)), used));
  }
  for (int found = 0;; ++found) {
    const __m256i best = SpreadMax(r1);
    top.reduced[found] = _mm256_cvtsi256_si32(best);
    __m256i lane = _mm256_cmpeq_epi32(r1, best);
    const unsigned mask =
        static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(lane)));
    if (top.reduced[found] == kNone) {
      top.index[found] = -1;
      if (found + 1 == want) break;
      continue;
    }
    if ((mask & (mask - 1)) != 0) {
      // Ties by index.
      lane = _mm256_cmpeq_epi32(i1, LeastIndex(i1, lane));
    }
    const __m256i at = _mm256_castps_si256(
        _mm256_and_ps(_mm256_castsi256_ps(i1), _mm256_castsi256_ps(lane)));
    top.index[found] = _mm256_cvtsi256_si32(SpreadMax(at));
    if (found + 1 == want) break;
    r1 = _mm256_blendv_epi8(r1, r2, lane);
    i1 = _mm256_blendv_epi8(i1, i2, lane);
    r2 = _mm256_blendv_epi8(r2, none, lane);
  }
  if (want > 2 && top.reduced[want - 1] <= HorizontalMax(left) && n > 16) {
    TopOfManyAvx2(labeler, value, price, n, want, top);
  }
}

#endif

struct Kernels {
  BestEdge<int32_t> (*largest)(const int32_t*, const int32_t*, const int32_t*,
                               int);
  BestTwo<int32_t> (*two)(const int32_t*, const int32_t*, const int32_t*, int);
  void (*top)(const int32_t*, const int32_t*, const int32_t*, int, int,
              Top<int32_t>&);
  Above<int32_t> (*above)(const int32_t*, const int32_t*, const int32_t*, int,
                          int32_t, int32_t*);
};

Kernels ChooseKernels() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    return {LargestReducedAvx2, TwoLargestReducedAvx2, TopReducedAvx2,
            FindAboveAvx2};
  }
#endif
  return {LargestReducedPlain<int32_t>, TwoLargestReducedPlain<int32_t>,
          TopReducedPlain<int32_t>, FindAbovePlain<int32_t>};
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

}  // namespace allot
