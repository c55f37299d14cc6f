// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/probability.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"

namespace allot {
namespace {

constexpr double kSurest = 0.98;
constexpr double kExtremising = 1.25;
constexpr double kSpread = 0.25;  // of ln a, a standard deviation

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// The most probable a under the gold tasks, by a grid over +-4 deviations.
double FitExtremising(const VectorD& logit, std::span<const NumericGold> gold) {
  constexpr int kSteps = 80;
  double best = 0, best_cost = std::numeric_limits<double>::infinity();
  for (int step = -kSteps; step <= kSteps; ++step) {
    const double deviations = 4.0 * step / kSteps;
    const double a = kExtremising * std::exp(kSpread * deviations);
    double cost = deviations * deviations / 2;
    for (const NumericGold& known : gold) {
      const double signed_logit =
          a * logit[known.task] * (known.value > 0.5 ? 1 : -1);
      cost += std::log1p(std::exp(-signed_logit));
    }
    if (cost < best_cost) {
      best_cost = cost;
      best = a;
    }
  }
  return best;
}

}  // namespace

absl::StatusOr<ProbabilityFit> FitProbabilities(
    const NumericAnswerSet& answers, std::span<const NumericGold> gold) {
  for (int64_t a = 0; a < answers.size(); ++a) {
    if (!(answers.value[a] >= 0 && answers.value[a] <= 1)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "answers: want probabilities in [0, 1], got ", answers.value[a]));
    }
  }
  for (size_t i = 0; i < gold.size(); ++i) {
    if (gold[i].task < 0 || gold[i].task >= answers.num_tasks ||
        (gold[i].value != 0 && gold[i].value != 1)) {
      return absl::InvalidArgumentError(
          absl::StrCat("gold[", i, "]: want a task in [0, ", answers.num_tasks,
                       ") and 0 or 1"));
    }
  }
  VectorD logit = VectorD::Zero(answers.num_tasks);
  for (int32_t t = 0; t < answers.num_tasks; ++t) {
    const int64_t begin = answers.task_begin[t];
    const int64_t end = answers.task_begin[t + 1];
    for (int64_t a = begin; a < end; ++a) {
      const double p = std::clamp(answers.value[a], 1 - kSurest, kSurest);
      logit[t] += std::log(p / (1 - p));
    }
    if (begin < end) logit[t] /= static_cast<double>(end - begin);
  }
  ProbabilityFit fit;
  fit.extremising = FitExtremising(logit, gold);
  fit.probability.resize(answers.num_tasks);
  for (int32_t t = 0; t < answers.num_tasks; ++t) {
    fit.probability[t] = Sigmoid(fit.extremising * logit[t]);
  }
  for (const NumericGold& known : gold) {
    fit.probability[known.task] = known.value;
  }
  fit.labeler_gap = VectorD::Zero(answers.num_labelers);
  VectorD given = VectorD::Zero(answers.num_labelers);
  for (int32_t t = 0; t < answers.num_tasks; ++t) {
    for (int64_t a = answers.task_begin[t]; a < answers.task_begin[t + 1];
         ++a) {
      fit.labeler_gap[answers.labeler[a]] +=
          std::abs(answers.value[a] - fit.probability[t]);
      given[answers.labeler[a]] += 1;
    }
  }
  for (int32_t l = 0; l < answers.num_labelers; ++l) {
    fit.labeler_gap[l] = given[l] > 0
                             ? fit.labeler_gap[l] / given[l]
                             : std::numeric_limits<double>::quiet_NaN();
  }
  return fit;
}

}  // namespace allot
