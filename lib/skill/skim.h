// SPDX-License-Identifier: Apache-2.0
// A first look at 64 labelers in whole numbers, to find the few that a task
// should look at properly (scoring.h). Beside its exact skills a block keeps
// its means in 16 bits; a loading in 16 bits too, one instruction multiplies
// and adds two skills of eight labelers. The sums bound the logits from above,
// so nothing that matters is left out, and what is scored is scored exactly:
// no result depends on the skim.
#ifndef ALLOT_LIB_SKILL_SKIM_H_
#define ALLOT_LIB_SKILL_SKIM_H_

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "lib/skill/loading.h"
#include "lib/skill/scoring_kernel.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace allot {

// Lanes whose largest sum is known.
inline constexpr int kSkimGroup = 16;
inline constexpr int kSkimGroups = kLanes / kSkimGroup;
// Tasks that are worked on together.
inline constexpr int kSkimTasks = 4;
// The sum of a lane of which the skim can say nothing.
inline constexpr int32_t kNoSkim = std::numeric_limits<int32_t>::max();

// What the skim knows of a block of labelers, or of several.
struct SkimBounds {
  // All over the labelers who are there.
  float largest_mean = 0;  // |logits|
  float least_variance = std::numeric_limits<float>::infinity();
  float least_per_answer = std::numeric_limits<float>::infinity();
  float least_per_second = std::numeric_limits<float>::infinity();
  float least_time_factor = std::numeric_limits<float>::infinity();

  void Include(const SkimBounds& other);
};

struct BlockSkim {
  // [pairs of skills][64 lanes][2], steps of 1/2048 logit; empty if some mean
  // is too large for that.
  std::vector<int16_t> mean;
  SkimBounds bounds;
};

// `mean` and `variance` are [skills][64]. Lanes whose bit in `live` is 0 count
// for nothing.
BlockSkim MakeBlockSkim(const float* mean, const float* variance, int skills,
                        const float* price_per_answer,
                        const float* price_per_second, const float* time_factor,
                        uint64_t live);

// Bit i: sums[i] >= least, i < 16.
inline uint32_t Reaching(const int32_t* sums, int32_t least) {
  uint32_t mask = 0;
#if defined(__SSE2__)
  const __m128i bar = _mm_set1_epi32(least);
  for (int i = 0; i < kSkimGroup; i += 4) {
    const __m128i x =
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(sums + i));
    const int below =
        _mm_movemask_ps(_mm_castsi128_ps(_mm_cmpgt_epi32(bar, x)));
    mask |= static_cast<uint32_t>(below ^ 0xf) << i;
  }
#else
  for (int i = 0; i < kSkimGroup; ++i) {
    mask |= static_cast<uint32_t>(sums[i] >= least) << i;
  }
#endif
  return mask;
}

// A task's loading as the skim needs it.
class LoadingSkim {
 public:
  explicit LoadingSkim(std::span<const SkillWeight> loading);

  // sums[i] for 64 lanes, and the largest of each group of 16.
  void Sums(const BlockSkim& block, int32_t* sums, int32_t* largest) const;
  // The same for kSkimTasks loadings at once: sums[t] and largest[t] are those
  // of loadings[t]. A block is read once instead of once for each.
  static void Sums(const LoadingSkim* const* loadings, const BlockSkim& block,
                   int32_t* const* sums, int32_t* const* largest);
  // How far a logit's numerator (without difficulty) may lie above its sum,
  // where no mean is larger than this.
  double Slack(float largest_mean) const;
  // Of one unit of a sum, in logits.
  static constexpr double kUnit = 1.0 / (2048.0 * 32768.0);

 private:
  struct Pair {
    int32_t pair;     // skills 2 * pair and 2 * pair + 1
    int32_t weights;  // of both, 16 bits each
  };
  bool usable_ = true;
  int terms_ = 0;
  std::vector<Pair> pairs_;
  // [pairs of skills] of a loading that uses most of them, else empty.
  std::vector<int32_t> dense_;
};

}  // namespace allot

#endif  // ALLOT_LIB_SKILL_SKIM_H_
