// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/skim.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace allot {
namespace {

constexpr float kStepsPerLogit = 2048;
// |steps| stay below 2^15, so that two products of 16 bits fit 32.
constexpr float kLargestMean = 15.99f;
constexpr float kStepsPerWeight = 32768;
// Loadings are normalised to 1; a sum of such products stays below 2^31.
constexpr double kLargestLoading = 1.01;

int16_t Steps(float value, float per_unit) {
  return static_cast<int16_t>(
      std::clamp(std::nearbyint(value * per_unit), -32767.0f, 32767.0f));
}

using Kernel = void (*)(const int16_t* mean, const int32_t* pairs, int count,
                        int32_t* sums, int32_t* largest);

// `pairs` alternates between the number of a pair and its weights.
void PlainSums(const int16_t* mean, const int32_t* pairs, int count,
               int32_t* sums, int32_t* largest) {
  std::fill_n(sums, kLanes, 0);
  for (int p = 0; p < count; ++p) {
    const int16_t* from =
        mean + static_cast<ptrdiff_t>(pairs[2 * p]) * kLanes * 2;
    const auto low = static_cast<int16_t>(pairs[2 * p + 1] & 0xffff);
    const auto high = static_cast<int16_t>(pairs[2 * p + 1] >> 16);
    for (int i = 0; i < kLanes; ++i) {
      sums[i] += int32_t{from[2 * i]} * low + int32_t{from[2 * i + 1]} * high;
    }
  }
  for (int g = 0; g < kSkimGroups; ++g) {
    largest[g] =
        *std::max_element(sums + g * kSkimGroup, sums + (g + 1) * kSkimGroup);
  }
}

#if defined(__x86_64__)
// The largest of each of four vectors, side by side.
__attribute__((target("avx2"), always_inline)) inline __m128i LargestOfEach(
    __m256i a, __m256i b, __m256i c, __m256i d) {
  const __m256i ab = _mm256_max_epi32(_mm256_unpacklo_epi32(a, b),
                                      _mm256_unpackhi_epi32(a, b));
  const __m256i cd = _mm256_max_epi32(_mm256_unpacklo_epi32(c, d),
                                      _mm256_unpackhi_epi32(c, d));
  const __m256i all = _mm256_max_epi32(_mm256_unpacklo_epi64(ab, cd),
                                       _mm256_unpackhi_epi64(ab, cd));
  return _mm_max_epi32(_mm256_castsi256_si128(all),
                       _mm256_extracti128_si256(all, 1));
}

__attribute__((target("avx2"))) void Avx2Sums(const int16_t* mean,
                                              const int32_t* pairs, int count,
                                              int32_t* sums, int32_t* largest) {
  constexpr int kVectors = kLanes / 8;
  __m256i sum[kVectors];
  for (__m256i& s : sum) s = _mm256_setzero_si256();
  for (int p = 0; p < count; ++p) {
    const auto* from = reinterpret_cast<const __m256i*>(
        mean + static_cast<ptrdiff_t>(pairs[2 * p]) * kLanes * 2);
    const __m256i weights = _mm256_set1_epi32(pairs[2 * p + 1]);
    for (int v = 0; v < kVectors; ++v) {
      sum[v] = _mm256_add_epi32(
          sum[v], _mm256_madd_epi16(_mm256_loadu_si256(from + v), weights));
    }
  }
  for (int v = 0; v < kVectors; ++v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums) + v, sum[v]);
  }
  static_assert(kSkimGroups == 4);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(largest),
                   LargestOfEach(_mm256_max_epi32(sum[0], sum[1]),
                                 _mm256_max_epi32(sum[2], sum[3]),
                                 _mm256_max_epi32(sum[4], sum[5]),
                                 _mm256_max_epi32(sum[6], sum[7])));
}

// Sixteen lanes of four tasks fill the registers.
__attribute__((target("avx2"))) void Avx2SumsOfFour(
    const int16_t* mean, const int32_t* const* weights, int count,
    int32_t* const* sums, int32_t* const* largest) {
  for (int g = 0; g < kSkimGroups; ++g) {
    __m256i sum[kSkimTasks][2];
    for (auto& s : sum) s[0] = s[1] = _mm256_setzero_si256();
    const auto* from =
        reinterpret_cast<const __m256i*>(mean + g * kSkimGroup * 2);
    for (int p = 0; p < count; ++p, from += kLanes / 8) {
      const __m256i x = _mm256_loadu_si256(from);
      const __m256i y = _mm256_loadu_si256(from + 1);
      for (int t = 0; t < kSkimTasks; ++t) {
        const __m256i w = _mm256_set1_epi32(weights[t][p]);
        sum[t][0] = _mm256_add_epi32(sum[t][0], _mm256_madd_epi16(x, w));
        sum[t][1] = _mm256_add_epi32(sum[t][1], _mm256_madd_epi16(y, w));
      }
    }
    for (int t = 0; t < kSkimTasks; ++t) {
      auto* to = reinterpret_cast<__m256i*>(sums[t] + g * kSkimGroup);
      _mm256_storeu_si256(to, sum[t][0]);
      _mm256_storeu_si256(to + 1, sum[t][1]);
      sum[t][0] = _mm256_max_epi32(sum[t][0], sum[t][1]);
    }
    alignas(16) int32_t most[kSkimTasks];
    _mm_store_si128(reinterpret_cast<__m128i*>(most),
                    LargestOfEach(sum[0][0], sum[1][0], sum[2][0], sum[3][0]));
    for (int t = 0; t < kSkimTasks; ++t) largest[t][g] = most[t];
  }
}

// With VNNI one instruction multiplies two skills of sixteen labelers and adds
// them up.
#define ALLOT_VNNI target("avx2,avx512f,avx512bw,avx512vl,avx512vnni")

__attribute__((ALLOT_VNNI, always_inline)) inline __m256i LargerHalf(
    __m512i x) {
  // With a mask of all: GCC 12 warns of what the plain one leaves undefined.
  return _mm256_max_epi32(_mm512_maskz_extracti64x4_epi64(0xf, x, 0),
                          _mm512_maskz_extracti64x4_epi64(0xf, x, 1));
}

__attribute__((ALLOT_VNNI)) void VnniSums(const int16_t* mean,
                                          const int32_t* pairs, int count,
                                          int32_t* sums, int32_t* largest) {
  __m512i sum[kSkimGroups];
  for (__m512i& s : sum) s = _mm512_setzero_si512();
  for (int p = 0; p < count; ++p) {
    const int16_t* from =
        mean + static_cast<ptrdiff_t>(pairs[2 * p]) * kLanes * 2;
    const __m512i weights = _mm512_set1_epi32(pairs[2 * p + 1]);
    for (int g = 0; g < kSkimGroups; ++g) {
      sum[g] = _mm512_dpwssd_epi32(
          sum[g], _mm512_loadu_si512(from + g * kSkimGroup * 2), weights);
    }
  }
  for (int g = 0; g < kSkimGroups; ++g) {
    _mm512_storeu_si512(sums + g * kSkimGroup, sum[g]);
  }
  _mm_storeu_si128(reinterpret_cast<__m128i*>(largest),
                   LargestOfEach(LargerHalf(sum[0]), LargerHalf(sum[1]),
                                 LargerHalf(sum[2]), LargerHalf(sum[3])));
}

// Two groups of four tasks at a time: a weight that was loaded serves both.
__attribute__((ALLOT_VNNI)) void VnniSumsOfFour(const int16_t* mean,
                                                const int32_t* const* weights,
                                                int count, int32_t* const* sums,
                                                int32_t* const* largest) {
  for (int g = 0; g < kSkimGroups; g += 2) {
    __m512i sum[2][kSkimTasks];
    for (auto& group : sum) {
      for (__m512i& s : group) s = _mm512_setzero_si512();
    }
    const int16_t* from = mean + g * kSkimGroup * 2;
    for (int p = 0; p < count; ++p, from += kLanes * 2) {
      const __m512i x = _mm512_loadu_si512(from);
      const __m512i y = _mm512_loadu_si512(from + kSkimGroup * 2);
      for (int t = 0; t < kSkimTasks; ++t) {
        const __m512i w = _mm512_set1_epi32(weights[t][p]);
        sum[0][t] = _mm512_dpwssd_epi32(sum[0][t], x, w);
        sum[1][t] = _mm512_dpwssd_epi32(sum[1][t], y, w);
      }
    }
    for (int i = 0; i < 2; ++i) {
      for (int t = 0; t < kSkimTasks; ++t) {
        _mm512_storeu_si512(sums[t] + (g + i) * kSkimGroup, sum[i][t]);
      }
      alignas(16) int32_t most[kSkimTasks];
      _mm_store_si128(
          reinterpret_cast<__m128i*>(most),
          LargestOfEach(LargerHalf(sum[i][0]), LargerHalf(sum[i][1]),
                        LargerHalf(sum[i][2]), LargerHalf(sum[i][3])));
      for (int t = 0; t < kSkimTasks; ++t) largest[t][g + i] = most[t];
    }
  }
}
#undef ALLOT_VNNI
#endif

using KernelOfFour = void (*)(const int16_t* mean,
                              const int32_t* const* weights, int count,
                              int32_t* const* sums, int32_t* const* largest);

// All variants compute the same whole numbers.
struct Kernels {
  Kernel one = PlainSums;
  KernelOfFour four = nullptr;  // null: one after the other
};

const Kernels& BestKernels() {
  static const Kernels best = [] {
    Kernels found;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) found = {Avx2Sums, Avx2SumsOfFour};
    if (__builtin_cpu_supports("avx512vnni") &&
        __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl")) {
      found = {VnniSums, VnniSumsOfFour};
    }
#endif
    return found;
  }();
  return best;
}

}  // namespace

void SkimBounds::Include(const SkimBounds& other) {
  largest_mean = std::max(largest_mean, other.largest_mean);
  least_variance = std::min(least_variance, other.least_variance);
  least_per_answer = std::min(least_per_answer, other.least_per_answer);
  least_per_second = std::min(least_per_second, other.least_per_second);
  least_time_factor = std::min(least_time_factor, other.least_time_factor);
}

BlockSkim MakeBlockSkim(const float* mean, const float* variance, int skills,
                        const float* price_per_answer,
                        const float* price_per_second, const float* time_factor,
                        uint64_t live) {
  BlockSkim skim;
  SkimBounds& bounds = skim.bounds;
  for (int i = 0; i < kLanes; ++i) {
    if (((live >> i) & 1) == 0) continue;
    bounds.least_per_answer =
        std::min(bounds.least_per_answer, price_per_answer[i]);
    bounds.least_per_second =
        std::min(bounds.least_per_second, price_per_second[i]);
    bounds.least_time_factor =
        std::min(bounds.least_time_factor, time_factor[i]);
    for (int d = 0; d < skills; ++d) {
      const ptrdiff_t at = ptrdiff_t{d} * kLanes + i;
      bounds.largest_mean = std::max(bounds.largest_mean, std::abs(mean[at]));
      bounds.least_variance = std::min(bounds.least_variance, variance[at]);
    }
  }
  // Also where a mean is not a number.
  if (!(bounds.largest_mean <= kLargestMean)) return skim;
  const int pairs = (skills + 1) / 2;
  skim.mean.resize(static_cast<size_t>(pairs) * kLanes * 2);
  for (int d = 0; d < skills; ++d) {
    const float* from = mean + ptrdiff_t{d} * kLanes;
    int16_t* to = skim.mean.data() + ptrdiff_t{d / 2} * kLanes * 2 + d % 2;
    for (int i = 0; i < kLanes; ++i) {
      to[2 * i] = Steps(from[i], kStepsPerLogit);
    }
  }
  return skim;
}

LoadingSkim::LoadingSkim(std::span<const SkillWeight> loading) {
  double size = 0;
  for (const SkillWeight& term : loading) {
    size += std::abs(double{term.weight});
    const auto weight =
        static_cast<uint16_t>(Steps(term.weight, kStepsPerWeight));
    const int32_t pair = term.skill / 2;
    auto at = std::find_if(pairs_.begin(), pairs_.end(),
                           [pair](const Pair& p) { return p.pair == pair; });
    if (at == pairs_.end()) at = pairs_.insert(pairs_.end(), {pair, 0});
    at->weights = static_cast<int32_t>(
        static_cast<uint32_t>(at->weights) |
        (uint32_t{weight} << (term.skill % 2 == 0 ? 0 : 16)));
  }
  terms_ = static_cast<int>(loading.size());
  usable_ = size <= kLargestLoading;
  int32_t last = -1;
  for (const Pair& pair : pairs_) last = std::max(last, pair.pair);
  if (usable_ && 2 * static_cast<int32_t>(pairs_.size()) > last + 1) {
    dense_.assign(static_cast<size_t>(last) + 1, 0);
    for (const Pair& pair : pairs_) {
      dense_[static_cast<size_t>(pair.pair)] = pair.weights;
    }
  }
}

void LoadingSkim::Sums(const BlockSkim& block, int32_t* sums,
                       int32_t* largest) const {
  if (block.mean.empty() || !usable_) {
    std::fill_n(sums, kLanes, kNoSkim);
    std::fill_n(largest, kSkimGroups, kNoSkim);
    return;
  }
  static_assert(sizeof(Pair) == 2 * sizeof(int32_t));
  BestKernels().one(block.mean.data(),
                    pairs_.empty() ? nullptr : &pairs_.front().pair,
                    static_cast<int>(pairs_.size()), sums, largest);
}

void LoadingSkim::Sums(const LoadingSkim* const* loadings,
                       const BlockSkim& block, int32_t* const* sums,
                       int32_t* const* largest) {
  const KernelOfFour four = BestKernels().four;
  const size_t pairs = loadings[0]->dense_.size();
  bool together = four != nullptr && pairs > 0 && !block.mean.empty();
  const int32_t* weights[kSkimTasks];
  for (int t = 0; t < kSkimTasks; ++t) {
    together = together && loadings[t]->dense_.size() == pairs;
    weights[t] = loadings[t]->dense_.data();
  }
  if (together) {
    four(block.mean.data(), weights, static_cast<int>(pairs), sums, largest);
    return;
  }
  for (int t = 0; t < kSkimTasks; ++t) {
    loadings[t]->Sums(block, sums[t], largest[t]);
  }
}

double LoadingSkim::Slack(float largest_mean) const {
  // Half a step of the means under a loading of 1, a step of every weight
  // (the weight 1 itself is one off), and the single precision of the exact
  // sum.
  return kLargestLoading * 0.5 / kStepsPerLogit +
         terms_ * (double{largest_mean} + 1) / kStepsPerWeight + 1e-4 +
         1e-6 * terms_ * double{largest_mean};
}

}  // namespace allot
