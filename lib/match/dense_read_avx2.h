// SPDX-License-Identifier: Apache-2.0
// One pass over a row of the matrix, eight cells at a time. Gives the same bits
// as dense_read.h. Internal to dense_kernel.cc.
#ifndef ALLOT_LIB_MATCH_DENSE_READ_AVX2_H_
#define ALLOT_LIB_MATCH_DENSE_READ_AVX2_H_

#if defined(__x86_64__)

#include <algorithm>
#include <cstdint>
#include <limits>

#include "lib/match/dense_read.h"
#include "lib/match/dense_simd.h"

namespace allot::dense {

template <Read kRead>
ALLOT_AVX2 inline __m256i Load8(const RowView& row, const int32_t* price,
                                __m256i flip, __m256i base, int32_t j) {
  __m256i v =
      _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row.cells + j));
  v = _mm256_xor_si256(v, flip);
  if constexpr (kRead != Read::kRaw) {
    v = _mm256_sub_epi32(v, base);
    v = _mm256_add_epi32(
        v, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(price + j)));
  }
  return v;
}

// A value below the floor becomes INT32_MAX.
template <Read kRead>
ALLOT_AVX2 inline __m256i Lift8(__m256i v, __m256i floor) {
  if constexpr (kRead != Read::kFloored) return v;
  const __m256i below = _mm256_cmpgt_epi32(floor, v);
  return _mm256_or_si256(_mm256_andnot_si256(below, v),
                         _mm256_srli_epi32(below, 1));
}

// The processor's own prefetching stops at each page; past the row's end stands
// the next one, which is often read next.
inline constexpr int kPrefetch = 512;

template <Read kRead>
ALLOT_AVX2 void GroupMinimaAvx2(const RowView& row, const int32_t* price,
                                int32_t floor, int32_t* minima, int32_t& most,
                                int32_t* blocks) {
  const __m256i flip = _mm256_set1_epi32(row.flip);
  const __m256i base = _mm256_set1_epi32(row.base);
  const __m256i low = _mm256_set1_epi32(floor);
  __m256i a = _mm256_set1_epi32(kMost<int32_t>), b = a, c = a, d = a;
  __m256i top = _mm256_set1_epi32(most), top2 = top;
  int32_t j = 0;
  for (; j + 32 <= row.columns; j += 32) {
    const int32_t* ahead = row.cells + j + kPrefetch;
    _mm_prefetch(reinterpret_cast<const char*>(ahead), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(ahead + 16), _MM_HINT_T0);
    const __m256i v0 = Load8<kRead>(row, price, flip, base, j);
    const __m256i v1 = Load8<kRead>(row, price, flip, base, j + 8);
    const __m256i v2 = Load8<kRead>(row, price, flip, base, j + 16);
    const __m256i v3 = Load8<kRead>(row, price, flip, base, j + 24);
    if constexpr (kRead == Read::kRaw) {
      top = _mm256_max_epi32(top, _mm256_max_epi32(v0, v1));
      top2 = _mm256_max_epi32(top2, _mm256_max_epi32(v2, v3));
    }
    const __m256i l0 = Lift8<kRead>(v0, low), l1 = Lift8<kRead>(v1, low);
    const __m256i l2 = Lift8<kRead>(v2, low), l3 = Lift8<kRead>(v3, low);
    a = _mm256_min_epi32(a, l0);
    b = _mm256_min_epi32(b, l1);
    c = _mm256_min_epi32(c, l2);
    d = _mm256_min_epi32(d, l3);
    // Each block's least, lane by lane: collecting reads these first.
    _mm256_storeu_si256(
        reinterpret_cast<__m256i*>(blocks + j / 4),
        _mm256_min_epi32(_mm256_min_epi32(l0, l1), _mm256_min_epi32(l2, l3)));
  }
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(minima), a);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(minima + 8), b);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(minima + 16), c);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(minima + 24), d);
  if constexpr (kRead == Read::kRaw) {
    int32_t tops[8];
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(tops),
                        _mm256_max_epi32(top, top2));
    most = *std::max_element(tops, tops + 8);
  }
  for (; j < row.columns; ++j) {
    const int32_t value = ValueAt<kRead>(row, price, j);
    if constexpr (kRead == Read::kRaw) most = std::max(most, value);
    if (kRead == Read::kFloored && value < floor) continue;
    minima[j % kGroups] = std::min(minima[j % kGroups], value);
  }
}

// Four rows at a time, so that the minima are loaded and stored less often.
ALLOT_AVX2 inline int32_t ColumnMinimaAvx2(const RowView& row, int32_t rows,
                                           int32_t* minima, int32_t& most) {
  const __m256i flip = _mm256_set1_epi32(row.flip);
  __m256i top = _mm256_set1_epi32(most);
  const int64_t stride = row.columns;
  int32_t i = 0;
  for (; i + 4 <= rows; i += 4) {
    const int32_t* cells = row.cells + stride * i;
    int32_t j = 0;
    for (; j + 8 <= row.columns; j += 8) {
      const auto load = reinterpret_cast<const __m256i*>(cells + j);
      const __m256i a = _mm256_xor_si256(_mm256_loadu_si256(load), flip);
      const __m256i b = _mm256_xor_si256(
          _mm256_loadu_si256(
              reinterpret_cast<const __m256i*>(cells + stride + j)),
          flip);
      const __m256i c = _mm256_xor_si256(
          _mm256_loadu_si256(
              reinterpret_cast<const __m256i*>(cells + 2 * stride + j)),
          flip);
      const __m256i d = _mm256_xor_si256(
          _mm256_loadu_si256(
              reinterpret_cast<const __m256i*>(cells + 3 * stride + j)),
          flip);
      __m256i* out = reinterpret_cast<__m256i*>(minima + j);
      _mm256_storeu_si256(
          out, _mm256_min_epi32(_mm256_loadu_si256(out),
                                _mm256_min_epi32(_mm256_min_epi32(a, b),
                                                 _mm256_min_epi32(c, d))));
      top = _mm256_max_epi32(top, _mm256_max_epi32(_mm256_max_epi32(a, b),
                                                   _mm256_max_epi32(c, d)));
    }
    for (; j < row.columns; ++j) {
      for (int k = 0; k < 4; ++k) {
        const int32_t cost = cells[stride * k + j] ^ row.flip;
        minima[j] = std::min(minima[j], cost);
        most = std::max(most, cost);
      }
    }
  }
  int32_t tops[8];
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(tops), top);
  most = std::max(most, *std::max_element(tops, tops + 8));
  return i;
}

// Writes the lanes that are not above to the front of column and kept and
// returns their number. All eight places are written.
ALLOT_AVX2 inline int Compress8(__m256i v, __m256i above, int32_t j,
                                int32_t* column, int32_t* kept) {
  const uint32_t hits =
      0xffu &
      ~static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(above)));
  const __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64(
      reinterpret_cast<const __m128i*>(&kCompress.order[hits])));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(kept),
                      _mm256_permutevar8x32_epi32(v, order));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(column),
                      _mm256_add_epi32(order, _mm256_set1_epi32(j)));
  return kCompress.count[hits];
}

// Which of the `count` blocks from `blocks` on (eight lanes' least each) hold a
// value of at most `high`.
ALLOT_AVX2 inline uint32_t BlocksHit(const int32_t* blocks, int count,
                                     __m256i high) {
  uint32_t hits = 0;
  for (int b = 0; b < count; ++b) {
    const __m256i above = _mm256_cmpgt_epi32(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(blocks + 8 * b)),
        high);
    hits |= (_mm256_movemask_ps(_mm256_castsi256_ps(above)) != 0xff ? 1u : 0u)
            << b;
  }
  return hits;
}

template <Read kRead>
ALLOT_AVX2 int32_t CollectAvx2(const RowView& row, const int32_t* price,
                               int32_t floor, int32_t threshold, int32_t begin,
                               int32_t end, int limit, const int32_t* blocks,
                               int32_t* column, int32_t* kept, int& count) {
  const __m256i flip = _mm256_set1_epi32(row.flip);
  const __m256i base = _mm256_set1_epi32(row.base);
  const __m256i low = _mm256_set1_epi32(floor);
  const __m256i high = _mm256_set1_epi32(threshold);
  int held = count;
  int32_t next = begin;
  while (next + 32 <= end && held < limit) {
    const int ahead = std::min((end - next) / 32, 32);
    // Known beforehand, or the processor would guess wrong at every other one.
    uint32_t hits = blocks != nullptr
                        ? BlocksHit(blocks + next / 4, ahead, high)
                        : ~0u >> (32 - ahead);
    const int32_t first = next;
    next += 32 * ahead;
    for (; hits != 0; hits &= hits - 1) {
      const int32_t j = first + 32 * static_cast<int32_t>(_tzcnt_u32(hits));
      if (held >= limit) {
        next = j;
        break;
      }
      // Written out: left as loops, the vectors would live in memory.
      const __m256i v0 =
          Lift8<kRead>(Load8<kRead>(row, price, flip, base, j), low);
      const __m256i v1 =
          Lift8<kRead>(Load8<kRead>(row, price, flip, base, j + 8), low);
      const __m256i v2 =
          Lift8<kRead>(Load8<kRead>(row, price, flip, base, j + 16), low);
      const __m256i v3 =
          Lift8<kRead>(Load8<kRead>(row, price, flip, base, j + 24), low);
      const __m256i above0 = _mm256_cmpgt_epi32(v0, high);
      const __m256i above1 = _mm256_cmpgt_epi32(v1, high);
      const __m256i above2 = _mm256_cmpgt_epi32(v2, high);
      const __m256i above3 = _mm256_cmpgt_epi32(v3, high);
      held += Compress8(v0, above0, j, column + held, kept + held);
      held += Compress8(v1, above1, j + 8, column + held, kept + held);
      held += Compress8(v2, above2, j + 16, column + held, kept + held);
      held += Compress8(v3, above3, j + 24, column + held, kept + held);
    }
  }
  count = held;
  if (next + 32 <= end) return next;
  return Collect<kRead>(row, price, floor, threshold, next, end, limit, column,
                        kept, count);
}

// The greatest value with fewer than `target` values below it.
ALLOT_AVX2 inline int32_t GreatestOfRank(__m256i a, __m256i b, __m256i c,
                                         __m256i d, __m256i ra, __m256i rb,
                                         __m256i rc, __m256i rd, int target) {
  const __m256i t = _mm256_set1_epi32(target);
  const __m256i least = _mm256_set1_epi32(std::numeric_limits<int32_t>::min());
  const __m256i best = _mm256_max_epi32(
      _mm256_max_epi32(_mm256_blendv_epi8(least, a, _mm256_cmpgt_epi32(t, ra)),
                       _mm256_blendv_epi8(least, b, _mm256_cmpgt_epi32(t, rb))),
      _mm256_max_epi32(
          _mm256_blendv_epi8(least, c, _mm256_cmpgt_epi32(t, rc)),
          _mm256_blendv_epi8(least, d, _mm256_cmpgt_epi32(t, rd))));
  // x ^ -1 reverses the order.
  return ~Least8(_mm256_xor_si256(best, _mm256_set1_epi32(-1)));
}

// Each value's rank by comparing it with all 32: no branch to mispredict.
ALLOT_AVX2 inline int32_t ThresholdsAvx2(const int32_t* minima, int target,
                                         int32_t& near) {
  const auto* in = reinterpret_cast<const __m256i*>(minima);
  const __m256i a = _mm256_loadu_si256(in), b = _mm256_loadu_si256(in + 1);
  const __m256i c = _mm256_loadu_si256(in + 2), d = _mm256_loadu_si256(in + 3);
  __m256i ra = _mm256_setzero_si256(), rb = ra, rc = ra, rd = ra;
  for (int g = 0; g < kGroups; ++g) {
    const __m256i x = _mm256_set1_epi32(minima[g]);
    ra = _mm256_sub_epi32(ra, _mm256_cmpgt_epi32(a, x));
    rb = _mm256_sub_epi32(rb, _mm256_cmpgt_epi32(b, x));
    rc = _mm256_sub_epi32(rc, _mm256_cmpgt_epi32(c, x));
    rd = _mm256_sub_epi32(rd, _mm256_cmpgt_epi32(d, x));
  }
  near = GreatestOfRank(a, b, c, d, ra, rb, rc, rd, kNearTarget);
  return GreatestOfRank(a, b, c, d, ra, rb, rc, rd, target);
}

}  // namespace allot::dense

#endif  // __x86_64__

#endif  // ALLOT_LIB_MATCH_DENSE_READ_AVX2_H_
