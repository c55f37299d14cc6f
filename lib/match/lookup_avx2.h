// SPDX-License-Identifier: Apache-2.0
// table[index[0]], table[index[1]], ... as a vector. Internal to lib/match.
//
// Single loads, not a gather: a gather takes twice as long where the processor
// has to be kept from sampling stale data (Downfall), and hardly less
// elsewhere.
#ifndef ALLOT_LIB_MATCH_LOOKUP_AVX2_H_
#define ALLOT_LIB_MATCH_LOOKUP_AVX2_H_

#if defined(__x86_64__)

#include <immintrin.h>

#include <cstdint>

namespace allot {

__attribute__((target("avx2"))) inline __m128i Lookup4(const int32_t* table,
                                                       const int32_t* index) {
  __m128i v = _mm_cvtsi32_si128(table[index[0]]);
  v = _mm_insert_epi32(v, table[index[1]], 1);
  v = _mm_insert_epi32(v, table[index[2]], 2);
  return _mm_insert_epi32(v, table[index[3]], 3);
}

__attribute__((target("avx2"))) inline __m256i Lookup8(const int32_t* table,
                                                       const int32_t* index) {
  return _mm256_inserti128_si256(_mm256_castsi128_si256(Lookup4(table, index)),
                                 Lookup4(table, index + 4), 1);
}

__attribute__((target("avx2"))) inline __m256d Lookup4(const double* table,
                                                       const int32_t* index) {
  return _mm256_setr_pd(table[index[0]], table[index[1]], table[index[2]],
                        table[index[3]]);
}

}  // namespace allot

#endif  // __x86_64__

#endif  // ALLOT_LIB_MATCH_LOOKUP_AVX2_H_
