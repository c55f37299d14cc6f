// SPDX-License-Identifier: Apache-2.0
// The loops of kernels.h over 32-bit values, for machines with AVX2. Internal
// to kernels.cc.
#ifndef ALLOT_LIB_MATCH_KERNELS_AVX2_H_
#define ALLOT_LIB_MATCH_KERNELS_AVX2_H_

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "lib/match/kernels.h"
#include "lib/match/lookup_avx2.h"
#include "lib/match/top_insert.h"

namespace allot {

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

__attribute__((target("avx2"))) inline Above<int32_t> FindAboveAvx2(
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

__attribute__((target("avx2"))) inline void TopOfManyAvx2(
    const int32_t* labeler, const int32_t* value, const int32_t* price, int n,
    int want, Top<int32_t>& top) {
  constexpr int kChunk = 256;
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

__attribute__((target("avx2"))) inline BestEdge<int32_t> LargestReducedAvx2(
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

__attribute__((target("avx2"))) inline BestTwo<int32_t> TwoLargestReducedAvx2(
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
__attribute__((target("avx2"))) inline void TopReducedAvx2(
    const int32_t* labeler, const int32_t* value, const int32_t* price, int n,
    int want, Top<int32_t>& top) {
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

// Eight interleaved parts of the row keep their three largest each, and of what
// those leave out only the largest: -1 where that is among the wanted.
__attribute__((target("avx2"))) inline int64_t SumOfTopAvx2(
    const int32_t* labeler, const int32_t* value, const int32_t* price, int n,
    int want, int32_t held) {
  const __m256i zero = _mm256_setzero_si256(), mark = _mm256_set1_epi32(held);
  __m256i r1 = zero, r2 = zero, r3 = zero, left = zero;
  const auto add = [&](__m256i a, __m256i p) __attribute__((target("avx2"))) {
    const __m256i less = _mm256_and_si256(_mm256_srai_epi32(a, 31), mark);
    const __m256i r = _mm256_sub_epi32(_mm256_add_epi32(a, less), p);
    left = _mm256_max_epi32(left, _mm256_min_epi32(r, r3));
    r3 = _mm256_max_epi32(r3, _mm256_min_epi32(r, r2));
    r2 = _mm256_max_epi32(r2, _mm256_min_epi32(r, r1));
    r1 = _mm256_max_epi32(r1, r);
  };
  int i = 0;
  for (; i + 8 <= n; i += 8) {
    add(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(value + i)),
        Lookup8(price, labeler + i));
  }
  if (i < n) {
    alignas(32) int32_t a[8] = {}, p[8] = {};
    for (int j = i; j < n; ++j) {
      a[j - i] = value[j];
      p[j - i] = price[labeler[j]];
    }
    add(_mm256_load_si256(reinterpret_cast<const __m256i*>(a)),
        _mm256_load_si256(reinterpret_cast<const __m256i*>(p)));
  }
  int64_t sum = 0;
  int32_t least = 0;
  for (int found = 0; found < want;) {
    const __m256i best = SpreadMax(r1);
    least = _mm256_cvtsi256_si32(best);
    if (least == 0) break;
    const __m256i lanes = _mm256_cmpeq_epi32(r1, best);
    const int same = std::min(
        want - found, __builtin_popcount(static_cast<unsigned>(
                          _mm256_movemask_ps(_mm256_castsi256_ps(lanes)))));
    sum += static_cast<int64_t>(least) * same;
    found += same;
    r1 = _mm256_blendv_epi8(r1, r2, lanes);
    r2 = _mm256_blendv_epi8(r2, r3, lanes);
    r3 = _mm256_andnot_si256(lanes, r3);
  }
  return want > 3 && least < HorizontalMax(left) ? -1 : sum;
}

}  // namespace allot

#endif  // __x86_64__

#endif  // ALLOT_LIB_MATCH_KERNELS_AVX2_H_
