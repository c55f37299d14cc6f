// SPDX-License-Identifier: Apache-2.0
// Majority vote: every labeler counts the same.
#ifndef ALLOT_LIB_TRUTH_MAJORITY_H_
#define ALLOT_LIB_TRUTH_MAJORITY_H_

#include <span>

#include "absl/status/statusor.h"
#include "lib/truth/aggregation.h"
#include "lib/truth/answer_set.h"

namespace allot {

// posterior         the share of the answers that went to each class: a score,
//                   not a calibrated probability. Ties stay ties.
// labeler_accuracy  how often the labeler agrees with the winner; a tie among
//                   m winners gives 1/m. Without answers: the pool's mean.
// class_prior       the mean posterior over tasks with answers or gold.
//
// A task with gold has its gold class for certain. A task without answers or
// gold is uniform. O(answers + tasks * classes) time.
// Errors: kInvalidArgument, as IndexGold().
absl::StatusOr<Aggregation> FitMajority(const AnswerSet& answers,
                                        std::span<const GoldLabel> gold = {});

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_MAJORITY_H_
