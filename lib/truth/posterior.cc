// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/posterior.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/truth/quadrature.h"

namespace allot {
namespace {

// sigmoid(27.6) = 1 - 1e-12.
constexpr double kMaxLogit = 27.6;
constexpr double kMinGuess = 1e-9;

double Scaled(double logit, double variance) {
  return logit / std::sqrt(1 + std::numbers::pi / 8 * variance);
}

double GuessEntry(const ScoredAnswer& answer, int32_t num_classes, int32_t k) {
  const size_t at = static_cast<size_t>(k) * num_classes + answer.label;
  return std::max<double>(answer.guess[at], kMinGuess);
}

// x^power; most powers are 1.
double Power(double x, double power) {
  return power == 1 ? x : std::pow(x, power);
}

}  // namespace

double ExpectedAccuracy(int32_t num_classes, double logit_mean,
                        double logit_variance, double difficulty) {
  const double x = Scaled(logit_mean - difficulty, logit_variance);
  const double guess = 1.0 / num_classes;
  return guess + (1 - guess) / (1 + std::exp(-x));
}

std::vector<float> GuessMatrix(std::span<const float> confusion,
                               int32_t num_classes, double know) {
  std::vector<float> guess(confusion.size());
  for (int32_t k = 0; k < num_classes; ++k) {
    const size_t row = static_cast<size_t>(k) * num_classes;
    double total = 0;
    for (int32_t l = 0; l < num_classes; ++l) {
      const double g = confusion[row + l] - (l == k ? know : 0.0);
      guess[row + l] = static_cast<float>(std::max(g, 0.0));
      total += guess[row + l];
    }
    for (int32_t l = 0; l < num_classes; ++l) {
      guess[row + l] = total > 0 ? static_cast<float>(guess[row + l] / total)
                                 : 1.0F / static_cast<float>(num_classes);
    }
  }
  return guess;
}

absl::Status PosteriorScorer::Validate(
    const ScoredTask& task, std::span<const ScoredAnswer> answers) const {
  const int32_t num_classes = task.num_classes;
  if (num_classes < 2 || num_classes > kMaxClasses) {
    return absl::InvalidArgumentError(absl::StrCat(
        "num_classes: must be in [2, ", kMaxClasses, "], got ", num_classes));
  }
  if (!task.prior.empty()) {
    double total = 0;
    for (const double p : task.prior) {
      if (!(p >= 0) || !std::isfinite(p)) {
        return absl::InvalidArgumentError(
            absl::StrCat("prior: must be finite and not negative, got ", p));
      }
      total += p;
    }
    if (task.prior.size() != static_cast<size_t>(num_classes) || total <= 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("prior: must have ", num_classes,
                       " entries with a positive sum, got ", task.prior.size(),
                       " entries with sum ", total));
    }
  }
  if (!std::isfinite(task.difficulty_mean) ||
      !(task.difficulty_variance >= 0) ||
      !std::isfinite(task.difficulty_variance)) {
    return absl::InvalidArgumentError(
        absl::StrCat("difficulty: must be finite with variance >= 0, got ",
                     task.difficulty_mean, " and ", task.difficulty_variance));
  }
  if (!(task.group_correlation >= 0 && task.group_correlation <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "group_correlation: must be in [0, 1], got ", task.group_correlation));
  }
  const size_t cells = static_cast<size_t>(num_classes) * num_classes;
  for (size_t i = 0; i < answers.size(); ++i) {
    const ScoredAnswer& answer = answers[i];
    if (answer.label < 0 || answer.label >= num_classes) {
      return absl::InvalidArgumentError(
          absl::StrCat("answers[", i, "].label: must be in [0, ", num_classes,
                       "), got ", answer.label));
    }
    if (!std::isfinite(answer.logit_mean) || !(answer.logit_variance >= 0) ||
        !std::isfinite(answer.logit_variance)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "answers[", i, "]: logit must be finite with variance >= 0, got ",
          answer.logit_mean, " and ", answer.logit_variance));
    }
    if (!answer.guess.empty() && answer.guess.size() != cells) {
      return absl::InvalidArgumentError(
          absl::StrCat("answers[", i, "].guess: must have ", cells,
                       " entries or none, got ", answer.guess.size()));
    }
  }
  return absl::OkStatus();
}

void PosteriorScorer::WeighGroups(const ScoredTask& task,
                                  std::span<const ScoredAnswer> answers) {
  power_.assign(answers.size(), 1.0);
  groups_.clear();
  for (size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].group < 0) continue;
    groups_.emplace_back(answers[i].group, static_cast<int32_t>(i));
  }
  if (groups_.size() < 2) return;
  std::sort(groups_.begin(), groups_.end());
  for (size_t begin = 0, end = 0; begin < groups_.size(); begin = end) {
    while (end < groups_.size() && groups_[end].first == groups_[begin].first) {
      ++end;
    }
    const double others = static_cast<double>(end - begin) - 1;
    const double power = 1 / (1 + others * task.group_correlation);
    for (size_t i = begin; i < end; ++i) power_[groups_[i].second] = power;
  }
}

// With e = know / (1 - know) the likelihood of answer l is
//   (G[k][l] + e [l = k]) / (1 + e),
// so that a node enters through 1 + e, for all classes alike, and through the
// class that was answered.
void PosteriorScorer::AddEvidence(const ScoredTask& task,
                                  std::span<const ScoredAnswer> answers) {
  const int32_t num_classes = task.num_classes;
  const size_t cells = static_cast<size_t>(nodes_) * num_classes;
  odds_.resize(answers.size() * nodes_);
  weight_.assign(cells, 0.0);
  class_log_.resize(num_classes);
  for (int32_t k = 0; k < num_classes; ++k) {
    class_log_[k] = task.prior.empty() ? 0.0 : std::log(task.prior[k]);
  }
  node_log_.resize(nodes_);
  node_b_.resize(nodes_);
  const double spread = std::sqrt(task.difficulty_variance);
  for (int q = 0; q < nodes_; ++q) {
    node_log_[q] = nodes_ == 1 ? 0.0 : std::log(kNormalWeights[q]);
    node_b_[q] =
        task.difficulty_mean + (nodes_ == 1 ? 0.0 : spread * kNormalNodes[q]);
  }
  for (size_t i = 0; i < answers.size(); ++i) {
    const ScoredAnswer& answer = answers[i];
    const double scale = Scaled(1, answer.logit_variance);
    const double power = power_[i];
    double guess = 1.0 / num_classes;
    if (!answer.guess.empty()) {
      guess = GuessEntry(answer, num_classes, answer.label);
      for (int32_t k = 0; k < num_classes; ++k) {
        class_log_[k] += power * std::log(GuessEntry(answer, num_classes, k));
      }
    }
    for (int q = 0; q < nodes_; ++q) {
      const double x = (answer.logit_mean - node_b_[q]) * scale;
      const double e = std::exp(std::clamp(x, -kMaxLogit, kMaxLogit));
      odds_[i * nodes_ + q] = e;
      node_log_[q] -= power * std::log(1 + e);
      weight_[static_cast<size_t>(q) * num_classes + answer.label] +=
          power * std::log(1 + e / guess);
    }
  }
}

void PosteriorScorer::Normalise(const ScoredTask& task, TaskPosterior* result) {
  const int32_t num_classes = task.num_classes;
  double highest = -std::numeric_limits<double>::infinity();
  for (int q = 0; q < nodes_; ++q) {
    double* row = &weight_[static_cast<size_t>(q) * num_classes];
    for (int32_t k = 0; k < num_classes; ++k) {
      row[k] += node_log_[q] + class_log_[k];
      highest = std::max(highest, row[k]);
    }
  }
  result->probability.assign(num_classes, 0.0);
  double total = 0;
  double mean = 0;
  double square = 0;
  for (int q = 0; q < nodes_; ++q) {
    double* row = &weight_[static_cast<size_t>(q) * num_classes];
    double row_total = 0;
    for (int32_t k = 0; k < num_classes; ++k) {
      row[k] = std::exp(row[k] - highest);
      row_total += row[k];
      result->probability[k] += row[k];
    }
    const double b = node_b_[q] - task.difficulty_mean;
    total += row_total;
    mean += row_total * b;
    square += row_total * b * b;
  }
  result->label = 0;
  result->entropy_bits = 0;
  for (int32_t k = 0; k < num_classes; ++k) {
    double& p = result->probability[k];
    p /= total;
    if (p > result->probability[result->label]) result->label = k;
    if (p > 0) result->entropy_bits -= p * std::log2(p);
  }
  result->entropy_bits = std::max(0.0, result->entropy_bits);
  result->confidence = result->probability[result->label];
  mean /= total;
  result->difficulty_mean = task.difficulty_mean + mean;
  result->difficulty_variance = std::max(0.0, square / total - mean * mean);
}

// Divides one answer's likelihood out of the joint weights again. The label's
// rivals are summed without the label, so that odds near certainty lose no
// digits to cancellation.
void PosteriorScorer::LeaveOneOut(const ScoredTask& task,
                                  std::span<const ScoredAnswer> answers,
                                  TaskPosterior* result) {
  const int32_t num_classes = task.num_classes;
  const int32_t label = result->label;
  double with_label = 0;
  double with_rivals = 0;
  node_log_.assign(nodes_, 0.0);  // from here on the rivals' weight of a node
  for (int q = 0; q < nodes_; ++q) {
    const double* row = &weight_[static_cast<size_t>(q) * num_classes];
    for (int32_t k = 0; k < num_classes; ++k) {
      if (k != label) node_log_[q] += row[k];
    }
    with_label += row[label];
    with_rivals += node_log_[q];
  }
  // Odds beyond 2^1000 are all the same to a reader, and keep the logarithm
  // finite when the rivals' weight underflows.
  constexpr double kTiny = 1e-300;
  const double odds_with =
      std::log2(with_label + kTiny) - std::log2(with_rivals + kTiny);
  result->contribution_bits.resize(answers.size());
  for (size_t i = 0; i < answers.size(); ++i) {
    const ScoredAnswer& answer = answers[i];
    const bool uniform = answer.guess.empty();
    const double power = power_[i];
    if (!uniform) {
      for (int32_t k = 0; k < num_classes; ++k) {
        class_log_[k] = Power(GuessEntry(answer, num_classes, k), -power);
      }
    }
    const double guess = uniform
                             ? 1.0 / num_classes
                             : GuessEntry(answer, num_classes, answer.label);
    double without_label = 0;
    double without_rivals = 0;
    for (int q = 0; q < nodes_; ++q) {
      const double* row = &weight_[static_cast<size_t>(q) * num_classes];
      const double e = odds_[i * nodes_ + q];
      const double node = Power(1 + e, power);
      const double right = Power(1 + e / guess, -power);
      double of_label = row[label];
      double of_rivals = node_log_[q];
      if (!uniform) {
        of_label *= class_log_[label];
        of_rivals = 0;
        for (int32_t k = 0; k < num_classes; ++k) {
          if (k != label) of_rivals += row[k] * class_log_[k];
        }
      }
      if (answer.label == label) {
        of_label *= right;
      } else {
        const double answered =
            row[answer.label] * (uniform ? 1.0 : class_log_[answer.label]);
        of_rivals = std::max(0.0, of_rivals - answered) + answered * right;
      }
      without_label += node * of_label;
      without_rivals += node * of_rivals;
    }
    const double odds_without =
        std::log2(without_label + kTiny) - std::log2(without_rivals + kTiny);
    result->contribution_bits[i] = odds_with - odds_without;
  }
}

absl::Status PosteriorScorer::Score(const ScoredTask& task,
                                    std::span<const ScoredAnswer> answers,
                                    TaskPosterior* result) {
  ALLOT_RETURN_IF_ERROR(Validate(task, answers));
  nodes_ = task.difficulty_variance > 0 && !answers.empty() ? kNumNodes : 1;
  WeighGroups(task, answers);
  AddEvidence(task, answers);
  Normalise(task, result);
  LeaveOneOut(task, answers, result);
  // No answers: nothing was learned of the difficulty either.
  if (answers.empty()) result->difficulty_variance = task.difficulty_variance;
  return absl::OkStatus();
}

}  // namespace allot
