// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/skim.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>

namespace allot {
namespace {

constexpr int kZero = 128;  // of means, which have no sign
constexpr int kMostSteps = 127;
// Steps are 2^-7 to 2^-3 logits.
constexpr int kFinest = 7;
constexpr int kCoarsest = 4;
constexpr double kLargestLoading = 1.01;
// Sums stay clear of kNoSkim.
constexpr int64_t kLargestSum = 32'000;

float StepsPerLogit(int coarseness) {
  return static_cast<float>(1 << (kFinest - coarseness));
}

// The finest steps in which so large a mean fits; beyond kCoarsest if none.
int CoarsenessFor(float largest_mean) {
  int coarseness = 0;
  while (coarseness <= kCoarsest &&
         !(largest_mean * StepsPerLogit(coarseness) <= kMostSteps)) {
    ++coarseness;
  }
  return coarseness;
}

int Steps(double value) {
  return static_cast<int>(
      std::clamp<double>(std::nearbyint(value), -kMostSteps, kMostSteps));
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
  skim.coarseness = CoarsenessFor(bounds.largest_mean);
  if (skim.coarseness > kCoarsest) return skim;
  const float per_logit = StepsPerLogit(skim.coarseness);
  const int fours = (skills + kSkimFour - 1) / kSkimFour;
  skim.mean.assign(static_cast<size_t>(fours) * kLanes * kSkimFour, kZero);
  for (int d = 0; d < skills; ++d) {
    const float* from = mean + ptrdiff_t{d} * kLanes;
    uint8_t* to = skim.mean.data() +
                  ptrdiff_t{d / kSkimFour} * kLanes * kSkimFour + d % kSkimFour;
    for (int i = 0; i < kLanes; ++i) {
      // Rounded half up; who is not there may be anywhere.
      const float steps = std::clamp(from[i] * per_logit + (kZero + 0.5f), 1.0f,
                                     kZero + kMostSteps + 0.5f);
      to[kSkimFour * SkimPlace(i)] =
          static_cast<uint8_t>(static_cast<int32_t>(steps));
    }
  }
  return skim;
}

LoadingSkim::LoadingSkim(std::span<const SkillWeight> loading)
    : terms_(static_cast<int>(loading.size())) {
  double size = 0, largest = 0;
  for (const SkillWeight& term : loading) {
    size += std::abs(double{term.weight});
    largest = std::max(largest, std::abs(double{term.weight}));
  }
  usable_ = size <= kLargestLoading;
  if (!usable_) return;
  const double per_unit = largest > 0 ? kMostSteps / largest : 1;
  int32_t total = 0, total_size = 0;
  fours_.reserve(loading.size());
  for (const SkillWeight& term : loading) {
    const int weight = Steps(double{term.weight} * per_unit);
    weight_error_ += std::abs(double{term.weight} - weight / per_unit);
    total += weight;
    total_size += std::abs(weight);
    const int32_t four = term.skill / kSkimFour;
    auto at = fours_.rbegin();
    // Loadings are ascending, so it is nearly always the last.
    while (at != fours_.rend() && at->four != four) ++at;
    SkimWeights& into =
        at != fours_.rend() ? *at : fours_.emplace_back(SkimWeights{four, 0});
    into.weights = static_cast<int32_t>(static_cast<uint32_t>(into.weights) |
                                        (uint32_t{static_cast<uint8_t>(weight)}
                                         << (term.skill % kSkimFour * 8)));
  }
  bias_ = -kZero * total;
  const int64_t most = (int64_t{kMostSteps} << kCoarsest) * total_size;
  drop_ = kCoarsest;
  while ((most >> drop_) > kLargestSum) ++drop_;
  unit_ = std::ldexp(1 / per_unit, drop_ - kFinest);
  int32_t last = -1;
  for (const SkimWeights& four : fours_) last = std::max(last, four.four);
  if (2 * static_cast<int32_t>(fours_.size()) > last + 1) {
    dense_.assign(static_cast<size_t>(last) + 1, 0);
    for (const SkimWeights& four : fours_) {
      dense_[static_cast<size_t>(four.four)] = four.weights;
    }
  }
}

void LoadingSkim::Sums(Blocks blocks, int16_t* sums, int16_t* largest) const {
  const auto one = BestSkimKernel().one;
  for (const BlockSkim* block : blocks) {
    if (block->mean.empty() || !usable_) {
      std::fill_n(sums, kLanes, kNoSkim);
      std::fill_n(largest, kSkimGroups, kNoSkim);
    } else {
      one(block->mean.data(), fours_, ScaleOf(*block), sums, largest);
    }
    sums += kLanes;
    largest += kSkimGroups;
  }
}

void LoadingSkim::Sums(const LoadingSkim* const* loadings, Blocks blocks,
                       int16_t* const* sums, int16_t* const* largest) {
  const auto kernel = BestSkimKernel().together;
  const size_t fours = loadings[0]->dense_.size();
  bool alike = kernel != nullptr && fours > 0;
  const int32_t* weights[kSkimTasks];
  for (int t = 0; t < kSkimTasks; ++t) {
    alike = alike && loadings[t]->dense_.size() == fours;
    weights[t] = loadings[t]->dense_.data();
  }
  for (size_t b = 0; b < blocks.size(); ++b) {
    int16_t *to[kSkimTasks], *most[kSkimTasks];
    SkimScale scales[kSkimTasks];
    for (int t = 0; t < kSkimTasks; ++t) {
      to[t] = sums[t] + b * kLanes;
      most[t] = largest[t] + b * kSkimGroups;
      scales[t] = loadings[t]->ScaleOf(*blocks[b]);
    }
    if (alike && !blocks[b]->mean.empty()) {
      kernel(blocks[b]->mean.data(), weights, static_cast<int>(fours), scales,
             to, most);
      continue;
    }
    for (int t = 0; t < kSkimTasks; ++t) {
      loadings[t]->Sums(blocks.subspan(b, 1), to[t], most[t]);
    }
  }
}

double LoadingSkim::Slack(float largest_mean) const {
  // Where some block has no skim, the others are no coarser than the coarsest.
  const double step =
      1 /
      double{StepsPerLogit(std::min(CoarsenessFor(largest_mean), kCoarsest))};
  // Half a step of the means under the loading, what the weights lost, what
  // was dropped of the sum, and the single precision of the exact one.
  return kLargestLoading * 0.501 * step +
         weight_error_ * (double{largest_mean} + step) + unit_ + 1e-4 +
         1e-6 * terms_ * double{largest_mean};
}

}  // namespace allot
