// SPDX-License-Identifier: Apache-2.0
// The hot path: what is each of 64 labelers worth on one task?
//
//   z_i      = (a . mu_i - b) / sqrt(1 + pi/8 (a^2 . s_i^2 + s_b^2))
//   p_i      = 1/K + (1 - 1/K) sigma(z_i)
//   charge_i = cost * price_i + time * seconds_i + balance * load_i
//   w_i      = value * quality * I(p_i) + explore * skill_bits_i - charge_i
//
// in two steps, because the logistic and the logarithms of the last line cost
// more than the products of the first:
//
//   TaskScorer scorer(task, weights);              // once per task
//   scorer.Logits(block, logits);                  // z, V, charge: all lanes
//   int n = scorer.Survivors(logits, bar, lanes);  // w > bar not excluded
//   BlockLogits packed = ...;  PackLanes(logits, lanes, n, packed);
//   scorer.Scores(packed, n, scores);              // p, bits, w: exactly
//
// A lane's result does not depend on its place in a block, on its neighbours,
// on the instruction set or on whether it was packed: the same bits every way,
// and the same as ScorePair()'s.
//
// Why a bar on w becomes a bar on z: I rises with p above 1/K under every
// posterior (response.h), p >= 1/K always, and p rises with z. So where charges
// are equal the order by z is the order by w, and in general w > bar needs
// I(z) > (bar + least charge - most skill bits) / (value * quality).
//
// Shapes   D skills x 64 lanes, skill-major: mean[d * 64 + lane].
// Range    All inputs finite, variances >= 0, classes >= 2. Not checked: roster
//          and requests are validated at the door.
// Cost     Logits O(nonzero loadings), Scores O(1) per lane, or O(distinct
//          posterior values) with a posterior. Neither allocates.
// Threads  const methods are safe to call at once.
#ifndef ALLOT_LIB_SKILL_SCORING_H_
#define ALLOT_LIB_SKILL_SCORING_H_

#include <cstdint>
#include <span>

#include "absl/container/inlined_vector.h"
#include "lib/skill/loading.h"
#include "lib/skill/policy.h"
#include "lib/skill/scoring_kernel.h"
#include "lib/skill/skim.h"

namespace allot {

// A view of 64 labelers inside a roster snapshot. Lanes from `lanes` on hold
// no labeler; their numbers must be readable and finite but mean nothing.
struct LabelerBlock {
  const float* mean;              // [D][64] logits
  const float* variance;          // [D][64] logits^2
  const float* price_per_answer;  // [64] currency
  const float* price_per_second;  // [64] currency, for labelers paid by time
  const float* time_factor;       // [64] E[T] / base handling time (speed.h)
  const float* load;              // [64] share of capacity in use
  int lanes = kLanes;             // 1..64
};

// One of them.
struct LabelerLane {
  LabelerBlock block;
  int lane;
};

struct TaskTerms {
  // Nonzero weights, each skill at most once. Normalised by the caller to
  // sum |a| = 1.
  std::span<const SkillWeight> loading;
  float difficulty = 0;           // logits
  float difficulty_variance = 0;  // logits^2
  int classes = 2;                // >= 2
  float base_seconds = 0;         // handling time at time_factor 1
  float value = 1;                // multiplies ObjectiveWeights::quality
  // The task's current posterior, [classes]; empty means uniform.
  std::span<const float> posterior;
};

// All that step two needs of 64 pairs. Lanes without a labeler carry an
// infinite charge, hence a utility of -infinity.
struct alignas(64) BlockLogits {
  float logit[kLanes];     // z
  float variance[kLanes];  // V, difficulty included
  float charge[kLanes];    // currency
  // Bounds on all lanes: no logit is higher, no charge less.
  float highest_logit;
  float least_charge;
};

struct alignas(64) BlockScores {
  float accuracy[kLanes];
  float bits[kLanes];
  // -infinity: forbidden (below the least accuracy, or no labeler).
  float utility[kLanes];
};

// One pair with everything a plan reports. accuracy, bits and utility are the
// same bits as the block path's.
struct PairScore {
  float accuracy;
  float bits;
  float skill_bits;
  float seconds;
  float price;
  float utility;
};

// Copies the lanes named by the first `count` entries of `lanes` to the front
// of `packed`.
void PackLanes(const BlockLogits& logits, const uint8_t* lanes, int count,
               BlockLogits& packed);

class TaskScorer {
 public:
  // `extra_cost` is a budget's multiplier: it adds to weights.cost.
  TaskScorer(const TaskTerms& task, const ObjectiveWeights& weights,
             double extra_cost = 0);

  // Step one, for all lanes of a block.
  void Logits(const LabelerBlock& block, BlockLogits& logits) const;

  // Writes to `lanes` (room for 64) those whose utility may exceed `bar`, in
  // rising order, and returns how many. Never leaves one out that does.
  int Survivors(const BlockLogits& logits, float bar, uint8_t* lanes) const;

  // A utility that no lane of this block exceeds.
  float UtilityCeiling(const BlockLogits& logits) const;

  // Step two, for the first `count` lanes.
  void Scores(const BlockLogits& logits, int count, BlockScores& scores) const;

  // Both steps for one lane.
  PairScore ScorePair(const LabelerBlock& block, int lane) const;

  // The quick way to the few that matter, over any number of blocks (skim.h):
  // lanes whose sum is below SkimBar::least_sum cannot exceed `bar`, nor can
  // those whose Ceiling() is below it; the others are put into one BlockLogits
  // by LogitsOf(), to be scored together, best those of high ceilings first.
  const LoadingSkim& skim() const { return skim_; }
  struct SkimBar {
    float bar = 0;
    int16_t least_sum = 0;
    // No logit is above sum * scale + offset, where that is positive.
    double scale = 0;
    double offset = 0;
  };
  SkimBar MakeSkimBar(const SkimBounds& bounds, float bar) const;
  // A utility that `lane`, of a `block` that is within the bar's bounds, does
  // not exceed; infinity if the skim says nothing of it.
  float Ceiling(const SkimBar& bar, const LabelerBlock& block, int lane,
                int16_t sum) const;
  // Step one for these lanes, at most 64, into the first places of `packed`.
  void LogitsOf(std::span<const LabelerLane> lanes, BlockLogits& packed) const;

 private:
  // Bits at rung r of a ladder of logits are at most bits_ceiling_[r].
  float BitsCeiling(float logit) const;
  // No logit below this reaches `bits`.
  float LogitNeededFor(float bits) const;
  // No lower logit exceeds `bar`, where no charge is less than this; infinity
  // if none does.
  float LogitBar(float bar, float least_charge) const;
  float Charge(const LabelerBlock& block, int lane) const;

  ScoringConstants constants_;
  ChargeConstants charges_;
  float difficulty_;
  float difficulty_variance_;
  float skill_bits_ceiling_;
  float least_logit_;  // of an allowed accuracy
  absl::InlinedVector<SkillWeight, 4> loading_;
  absl::InlinedVector<PosteriorTerm, 2> posterior_;
  alignas(64) float bits_ceiling_[kLanes];
  LoadingSkim skim_;
  double squares_ = 0;  // sum of squared weights
};

}  // namespace allot

#endif  // ALLOT_LIB_SKILL_SCORING_H_
