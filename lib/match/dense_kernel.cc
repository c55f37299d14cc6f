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
// At least this many cells meet the threshold; on random rows about 18 do.
constexpr int kTarget = 14;
// Found cells are cut back to the list's capacity when more than this many
// have gathered; one block of columns may add kGroups.
constexpr int kGather = 96;

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

template <typename Value>
Value NthLeast(const Value* minima) {
  Value sorted[kGroups];
  std::copy_n(minima, kGroups, sorted);
  std::nth_element(sorted, sorted + kTarget - 1, sorted + kGroups);
  return sorted[kTarget - 1];
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
                                int32_t floor, int32_t* minima, int32_t& most) {
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
    a = _mm256_min_epi32(a, Lift8<kRead>(v0, low));
    b = _mm256_min_epi32(b, Lift8<kRead>(v1, low));
    c = _mm256_min_epi32(c, Lift8<kRead>(v2, low));
    d = _mm256_min_epi32(d, Lift8<kRead>(v3, low));
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

template <Read kRead>
ALLOT_AVX2 int32_t CollectAvx2(const RowView& row, const int32_t* price,
                               int32_t floor, int32_t threshold, int32_t begin,
                               int32_t end, int limit, int32_t* column,
                               int32_t* kept, int& count) {
  const __m256i flip = _mm256_set1_epi32(row.flip);
  const __m256i base = _mm256_set1_epi32(row.base);
  const __m256i low = _mm256_set1_epi32(floor);
  const __m256i high = _mm256_set1_epi32(threshold);
  int held = count;
  int32_t j = begin;
  for (; j + 32 <= end && held < limit; j += 32) {
    __m256i v[4], above[4];
    for (int k = 0; k < 4; ++k) {
      v[k] = Lift8<kRead>(Load8<kRead>(row, price, flip, base, j + 8 * k), low);
      above[k] = _mm256_cmpgt_epi32(v[k], high);
    }
    const __m256i all = _mm256_and_si256(_mm256_and_si256(above[0], above[1]),
                                         _mm256_and_si256(above[2], above[3]));
    if (_mm256_movemask_epi8(all) == -1) continue;
    for (int k = 0; k < 4; ++k) {
      uint32_t hits = 0xffu & ~static_cast<uint32_t>(_mm256_movemask_ps(
                                  _mm256_castsi256_ps(above[k])));
      while (hits != 0) {
        const int32_t at = j + 8 * k + static_cast<int32_t>(_tzcnt_u32(hits));
        hits &= hits - 1;
        column[held] = at;
        kept[held++] = ValueAt<kRead>(row, price, at);
      }
    }
  }
  count = held;
  if (j + 32 <= end) return j;
  return Collect<kRead>(row, price, floor, threshold, j, end, limit, column,
                        kept, count);
}

// Each value's rank by comparing it with all 32: no branch to mispredict.
ALLOT_AVX2 int32_t NthLeastAvx2(const int32_t* minima) {
  __m256i v[4], rank[4];
  for (int k = 0; k < 4; ++k) {
    v[k] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(minima + 8 * k));
    rank[k] = _mm256_setzero_si256();
  }
  for (int g = 0; g < kGroups; ++g) {
    const __m256i x = _mm256_set1_epi32(minima[g]);
    for (int k = 0; k < 4; ++k)
      rank[k] = _mm256_sub_epi32(rank[k], _mm256_cmpgt_epi32(v[k], x));
  }
  // The greatest value with fewer than kTarget values below it.
  const __m256i target = _mm256_set1_epi32(kTarget);
  __m256i best = _mm256_set1_epi32(std::numeric_limits<int32_t>::min());
  for (int k = 0; k < 4; ++k) {
    const __m256i in = _mm256_cmpgt_epi32(target, rank[k]);
    best = _mm256_max_epi32(best, _mm256_blendv_epi8(best, v[k], in));
  }
  int32_t lanes[8];
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(lanes), best);
  return *std::max_element(lanes, lanes + 8);
}

#endif  // __x86_64__

// ---- Both -----------------------------------------------------------------

template <Read kRead, typename Value>
Value Threshold(const RowView& row, const Value* price, Value floor,
                Value& least, int32_t& most) {
  Value minima[kGroups];
#if defined(__x86_64__)
  if constexpr (std::is_same_v<Value, int32_t>) {
    if (HasAvx2()) {
      GroupMinimaAvx2<kRead>(row, price, floor, minima, most);
      least = *std::min_element(minima, minima + kGroups);
      return NthLeastAvx2(minima);
    }
  }
#endif
  GroupMinima<kRead>(row, price, floor, minima, most);
  least = *std::min_element(minima, minima + kGroups);
  return NthLeast(minima);
}

template <Read kRead, typename Value>
int32_t CollectAny(const RowView& row, const Value* price, Value floor,
                   Value threshold, int32_t begin, int32_t end, int limit,
                   int32_t* column, Value* kept, int& count) {
#if defined(__x86_64__)
  if constexpr (std::is_same_v<Value, int32_t>) {
    if (HasAvx2())
      return CollectAvx2<kRead>(row, price, floor, threshold, begin, end, limit,
                                column, kept, count);
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
void Find(const RowView& row, const Value* price, Found<Value>& found,
          bool& complete, int32_t& least, int32_t& most) {
  Value row_least;
  Value threshold = Threshold<kRead>(row, price, Value{0}, row_least, most);
  if constexpr (kRead == Read::kRaw) least = std::min(least, row_least);
  complete = threshold == kMost<Value>;
  found.column.resize(kGather + kGroups);
  found.value.resize(kGather + kGroups);
  int count = 0;
  const int32_t ends[2] = {row.columns, row.start};
  const int32_t begins[2] = {row.start, 0};
  for (int part = 0; part < 2; ++part) {
    int32_t j = begins[part];
    while (j < ends[part]) {
      j = CollectAny<kRead>(row, price, Value{0}, threshold, j, ends[part],
                            kGather, found.column.data(), found.value.data(),
                            count);
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
void FindNearest(const RowView& row, const Price* price, Found<Price>& found) {
  bool complete;
  int32_t least = 0, most = 0;
  Find<Read::kPriced>(row, price, found, complete, least, most);
  if (complete) found.bound = kNever<Price>;
}

void FindNearestRaw(const RowView& row, Found<int32_t>& found, bool& complete,
                    int32_t& least, int32_t& most) {
  Find<Read::kRaw, int32_t>(row, nullptr, found, complete, least, most);
}

template <typename Price>
void FindFrom(const RowView& row, const Price* price, Price floor,
              Found<Price>& found) {
  int32_t most = 0;
  Price least;
  const Price threshold =
      Threshold<Read::kFloored>(row, price, floor, least, most);
  found.column.resize(row.columns + kGroups);
  found.value.resize(row.columns + kGroups);
  int count = 0;
  CollectAny<Read::kFloored>(row, price, floor, threshold, 0, row.columns,
                             row.columns + 1, found.column.data(),
                             found.value.data(), count);
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

template void FindNearest(const RowView&, const int32_t*, Found<int32_t>&);
template void FindNearest(const RowView&, const int64_t*, Found<int64_t>&);
template void FindFrom(const RowView&, const int32_t*, int32_t,
                       Found<int32_t>&);
template void FindFrom(const RowView&, const int64_t*, int64_t,
                       Found<int64_t>&);

}  // namespace allot::dense
