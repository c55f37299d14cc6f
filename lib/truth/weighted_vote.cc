// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/weighted_vote.h"

#include "lib/truth/gold_index.h"

namespace allot {

MatrixF VoteShares(const AnswerSet& answers,
                   std::span<const int32_t> gold_of_task,
                   const VectorD& weight) {
  const int32_t K = answers.num_classes;
  MatrixF share(answers.num_tasks, K);
  VectorD votes(K);
  for (int32_t t = 0; t < answers.num_tasks; ++t) {
    const int64_t begin = answers.task_begin[t],
                  end = answers.task_begin[t + 1];
    if (gold_of_task[t] != kNoGold) {
      share.row(t).setZero();
      share(t, gold_of_task[t]) = 1;
      continue;
    }
    votes.setZero();
    for (int64_t a = begin; a < end; ++a) {
      votes[answers.label[a]] += weight[answers.labeler[a]];
    }
    if (votes.sum() <= 0) {
      for (int64_t a = begin; a < end; ++a) votes[answers.label[a]] += 1;
    }
    if (begin == end) votes.setOnes();
    share.row(t) = (votes / votes.sum()).transpose().cast<float>();
  }
  return share;
}

VectorD AgreementWithWinner(const AnswerSet& answers, const MatrixF& share) {
  VectorD agreed = VectorD::Zero(answers.num_labelers);
  VectorD given = VectorD::Zero(answers.num_labelers);
  for (int32_t t = 0; t < answers.num_tasks; ++t) {
    const float top = share.row(t).maxCoeff();
    const double credit =
        1.0 / static_cast<double>((share.row(t).array() == top).count());
    for (int64_t a = answers.task_begin[t]; a < answers.task_begin[t + 1];
         ++a) {
      given[answers.labeler[a]] += 1;
      if (share(t, answers.label[a]) == top) {
        agreed[answers.labeler[a]] += credit;
      }
    }
  }
  const double all = given.sum();
  const double mean = all > 0 ? agreed.sum() / all : 0;
  for (int32_t l = 0; l < answers.num_labelers; ++l) {
    agreed[l] = given[l] > 0 ? agreed[l] / given[l] : mean;
  }
  return agreed;
}

VectorD MeanShare(const AnswerSet& answers,
                  std::span<const int32_t> gold_of_task, const MatrixF& share) {
  const int32_t K = answers.num_classes;
  VectorD sum = VectorD::Zero(K);
  for (int32_t t = 0; t < answers.num_tasks; ++t) {
    if (answers.task_begin[t] == answers.task_begin[t + 1] &&
        gold_of_task[t] == kNoGold) {
      continue;
    }
    sum += share.row(t).transpose().cast<double>();
  }
  if (sum.sum() <= 0) return VectorD::Constant(K, 1.0 / K);
  return sum / sum.sum();
}

}  // namespace allot
