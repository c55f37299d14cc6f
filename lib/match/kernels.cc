// SPDX-License-Identifier: Apache-2.0
#include "lib/match/kernels.h"

#include <algorithm>
#include <cmath>
#include <limits>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

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
    const V r = value[i] - price[labeler[i]];
    if (have == want && r <= top.reduced[want - 1]) continue;
    have = Insert(r, i, want, have, top);
  }
  Fill(have, want, top);
}

template <typename V>
int FindAbovePlain(const int32_t* labeler, const V* value, const V* price,
                   int n, V threshold, int32_t* found) {
  int count = 0;
  for (int i = 0; i < n; ++i) {
    found[count] = i;
    count += value[i] - price[labeler[i]] > threshold;
  }
  return count;
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) int FindAboveAvx2(const int32_t* labeler,
                                                  const int32_t* value,
                                                  const int32_t* price, int n,
                                                  int32_t threshold,
                                                  int32_t* found) {
  const __m256i least = _mm256_set1_epi32(threshold);
  int count = 0;
  int i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256i l =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(labeler + i));
    const __m256i a =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(value + i));
    const __m256i r = _mm256_sub_epi32(a, _mm256_i32gather_epi32(price, l, 4));
    unsigned mask = static_cast<unsigned>(
        _mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(r, least))));
    for (; mask != 0; mask &= mask - 1)
      found[count++] = i + __builtin_ctz(mask);
  }
  for (; i < n; ++i) {
    found[count] = i;
    count += value[i] - price[labeler[i]] > threshold;
  }
  return count;
}

__attribute__((target("avx2"))) inline int32_t HorizontalMax(__m256i v) {
  __m128i m =
      _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, _MM_SHUFFLE(1, 0, 3, 2)));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, _MM_SHUFFLE(2, 3, 0, 1)));
  return _mm_cvtsi128_si32(m);
}

__attribute__((target("avx2"))) void TopReducedAvx2(const int32_t* labeler,
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
      const __m256i l = _mm256_loadu_si256(
          reinterpret_cast<const __m256i*>(labeler + begin + i));
      const __m256i a = _mm256_loadu_si256(
          reinterpret_cast<const __m256i*>(value + begin + i));
      const __m256i r =
          _mm256_sub_epi32(a, _mm256_i32gather_epi32(price, l, 4));
      _mm256_store_si256(reinterpret_cast<__m256i*>(buffer + i), r);
      most = _mm256_max_epi32(most, r);
    }
    if (padded > whole) {
      for (int i = whole; i < padded; ++i) {
        buffer[i] =
            i < size ? value[begin + i] - price[labeler[begin + i]] : kNone;
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

#endif

#if defined(__SSE4_1__)

inline double Larger(__m128d v) {
  return std::max(_mm_cvtsd_f64(v), _mm_cvtsd_f64(_mm_unpackhi_pd(v, v)));
}

void AddPairs(const double* utility, int pairs, double penalty,
              RangeSums& sums) {
  const __m128d zero = _mm_setzero_pd(), sign = _mm_set1_pd(-0.0);
  const __m128d add = _mm_set1_pd(penalty);
  __m128d most = zero, most_utility = zero, fraction = zero;
  for (int i = 0; i < pairs; ++i) {
    const __m128d w = _mm_loadu_pd(utility + 2 * i);
    const __m128d value = _mm_add_pd(w, add);
    const __m128d worth = _mm_cmpgt_pd(value, zero);
    most = _mm_max_pd(most, value);
    most_utility =
        _mm_max_pd(most_utility, _mm_and_pd(worth, _mm_andnot_pd(sign, w)));
    const __m128d whole =
        _mm_round_pd(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    fraction =
        _mm_or_pd(fraction, _mm_and_pd(worth, _mm_cmpneq_pd(value, whole)));
  }
  sums.largest_value = std::max(sums.largest_value, Larger(most));
  sums.largest_utility = std::max(sums.largest_utility, Larger(most_utility));
  sums.whole = sums.whole && _mm_movemask_pd(fraction) == 0;
}

#else

void AddPairs(const double*, int, double, RangeSums&) {}

#endif

struct Kernels {
  void (*top)(const int32_t*, const int32_t*, const int32_t*, int, int,
              Top<int32_t>&);
  int (*above)(const int32_t*, const int32_t*, const int32_t*, int, int32_t,
               int32_t*);
};

Kernels ChooseKernels() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return {TopReducedAvx2, FindAboveAvx2};
#endif
  return {TopReducedPlain<int32_t>, FindAbovePlain<int32_t>};
}

const Kernels kKernels = ChooseKernels();

}  // namespace

void AddToRange(const double* utility, int n, double penalty, RangeSums& sums) {
#if defined(__SSE4_1__)
  int i = n / 2 * 2;
#else
  int i = 0;
#endif
  AddPairs(utility, i / 2, penalty, sums);
  for (; i < n; ++i) {
    const double value = utility[i] + penalty;
    if (!(value > 0)) continue;
    sums.largest_value = std::max(sums.largest_value, value);
    sums.largest_utility = std::max(sums.largest_utility, std::abs(utility[i]));
    sums.whole = sums.whole && value == std::nearbyint(value);
  }
}

void TopReduced(const int32_t* labeler, const int32_t* value,
                const int32_t* price, int n, int want, Top<int32_t>& top) {
  kKernels.top(labeler, value, price, n, want, top);
}

void TopReduced(const int32_t* labeler, const int64_t* value,
                const int64_t* price, int n, int want, Top<int64_t>& top) {
  TopReducedPlain(labeler, value, price, n, want, top);
}

int FindAbove(const int32_t* labeler, const int32_t* value,
              const int32_t* price, int n, int32_t threshold, int32_t* found) {
  return kKernels.above(labeler, value, price, n, threshold, found);
}

int FindAbove(const int32_t* labeler, const int64_t* value,
              const int64_t* price, int n, int64_t threshold, int32_t* found) {
  return FindAbovePlain(labeler, value, price, n, threshold, found);
}

}  // namespace allot
