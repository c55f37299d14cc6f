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
// How she errs is not known but believed: the rows are means over the draws of
// confusion_sampler.h. For judging an answer by itself the mean row is all that
// counts. But her other answers, and those of others to the same tasks, will
// tell how she errs, and then this answer is worth what it tells under the
// rows as they turn out to be: the mean, over what they may be, of the above,
//
//   bits = E H(sum_c pi_c P(. | c)) - sum_c pi_c E H(P(. | c)),
//
// which is more than the bits of the mean rows (information is convex in the
// channel), the more so the less she is known: who might be good is asked, and
// is soon known. The second term is given; the first is, to second order,
//
//   H(q) - 1 / (2 ln 2) sum_l sum_c pi_c^2 var P(l | c) / q_l,
//   q = sum_c pi_c E P(. | c).
//
// Bound    No posterior makes more of a channel than its capacity; any r gives
//          capacity <= max_c E KL(P(. | c) || r). bound() is that for the mean
//          row: pairs that cannot compete are left out by it unseen.
// Cost     bits: O(K^2) a pair, two logarithms at K = 2. Memory
//          4 (2 K^2 + K + 1) bytes a labeler.
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

// Immutable once built.
class AnswerChannels {
 public:
  AnswerChannels() = default;
  // Known for certain: `rows` [channels x K x K], rows = truth, each summing
  // to 1.
  AnswerChannels(int32_t num_classes, std::vector<float> rows);
  // Mean rows, the variance of each entry, and [channels x K] the mean entropy
  // of each row in bits.
  AnswerChannels(int32_t num_classes, std::vector<float> rows,
                 std::vector<float> variance, std::vector<float> row_entropy);

  int32_t num_classes() const { return num_classes_; }
  int32_t size() const { return static_cast<int32_t>(bound_.size()); }
  bool empty() const { return bound_.empty(); }

  // Of a slot of the model, or, if it is negative, the stranger's: the last.
  int32_t ChannelOf(int32_t slot) const {
    return slot >= 0 ? slot : size() - 1;
  }

  // Mean P(answer = . | truth), [K x K].
  std::span<const float> rows(int32_t channel) const {
    return {&rows_[static_cast<size_t>(channel) * cells_], cells_};
  }
  // The whole tables, for saving: what the constructor takes.
  const std::vector<float>& all_rows() const { return rows_; }
  const std::vector<float>& variance() const { return variance_; }
  const std::vector<float>& row_entropy() const { return entropy_; }

  // At least bits() under any posterior.
  float bound(int32_t channel) const { return bound_[channel]; }

  // What an answer is expected to tell. `posterior` [K], sums to 1. >= 0.
  double Bits(int32_t channel, std::span<const float> posterior) const;

 private:
  int32_t num_classes_ = 0;
  size_t cells_ = 0;
  std::vector<float> rows_;      // [channels x K x K]
  std::vector<float> variance_;  // the same
  std::vector<float> entropy_;   // [channels x K] of each row, bits
  std::vector<float> bound_;     // [channels]
};

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_ANSWER_CHANNEL_H_
