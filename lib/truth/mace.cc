// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/mace.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/parallel.h"
#include "lib/base/rng.h"
#include "lib/base/status_macros.h"
#include "lib/truth/answer_cells.h"
#include "lib/truth/digamma.h"
#include "lib/truth/gold_index.h"

namespace allot {
namespace {

constexpr double kKnowPrior = 0.5;   // Beta(1/2, 1/2)
constexpr double kHabitPrior = 10;  // Dirichlet
constexpr double kStartNoise = 1.5;

// One start of variational EM. Single-threaded: starts run side by side.
class Mace {
 public:
  Mace(const AnswerSet& answers, const AnswerCells& cells,
       std::span<const int32_t> gold_of_task, const MaceOptions& options)
      : answers_(answers),
        cells_(cells),
        gold_(gold_of_task),
        options_(options),
        known_(answers.num_labelers),
        guessed_(cells.size()),
        log_know_(answers.num_labelers),
        log_guess_(cells.size()) {}

  // From knowing at odds of about one and habits that are about uniform:
  // `noise` 0 for exactly that, else each weight is drawn from [1, 1 + noise].
  Aggregation Run(double noise, Rng rng) && {
    const auto weight = [&] { return 1 + noise * rng.Uniform(); };
    for (int32_t l = 0; l < answers_.num_labelers; ++l) {
      const double know = weight(), guess = weight();
      log_know_[l] = std::log(know / (know + guess));
      for (int32_t c = cells_.begin[l]; c < cells_.begin[l + 1]; ++c) {
        log_guess_[c] = std::log(guess / (know + guess) * weight() /
                                 ((1 + noise / 2) * answers_.num_classes));
      }
    }
    Aggregation result;
    result.posterior.resize(answers_.num_tasks, answers_.num_classes);
    Expect(result.posterior);
    for (result.iterations = 1;; ++result.iterations) {
      const double divergence = Maximise();
      const double bound = Expect(result.posterior) - divergence;
      const double last = result.trace.empty() ? bound : result.trace.back();
      result.trace.push_back(bound);
      if (result.iterations >= options_.max_iterations ||
          (result.iterations > 1 &&
           bound - last <= options_.tolerance * std::abs(bound))) {
        break;
      }
    }
    result.log_likelihood = result.trace.back();
    result.class_prior.setConstant(answers_.num_classes,
                                   1.0 / answers_.num_classes);
    result.labeler_accuracy =
        (mean_know_.array() + (1 - mean_know_.array()) / answers_.num_classes);
    return result;
  }

 private:
  // Expected log parameters from the counts. Returns how far the posterior over
  // parameters has moved from the prior (Kullback-Leibler, nats).
  double Maximise() {
    const int K = answers_.num_classes;
    double divergence = 0;
    mean_know_.resize(answers_.num_labelers);
    for (int32_t l = 0; l < answers_.num_labelers; ++l) {
      double guesses = 0;
      for (int32_t c = cells_.begin[l]; c < cells_.begin[l + 1]; ++c) {
        guesses += guessed_[c];
      }
      const double a = known_[l] + kKnowPrior, b = guesses + kKnowPrior;
      const double log_know = Digamma(a) - Digamma(a + b);
      const double log_not = Digamma(b) - Digamma(a + b);
      mean_know_[l] = a / (a + b);
      log_know_[l] = log_know;
      divergence += std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) -
                    std::lgamma(2 * kKnowPrior) + 2 * std::lgamma(kKnowPrior) +
                    known_[l] * log_know + guesses * log_not;
      // Labels that the labeler never gave keep their prior and add nothing.
      const double total = guesses + K * kHabitPrior;
      divergence += std::lgamma(total) - std::lgamma(K * kHabitPrior);
      for (int32_t c = cells_.begin[l]; c < cells_.begin[l + 1]; ++c) {
        const double shape = guessed_[c] + kHabitPrior;
        const double log_habit = Digamma(shape) - Digamma(total);
        log_guess_[c] = log_not + log_habit;
        divergence += std::lgamma(kHabitPrior) - std::lgamma(shape) +
                      guessed_[c] * log_habit;
      }
    }
    return divergence;
  }

  // Posteriors and counts. Returns the sum of the tasks' log normalisers.
  double Expect(MatrixF& posterior) {
    const int K = answers_.num_classes;
    known_.setZero();
    guessed_.setZero();
    VectorD p(K);
    double likelihood = 0;
    // Of a cell: ln(know + guess) - ln(guess), and P(known | right).
    VectorD lift(cells_.size()), known_if_right(cells_.size());
    for (int32_t l = 0; l < answers_.num_labelers; ++l) {
      for (int32_t c = cells_.begin[l]; c < cells_.begin[l + 1]; ++c) {
        const double ratio = std::exp(log_know_[l] - log_guess_[c]);
        lift[c] = std::log1p(ratio);
        known_if_right[c] = ratio / (1 + ratio);
      }
    }
    for (int32_t t = 0; t < answers_.num_tasks; ++t) {
      const int64_t begin = answers_.task_begin[t];
      const int64_t end = answers_.task_begin[t + 1];
      p.setConstant(-std::log(static_cast<double>(K)));
      double all_guess = 0;
      for (int64_t a = begin; a < end; ++a) {
        all_guess += log_guess_[cells_.cell[a]];
        p[answers_.label[a]] += lift[cells_.cell[a]];
      }
      if (const int32_t gold = gold_[t]; gold != kNoGold) {
        likelihood += all_guess + p[gold];
        p.setZero();
        p[gold] = 1;
      } else {
        const double top = p.maxCoeff();
        p = (p.array() - top).exp();
        const double sum = p.sum();
        if (begin < end) likelihood += all_guess + top + std::log(sum);
        p /= sum;
      }
      posterior.row(t) = p.transpose().cast<float>();
      for (int64_t a = begin; a < end; ++a) {
        const int32_t cell = cells_.cell[a];
        const double known = p[answers_.label[a]] * known_if_right[cell];
        known_[answers_.labeler[a]] += known;
        guessed_[cell] += 1 - known;
      }
    }
    return likelihood;
  }

  const AnswerSet& answers_;
  const AnswerCells& cells_;
  const std::span<const int32_t> gold_;
  const MaceOptions& options_;
  VectorD known_;      // [labelers], expected answers that were known
  VectorD guessed_;    // [cells], expected guesses of this label
  VectorD log_know_;   // [labelers], expected ln know
  VectorD log_guess_;  // [cells], expected ln (1 - know) + ln habit(label)
  VectorD mean_know_;  // [labelers]
};

}  // namespace

absl::StatusOr<Aggregation> FitMace(const AnswerSet& answers,
                                    std::span<const GoldLabel> gold,
                                    const MaceOptions& options) {
  if (options.restarts < 1 || !(options.tolerance >= 0) ||
      options.max_iterations < 1 || options.threads < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "want restarts >= 1, tolerance >= 0, max_iterations >= 1 and threads "
        ">= 1, got ",
        options.restarts, ", ", options.tolerance, ", ", options.max_iterations,
        ", ", options.threads));
  }
  ALLOT_ASSIGN_OR_RETURN(const std::vector<int32_t> gold_of_task,
                         IndexGold(answers, gold));
  const AnswerCells cells = NumberCells(answers);
  std::vector<Aggregation> fits(options.restarts);
  ParallelFor(options.threads, options.restarts, [&](int64_t start) {
    fits[start] =
        Mace(answers, cells, gold_of_task, options)
            .Run(start == 0 ? 0 : kStartNoise,
                 Rng(options.seed).Split(static_cast<uint64_t>(start)));
  });
  return std::move(*std::max_element(
      fits.begin(), fits.end(), [](const Aggregation& a, const Aggregation& b) {
        return a.log_likelihood < b.log_likelihood;
      }));
}

}  // namespace allot
