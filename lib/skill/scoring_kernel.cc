// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/scoring_kernel.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "lib/skill/elementary.h"

namespace allot {
namespace {

constexpr float kPiOverEight = 0.39269908169872414f;
constexpr float kInfinity = std::numeric_limits<float>::infinity();
// Lanes that are worked on together, small enough to stay in registers.
constexpr int kChunk = 16;

// Sums over the loading are held in vector registers: 16 lanes of means and 16
// of variances at a time. The vector type only says "these lanes together";
// each lane adds in the order of the loading.
template <typename Vector>
ALLOT_SKILL_INLINE void LogitsBody(std::span<const SkillWeight> loading,
                                   const float* mean, const float* variance,
                                   float difficulty, float difficulty_variance,
                                   float* logit, float* variance_out) {
  constexpr int kWidth = sizeof(Vector) / sizeof(float);
  constexpr int kVectors = kChunk / kWidth;
  for (int first = 0; first < kLanes; first += kChunk) {
    Vector m[kVectors], v[kVectors];
    for (int k = 0; k < kVectors; ++k) {
      m[k] = Vector{} - difficulty;
      v[k] = Vector{} + difficulty_variance;
    }
    for (const SkillWeight& term : loading) {
      const float weight = term.weight;
      const float square = weight * weight;
      const float* from_mean = mean + int64_t{term.skill} * kLanes + first;
      const float* from_variance =
          variance + int64_t{term.skill} * kLanes + first;
      for (int k = 0; k < kVectors; ++k) {
        const int64_t at = int64_t{k} * kWidth;
        Vector x, y;
        std::memcpy(&x, from_mean + at, sizeof(x));
        std::memcpy(&y, from_variance + at, sizeof(y));
        m[k] = m[k] + x * weight;
        v[k] = v[k] + y * square;
      }
    }
    std::memcpy(logit + first, m, sizeof(m));
    std::memcpy(variance_out + first, v, sizeof(v));
  }
  for (int i = 0; i < kLanes; ++i) {
    logit[i] = logit[i] / std::sqrt(1.0f + kPiOverEight * variance_out[i]);
  }
}

ALLOT_SKILL_INLINE void ChargesBody(const ChargeConstants& c,
                                    const ChargeInputs& inputs, int live,
                                    float* __restrict charge) {
  const float* __restrict per_answer = inputs.price_per_answer;
  const float* __restrict per_second = inputs.price_per_second;
  const float* __restrict time_factor = inputs.time_factor;
  const float* __restrict load = inputs.load;
  for (int i = 0; i < kLanes; ++i) {
    const float seconds = c.base_seconds * time_factor[i];
    const float price = per_answer[i] + per_second[i] * seconds;
    charge[i] = c.cost * price + c.time * seconds + c.balance * load[i];
  }
  for (int i = live; i < kLanes; ++i) charge[i] = kInfinity;
}

template <typename Vector>
ALLOT_SKILL_INLINE void ExtremesBody(const float* logit, const float* charge,
                                     float* highest, float* least) {
  constexpr int kWidth = sizeof(Vector) / sizeof(float);
  Vector high, low;
  std::memcpy(&high, logit, sizeof(high));
  std::memcpy(&low, charge, sizeof(low));
  for (int first = kWidth; first < kLanes; first += kWidth) {
    Vector x, y;
    std::memcpy(&x, logit + first, sizeof(x));
    std::memcpy(&y, charge + first, sizeof(y));
    high = high < x ? x : high;
    low = y < low ? y : low;
  }
  float most = high[0], fewest = low[0];
  for (int i = 1; i < kWidth; ++i) {
    most = most < high[i] ? high[i] : most;
    fewest = low[i] < fewest ? low[i] : fewest;
  }
  *highest = most;
  *least = fewest;
}

// Few lanes pass as a rule: whole chunks are looked at together first.
ALLOT_SKILL_INLINE int SelectBody(const float* __restrict logit,
                                  const float* __restrict charge,
                                  float least_logit,
                                  uint8_t* __restrict lanes) {
  int count = 0;
  for (int first = 0; first < kLanes; first += kChunk) {
    int32_t passes[kChunk];
    int32_t any = 0;
    for (int i = 0; i < kChunk; ++i) {
      passes[i] = static_cast<int32_t>(logit[first + i] >= least_logit) &
                  static_cast<int32_t>(charge[first + i] < kInfinity);
      any |= passes[i];
    }
    if (any == 0) continue;
    for (int i = 0; i < kChunk; ++i) {
      lanes[count] = static_cast<uint8_t>(first + i);
      count += passes[i];
    }
  }
  return count;
}

template <bool kExplore>
ALLOT_SKILL_INLINE void ScoresChunk(
    const ScoringConstants& c, std::span<const PosteriorTerm> posterior,
    const float* __restrict logit, const float* __restrict variance,
    const float* __restrict charge, float* __restrict accuracy,
    float* __restrict bits, float* __restrict utility) {
  float knows[kChunk], misses[kChunk], spread[kChunk];
  for (int i = 0; i < kChunk; ++i) {
    const float z = logit[i];
    const float size = z < 0 ? -z : z;
    const float e = ExpF(-(size < 80.0f ? size : 80.0f));
    const float larger = 1.0f / (1.0f + e);
    const float smaller = e * larger;
    knows[i] = z < 0 ? smaller : larger;
    misses[i] = z < 0 ? larger : smaller;
    spread[i] = 0;
  }
  for (const PosteriorTerm& term : posterior) {
    for (int i = 0; i < kChunk; ++i) {
      float u = 1.0f + knows[i] * term.k_pi_minus_one;
      u = u < 1e-30f ? 1e-30f : u;
      spread[i] = spread[i] + term.count * (u * Log2F(u));
    }
  }
  for (int i = 0; i < kChunk; ++i) {
    const float p = c.guess + c.knowing * knows[i];
    float b = p * Log2F(1.0f + c.others * knows[i]);
    b = b + (c.knowing * misses[i]) * Log2F(misses[i]);
    b = b - c.guess * spread[i];
    b = b < 0.0f ? 0.0f : b;
    float w = c.value_of_bit * b;
    if constexpr (kExplore) {
      const float room = (1.0f + kPiOverEight * variance[i]) * p;
      const float rho2 =
          variance[i] * (c.knowing * knows[i] * knows[i] * misses[i]) / room;
      w = w + c.explore * (-0.5f * Log2F(1.0f - rho2));
    }
    w = w - charge[i];
    accuracy[i] = p;
    bits[i] = b;
    utility[i] = p < c.least_accuracy ? -kInfinity : w;
  }
}

ALLOT_SKILL_INLINE void ScoresBody(const ScoringConstants& constants,
                                   std::span<const PosteriorTerm> posterior,
                                   int count, const float* logit,
                                   const float* variance, const float* charge,
                                   float* accuracy, float* bits,
                                   float* utility) {
  for (int i = 0; i < count; i += kChunk) {
    if (constants.explore != 0) {
      ScoresChunk<true>(constants, posterior, logit + i, variance + i,
                        charge + i, accuracy + i, bits + i, utility + i);
    } else {
      ScoresChunk<false>(constants, posterior, logit + i, variance + i,
                         charge + i, accuracy + i, bits + i, utility + i);
    }
  }
}

typedef float Vector4 __attribute__((vector_size(16)));

void PlainLogits(std::span<const SkillWeight> loading, const float* mean,
                 const float* variance, float difficulty,
                 float difficulty_variance, float* logit, float* variance_out) {
  LogitsBody<Vector4>(loading, mean, variance, difficulty, difficulty_variance,
                      logit, variance_out);
}

void PlainCharges(const ChargeConstants& constants, const ChargeInputs& inputs,
                  int live, float* charge) {
  ChargesBody(constants, inputs, live, charge);
}

void PlainExtremes(const float* logit, const float* charge, float* highest,
                   float* least) {
  ExtremesBody<Vector4>(logit, charge, highest, least);
}

int PlainSelect(const float* logit, const float* charge, float least_logit,
                uint8_t* lanes) {
  return SelectBody(logit, charge, least_logit, lanes);
}

void PlainScores(const ScoringConstants& constants,
                 std::span<const PosteriorTerm> posterior, int count,
                 const float* logit, const float* variance, const float* charge,
                 float* accuracy, float* bits, float* utility) {
  ScoresBody(constants, posterior, count, logit, variance, charge, accuracy,
             bits, utility);
}

constexpr ScoringKernel kPlain = {PlainLogits, PlainCharges, PlainExtremes,
                                  PlainSelect, PlainScores,  "plain"};

#if defined(__x86_64__)
typedef float Vector8 __attribute__((vector_size(32)));

__attribute__((target("avx2"))) void Avx2Logits(
    std::span<const SkillWeight> loading, const float* mean,
    const float* variance, float difficulty, float difficulty_variance,
    float* logit, float* variance_out) {
  LogitsBody<Vector8>(loading, mean, variance, difficulty, difficulty_variance,
                      logit, variance_out);
}

__attribute__((target("avx2"))) void Avx2Charges(
    const ChargeConstants& constants, const ChargeInputs& inputs, int live,
    float* charge) {
  ChargesBody(constants, inputs, live, charge);
}

__attribute__((target("avx2"))) void Avx2Extremes(const float* logit,
                                                  const float* charge,
                                                  float* highest,
                                                  float* least) {
  ExtremesBody<Vector8>(logit, charge, highest, least);
}

__attribute__((target("avx2"))) int Avx2Select(const float* logit,
                                               const float* charge,
                                               float least_logit,
                                               uint8_t* lanes) {
  return SelectBody(logit, charge, least_logit, lanes);
}

__attribute__((target("avx2"))) void Avx2Scores(
    const ScoringConstants& constants, std::span<const PosteriorTerm> posterior,
    int count, const float* logit, const float* variance, const float* charge,
    float* accuracy, float* bits, float* utility) {
  ScoresBody(constants, posterior, count, logit, variance, charge, accuracy,
             bits, utility);
}

constexpr ScoringKernel kAvx2 = {Avx2Logits, Avx2Charges, Avx2Extremes,
                                 Avx2Select, Avx2Scores,  "avx2"};
#endif

}  // namespace

std::span<const ScoringKernel* const> ScoringKernels() {
#if defined(__x86_64__)
  // Slowest first.
  static constexpr const ScoringKernel* kAll[] = {&kPlain, &kAvx2};
  static const size_t usable = __builtin_cpu_supports("avx2") ? 2 : 1;
  return {kAll, usable};
#else
  static constexpr const ScoringKernel* kAll[] = {&kPlain};
  return kAll;
#endif
}

const ScoringKernel& BestScoringKernel() { return *ScoringKernels().back(); }

}  // namespace allot
