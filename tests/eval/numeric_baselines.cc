// SPDX-License-Identifier: Apache-2.0
#include "tests/eval/numeric_baselines.h"

#include <cmath>

#include "lib/truth/answers_by_labeler.h"
#include "lib/truth/numeric.h"

namespace allot {

VectorD PrecisionWeighted(const NumericAnswerSet& answers, bool biases) {
  constexpr int kRounds = 200;
  constexpr double kPoolAnswers = 2;
  const std::vector<int32_t> task = TaskOfAnswer(answers.task_begin);
  VectorD value = TrimmedMeans(answers, 0);
  VectorD bias = VectorD::Zero(answers.num_labelers);
  VectorD variance = VectorD::Ones(answers.num_labelers);
  VectorD given = VectorD::Zero(answers.num_labelers);
  for (const int32_t l : answers.labeler) given[l] += 1;
  for (int round = 0; round < kRounds; ++round) {
    if (biases) {
      bias.setZero();
      for (int64_t a = 0; a < answers.size(); ++a) {
        bias[answers.labeler[a]] += answers.value[a] - value[task[a]];
      }
      bias = bias.array() / given.array().max(1);
      bias.array() -= bias.mean();
    }
    variance.setZero();
    for (int64_t a = 0; a < answers.size(); ++a) {
      const int32_t l = answers.labeler[a];
      const double residual = answers.value[a] - bias[l] - value[task[a]];
      variance[l] += residual * residual;
    }
    const double pool = variance.sum() / static_cast<double>(answers.size());
    if (!(pool > 0)) break;
    variance = (variance.array() + kPoolAnswers * pool) /
               (given.array() + kPoolAnswers);
    double moved = 0;
    for (int32_t t = 0; t < answers.num_tasks; ++t) {
      double weights = 0, sum = 0;
      for (int64_t a = answers.task_begin[t]; a < answers.task_begin[t + 1];
           ++a) {
        const int32_t l = answers.labeler[a];
        weights += 1 / variance[l];
        sum += (answers.value[a] - bias[l]) / variance[l];
      }
      if (weights == 0) continue;
      moved = std::max(moved, std::abs(sum / weights - value[t]));
      value[t] = sum / weights;
    }
    if (moved <= 1e-9 * std::sqrt(pool)) break;
  }
  return value;
}

}  // namespace allot
