// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/skim_kernel.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "lib/skill/scoring_kernel.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace allot {
namespace {

constexpr int kGroups = kLanes / kSkimGroup;
constexpr ptrdiff_t kFourBytes = kLanes * kSkimFour;

void PlainSums(const uint8_t* mean, std::span<const SkimWeights> weights,
               SkimScale scale, int16_t* sums, int16_t* largest) {
  int32_t sum[kLanes];
  std::fill_n(sum, kLanes, scale.bias);
  for (const SkimWeights& term : weights) {
    const uint8_t* from = mean + term.four * kFourBytes;
    for (int s = 0; s < kSkimFour; ++s) {
      const auto weight = static_cast<int8_t>(term.weights >> (8 * s) & 0xff);
      for (int p = 0; p < kLanes; ++p) {
        sum[p] += int32_t{from[kSkimFour * p + s]} * weight;
      }
    }
  }
  for (int i = 0; i < kLanes; ++i) {
    sums[i] = static_cast<int16_t>(sum[SkimPlace(i)] >> scale.shift);
  }
  for (int g = 0; g < kGroups; ++g) {
    largest[g] =
        *std::max_element(sums + g * kSkimGroup, sums + (g + 1) * kSkimGroup);
  }
}

#if defined(__x86_64__)
// Packing two vectors of 32 bits into one of 16 takes turns between their
// quarters. Means are kept such that sums come out in order (SkimPlace()).
static_assert(SkimPlace(3) == 3 && SkimPlace(4) == 16 && SkimPlace(8) == 4);
constexpr int kHalf = kLanes / 2;
constexpr int kHalfBytes = kHalf * kSkimFour;

#define ALLOT_AVX2 target("avx2")

// Products of four labelers' four skills each: two sums a labeler.
__attribute__((ALLOT_AVX2, always_inline)) inline __m256i Products(
    __m256i sum, __m256i means, __m256i weights) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(means, weights));
}

__attribute__((ALLOT_AVX2, always_inline)) inline __m256i Widened(
    const uint8_t* mean) {
  return _mm256_cvtepu8_epi16(
      _mm_loadu_si128(reinterpret_cast<const __m128i*>(mean)));
}

__attribute__((ALLOT_AVX2, always_inline)) inline __m256i Widened(
    int32_t weights) {
  return _mm256_cvtepi8_epi16(_mm_set1_epi32(weights));
}

// One sum a labeler, scaled, of the two each of eight labelers.
__attribute__((ALLOT_AVX2, always_inline)) inline __m256i Joined(
    __m256i first_four, __m256i last_four, SkimScale scale) {
  const __m256i sum = _mm256_permute4x64_epi64(
      _mm256_hadd_epi32(first_four, last_four), _MM_SHUFFLE(3, 1, 2, 0));
  return _mm256_sra_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(scale.bias)),
                          _mm_cvtsi32_si128(scale.shift));
}

// Stores the sums of a group, and the largest.
__attribute__((ALLOT_AVX2, always_inline)) inline void StoreGroup(
    __m256i low, __m256i high, int16_t* sums, int16_t* largest) {
  const __m256i group = _mm256_packs_epi32(low, high);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums), group);
  // The instruction finds the least of eight unsigned numbers.
  const __m128i most = _mm_max_epi16(_mm256_castsi256_si128(group),
                                     _mm256_extracti128_si256(group, 1));
  const __m128i turned = _mm_xor_si128(most, _mm_set1_epi16(0x7fff));
  *largest = static_cast<int16_t>(_mm_cvtsi128_si32(_mm_minpos_epu16(turned)) ^
                                  0x7fff);
}

__attribute__((ALLOT_AVX2)) void Avx2Sums(const uint8_t* mean,
                                          std::span<const SkimWeights> weights,
                                          SkimScale scale, int16_t* sums,
                                          int16_t* largest) {
  for (int g = 0; g < kGroups; ++g) {
    __m256i sum[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(),
                      _mm256_setzero_si256(), _mm256_setzero_si256()};
    const uint8_t* group = mean + g / 2 * kHalfBytes + g % 2 * 32;
    for (const SkimWeights& term : weights) {
      const uint8_t* from = group + term.four * kFourBytes;
      const __m256i w = Widened(term.weights);
      sum[0] = Products(sum[0], Widened(from), w);
      sum[1] = Products(sum[1], Widened(from + 16), w);
      sum[2] = Products(sum[2], Widened(from + 64), w);
      sum[3] = Products(sum[3], Widened(from + 80), w);
    }
    StoreGroup(Joined(sum[0], sum[1], scale), Joined(sum[2], sum[3], scale),
               sums + g * kSkimGroup, largest + g);
  }
}

__attribute__((ALLOT_AVX2)) void Avx2Together(
    const uint8_t* mean, const int32_t* const* weights, int fours,
    const SkimScale* scales, int16_t* const* sums, int16_t* const* largest) {
  for (int g = 0; g < kGroups; ++g) {
    const uint8_t* group = mean + g / 2 * kHalfBytes + g % 2 * 32;
    __m256i joined[kSkimTasks][2];
    for (int part = 0; part < 2; ++part) {
      __m256i sum[kSkimTasks][2];
      for (auto& s : sum) s[0] = s[1] = _mm256_setzero_si256();
      const uint8_t* from = group + part * 64;
      for (int f = 0; f < fours; ++f, from += kFourBytes) {
        const __m256i x = Widened(from);
        const __m256i y = Widened(from + 16);
        for (int t = 0; t < kSkimTasks; ++t) {
          const __m256i w = Widened(weights[t][f]);
          sum[t][0] = Products(sum[t][0], x, w);
          sum[t][1] = Products(sum[t][1], y, w);
        }
      }
      for (int t = 0; t < kSkimTasks; ++t) {
        joined[t][part] = Joined(sum[t][0], sum[t][1], scales[t]);
      }
    }
    for (int t = 0; t < kSkimTasks; ++t) {
      StoreGroup(joined[t][0], joined[t][1], sums[t] + g * kSkimGroup,
                 largest[t] + g);
    }
  }
}
#undef ALLOT_AVX2

// With VNNI one instruction multiplies four skills of sixteen labelers and adds
// them up. Masks of all stand where GCC 12 warns of what the plain instruction
// leaves undefined.
#define ALLOT_VNNI target("avx2,avx512f,avx512bw,avx512vl,avx512vnni")

// Stores the sums of half a block in 16 bits, and returns them.
__attribute__((ALLOT_VNNI, always_inline)) inline __m512i StoreHalf(
    __m512i first, __m512i second, int32_t shift, int16_t* to) {
  const __m128i by = _mm_cvtsi32_si128(shift);
  const __m512i half =
      _mm512_packs_epi32(_mm512_maskz_sra_epi32(0xffff, first, by),
                         _mm512_maskz_sra_epi32(0xffff, second, by));
  _mm512_storeu_si512(to, half);
  return half;
}

// The larger of each pair of 16-bit neighbours, in both places.
__attribute__((ALLOT_VNNI, always_inline)) inline __m512i OfNeighbours(
    __m512i x) {
  return _mm512_max_epi16(x, _mm512_maskz_rol_epi32(0xffff, x, 16));
}

__attribute__((ALLOT_VNNI, always_inline)) inline __m512i OfQuarters(
    __m512i x, __m512i y) {
  const __m512i even = _mm512_maskz_shuffle_i64x2(0xff, x, y, 0x88);
  const __m512i odd = _mm512_maskz_shuffle_i64x2(0xff, x, y, 0xdd);
  return _mm512_max_epi16(even, odd);
}

__attribute__((ALLOT_VNNI)) void VnniSums(const uint8_t* mean,
                                          std::span<const SkimWeights> weights,
                                          SkimScale scale, int16_t* sums,
                                          int16_t* largest) {
  __m512i sum[kGroups];
  for (__m512i& s : sum) s = _mm512_set1_epi32(scale.bias);
  for (const SkimWeights& term : weights) {
    const uint8_t* from = mean + term.four * kFourBytes;
    const __m512i w = _mm512_set1_epi32(term.weights);
    for (int g = 0; g < kGroups; ++g) {
      sum[g] =
          _mm512_dpbusd_epi32(sum[g], _mm512_loadu_si512(from + g * 64), w);
    }
  }
  const __m512i low = StoreHalf(sum[0], sum[1], scale.shift, sums);
  const __m512i high = StoreHalf(sum[2], sum[3], scale.shift, sums + kHalf);
  // A quarter for each group; then the largest in all places of its quarter.
  __m512i most = OfQuarters(low, high);
  most = _mm512_max_epi16(
      most, _mm512_maskz_shuffle_epi32(0xffff, most, _MM_PERM_BADC));
  most = _mm512_max_epi16(
      most, _mm512_maskz_shuffle_epi32(0xffff, most, _MM_PERM_CDAB));
  most = OfNeighbours(most);
  const __m128i eight = _mm512_maskz_cvtepi64_epi16(0xff, most);
  // Each twice: the even ones.
  _mm_storel_epi64(
      reinterpret_cast<__m128i*>(largest),
      _mm_shuffle_epi8(eight, _mm_set1_epi64x(0x0d0c'0908'0504'0100)));
}

// Half a block of four tasks at a time: a weight that was loaded serves both
// its groups.
__attribute__((ALLOT_VNNI)) void VnniTogether(
    const uint8_t* mean, const int32_t* const* weights, int fours,
    const SkimScale* scales, int16_t* const* sums, int16_t* const* largest) {
  for (int h = 0; h < 2; ++h) {
    __m512i sum[2][kSkimTasks];
    for (int t = 0; t < kSkimTasks; ++t) {
      sum[0][t] = sum[1][t] = _mm512_set1_epi32(scales[t].bias);
    }
    const uint8_t* from = mean + h * kHalfBytes;
    for (int f = 0; f < fours; ++f, from += kFourBytes) {
      const __m512i x = _mm512_loadu_si512(from);
      const __m512i y = _mm512_loadu_si512(from + 64);
      for (int t = 0; t < kSkimTasks; ++t) {
        const __m512i w = _mm512_set1_epi32(weights[t][f]);
        sum[0][t] = _mm512_dpbusd_epi32(sum[0][t], x, w);
        sum[1][t] = _mm512_dpbusd_epi32(sum[1][t], y, w);
      }
    }
    __m512i half[kSkimTasks];
    for (int t = 0; t < kSkimTasks; ++t) {
      half[t] =
          StoreHalf(sum[0][t], sum[1][t], scales[t].shift, sums[t] + h * kHalf);
    }
    // In each quarter four of each of two tasks, two of each of four, one.
    __m512i pair[2];
    for (int p = 0; p < 2; ++p) {
      pair[p] = _mm512_max_epi16(
          _mm512_maskz_unpacklo_epi64(0xff, half[2 * p], half[2 * p + 1]),
          _mm512_maskz_unpackhi_epi64(0xff, half[2 * p], half[2 * p + 1]));
    }
    const __m512 a = _mm512_castsi512_ps(pair[0]);
    const __m512 b = _mm512_castsi512_ps(pair[1]);
    const __m512i all = _mm512_max_epi16(
        _mm512_castps_si512(_mm512_maskz_shuffle_ps(0xffff, a, b, 0x88)),
        _mm512_castps_si512(_mm512_maskz_shuffle_ps(0xffff, a, b, 0xdd)));
    const __m512i most = OfQuarters(OfNeighbours(all), all);
    // The first quarter is of the half's first group, the second of the other.
    alignas(64) int32_t found[16];
    _mm512_store_si512(found, most);
    for (int t = 0; t < kSkimTasks; ++t) {
      largest[t][2 * h] = static_cast<int16_t>(found[t]);
      largest[t][2 * h + 1] = static_cast<int16_t>(found[kSkimTasks + t]);
    }
  }
}
#undef ALLOT_VNNI
#endif

const std::vector<SkimKernel>& Runnable() {
  static const std::vector<SkimKernel> kernels = [] {
    std::vector<SkimKernel> found = {{PlainSums, nullptr, "plain"}};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) {
      found.push_back({Avx2Sums, Avx2Together, "avx2"});
      if (__builtin_cpu_supports("avx512vnni") &&
          __builtin_cpu_supports("avx512bw") &&
          __builtin_cpu_supports("avx512vl")) {
        found.push_back({VnniSums, VnniTogether, "vnni"});
      }
    }
#endif
    return found;
  }();
  return kernels;
}

}  // namespace

const SkimKernel& BestSkimKernel() {
  static const SkimKernel best = Runnable().back();
  return best;
}

std::span<const SkimKernel> SkimKernels() { return Runnable(); }

}  // namespace allot
