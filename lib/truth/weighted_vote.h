// SPDX-License-Identifier: Apache-2.0
// The vote that majority and Wawa share: one weight per labeler.
#ifndef ALLOT_LIB_TRUTH_WEIGHTED_VOTE_H_
#define ALLOT_LIB_TRUTH_WEIGHTED_VOTE_H_

#include <cstdint>
#include <span>

#include "lib/base/matrix.h"
#include "lib/truth/answer_set.h"

namespace allot {

// [tasks x K]: each class's share of the weight of the task's answers. Gold
// (as IndexGold() returns it) decides its task alone; a task whose answers
// weigh nothing falls back to their plain shares; one without answers is
// uniform. `weight` [L] >= 0.
MatrixF VoteShares(const AnswerSet& answers,
                   std::span<const int32_t> gold_of_task,
                   const VectorD& weight);

// [L]: how often each labeler's answers name the largest share of their task;
// a tie among m classes gives 1/m. A labeler without answers gets the mean over
// all answers (0 when there are none at all).
VectorD AgreementWithWinner(const AnswerSet& answers, const MatrixF& share);

// [K]: mean share over tasks that have answers or gold; uniform without any.
VectorD MeanShare(const AnswerSet& answers,
                  std::span<const int32_t> gold_of_task, const MatrixF& share);

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_WEIGHTED_VOTE_H_
