// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/posterior.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/truth/quadrature.h"

namespace allot {
namespace {

constexpr double kMaxOdds = 1e12;
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

// The binary exponent that one unit of Product::exponent stands for.
constexpr int kUnit = 256;

}  // namespace

void PosteriorScorer::Product::Multiply(double factor) {
  value *= factor;
  if (value > 0x1p256) {
    value *= 0x1p-256;
    ++exponent;
  } else if (value < 0x1p-256 && value > 0) {
    value *= 0x1p256;
    --exponent;
  }
}

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
    if (task.prior.size() != static_cast<size_t>(num_classes) || !(total > 0) ||
        !std::isfinite(total)) {
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

double PosteriorScorer::effective_answers() const {
  return std::accumulate(power_.begin(), power_.end(), 0.0);
}

// With e = know / (1 - know) the likelihood of answer l is
//   (G[k][l] + e [l = k]) / (1 + e),
// so that a node enters through 1 + e, for all classes alike, and through the
// class that was answered.
void PosteriorScorer::AddEvidence(const ScoredTask& task,
                                  std::span<const ScoredAnswer> answers) {
  const int32_t num_classes = task.num_classes;
  odds_.resize(answers.size() * nodes_);
  cell_.assign(static_cast<size_t>(nodes_) * num_classes, Product());
  class_.assign(num_classes, Product());
  node_.assign(nodes_, Product());
  node_b_.assign(nodes_, 0.0);  // from the mean
  const double spread = std::sqrt(task.difficulty_variance);
  if (nodes_ > 1) {
    for (int q = 0; q < nodes_; ++q) node_b_[q] = spread * kNormalNodes[q];
  }
  double shift[kNumNodes] = {1};  // exp(-b scale)
  double shift_scale = -1;
  for (size_t i = 0; i < answers.size(); ++i) {
    const ScoredAnswer& answer = answers[i];
    const double scale = Scaled(1, answer.logit_variance);
    if (nodes_ > 1 && scale != shift_scale) {
      // The nodes lie symmetrically about 0.
      for (int q = 0; q < kNumNodes / 2; ++q) {
        shift[q] = std::exp(-scale * node_b_[q]);
        shift[kNumNodes - 1 - q] = 1 / shift[q];
      }
      shift[kNumNodes / 2] = 1;
      shift_scale = scale;
    }
    const double x = scale * (answer.logit_mean - task.difficulty_mean);
    const double odds = std::exp(std::clamp(x, -700.0, 700.0));
    const double power = power_[i];
    double guess = 1.0 / num_classes;
    if (!answer.guess.empty()) {
      guess = GuessEntry(answer, num_classes, answer.label);
      for (int32_t k = 0; k < num_classes; ++k) {
        class_[k].Multiply(Power(GuessEntry(answer, num_classes, k), power));
      }
    }
    const double per_guess = 1 / guess;
    Product* cell = &cell_[answer.label];
    for (int q = 0; q < nodes_; ++q, cell += num_classes) {
      const double e = std::clamp(odds * shift[q], 1 / kMaxOdds, kMaxOdds);
      odds_[i * nodes_ + q] = e;
      node_[q].Multiply(Power(1 + e, power));
      cell->Multiply(Power(1 + e * per_guess, power));
    }
  }
}

// Brings the joint of difficulty and class to weights of which the largest is
// about 1.
void PosteriorScorer::Weigh(const ScoredTask& task) {
  const int32_t num_classes = task.num_classes;
  weight_.resize(cell_.size());
  double prior_total = 0;
  for (const double p : task.prior) prior_total += p;
  int64_t highest = std::numeric_limits<int64_t>::min();
  bool scaled = false;
  for (int q = 0; q < nodes_; ++q) {
    const double node =
        (nodes_ == 1 ? 1.0 : kNormalWeights[q]) / node_[q].value;
    for (int32_t k = 0; k < num_classes; ++k) {
      const size_t at = static_cast<size_t>(q) * num_classes + k;
      Product& cell = cell_[at];
      weight_[at] = node * cell.value * class_[k].value;
      if (!task.prior.empty()) weight_[at] *= task.prior[k] / prior_total;
      cell.exponent += class_[k].exponent - node_[q].exponent;
      scaled = scaled || cell.exponent != 0;
      if (weight_[at] > 0) {
        highest = std::max(
            highest, int64_t{kUnit} * cell.exponent + std::ilogb(weight_[at]));
      }
    }
  }
  if (!scaled && std::abs(highest) < 64) return;
  for (size_t at = 0; at < weight_.size(); ++at) {
    const int64_t shift = int64_t{kUnit} * cell_[at].exponent - highest;
    weight_[at] = std::ldexp(
        weight_[at], static_cast<int>(std::clamp<int64_t>(shift, -4000, 4000)));
  }
}

void PosteriorScorer::Normalise(const ScoredTask& task, TaskPosterior* result) {
  const int32_t num_classes = task.num_classes;
  result->probability.assign(num_classes, 0.0);
  double total = 0;
  double mean = 0;
  double square = 0;
  for (int q = 0; q < nodes_; ++q) {
    const double* row = &weight_[static_cast<size_t>(q) * num_classes];
    double row_total = 0;
    for (int32_t k = 0; k < num_classes; ++k) {
      row_total += row[k];
      result->probability[k] += row[k];
    }
    total += row_total;
    mean += row_total * node_b_[q];
    square += row_total * node_b_[q] * node_b_[q];
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
  // Keeps the odds finite when the rivals' weight underflows.
  constexpr double kTiny = 1e-290;
  const int32_t num_classes = task.num_classes;
  const int32_t label = result->label;
  double with_label = 0;
  double with_rivals = 0;
  rivals_.assign(nodes_, 0.0);
  undo_.assign(num_classes, 1.0);
  for (int q = 0; q < nodes_; ++q) {
    const double* row = &weight_[static_cast<size_t>(q) * num_classes];
    for (int32_t k = 0; k < num_classes; ++k) {
      if (k != label) rivals_[q] += row[k];
    }
    with_label += row[label];
    with_rivals += rivals_[q];
  }
  const double odds_with =
      std::log2((with_label + kTiny) / (with_rivals + kTiny));
  result->contribution_bits.resize(answers.size());
  for (size_t i = 0; i < answers.size(); ++i) {
    const ScoredAnswer& answer = answers[i];
    const bool uniform = answer.guess.empty();
    const double power = power_[i];
    double guess = 1.0 / num_classes;
    if (uniform) {
      undo_[label] = 1;
      undo_[answer.label] = 1;
    } else {
      guess = GuessEntry(answer, num_classes, answer.label);
      for (int32_t k = 0; k < num_classes; ++k) {
        undo_[k] = Power(1 / GuessEntry(answer, num_classes, k), power);
      }
    }
    const double per_guess = 1 / guess;
    double without_label = 0;
    double without_rivals = 0;
    for (int q = 0; q < nodes_; ++q) {
      const double* row = &weight_[static_cast<size_t>(q) * num_classes];
      const double e = odds_[i * nodes_ + q];
      const double node = Power(1 + e, power);
      const double right = 1 / Power(1 + e * per_guess, power);
      double of_label = row[label] * undo_[label];
      double of_rivals = rivals_[q];
      if (!uniform) {
        of_rivals = 0;
        for (int32_t k = 0; k < num_classes; ++k) {
          if (k != label) of_rivals += row[k] * undo_[k];
        }
      }
      if (answer.label == label) {
        of_label *= right;
      } else {
        const double answered = row[answer.label] * undo_[answer.label];
        of_rivals = std::max(0.0, of_rivals - answered) + answered * right;
      }
      without_label += node * of_label;
      without_rivals += node * of_rivals;
    }
    result->contribution_bits[i] =
        odds_with -
        std::log2((without_label + kTiny) / (without_rivals + kTiny));
  }
}

absl::Status PosteriorScorer::Score(const ScoredTask& task,
                                    std::span<const ScoredAnswer> answers,
                                    TaskPosterior* result, bool explain) {
  ALLOT_RETURN_IF_ERROR(Validate(task, answers));
  nodes_ = task.difficulty_variance > 0 && !answers.empty() ? kNumNodes : 1;
  groups_.Find(answers, task.group_correlation, power_);
  AddEvidence(task, answers);
  Weigh(task);
  Normalise(task, result);
  result->contribution_bits.clear();
  if (explain) LeaveOneOut(task, answers, result);
  // No answers: nothing was learned of the difficulty either.
  if (answers.empty()) result->difficulty_variance = task.difficulty_variance;
  return absl::OkStatus();
}

}  // namespace allot
