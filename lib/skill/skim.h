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

namespace allot {

// Lanes whose largest sum is known.
inline constexpr int kSkimGroup = 16;
inline constexpr int kSkimGroups = kLanes / kSkimGroup;
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

// A task's loading as the skim needs it.
class LoadingSkim {
 public:
  explicit LoadingSkim(std::span<const SkillWeight> loading);

  // sums[i] for 64 lanes, and the largest of each group of 16.
  void Sums(const BlockSkim& block, int32_t* sums, int32_t* largest) const;
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
};

}  // namespace allot

#endif  // ALLOT_LIB_SKILL_SKIM_H_
