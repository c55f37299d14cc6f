// SPDX-License-Identifier: Apache-2.0
// A first look at 64 labelers in whole numbers, to find the few that a task
// should look at properly (scoring.h). Beside its exact skills a block keeps
// its means in 8 bits; a loading in 8 bits too, one instruction multiplies and
// adds four skills of up to sixteen labelers. The sums bound the logits from
// above, so nothing that matters is left out, and what is scored is scored
// exactly: no result depends on the skim.
#ifndef ALLOT_LIB_SKILL_SKIM_H_
#define ALLOT_LIB_SKILL_SKIM_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "lib/skill/loading.h"
#include "lib/skill/scoring_kernel.h"
#include "lib/skill/skim_kernel.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace allot {

inline constexpr int kSkimGroups = kLanes / kSkimGroup;
// The sum of a lane of which the skim can say nothing.
inline constexpr int16_t kNoSkim = std::numeric_limits<int16_t>::max();

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
  // [fours of skills][64 places][4], in steps of 2^(coarseness - 7) logits with
  // 128 as 0; empty if some mean is too large for the coarsest steps.
  std::vector<uint8_t> mean;
  int coarseness = 0;
  SkimBounds bounds;
};

// `mean` and `variance` are [skills][64]. Lanes whose bit in `live` is 0 count
// for nothing.
BlockSkim MakeBlockSkim(const float* mean, const float* variance, int skills,
                        const float* price_per_answer,
                        const float* price_per_second, const float* time_factor,
                        uint64_t live);

// Bit i: sums[i] >= least, i < 16.
inline uint32_t Reaching(const int16_t* sums, int16_t least) {
#if defined(__SSE2__)
  const __m128i bar = _mm_set1_epi16(least);
  const auto* from = reinterpret_cast<const __m128i*>(sums);
  const __m128i below =
      _mm_packs_epi16(_mm_cmpgt_epi16(bar, _mm_loadu_si128(from)),
                      _mm_cmpgt_epi16(bar, _mm_loadu_si128(from + 1)));
  return static_cast<uint32_t>(_mm_movemask_epi8(below)) ^ 0xffff;
#else
  uint32_t mask = 0;
  for (int i = 0; i < kSkimGroup; ++i) {
    mask |= static_cast<uint32_t>(sums[i] >= least) << i;
  }
  return mask;
#endif
}

// most[i] = max(most[i], sums[i]), i < 16: without a branch to guess wrong.
inline void KeepLarger(const int16_t* sums, int16_t* most) {
#if defined(__SSE2__)
  for (int i = 0; i < kSkimGroup; i += 8) {
    auto* to = reinterpret_cast<__m128i*>(most + i);
    const auto* from = reinterpret_cast<const __m128i*>(sums + i);
    _mm_storeu_si128(to,
                     _mm_max_epi16(_mm_loadu_si128(to), _mm_loadu_si128(from)));
  }
#else
  for (int i = 0; i < kSkimGroup; ++i) most[i] = std::max(most[i], sums[i]);
#endif
}

// A task's loading as the skim needs it.
class LoadingSkim {
 public:
  explicit LoadingSkim(std::span<const SkillWeight> loading);

  using Blocks = std::span<const BlockSkim* const>;
  // sums[64 * b + i] for lane i of blocks[b], and the largest of each group of
  // 16, in this order too.
  void Sums(Blocks blocks, int16_t* sums, int16_t* largest) const;
  // The same for kSkimTasks loadings at once: sums[t] and largest[t] are those
  // of loadings[t]. A block is read once instead of once for each.
  static void Sums(const LoadingSkim* const* loadings, Blocks blocks,
                   int16_t* const* sums, int16_t* const* largest);
  // How far a logit's numerator (without difficulty) may lie above its sum,
  // where no mean is larger than this.
  double Slack(float largest_mean) const;
  // Of one unit of a sum, in logits: the same for all blocks.
  double unit() const { return unit_; }

 private:
  // What is dropped of sums of the finest steps is kept of coarser ones.
  SkimScale ScaleOf(const BlockSkim& block) const {
    return {.bias = bias_, .shift = drop_ - block.coarseness};
  }

  bool usable_ = true;
  int terms_ = 0;
  int drop_ = 0;      // bits that sums of the finest steps have too many
  int32_t bias_ = 0;  // takes the 128s out of the sums
  double unit_ = 1;
  double weight_error_ = 0;  // sum of |weight - the one in 8 bits|
  std::vector<SkimWeights> fours_;
  // [fours of skills] of a loading that uses most of them, else empty.
  std::vector<int32_t> dense_;
};

}  // namespace allot

#endif  // ALLOT_LIB_SKILL_SKIM_H_
