// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/scoring.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "lib/skill/response.h"

namespace allot {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
// The ladder of logits on which the bits are bounded. Who matters is above it;
// below 0, where an answer tells little, its lowest rung will do.
constexpr float kLowestRung = 0.0f;
constexpr float kRung = 0.125f;

float RungLogit(int rung) {
  return kLowestRung + kRung * static_cast<float>(rung);
}

// ceilings[r]: bits at logits up to the r-th rung.
void FindBitsCeilings(const ScoringConstants& constants,
                      std::span<const PosteriorTerm> posterior,
                      std::span<float, kLanes> ceilings) {
  BlockLogits rungs = {};
  BlockScores scores;
  for (int r = 0; r < kLanes; ++r) rungs.logit[r] = RungLogit(r);
  rungs.logit[kLanes - 1] = 80.0f;  // the last rung bounds everything above
  BestScoringKernel().scores(constants, posterior, kLanes, rungs.logit,
                             rungs.variance, rungs.charge, scores.accuracy,
                             scores.bits, scores.utility);
  const float rounding = 4e-6f * (1.0f + std::log2(constants.others + 1));
  float highest = 0;
  for (int r = 0; r < kLanes; ++r) {
    highest = std::max(highest, scores.bits[r]);
    ceilings[r] = highest + rounding;
  }
}

ScoringConstants ConstantsOf(int num_classes) {
  const auto classes = static_cast<float>(num_classes);
  ScoringConstants constants = {};
  constants.guess = 1.0f / classes;
  constants.knowing = 1.0f - constants.guess;
  constants.others = classes - 1.0f;
  return constants;
}

// Tasks that nobody has answered yet, of so few classes, share what does not
// depend on anything else.
constexpr int kClassesKept = 16;

std::span<const float> UniformBitsCeilings(int num_classes) {
  using Ceilings = std::array<float, kLanes>;
  static const auto all = [] {
    std::array<Ceilings, kClassesKept + 1> made = {};
    for (int k = 1; k <= kClassesKept; ++k) {
      FindBitsCeilings(ConstantsOf(k), {}, made[static_cast<size_t>(k)]);
    }
    return made;
  }();
  return all[static_cast<size_t>(num_classes)];
}

}  // namespace

void PackLanes(const BlockLogits& logits, const uint8_t* lanes, int count,
               BlockLogits& packed) {
  for (int i = 0; i < count; ++i) {
    packed.logit[i] = logits.logit[lanes[i]];
    packed.variance[i] = logits.variance[lanes[i]];
    packed.charge[i] = logits.charge[lanes[i]];
  }
  packed.highest_logit = logits.highest_logit;
  packed.least_charge = logits.least_charge;
  // Scores() works in whole chunks: leave nothing unwritten for it to read.
  for (int i = count; i < kLanes; ++i) {
    packed.logit[i] = packed.variance[i] = 0;
    packed.charge[i] = kInfinity;
  }
}

TaskScorer::TaskScorer(const TaskTerms& task, const ObjectiveWeights& weights,
                       double extra_cost)
    : constants_(ConstantsOf(task.classes)),
      charges_{task.base_seconds, static_cast<float>(weights.cost + extra_cost),
               static_cast<float>(weights.time),
               static_cast<float>(weights.balance)},
      difficulty_(task.difficulty),
      difficulty_variance_(task.difficulty_variance),
      loading_(task.loading.begin(), task.loading.end()),
      skim_(task.loading) {
  for (const SkillWeight& term : loading_) {
    squares_ += double{term.weight} * term.weight;
  }
  const float classes = static_cast<float>(task.classes);
  constants_.value_of_bit = static_cast<float>(task.value * weights.quality);
  constants_.explore = static_cast<float>(weights.explore);
  constants_.least_accuracy = static_cast<float>(weights.min_expected_accuracy);

  // Classes of equal probability are one term; an unseen class usually shares
  // its value with many. Those at exactly 1/K add nothing.
  for (float probability : task.posterior) {
    const float tilt = classes * probability - 1.0f;
    if (tilt == 0) continue;
    auto same = std::find_if(
        posterior_.begin(), posterior_.end(),
        [tilt](const PosteriorTerm& t) { return t.k_pi_minus_one == tilt; });
    if (same == posterior_.end()) {
      posterior_.push_back({tilt, 1.0f});
    } else {
      same->count += 1.0f;
    }
  }

  // rho^2 <= (1 - 1/K) V / (4 (1 + pi/8 V)) < (1 - 1/K) 2/pi.
  skill_bits_ceiling_ =
      static_cast<float>(
          -0.5 * std::log2(1 - constants_.knowing * 2 / std::numbers::pi)) *
      1.0001f;

  // A float accuracy of p may round either way of the bar: leave a little room.
  least_logit_ = -kInfinity;
  if (constants_.least_accuracy > constants_.guess) {
    const double bar = constants_.least_accuracy - 1e-6;
    least_logit_ =
        static_cast<float>(LogitForAccuracy(bar, task.classes)) - 1e-3f;
  }

  if (posterior_.empty() && task.classes <= kClassesKept) {
    std::ranges::copy(UniformBitsCeilings(task.classes), bits_ceiling_);
  } else {
    FindBitsCeilings(constants_, posterior_, bits_ceiling_);
  }
}

float TaskScorer::BitsCeiling(float logit) const {
  int rung = 0;
  while (rung < kLanes - 1 && RungLogit(rung) < logit) ++rung;
  return bits_ceiling_[rung];
}

float TaskScorer::LogitNeededFor(float bits) const {
  if (bits > bits_ceiling_[kLanes - 1]) return kInfinity;
  // The highest rung that stays below `bits`: all logits up to it do, too.
  const float* above =
      std::lower_bound(bits_ceiling_, bits_ceiling_ + kLanes - 1, bits);
  const int rung = static_cast<int>(above - bits_ceiling_) - 1;
  return rung < 0 ? -kInfinity : RungLogit(rung);
}

void TaskScorer::Logits(const LabelerBlock& block, BlockLogits& logits) const {
  const ScoringKernel& kernel = BestScoringKernel();
  kernel.logits(loading_, block.mean, block.variance, difficulty_,
                difficulty_variance_, logits.logit, logits.variance);
  kernel.charges(charges_,
                 {block.price_per_answer, block.price_per_second,
                  block.time_factor, block.load},
                 block.lanes, logits.charge);
  kernel.extremes(logits.logit, logits.charge, &logits.highest_logit,
                  &logits.least_charge);
}

float TaskScorer::UtilityCeiling(const BlockLogits& logits) const {
  const float least_charge = logits.least_charge;
  if (logits.highest_logit < least_logit_ || least_charge == kInfinity) {
    return -kInfinity;
  }
  const float gross =
      constants_.value_of_bit * BitsCeiling(logits.highest_logit) +
      constants_.explore * skill_bits_ceiling_;
  const float ceiling = gross - least_charge;
  // Covers the rounding of these two lines.
  return ceiling + 1e-6f * (gross + std::abs(least_charge));
}

float TaskScorer::LogitBar(float bar, float least_charge) const {
  if (least_charge == kInfinity) return kInfinity;
  const float skill = constants_.explore * skill_bits_ceiling_;
  const float rounding =
      1e-6f * (std::abs(bar) + std::abs(least_charge) + skill);
  const float needed = bar + least_charge - skill - rounding;
  if (needed <= 0) return least_logit_;
  if (!(constants_.value_of_bit > 0)) return kInfinity;
  return std::max(least_logit_,
                  LogitNeededFor(needed / constants_.value_of_bit));
}

TaskScorer::SkimBar TaskScorer::MakeSkimBar(const SkimBounds& bounds,
                                            float bar) const {
  constexpr double kMost = std::numeric_limits<int16_t>::max() - 1;
  SkimBar made;
  made.bar = bar;
  // What the division by the root of 1 + pi/8 V leaves at most.
  const double variance =
      difficulty_variance_ + squares_ * double{bounds.least_variance};
  const double divisor =
      std::sqrt(1 + std::numbers::pi / 8 * variance) * (1 - 1e-5);
  const double slack = skim_.Slack(bounds.largest_mean) +
                       1e-6 * std::abs(difficulty_) - difficulty_;
  made.scale = skim_.unit() / divisor;
  made.offset = slack / divisor;
  // As Charge(), of the least of everything: rounding keeps the order.
  const float seconds = charges_.base_seconds * bounds.least_time_factor;
  const float price =
      bounds.least_per_answer + bounds.least_per_second * seconds;
  const float least_charge = charges_.cost * price + charges_.time * seconds;
  const float logit = LogitBar(bar, least_charge);
  made.least_sum = std::numeric_limits<int16_t>::min();
  if (logit > 0) {
    made.least_sum = static_cast<int16_t>(std::clamp(
        std::floor((logit - made.offset) / made.scale), -kMost, kMost));
  }
  return made;
}

float TaskScorer::Ceiling(const SkimBar& bar, const LabelerBlock& block,
                          int lane, int16_t sum) const {
  if (sum == kNoSkim) return kInfinity;
  const double logit = std::max(0.0, sum * bar.scale + bar.offset);
  const int rung =
      std::min(kLanes - 1, static_cast<int>((logit - kLowestRung) / kRung) + 1);
  const float gross = constants_.value_of_bit * bits_ceiling_[rung] +
                      constants_.explore * skill_bits_ceiling_;
  const float charge = Charge(block, lane);
  return gross - charge +
         1e-6f * (gross + std::abs(charge) + std::abs(bar.bar));
}

float TaskScorer::Charge(const LabelerBlock& block, int lane) const {
  const float seconds = charges_.base_seconds * block.time_factor[lane];
  const float price =
      block.price_per_answer[lane] + block.price_per_second[lane] * seconds;
  return charges_.cost * price + charges_.time * seconds +
         charges_.balance * block.load[lane];
}

void TaskScorer::LogitsOf(std::span<const LabelerLane> lanes,
                          BlockLogits& packed) const {
  // Each sum waits for its last addition: several side by side do not.
  constexpr size_t kAbreast = 4;
  for (size_t first = 0; first < lanes.size(); first += kAbreast) {
    const size_t count = std::min(kAbreast, lanes.size() - first);
    const float* mean[kAbreast];
    const float* variance[kAbreast];
    float m[kAbreast], v[kAbreast];
    for (size_t i = 0; i < kAbreast; ++i) {
      // The last one once more where there are fewer.
      const LabelerLane& one = lanes[first + std::min(i, count - 1)];
      mean[i] = one.block.mean + one.lane;
      variance[i] = one.block.variance + one.lane;
      m[i] = 0.0f - difficulty_;
      v[i] = 0.0f + difficulty_variance_;
    }
    for (const SkillWeight& term : loading_) {
      const int64_t from = int64_t{term.skill} * kLanes;
      const float square = term.weight * term.weight;
      for (size_t i = 0; i < kAbreast; ++i) {
        m[i] = m[i] + mean[i][from] * term.weight;
        v[i] = v[i] + variance[i][from] * square;
      }
    }
    for (size_t i = 0; i < count; ++i) {
      const size_t at = first + i;
      packed.logit[at] = m[i] / std::sqrt(1.0f + 0.39269908169872414f * v[i]);
      packed.variance[at] = v[i];
      packed.charge[at] = Charge(lanes[at].block, lanes[at].lane);
    }
  }
}

int TaskScorer::Survivors(const BlockLogits& logits, float bar,
                          uint8_t* lanes) const {
  const float least = LogitBar(bar, logits.least_charge);
  if (logits.highest_logit < least) return 0;
  return BestScoringKernel().select(logits.logit, logits.charge, least, lanes);
}

void TaskScorer::Scores(const BlockLogits& logits, int count,
                        BlockScores& scores) const {
  BestScoringKernel().scores(constants_, posterior_, count, logits.logit,
                             logits.variance, logits.charge, scores.accuracy,
                             scores.bits, scores.utility);
}

PairScore TaskScorer::ScorePair(const LabelerBlock& block, int lane) const {
  BlockLogits one = {};
  const LabelerLane here{block, lane};
  LogitsOf({&here, 1}, one);
  PairScore pair;
  pair.seconds = charges_.base_seconds * block.time_factor[lane];
  pair.price = block.price_per_answer[lane] +
               block.price_per_second[lane] * pair.seconds;
  BlockScores scores;
  Scores(one, 1, scores);
  pair.accuracy = scores.accuracy[0];
  pair.bits = scores.bits[0];
  pair.utility = scores.utility[0];
  const double numerator =
      one.logit[0] * std::sqrt(1 + std::numbers::pi / 8 * one.variance[0]);
  pair.skill_bits = static_cast<float>(
      SkillBits(numerator, one.variance[0], 0,
                static_cast<int>(std::lround(constants_.others)) + 1));
  return pair;
}

}  // namespace allot
