// SPDX-License-Identifier: Apache-2.0
#include "lib/match/dense_kernel.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <type_traits>

#if defined(__x86_64__)
#include <immintrin.h>
#define ALLOT_AVX2 __attribute__((target("avx2,bmi")))
#endif

namespace allot::dense {
namespace {

constexpr int kGroups = 32;
// At least this many cells are in the nearer part of a list; on random rows
// about 12.
constexpr int kNearTarget = 10;
// Found cells are cut back to the list's capacity when more than this many
// have gathered; one block of columns may add kGroups.
constexpr int kGather = 2 * kListCapacity;

std::atomic<bool> avx2_forbidden{false};

enum class Read { kRaw, kPriced, kFloored };

template <typename Value>
constexpr Value kMost = std::numeric_limits<Value>::max();

template <Read kRead, typename Value>
inline Value ValueAt(const RowView& row, const Value* price, int32_t j) {
  const int32_t cost = row.cells[j] ^ row.flip;
  if constexpr (kRead == Read::kRaw) {
    return cost;
  } else {
    // For int32_t the sum is in range though cost - base alone may wrap.
    using Wide = std::make_unsigned_t<Value>;
    return static_cast<Value>(static_cast<Wide>(static_cast<Value>(cost)) -
                              static_cast<Wide>(static_cast<Value>(row.base)) +
                              static_cast<Wide>(price[j]));
  }
}

// ---- Portable -------------------------------------------------------------

// minima[g] = least value among columns j with j % 32 == g, at or above floor.
template <Read kRead, typename Value>
void GroupMinima(const RowView& row, const Value* price, Value floor,
                 Value* minima, int32_t& most) {
  std::fill_n(minima, kGroups, kMost<Value>);
  for (int32_t j = 0; j < row.columns; ++j) {
    const Value value = ValueAt<kRead>(row, price, j);
    if constexpr (kRead == Read::kRaw) most = std::max(most, value);
    if (kRead == Read::kFloored && value < floor) continue;
    minima[j % kGroups] = std::min(minima[j % kGroups], value);
  }
}

// Appends the cells of [begin, end) with floor <= value <= threshold; stops
// before a block of 32 once `limit` are held. Returns where it stopped.
template <Read kRead, typename Value>
int32_t Collect(const RowView& row, const Value* price, Value floor,
                Value threshold, int32_t begin, int32_t end, int limit,
                int32_t* column, Value* kept, int& count) {
  int32_t j = begin;
  while (j < end && count < limit) {
    const int32_t stop = std::min(end, j + kGroups);
    for (; j < stop; ++j) {
      const Value value = ValueAt<kRead>(row, price, j);
      if (value > threshold || (kRead == Read::kFloored && value < floor))
        continue;
      column[count] = j;
      kept[count++] = value;
    }
  }
  return j;
}

// The kNearTarget-th and the kTarget-th least.
template <typename Value>
Value Thresholds(const Value* minima, int target, Value& near) {
  Value sorted[kGroups];
  std::copy_n(minima, kGroups, sorted);
  std::sort(sorted, sorted + kGroups);
  near = sorted[kNearTarget - 1];
  return sorted[target - 1];
}

// ---- AVX2 -----------------------------------------------------------------

#if defined(__x86_64__)

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

// For each set of eight hits: the order that brings them to the front.
struct CompressTable {
  uint64_t order[256];
  uint8_t count[256];
};
constexpr CompressTable MakeCompressTable() {
  CompressTable table{};
  for (int hits = 0; hits < 256; ++hits) {
    int count = 0;
    for (int lane = 0; lane < 8; ++lane) {
      if ((hits >> lane & 1) != 0)
        table.order[hits] |= static_cast<uint64_t>(lane) << (8 * count++);
    }
    table.count[hits] = static_cast<uint8_t>(count);
  }
  return table;
}
constexpr CompressTable kCompress = MakeCompressTable();

// Four rows at a time, so that the minima are loaded and stored less often.
ALLOT_AVX2 int32_t ColumnMinimaAvx2(const RowView& row, int32_t rows,
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
  int32_t j = begin;
  for (; j + 32 <= end && held < limit; j += 32) {
    if (_mm256_movemask_epi8(_mm256_cmpgt_epi32(
            _mm256_loadu_si256(
                reinterpret_cast<const __m256i*>(blocks + j / 4)),
            high)) == -1)
      continue;
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
  count = held;
  if (j + 32 <= end) return j;
  return Collect<kRead>(row, price, floor, threshold, j, end, limit, column,
                        kept, count);
}

ALLOT_AVX2 inline int32_t Least8(__m256i v) {
  __m128i m =
      _mm_min_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  m = _mm_min_epi32(m, _mm_shuffle_epi32(m, _MM_SHUFFLE(1, 0, 3, 2)));
  m = _mm_min_epi32(m, _mm_shuffle_epi32(m, _MM_SHUFFLE(2, 3, 0, 1)));
  return _mm_cvtsi128_si32(m);
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
ALLOT_AVX2 int32_t ThresholdsAvx2(const int32_t* minima, int target,
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

// Lane by lane the best two and where the best is; then across lanes.
ALLOT_AVX2 BestTwo<int32_t> ListBestAvx2(const ListView<int32_t>& list,
                                         const int32_t* price) {
  __m256i best = _mm256_set1_epi32(kNever<int32_t>), second = best;
  __m256i at = _mm256_setzero_si256();
  __m256i here = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  BestTwo<int32_t> out;
  int k = 0;
  for (int end = list.near;; end = list.size) {
    for (; k < end; k += 8) {
      const __m256i j =
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(list.column + k));
      const __m256i value = _mm256_add_epi32(
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(list.cost + k)),
          _mm256_i32gather_epi32(price, j, 4));
      const __m256i better = _mm256_cmpgt_epi32(best, value);
      second = _mm256_min_epi32(second, _mm256_max_epi32(best, value));
      best = _mm256_min_epi32(best, value);
      at = _mm256_blendv_epi8(at, here, better);
      here = _mm256_add_epi32(here, _mm256_set1_epi32(8));
    }
    out.best = Least8(best);
    const uint32_t lane =
        _tzcnt_u32(static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(
            _mm256_cmpeq_epi32(best, _mm256_set1_epi32(out.best))))));
    alignas(32) int32_t places[8], bests[8];
    _mm256_store_si256(reinterpret_cast<__m256i*>(places), at);
    _mm256_store_si256(reinterpret_cast<__m256i*>(bests), best);
    out.at = places[lane];
    bests[lane] = kNever<int32_t>;
    out.second = Least8(_mm256_min_epi32(
        second, _mm256_load_si256(reinterpret_cast<const __m256i*>(bests))));
    if (k >= list.size || out.second <= list.near_floor) return out;
  }
}

ALLOT_AVX2 int WriteListAvx2(const Found<int32_t>& found, const int32_t* price,
                             int32_t* column, int32_t* cost) {
  const int size = static_cast<int>(found.column.size());
  const __m256i near = _mm256_set1_epi32(found.near);
  const __m256i last = _mm256_set1_epi32(size);
  int count = 0, near_count = 0;
  for (int part = 0; part < 2; ++part) {
    __m256i here = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for (int k = 0; k < size; k += 8) {
      const __m256i j = _mm256_loadu_si256(
          reinterpret_cast<const __m256i*>(found.column.data() + k));
      const __m256i value = _mm256_loadu_si256(
          reinterpret_cast<const __m256i*>(found.value.data() + k));
      const __m256i valid = _mm256_cmpgt_epi32(last, here);
      __m256i far = _mm256_cmpgt_epi32(value, near);
      if (part == 1) far = _mm256_xor_si256(far, _mm256_set1_epi32(-1));
      const uint32_t hits = static_cast<uint32_t>(_mm256_movemask_ps(
          _mm256_castsi256_ps(_mm256_andnot_si256(far, valid))));
      const __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64(
          reinterpret_cast<const __m128i*>(&kCompress.order[hits])));
      const __m256i listed = _mm256_permutevar8x32_epi32(j, order);
      __m256i paid = _mm256_permutevar8x32_epi32(value, order);
      if (price != nullptr) {
        // Lanes past the hits may hold anything: gather for the hits alone.
        const __m256i in =
            _mm256_cmpgt_epi32(_mm256_set1_epi32(kCompress.count[hits]),
                               _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
        paid = _mm256_sub_epi32(
            paid, _mm256_mask_i32gather_epi32(_mm256_setzero_si256(), price,
                                              listed, in, 4));
      }
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(column + count), listed);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(cost + count), paid);
      count += kCompress.count[hits];
      here = _mm256_add_epi32(here, _mm256_set1_epi32(8));
    }
    if (part == 0) near_count = count;
  }
  return near_count;
}

ALLOT_AVX2 int CloserAvx2(const ListView<int32_t>& list, const int32_t* price,
                          const int32_t* distance, int32_t base, int32_t limit,
                          int32_t* out_column, int32_t* out_distance) {
  const __m256i from = _mm256_set1_epi32(base);
  const __m256i most = _mm256_set1_epi32(limit);
  int count = 0;
  // In 64 bits: near_floor may stand near the end of the range of prices.
  const int end =
      int64_t{base} + list.near_floor < limit ? list.size : list.near;
  for (int k = 0; k < end; k += 8) {
    const __m256i j =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(list.column + k));
    const __m256i reach = _mm256_add_epi32(
        _mm256_add_epi32(
            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(list.cost + k)),
            from),
        _mm256_i32gather_epi32(price, j, 4));
    const __m256i in = _mm256_cmpgt_epi32(most, reach);
    if (_mm256_movemask_epi8(in) == 0) continue;
    const __m256i closer = _mm256_and_si256(
        in, _mm256_cmpgt_epi32(_mm256_i32gather_epi32(distance, j, 4), reach));
    const uint32_t hits =
        static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(closer)));
    const __m256i order = _mm256_cvtepu8_epi32(_mm_loadl_epi64(
        reinterpret_cast<const __m128i*>(&kCompress.order[hits])));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out_column + count),
                        _mm256_permutevar8x32_epi32(j, order));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out_distance + count),
                        _mm256_permutevar8x32_epi32(reach, order));
    count += kCompress.count[hits];
  }
  return count;
}

#endif  // __x86_64__

// ---- Both -----------------------------------------------------------------

template <Read kRead, typename Value>
Value Threshold(const RowView& row, const Value* price, Value floor,
                Value& least, int32_t& most, Value& near, int target,
                [[maybe_unused]] std::vector<int32_t>& blocks) {
  Value minima[kGroups];
#if defined(__x86_64__)
  if constexpr (std::is_same_v<Value, int32_t>) {
    if (HasAvx2()) {
      blocks.resize(row.columns / 4 + 8);
      GroupMinimaAvx2<kRead>(row, price, floor, minima, most, blocks.data());
      least = *std::min_element(minima, minima + kGroups);
      return ThresholdsAvx2(minima, target, near);
    }
  }
#endif
  GroupMinima<kRead>(row, price, floor, minima, most);
  least = *std::min_element(minima, minima + kGroups);
  return Thresholds(minima, target, near);
}

template <Read kRead, typename Value>
int32_t CollectAny(const RowView& row, const Value* price, Value floor,
                   Value threshold, int32_t begin, int32_t end, int limit,
                   const int32_t* blocks, int32_t* column, Value* kept,
                   int& count) {
#if defined(__x86_64__)
  if constexpr (std::is_same_v<Value, int32_t>) {
    if (HasAvx2())
      return CollectAvx2<kRead>(row, price, floor, threshold, begin, end, limit,
                                blocks, column, kept, count);
  }
#endif
  return Collect<kRead>(row, price, floor, threshold, begin, end, limit, column,
                        kept, count);
}

// Keeps the `kListCapacity` least of `count` found cells, ties by the order of
// finding, and returns the least value dropped.
template <typename Value>
Value Cut(Found<Value>& found, int& count) {
  std::vector<int32_t>& order = found.order;
  order.resize(count);
  for (int k = 0; k < count; ++k) order[k] = k;
  const Value* value = found.value.data();
  std::nth_element(order.begin(), order.begin() + kListCapacity, order.end(),
                   [value](int32_t a, int32_t b) {
                     return value[a] != value[b] ? value[a] < value[b] : a < b;
                   });
  const Value dropped = value[order[kListCapacity]];
  std::sort(order.begin(), order.begin() + kListCapacity);
  for (int k = 0; k < kListCapacity; ++k) {
    // order[k] >= k, so nothing is overwritten before it is read.
    found.column[k] = found.column[order[k]];
    found.value[k] = found.value[order[k]];
  }
  count = kListCapacity;
  return dropped;
}

template <Read kRead, typename Value>
void Find(const RowView& row, const Value* price, int target,
          Found<Value>& found, bool& complete, int32_t& least, int32_t& most) {
  Value row_least;
  Value threshold = Threshold<kRead>(row, price, Value{0}, row_least, most,
                                     found.near, target, found.blocks);
  if constexpr (kRead == Read::kRaw) least = std::min(least, row_least);
  complete = threshold == kMost<Value>;
  found.column.resize(kGather + 2 * kGroups);
  found.value.resize(kGather + 2 * kGroups);
  int count = 0;
  const int32_t ends[2] = {row.columns, row.start};
  const int32_t begins[2] = {row.start, 0};
  for (int part = 0; part < 2; ++part) {
    int32_t j = begins[part];
    while (j < ends[part]) {
      j = CollectAny<kRead>(row, price, Value{0}, threshold, j, ends[part],
                            kGather, found.blocks.data(), found.column.data(),
                            found.value.data(), count);
      if (count < kGather) break;
      // From here on only a cell cheaper than all that are kept is of use:
      // those left out cost at least as much as the dearest kept.
      Cut(found, count);
      complete = false;
      const Value dearest =
          *std::max_element(found.value.begin(), found.value.begin() + count);
      if (dearest == std::numeric_limits<Value>::min()) {
        threshold = dearest;
        found.bound = dearest;
        found.column.resize(count);
        found.value.resize(count);
        return;
      }
      threshold = dearest - 1;
    }
  }
  found.bound = threshold == kMost<Value> ? threshold : threshold + 1;
  if (count > kListCapacity) {
    found.bound = Cut(found, count);
    complete = false;
  }
  found.column.resize(count);
  found.value.resize(count);
}

}  // namespace

bool HasAvx2() {
#if defined(__x86_64__)
  static const bool supported = __builtin_cpu_supports("avx2") != 0;
  return supported && !avx2_forbidden.load(std::memory_order_relaxed);
#else
  return false;
#endif
}

void ForbidAvx2ForTesting(bool forbid) { avx2_forbidden = forbid; }

template <typename Price>
BestTwo<Price> ListBest(const ListView<Price>& list, const Price* price) {
#if defined(__x86_64__)
  if constexpr (std::is_same_v<Price, int32_t>) {
    if (HasAvx2()) return ListBestAvx2(list, price);
  }
#endif
  // Of several least, the same one as above: the first of the first lane.
  BestTwo<Price> out{kNever<Price>, kNever<Price>, 0};
  int k = 0;
  // As above, whole eights are looked at.
  for (int end = std::min(list.size, (list.near + 7) / 8 * 8);;
       end = list.size) {
    for (; k < end; ++k) {
      const Price value = list.cost[k] + price[list.column[k]];
      if (value < out.best || (value == out.best && k % 8 < out.at % 8)) {
        out.second = std::min(out.best, out.second);
        out.best = value;
        out.at = k;
      } else if (value < out.second) {
        out.second = value;
      }
    }
    if (k >= list.size || out.second <= list.near_floor) return out;
  }
}

template <typename Price>
int WriteList(const Found<Price>& found, const Price* price, int32_t* column,
              int32_t* cost) {
  const int size = static_cast<int>(found.column.size());
  int near = 0;
#if defined(__x86_64__)
  if constexpr (std::is_same_v<Price, int32_t>) {
    if (HasAvx2()) {
      near = WriteListAvx2(found, price, column, cost);
      for (int k = size; k % 8 != 0; ++k) {
        column[k] = 0;
        cost[k] = kPadCost;
      }
      return near;
    }
  }
#endif
  int count = 0;
  for (const bool far : {false, true}) {
    for (int k = 0; k < size; ++k) {
      if ((found.value[k] > found.near) != far) continue;
      const int32_t j = found.column[k];
      column[count] = j;
      cost[count++] = static_cast<int32_t>(
          found.value[k] - (price == nullptr ? Price{0} : price[j]));
    }
    if (!far) near = count;
  }
  for (int k = size; k % 8 != 0; ++k) {
    column[k] = 0;
    cost[k] = kPadCost;
  }
  return near;
}

template <typename Price>
int Closer(const ListView<Price>& list, const Price* price,
           const Price* distance, Price base, Price limit, int32_t* out_column,
           Price* out_distance) {
#if defined(__x86_64__)
  if constexpr (std::is_same_v<Price, int32_t>) {
    if (HasAvx2())
      return CloserAvx2(list, price, distance, base, limit, out_column,
                        out_distance);
  }
#endif
  int count = 0;
  const int end = int64_t{base} + int64_t{list.near_floor} < limit
                      ? list.size
                      : std::min(list.size, (list.near + 7) / 8 * 8);
  for (int k = 0; k < end; ++k) {
    const int32_t j = list.column[k];
    const Price reach = base + list.cost[k] + price[j];
    if (reach >= limit || reach >= distance[j]) continue;
    out_column[count] = j;
    out_distance[count++] = reach;
  }
  return count;
}

template <typename Price>
void FindNearest(const RowView& row, const Price* price, int target,
                 Found<Price>& found) {
  bool complete;
  int32_t least = 0, most = 0;
  Find<Read::kPriced>(row, price, target, found, complete, least, most);
  if (complete) found.bound = kNever<Price>;
}

void ColumnMinima(const RowView& row, int32_t rows, int32_t* minima,
                  int32_t& most) {
  int32_t i = 0;
#if defined(__x86_64__)
  if (HasAvx2()) i = ColumnMinimaAvx2(row, rows, minima, most);
#endif
  for (; i < rows; ++i) {
    const int32_t* cells = row.cells + int64_t{row.columns} * i;
    for (int32_t j = 0; j < row.columns; ++j) {
      const int32_t cost = cells[j] ^ row.flip;
      minima[j] = std::min(minima[j], cost);
      most = std::max(most, cost);
    }
  }
}

void FindNearestRaw(const RowView& row, Found<int32_t>& found, bool& complete,
                    int32_t& least, int32_t& most) {
  Find<Read::kRaw, int32_t>(row, nullptr, kShortTarget, found, complete, least,
                            most);
}

template <typename Price>
void FindFrom(const RowView& row, const Price* price, Price floor,
              Found<Price>& found) {
  int32_t most = 0;
  Price least;
  const Price threshold = Threshold<Read::kFloored>(
      row, price, floor, least, most, found.near, kLongTarget, found.blocks);
  found.column.resize(row.columns + kGroups);
  found.value.resize(row.columns + kGroups);
  int count = 0;
  CollectAny<Read::kFloored>(row, price, floor, threshold, 0, row.columns,
                             row.columns + 1, found.blocks.data(),
                             found.column.data(), found.value.data(), count);
  if (threshold == kMost<Price>) {
    // Cells below the floor were lifted to the same value: leave them out.
    count = 0;
    for (int32_t j = 0; j < row.columns; ++j) {
      const Price value = ValueAt<Read::kPriced>(row, price, j);
      if (value < floor) continue;
      found.column[count] = j;
      found.value[count++] = value;
    }
    found.bound = kNever<Price>;
  } else {
    found.bound = threshold + 1;
  }
  found.column.resize(count);
  found.value.resize(count);
}

template BestTwo<int32_t> ListBest(const ListView<int32_t>&, const int32_t*);
template BestTwo<int64_t> ListBest(const ListView<int64_t>&, const int64_t*);
template int WriteList(const Found<int32_t>&, const int32_t*, int32_t*,
                       int32_t*);
template int WriteList(const Found<int64_t>&, const int64_t*, int32_t*,
                       int32_t*);
template int Closer(const ListView<int32_t>&, const int32_t*, const int32_t*,
                    int32_t, int32_t, int32_t*, int32_t*);
template int Closer(const ListView<int64_t>&, const int64_t*, const int64_t*,
                    int64_t, int64_t, int32_t*, int64_t*);
template void FindNearest(const RowView&, const int32_t*, int, Found<int32_t>&);
template void FindNearest(const RowView&, const int64_t*, int, Found<int64_t>&);
template void FindFrom(const RowView&, const int32_t*, int32_t,
                       Found<int32_t>&);
template void FindFrom(const RowView&, const int64_t*, int64_t,
                       Found<int64_t>&);

}  // namespace allot::dense
