// SPDX-License-Identifier: Apache-2.0
// The labelers of hierarchical.h: what the model believes of each, and how
// expected counts change it. Letters as there.
#ifndef ALLOT_LIB_TRUTH_HIERARCHICAL_LABELERS_H_
#define ALLOT_LIB_TRUTH_HIERARCHICAL_LABELERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace allot {

inline constexpr int kNumLevels = 5;
inline constexpr std::array<double, kNumLevels> kLevelLogits = {0, 1, 2, 3, 4};

class HierarchicalLabelers {
 public:
  // `marginal` [K]: how often each class is answered, sums to 1.
  HierarchicalLabelers(int32_t num_labelers, int32_t num_classes,
                       int64_t num_answers, std::vector<double> marginal);

  bool has_matrices() const { return matrices_; }
  double concentration() const { return matrices_ ? concentration_ : 0; }

  // M_i(., label) [K]: a view, or written to scratch [K] and that returned.
  const float* Column(int32_t labeler, int32_t label, float* scratch) const;
  // s_i(b) [kNumLevels].
  const float* Survival(int32_t labeler) const {
    return &survival_[static_cast<size_t>(labeler) * kNumLevels];
  }
  float Habit(int32_t labeler, int32_t label) const {
    return habit_[static_cast<size_t>(labeler) * num_classes_ + label];
  }

  // know_i, and the pool's mean of it.
  double Knowing(int32_t labeler) const { return know_[labeler]; }
  double MeanKnowing() const {
    return knowing_right_ / (knowing_right_ + knowing_wrong_);
  }
  // G(c, label): what the pool answers who does not know.
  double PoolGuess(int32_t c, int32_t label) const { return Guess(c, label); }

  // The expected counts of one labeler, to be written by whoever fits them.
  // Different labelers may be counted at the same time.
  void ClearCounts(int32_t labeler);
  // `informed` [K]: for each true class, the expected number of answers `label`
  // that were given by M_i; `habitual`: that were given out of habit.
  void Count(int32_t labeler, int32_t label, const double* informed,
             double habitual);

  // Re-estimates everything from the counts; the concentration too if asked to.
  void Update(int threads, bool concentration);

  // Weight of the counts behind M_i(c, .), its prior included.
  double RowWeight(int32_t labeler, int32_t c) const;

 private:
  void UpdateKnowing();
  void UpdatePoolGuess(const std::vector<double>& guessed);
  void UpdateConcentration(int threads);
  void UpdateMatrix(int32_t labeler);
  void UpdateHabit(int32_t labeler);
  double Mean(int32_t labeler, int32_t c, int32_t label) const;
  double Guess(int32_t c, int32_t label) const {
    return guess_[matrices_ ? static_cast<size_t>(c) * num_classes_ + label
                            : label];
  }
  // [label][truth] of one labeler; without matrices [0] = right, [1] = all.
  float* CountsOf(int32_t labeler) {
    return &counts_[static_cast<size_t>(labeler) * stride_];
  }
  const float* CountsOf(int32_t labeler) const {
    return &counts_[static_cast<size_t>(labeler) * stride_];
  }

  int32_t num_labelers_;
  int32_t num_classes_;
  bool matrices_;
  size_t stride_;
  double concentration_ = 10;
  double knowing_right_ = 1;  // the pool's Beta prior of know_i
  double knowing_wrong_ = 1;
  std::vector<double> marginal_;     // [K]
  std::vector<double> know_;         // [L]
  std::vector<double> guess_;        // [K x K], rows = truth; or [K]
  std::vector<float> counts_;        // [L x stride]
  std::vector<float> matrix_;        // [L x K x K], by label, then truth
  std::vector<float> habit_;         // [L x K]
  std::vector<float> habit_counts_;  // [L x K]
  std::vector<float> survival_;      // [L x levels]
};

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_HIERARCHICAL_LABELERS_H_
