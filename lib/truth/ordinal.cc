// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/ordinal.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/truth/gold_index.h"

namespace allot {
namespace {

constexpr int kIterations = 20;

VectorD MedianAnswers(const AnswerSet& answers) {
  VectorD value(answers.num_tasks);
  std::vector<int32_t> own;
  for (int32_t t = 0; t < answers.num_tasks; ++t) {
    own.assign(answers.label.begin() + answers.task_begin[t],
               answers.label.begin() + answers.task_begin[t + 1]);
    std::sort(own.begin(), own.end());
    const size_t n = own.size();
    value[t] = n == 0 ? (answers.num_classes - 1) / 2.0
                      : (own[(n - 1) / 2] + own[n / 2]) / 2.0;
  }
  return value;
}

// ln sum_y exp(-lambda |y - k|) over the K classes.
double LogNormaliser(double lambda, int k, int K) {
  double sum = 0;
  for (int y = 0; y < K; ++y) sum += std::exp(-lambda * std::abs(y - k));
  return std::log(sum);
}

// The lambda that maximises -lambda * distance - sum_k answers[k] ln norm_k:
// concave, so a golden-section search in ln lambda finds it.
double BestLambda(double distance, const VectorD& answers) {
  const auto K = static_cast<int>(answers.size());
  const auto loss = [&](double log_lambda) {
    const double lambda = std::exp(log_lambda);
    double sum = lambda * distance;
    for (int k = 0; k < K; ++k) {
      sum += answers[k] * LogNormaliser(lambda, k, K);
    }
    return sum;
  };
  constexpr double kGolden = 0.6180339887498949;
  double low = std::log(1e-3), high = std::log(20.0);
  for (int i = 0; i < 40; ++i) {
    const double a = high - kGolden * (high - low);
    const double b = low + kGolden * (high - low);
    (loss(a) < loss(b) ? high : low) = loss(a) < loss(b) ? b : a;
  }
  return std::exp((low + high) / 2);
}

}  // namespace

absl::StatusOr<OrdinalFit> FitOrdinal(const AnswerSet& answers,
                                      std::span<const GoldLabel> gold,
                                      double error_correlation) {
  if (!(error_correlation >= 0 && error_correlation <= 0.95)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "error_correlation: must be in [0, 0.95], got ", error_correlation));
  }
  ALLOT_ASSIGN_OR_RETURN(const std::vector<int32_t> gold_of_task,
                         IndexGold(answers, gold));
  const int K = answers.num_classes;
  OrdinalFit fit;
  fit.value = MedianAnswers(answers);
  for (const GoldLabel& known : gold) fit.value[known.task] = known.label;
  fit.posterior.resize(answers.num_tasks, K);
  fit.lambda = 1;
  VectorD p(K), distance(K), normaliser(K), weight(K);
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    for (int k = 0; k < K; ++k) normaliser[k] = LogNormaliser(fit.lambda, k, K);
    double total = 0;
    weight.setZero();
    for (int32_t t = 0; t < answers.num_tasks; ++t) {
      const int64_t begin = answers.task_begin[t];
      const int64_t end = answers.task_begin[t + 1];
      const auto n = static_cast<double>(end - begin);
      distance.setZero();
      for (int64_t a = begin; a < end; ++a) {
        for (int k = 0; k < K; ++k)
          distance[k] += std::abs(answers.label[a] - k);
      }
      if (gold_of_task[t] != kNoGold) {
        p.setZero();
        p[gold_of_task[t]] = 1;
      } else {
        const double design = 1 + std::max(n - 1, 0.0) * error_correlation;
        p = -(fit.lambda * distance + n * normaliser) / design;
        p = (p.array() - p.maxCoeff()).exp();
        p /= p.sum();
      }
      fit.posterior.row(t) = p.transpose().cast<float>();
      total += p.dot(distance);
      weight += n * p;
    }
    if (weight.sum() > 0) fit.lambda = BestLambda(total, weight);
  }
  fit.labeler_distance.setZero(answers.num_labelers);
  VectorD given = VectorD::Zero(answers.num_labelers);
  for (int32_t t = 0; t < answers.num_tasks; ++t) {
    for (int64_t a = answers.task_begin[t]; a < answers.task_begin[t + 1];
         ++a) {
      fit.labeler_distance[answers.labeler[a]] +=
          std::abs(answers.label[a] - fit.value[t]);
      given[answers.labeler[a]] += 1;
    }
  }
  for (int32_t l = 0; l < answers.num_labelers; ++l) {
    fit.labeler_distance[l] = given[l] > 0
                                  ? fit.labeler_distance[l] / given[l]
                                  : std::numeric_limits<double>::quiet_NaN();
  }
  return fit;
}

}  // namespace allot
