// SPDX-License-Identifier: Apache-2.0
// Wawa (worker agreement with aggregate): majority vote, then a second vote
// weighted by how often each labeler agreed with the first.
#ifndef ALLOT_LIB_TRUTH_WAWA_H_
#define ALLOT_LIB_TRUTH_WAWA_H_

#include <span>

#include "absl/status/statusor.h"
#include "lib/truth/aggregation.h"
#include "lib/truth/answer_set.h"

namespace allot {

// posterior         each class's share of the weight: a score, not a calibrated
//                   probability.
// labeler_accuracy  agreement with the first vote (or with gold), the weight.
// class_prior       the mean posterior.
//
// Ties of the first vote give shared credit, so the result does not depend on
// the order of classes. O(answers + tasks * classes) time.
// Errors: kInvalidArgument, as IndexGold().
//
// Definition as published with the Appen platform and in Ustalov, Pavlichenko
// and Tseitlin (2024), doi:10.21105/joss.06227.
absl::StatusOr<Aggregation> FitWawa(const AnswerSet& answers,
                                    std::span<const GoldLabel> gold = {});

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_WAWA_H_
