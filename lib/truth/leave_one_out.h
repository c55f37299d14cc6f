// SPDX-License-Identifier: Apache-2.0
// How believable is each answer to a task, by all the others?
//
//   q_i = P(truth = label_i | all answers but i)
//
// under the know-or-guess model of posterior.h with uniform guesses, integrated
// over the task's difficulty at five Gauss-Hermite nodes. This is what a
// labeler's skill may be learned from: a belief that had her own answer in it
// would confirm itself.
//
// Cost     O(answers * nodes + nodes * K). Scratch keeps its capacity.
// Numerics evidence is summed as logarithms and shifted by its maximum.
#ifndef ALLOT_LIB_TRUTH_LEAVE_ONE_OUT_H_
#define ALLOT_LIB_TRUTH_LEAVE_ONE_OUT_H_

#include <cstdint>
#include <span>
#include <vector>

namespace allot {

struct BelievedAnswer {
  int32_t label = 0;          // in [0, K)
  double logit_mean = 0;      // the labeler's logit on this task, without what
  double logit_variance = 0;  // this answer taught about it
};

// Not thread-safe: it owns the scratch.
class LeaveOneOut {
 public:
  // Writes q to `belief` [answers]. `prior` is [K], any positive scale; empty
  // means uniform. Requires K >= 2, labels in range, finite logits and
  // variances >= 0. With one answer q is the prior of its label.
  void Beliefs(int32_t num_classes, std::span<const double> prior,
               double difficulty_mean, double difficulty_variance,
               std::span<const BelievedAnswer> answers,
               std::span<double> belief);

 private:
  std::vector<double> odds_;  // [answers x nodes] P(l | z = l) / P(l | z != l)
  std::vector<double> miss_;  // [answers x nodes] P(l | z != l)
  std::vector<double> evidence_;  // [nodes x K]
};

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_LEAVE_ONE_OUT_H_
