// SPDX-License-Identifier: Apache-2.0
// What an answer is expected to tell, by how its labeler errs: the request path
// of planning, where posterior.h is that of judging.
//
// A labeler is a channel from the true class to the answer, P(answer = l |
// truth = c). With pi the present posterior of a task, her next answer tells
//
//   bits = H(sum_c pi_c P(. | c)) - sum_c pi_c H(P(. | c))
//
// of its class: the mutual information (Lindley 1956,
// doi:10.1214/aoms/1177728069). Unlike the symmetric channel of response.h it
// knows that who always says "no" tells nothing, and that who errs on one class
// only tells much where that class is in doubt.
//
// The rows are those of a Dawid-Skene fit (FitChannels() in
// label_model_fit.h), which takes a labeler at her few answers' word. That is
// less shrinkage than judging wants (label_model.h), and on purpose: who looks
// good is asked more, so that she is soon known, and the answers come from few
// labelers who are known well instead of many who are not. A stranger is taken
// to be right with kStrangerAccuracy.
//
// Bound    No posterior makes more of a channel than its capacity; any q gives
//          capacity <= max_c KL(P(. | c) || q). bound() is that for the mean
//          row: pairs that cannot compete are left out by it unseen.
// Cost     bits: O(K^2) a pair, two logarithms at K = 2. Memory
//          4 (K^2 + K + 1) bytes a labeler.
#ifndef ALLOT_LIB_TRUTH_ANSWER_CHANNEL_H_
#define ALLOT_LIB_TRUTH_ANSWER_CHANNEL_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace allot {

// Spaces of more classes have no channels: rows of so many cells are not known
// from the answers of one labeler.
inline constexpr int32_t kMostChannelClasses = 16;

// Of an answer of somebody who has given none yet.
inline constexpr double kStrangerAccuracy = 0.7;

// Immutable once built.
class AnswerChannels {
 public:
  AnswerChannels() = default;
  // `rows` [channels x K x K], rows = truth, each summing to 1.
  AnswerChannels(int32_t num_classes, std::vector<float> rows);

  int32_t num_classes() const { return num_classes_; }
  int32_t size() const { return static_cast<int32_t>(bound_.size()); }
  bool empty() const { return bound_.empty(); }

  // Of a slot of the model, or, if it is negative, the stranger's: the last.
  int32_t ChannelOf(int32_t slot) const {
    return slot >= 0 ? slot : size() - 1;
  }

  // P(answer = . | truth), [K x K].
  std::span<const float> rows(int32_t channel) const {
    return {&rows_[static_cast<size_t>(channel) * cells_], cells_};
  }
  // The whole table, for saving.
  const std::vector<float>& table() const { return rows_; }

  // At least bits() under any posterior.
  float bound(int32_t channel) const { return bound_[channel]; }

  // What an answer is expected to tell. `posterior` [K], sums to 1. >= 0.
  double Bits(int32_t channel, std::span<const float> posterior) const;

 private:
  int32_t num_classes_ = 0;
  size_t cells_ = 0;
  std::vector<float> rows_;     // [channels x K x K]
  std::vector<float> entropy_;  // [channels x K] of each row, bits
  std::vector<float> bound_;    // [channels]
};

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_ANSWER_CHANNEL_H_
