// SPDX-License-Identifier: Apache-2.0
// MACE: on each task a labeler either knows the answer and gives it, or guesses
// by a habit that has nothing to do with the task.
//
//   P(answer = k | z = c, labeler l) = know_l [k = c] + (1 - know_l) habit_l(k)
//
// know_l ~ Beta(1/2, 1/2), habit_l ~ Dirichlet(10 for each class), classes
// equally likely beforehand. It finds spammers better than a confusion matrix
// can with few answers, and cannot express who confuses which class with which.
//
// Method     Variational Bayes by EM. Starts: knowing and guessing equally
// likely
//            with uniform habits, then `restarts - 1` noisy versions of that
//            (seeded); the highest bound wins.
// Bound      log_likelihood and trace hold the evidence lower bound (of the
//            winning start), which never falls.
// Accuracy   labeler_accuracy: know + (1 - know) * mean habit of being right
//            under equally likely classes, 1/K.
// Definition Hovy et al. with the priors, restarts and iterations of the VB
// variant
//            of their program. On skewed sets the bound is still rising after
//            50 iterations, and published accuracies differ with the stopping
//            point (D_Product: 0.82 to 0.93).
// Threads    Deterministic on any number of threads.
// Cost       O(answers + tasks * K) an iteration and restart.
// Errors     kInvalidArgument: options out of range, or as IndexGold().
//
// Hovy, Berg-Kirkpatrick, Vaswani and Hovy (2013), "Learning whom to trust with
// MACE".
#ifndef ALLOT_LIB_TRUTH_MACE_H_
#define ALLOT_LIB_TRUTH_MACE_H_

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "lib/truth/aggregation.h"
#include "lib/truth/answer_set.h"

namespace allot {

struct MaceOptions {
  int restarts = 10;        // >= 1
  double tolerance = 1e-8;  // stop when the bound rose by less, relative
  int max_iterations = 50;  // >= 1, per start
  uint64_t seed = 1;
  int threads = 1;  // >= 1
};

absl::StatusOr<Aggregation> FitMace(const AnswerSet& answers,
                                    std::span<const GoldLabel> gold = {},
                                    const MaceOptions& options = {});

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_MACE_H_
