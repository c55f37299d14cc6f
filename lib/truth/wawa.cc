// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/wawa.h"

#include "lib/base/status_macros.h"
#include "lib/truth/gold_index.h"
#include "lib/truth/weighted_vote.h"

namespace allot {

absl::StatusOr<Aggregation> FitWawa(const AnswerSet& answers,
                                    std::span<const GoldLabel> gold) {
  ALLOT_ASSIGN_OR_RETURN(const std::vector<int32_t> gold_of_task,
                         IndexGold(answers, gold));
  Aggregation result;
  const MatrixF first =
      VoteShares(answers, gold_of_task, VectorD::Ones(answers.num_labelers));
  result.labeler_accuracy = AgreementWithWinner(answers, first);
  result.posterior = VoteShares(answers, gold_of_task, result.labeler_accuracy);
  result.class_prior = MeanShare(answers, gold_of_task, result.posterior);
  result.iterations = 1;
  return result;
}

}  // namespace allot
