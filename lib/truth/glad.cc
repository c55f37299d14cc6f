// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/glad.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/parallel.h"
#include "lib/base/status_macros.h"
#include "lib/truth/answer_cells.h"
#include "lib/truth/answers_by_labeler.h"
#include "lib/truth/gold_index.h"

namespace allot {
namespace {

constexpr double kPriorMean = 1;  // of ability and of ease; variance 1

double LogSigmoid(double x) {
  return x > 0 ? -std::log1p(std::exp(-x)) : x - std::log1p(std::exp(x));
}
double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// A Newton step up from x that is halved until `value` does not fall; where the
// curvature has the wrong sign, a step along the gradient instead.
template <typename Value>
double Climb(double x, double gradient, double curvature, const Value& value) {
  double step = curvature < 0 ? -gradient / curvature : gradient;
  step = std::clamp(step, -1.0, 1.0);
  const double before = value(x);
  for (int halving = 0; halving < 20; ++halving, step /= 2) {
    if (value(x + step) >= before) return x + step;
  }
  return x;
}

class Glad {
 public:
  Glad(const AnswerSet& answers, std::span<const int32_t> gold_of_task,
       const GladOptions& options)
      : answers_(answers),
        gold_(gold_of_task),
        options_(options),
        task_(TaskOfAnswer(answers.task_begin)),
        by_labeler_(GroupByLabeler(answers.labeler, answers.num_labelers)),
        cut_(CutTasks(answers, static_cast<int>(std::clamp<int64_t>(
                                   answers.size() / 4096, 1, 64)))),
        right_(answers.size()) {
    fit_.ability.setConstant(answers.num_labelers, kPriorMean);
    fit_.ease.setConstant(answers.num_tasks, kPriorMean);
  }

  GladFit Fit() && {
    Aggregation& result = fit_.aggregation;
    const int K = answers_.num_classes;
    result.posterior.setConstant(answers_.num_tasks, K,
                                 1.0f / static_cast<float>(K));
    for (result.iterations = 1;; ++result.iterations) {
      const float moved = Expect();
      if (moved <= options_.tolerance ||
          result.iterations >= options_.max_iterations) {
        break;
      }
      ImproveEase();
      ImproveAbility();
    }
    result.log_likelihood = result.trace.back();
    Describe();
    return std::move(fit_);
  }

 private:
  // Posteriors under the current parameters, and each answer's chance of being
  // right. Returns the largest change.
  float Expect() {
    MatrixF& posterior = fit_.aggregation.posterior;
    const int K = answers_.num_classes;
    const double log_others = std::log(static_cast<double>(K - 1));
    const auto parts = static_cast<int64_t>(cut_.size()) - 1;
    std::vector<float> moved(parts, 0);
    std::vector<double> likelihood(parts, 0);
    ParallelFor(options_.threads, parts, [&](int64_t part) {
      VectorD p(K);
      for (int32_t t = cut_[part]; t < cut_[part + 1]; ++t) {
        const int64_t begin = answers_.task_begin[t];
        const int64_t end = answers_.task_begin[t + 1];
        const double factor = std::exp(fit_.ease[t]);
        p.setConstant(-std::log(static_cast<double>(K)));
        double all_wrong = 0;
        for (int64_t a = begin; a < end; ++a) {
          const double x = fit_.ability[answers_.labeler[a]] * factor;
          all_wrong += LogSigmoid(-x) - log_others;
          p[answers_.label[a]] += x + log_others;  // ln right - ln one wrong
        }
        if (const int32_t gold = gold_[t]; gold != kNoGold) {
          likelihood[part] += all_wrong + p[gold];
          p.setZero();
          p[gold] = 1;
        } else {
          const double top = p.maxCoeff();
          p = (p.array() - top).exp();
          const double sum = p.sum();
          likelihood[part] += all_wrong + top + std::log(sum);
          p /= sum;
        }
        for (int64_t a = begin; a < end; ++a) right_[a] = p[answers_.label[a]];
        for (int k = 0; k < K; ++k) {
          const auto value = static_cast<float>(p[k]);
          moved[part] =
              std::max(moved[part], std::abs(value - posterior(t, k)));
          posterior(t, k) = value;
        }
      }
    });
    double sum = 0;
    for (const double part : likelihood) sum += part;
    fit_.aggregation.trace.push_back(sum);
    return *std::max_element(moved.begin(), moved.end());
  }

  double PerAnswer(double x, int64_t a) const {
    return right_[a] * x + LogSigmoid(-x);  // right ln s(x) + wrong ln s(-x)
  }

  void ImproveEase() {
    ParallelFor(options_.threads, static_cast<int64_t>(cut_.size()) - 1,
                [&](int64_t part) {
                  for (int32_t t = cut_[part]; t < cut_[part + 1]; ++t) {
                    ImproveEaseOf(t);
                  }
                });
  }

  void ImproveEaseOf(int32_t t) {
    const int64_t begin = answers_.task_begin[t];
    const int64_t end = answers_.task_begin[t + 1];
    const double ease = fit_.ease[t], factor = std::exp(ease);
    double gradient = kPriorMean - ease, curvature = -1;
    for (int64_t a = begin; a < end; ++a) {
      const double x = fit_.ability[answers_.labeler[a]] * factor;
      const double s = Sigmoid(x);
      gradient += (right_[a] - s) * x;
      curvature += (right_[a] - s) * x - s * (1 - s) * x * x;
    }
    fit_.ease[t] = Climb(ease, gradient, curvature, [&](double e) {
      const double f = std::exp(e);
      double sum = -(e - kPriorMean) * (e - kPriorMean) / 2;
      for (int64_t a = begin; a < end; ++a) {
        sum += PerAnswer(fit_.ability[answers_.labeler[a]] * f, a);
      }
      return sum;
    });
  }

  void ImproveAbility() {
    ParallelFor(options_.threads, answers_.num_labelers,
                [&](int64_t l) { ImproveAbilityOf(static_cast<int32_t>(l)); });
  }

  void ImproveAbilityOf(int32_t l) {
    const auto own = by_labeler_.Of(l);
    // The factors of the tasks, once for all halvings.
    std::vector<double> factor;
    factor.reserve(own.size());
    for (const int64_t a : own) {
      factor.push_back(std::exp(fit_.ease[task_[a]]));
    }
    // Concave: two Newton steps come close to the top.
    for (int step = 0; step < 2; ++step) {
      const double ability = fit_.ability[l];
      double gradient = kPriorMean - ability, curvature = -1;
      for (size_t i = 0; i < own.size(); ++i) {
        const double s = Sigmoid(ability * factor[i]);
        gradient += (right_[own[i]] - s) * factor[i];
        curvature -= s * (1 - s) * factor[i] * factor[i];
      }
      fit_.ability[l] = Climb(ability, gradient, curvature, [&](double b) {
        double sum = -(b - kPriorMean) * (b - kPriorMean) / 2;
        for (size_t i = 0; i < own.size(); ++i) {
          sum += PerAnswer(b * factor[i], own[i]);
        }
        return sum;
      });
    }
  }

  void Describe() {
    Aggregation& result = fit_.aggregation;
    result.labeler_accuracy.resize(answers_.num_labelers);
    for (int32_t l = 0; l < answers_.num_labelers; ++l) {
      const auto own = by_labeler_.Of(l);
      double sum = 0;
      for (const int64_t a : own) {
        sum += Sigmoid(fit_.ability[l] * std::exp(fit_.ease[task_[a]]));
      }
      result.labeler_accuracy[l] =
          own.empty() ? Sigmoid(fit_.ability[l] * std::exp(kPriorMean))
                      : sum / static_cast<double>(own.size());
    }
    result.class_prior.setConstant(answers_.num_classes,
                                   1.0 / answers_.num_classes);
  }

  const AnswerSet& answers_;
  const std::span<const int32_t> gold_;
  const GladOptions options_;
  const std::vector<int32_t> task_;
  const AnswersByLabeler by_labeler_;
  const std::vector<int32_t> cut_;
  std::vector<double> right_;  // [answers], P(right)
  GladFit fit_;
};

}  // namespace

absl::StatusOr<GladFit> FitGlad(const AnswerSet& answers,
                                std::span<const GoldLabel> gold,
                                const GladOptions& options) {
  if (!(options.tolerance >= 0) || options.max_iterations < 1 ||
      options.threads < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "want tolerance >= 0, max_iterations >= 1 and threads >= 1, got ",
        options.tolerance, ", ", options.max_iterations, ", ",
        options.threads));
  }
  ALLOT_ASSIGN_OR_RETURN(const std::vector<int32_t> gold_of_task,
                         IndexGold(answers, gold));
  return Glad(answers, gold_of_task, options).Fit();
}

}  // namespace allot
