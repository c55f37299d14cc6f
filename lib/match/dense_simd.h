// SPDX-License-Identifier: Apache-2.0
// What the dense solver's AVX2 loops share. Internal to lib/match.
#ifndef ALLOT_LIB_MATCH_DENSE_SIMD_H_
#define ALLOT_LIB_MATCH_DENSE_SIMD_H_

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstdint>

// The build targets x86-64-v2; these functions are chosen at run time.
#define ALLOT_AVX2 __attribute__((target("avx2,bmi")))

namespace allot::dense {

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
inline constexpr CompressTable kCompress = MakeCompressTable();

// The least of eight.
ALLOT_AVX2 inline int32_t Least8(__m256i v) {
  __m128i m =
      _mm_min_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  m = _mm_min_epi32(m, _mm_shuffle_epi32(m, _MM_SHUFFLE(1, 0, 3, 2)));
  m = _mm_min_epi32(m, _mm_shuffle_epi32(m, _MM_SHUFFLE(2, 3, 0, 1)));
  return _mm_cvtsi128_si32(m);
}

}  // namespace allot::dense

#endif  // __x86_64__

#endif  // ALLOT_LIB_MATCH_DENSE_SIMD_H_
