// SPDX-License-Identifier: Apache-2.0
// The loops under scoring.h on plain arrays, compiled once for the build's
// instruction set and once for AVX2, chosen at run time. No Eigen type may
// appear here: its alignment follows the instruction set.
//
// Every operation is an IEEE addition, product, quotient, root or comparison,
// in one fixed order per lane and never fused, so all variants agree bit for
// bit.
#ifndef ALLOT_LIB_SKILL_SCORING_KERNEL_H_
#define ALLOT_LIB_SKILL_SCORING_KERNEL_H_

#include <cstdint>
#include <span>

#include "lib/skill/loading.h"

namespace allot {

// Labelers per block, and the stride of its arrays.
inline constexpr int kLanes = 64;

// `count` classes share the posterior probability pi: what remains of them in
// the information is count * u log2 u with u = 1 + knowledge * (K pi - 1).
struct PosteriorTerm {
  float k_pi_minus_one;
  float count;
};

struct ScoringConstants {
  float guess;         // 1/K
  float knowing;       // 1 - 1/K
  float others;        // K - 1
  float value_of_bit;  // currency
  float explore;       // currency per skill bit
  float least_accuracy;
};

// What a pair costs in utility, whatever its bits.
struct ChargeConstants {
  float base_seconds;
  float cost;     // utility per currency unit
  float time;     // currency per second
  float balance;  // currency per unit of load
};

// Per-lane arrays that charges are made of, as in LabelerBlock.
struct ChargeInputs {
  const float* price_per_answer;
  const float* price_per_second;
  const float* time_factor;
  const float* load;
};

struct ScoringKernel {
  // logit[i] and variance_out[i] for 64 lanes.
  void (*logits)(std::span<const SkillWeight> loading, const float* mean,
                 const float* variance, float difficulty,
                 float difficulty_variance, float* logit, float* variance_out);
  // charge[i] for 64 lanes; +infinity from `live` on.
  void (*charges)(const ChargeConstants& constants, const ChargeInputs& inputs,
                  int live, float* charge);
  // The largest logit and the least charge of 64 lanes.
  void (*extremes)(const float* logit, const float* charge, float* highest,
                   float* least);
  // Writes the lanes with logit >= least_logit and a finite charge, in rising
  // order, and returns how many. `lanes` has room for 64.
  int (*select)(const float* logit, const float* charge, float least_logit,
                uint8_t* lanes);
  // accuracy, bits and utility for lanes [0, count), count <= 64; writes up to
  // the next multiple of 16. Arrays have room for 64.
  void (*scores)(const ScoringConstants& constants,
                 std::span<const PosteriorTerm> posterior, int count,
                 const float* logit, const float* variance, const float* charge,
                 float* accuracy, float* bits, float* utility);
  const char* name;
};

// The fastest variant that this processor runs.
const ScoringKernel& BestScoringKernel();
// Every variant that this processor runs, for tests and benchmarks.
std::span<const ScoringKernel* const> ScoringKernels();

}  // namespace allot

#endif  // ALLOT_LIB_SKILL_SCORING_KERNEL_H_
