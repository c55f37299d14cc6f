// SPDX-License-Identifier: Apache-2.0
#include "lib/match/dense_list.h"

#include <algorithm>
#include <type_traits>

#include "lib/match/dense_simd.h"
#include "lib/match/lookup_avx2.h"

namespace allot::dense {
namespace {

#if defined(__x86_64__)

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
      const __m256i value = _mm256_add_epi32(
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(list.cost + k)),
          Lookup8(price, list.column + k));
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
  const int size = found.count;
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
                          int32_t cost_limit, int32_t* out_column,
                          int32_t* out_distance) {
  const __m256i from = _mm256_set1_epi32(base);
  const __m256i dearest = _mm256_set1_epi32(cost_limit);
  const __m256i most = _mm256_set1_epi32(limit);
  int count = 0;
  // In 64 bits: near_floor may stand near the end of the range of prices.
  const int end =
      int64_t{base} + list.near_floor < limit ? list.size : list.near;
  for (int k = 0; k < end; k += 8) {
    const __m256i cost =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(list.cost + k));
    const __m256i cheap = _mm256_cmpgt_epi32(dearest, cost);
    if (_mm256_movemask_epi8(cheap) == 0) continue;
    const __m256i reach = _mm256_add_epi32(_mm256_add_epi32(cost, from),
                                           Lookup8(price, list.column + k));
    const __m256i in = _mm256_and_si256(cheap, _mm256_cmpgt_epi32(most, reach));
    if (_mm256_movemask_epi8(in) == 0) continue;
    const __m256i j =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(list.column + k));
    const __m256i closer = _mm256_and_si256(
        in, _mm256_cmpgt_epi32(Lookup8(distance, list.column + k), reach));
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

template <bool kAdd>
ALLOT_AVX2 int32_t ShiftByPricesAvx2(const int32_t* column, const int32_t* from,
                                     int32_t count, const int32_t* price,
                                     int32_t* to) {
  int32_t k = 0;
  for (; k + 8 <= count; k += 8) {
    const __m256i x =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + k));
    const __m256i p = Lookup8(price, column + k);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + k),
                        kAdd ? _mm256_add_epi32(x, p) : _mm256_sub_epi32(x, p));
  }
  return k;
}

#endif  // __x86_64__

}  // namespace

void AddPrices(const int32_t* column, const int32_t* cost, int32_t count,
               const int32_t* price, int32_t* values) {
  int32_t k = 0;
#if defined(__x86_64__)
  if (HasAvx2())
    k = ShiftByPricesAvx2<true>(column, cost, count, price, values);
#endif
  for (; k < count; ++k) values[k] = cost[k] + price[column[k]];
}

void TakePrices(const int32_t* column, const int32_t* values, int32_t count,
                const int32_t* price, int32_t* cost) {
  int32_t k = 0;
#if defined(__x86_64__)
  if (HasAvx2())
    k = ShiftByPricesAvx2<false>(column, values, count, price, cost);
#endif
  for (; k < count; ++k) cost[k] = values[k] - price[column[k]];
}

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
  const int size = found.count;
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
           const Price* distance, Price base, Price limit, Price cost_limit,
           int32_t* out_column, Price* out_distance) {
#if defined(__x86_64__)
  if constexpr (std::is_same_v<Price, int32_t>) {
    if (HasAvx2())
      return CloserAvx2(list, price, distance, base, limit, cost_limit,
                        out_column, out_distance);
  }
#endif
  int count = 0;
  const int end = int64_t{base} + int64_t{list.near_floor} < limit
                      ? list.size
                      : std::min(list.size, (list.near + 7) / 8 * 8);
  for (int k = 0; k < end; ++k) {
    const int32_t j = list.column[k];
    if (list.cost[k] >= cost_limit) continue;
    const Price reach = base + list.cost[k] + price[j];
    if (reach >= limit || reach >= distance[j]) continue;
    out_column[count] = j;
    out_distance[count++] = reach;
  }
  return count;
}

template BestTwo<int32_t> ListBest(const ListView<int32_t>&, const int32_t*);
template BestTwo<int64_t> ListBest(const ListView<int64_t>&, const int64_t*);
template int WriteList(const Found<int32_t>&, const int32_t*, int32_t*,
                       int32_t*);
template int WriteList(const Found<int64_t>&, const int64_t*, int32_t*,
                       int32_t*);
template int Closer(const ListView<int32_t>&, const int32_t*, const int32_t*,
                    int32_t, int32_t, int32_t, int32_t*, int32_t*);
template int Closer(const ListView<int64_t>&, const int64_t*, const int64_t*,
                    int64_t, int64_t, int64_t, int32_t*, int64_t*);

}  // namespace allot::dense
