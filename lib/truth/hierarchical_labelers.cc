// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/hierarchical_labelers.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "lib/base/parallel.h"

namespace allot {
namespace {

// Prior strengths, in pseudo answers. Weak beside the hundreds of answers that
// tell labelers apart, strong beside the handful that do not.
constexpr double kKnowingStrength = 4;  // of know_i, around the pool's mean
constexpr double kPoolGuess = 10;       // of each entry of G, uniform
constexpr double kHabitStrength = 30;   // of habit_i, around the marginal

constexpr double kMinProbability = 1e-9;
constexpr int64_t kMaxFreeCells = int64_t{1} << 20;

// The grid of kappa: e^0, e^0.5, ..., e^8.
constexpr int kGrid = 17;
double GridConcentration(int g) { return std::exp(0.5 * g); }

// ln Gamma(x), x > 0, to about 1e-10 (Stirling's series from 8 on). The
// library's lgamma writes a global.
double LogGamma(double x) {
  double product = 1;
  while (x < 8) {
    product *= x;
    x += 1;
  }
  const double inverse = 1 / x;
  const double square = inverse * inverse;
  return (x - 0.5) * std::log(x) - x + 0.91893853320467274178 +
         inverse *
             (1.0 / 12 -
              square * (1.0 / 360 - square * (1.0 / 1260 - square / 1680))) -
         std::log(product);
}

// ln Gamma(a + n) - ln Gamma(a).
double LogRising(double a, double n) { return LogGamma(a + n) - LogGamma(a); }

}  // namespace

HierarchicalLabelers::HierarchicalLabelers(int32_t num_labelers,
                                           int32_t num_classes,
                                           int64_t num_answers,
                                           std::vector<double> marginal)
    : num_labelers_(num_labelers),
      num_classes_(num_classes),
      matrices_(int64_t{num_labelers} * num_classes * num_classes <=
                kMaxFreeCells + num_answers),
      stride_(matrices_ ? static_cast<size_t>(num_classes) * num_classes
                        : 2 * static_cast<size_t>(num_classes)),
      marginal_(std::move(marginal)),
      know_(num_labelers, 0.5),
      guess_(matrices_ ? stride_ : num_classes, 1.0 / num_classes),
      counts_(num_labelers * stride_, 0.0F),
      matrix_(matrices_ ? num_labelers * stride_ : 0, 0.0F),
      habit_(static_cast<size_t>(num_labelers) * num_classes, 0.0F),
      habit_counts_(habit_.size(), 0.0F),
      survival_(static_cast<size_t>(num_labelers) * kNumLevels, 1.0F) {}

const float* HierarchicalLabelers::Column(int32_t labeler, int32_t label,
                                          float* scratch) const {
  if (matrices_) {
    return &matrix_[static_cast<size_t>(labeler) * stride_ +
                    static_cast<size_t>(label) * num_classes_];
  }
  const double guessed = (1 - know_[labeler]) * guess_[label];
  std::fill_n(scratch, num_classes_,
              static_cast<float>(std::max(guessed, kMinProbability)));
  scratch[label] = static_cast<float>(know_[labeler] + guessed);
  return scratch;
}

void HierarchicalLabelers::ClearCounts(int32_t labeler) {
  std::fill_n(CountsOf(labeler), stride_, 0.0F);
  std::fill_n(&habit_counts_[static_cast<size_t>(labeler) * num_classes_],
              num_classes_, 0.0F);
}

void HierarchicalLabelers::Count(int32_t labeler, int32_t label,
                                 const double* informed, double habitual) {
  habit_counts_[static_cast<size_t>(labeler) * num_classes_ + label] +=
      static_cast<float>(habitual);
  float* counts = CountsOf(labeler);
  if (matrices_) {
    float* column = counts + static_cast<size_t>(label) * num_classes_;
    for (int32_t c = 0; c < num_classes_; ++c) {
      column[c] += static_cast<float>(informed[c]);
    }
    return;
  }
  double all = 0;
  for (int32_t c = 0; c < num_classes_; ++c) all += informed[c];
  counts[label] += static_cast<float>(informed[label]);
  counts[num_classes_ + label] += static_cast<float>(all);
}

double HierarchicalLabelers::Mean(int32_t labeler, int32_t c,
                                  int32_t label) const {
  const double know = know_[labeler];
  return (c == label ? know : 0.0) + (1 - know) * Guess(c, label);
}

// One step of expectation-maximisation between knowing and guessing: a right
// answer was known with probability know / (know + (1 - know) G(l, l)).
void HierarchicalLabelers::UpdateKnowing() {
  std::vector<double> guessed(guess_.size(), 0.0);
  double pool_known = 0;
  double pool_all = 0;
  for (int32_t i = 0; i < num_labelers_; ++i) {
    const float* counts = CountsOf(i);
    double known = 0;
    double all = 0;
    for (int32_t l = 0; l < num_classes_; ++l) {
      const double by_guess = (1 - know_[i]) * Guess(l, l);
      const double share = know_[i] / (know_[i] + by_guess);
      if (matrices_) {
        const float* column = counts + static_cast<size_t>(l) * num_classes_;
        for (int32_t c = 0; c < num_classes_; ++c) {
          const double by_knowing = c == l ? share * column[c] : 0;
          known += by_knowing;
          all += column[c];
          guessed[static_cast<size_t>(c) * num_classes_ + l] +=
              column[c] - by_knowing;
        }
      } else {
        known += share * counts[l];
        all += counts[num_classes_ + l];
        guessed[l] += counts[num_classes_ + l] - share * counts[l];
      }
    }
    know_[i] =
        (knowing_right_ + known) / (knowing_right_ + knowing_wrong_ + all);
    pool_known += known;
    pool_all += all;
  }
  const double mean = (pool_known + 1) / (pool_all + 2);
  knowing_right_ = kKnowingStrength * mean;
  knowing_wrong_ = kKnowingStrength * (1 - mean);
  UpdatePoolGuess(guessed);
}

void HierarchicalLabelers::UpdatePoolGuess(const std::vector<double>& guessed) {
  for (size_t row = 0; row < guess_.size(); row += num_classes_) {
    double total = 0;
    for (int32_t l = 0; l < num_classes_; ++l) {
      total += guessed[row + l] + kPoolGuess;
    }
    for (int32_t l = 0; l < num_classes_; ++l) {
      guess_[row + l] = (guessed[row + l] + kPoolGuess) / total;
    }
  }
}

// The concentration under which the counts of all labelers are most probable:
// Dirichlet-multinomial evidence on the grid.
void HierarchicalLabelers::UpdateConcentration(int threads) {
  constexpr double kNothing = 1e-6;
  std::vector<std::array<double, kGrid>> evidence(num_labelers_);
  ParallelFor(threads, num_labelers_, [&](int64_t part) {
    const auto i = static_cast<int32_t>(part);
    const float* counts = CountsOf(i);
    evidence[i].fill(0.0);
    for (int32_t c = 0; c < num_classes_; ++c) {
      double row = 0;
      for (int32_t l = 0; l < num_classes_; ++l) {
        row += counts[static_cast<size_t>(l) * num_classes_ + c];
      }
      if (row < kNothing) continue;
      for (int g = 0; g < kGrid; ++g) {
        evidence[i][g] -= LogRising(GridConcentration(g), row);
      }
      for (int32_t l = 0; l < num_classes_; ++l) {
        const double n = counts[static_cast<size_t>(l) * num_classes_ + c];
        if (n < kNothing) continue;
        const double mean = Mean(i, c, l);
        for (int g = 0; g < kGrid; ++g) {
          evidence[i][g] += LogRising(GridConcentration(g) * mean, n);
        }
      }
    }
  });
  std::array<double, kGrid> total{};
  for (const std::array<double, kGrid>& of_labeler : evidence) {
    for (int g = 0; g < kGrid; ++g) total[g] += of_labeler[g];
  }
  const auto best = std::max_element(total.begin(), total.end());
  concentration_ = GridConcentration(static_cast<int>(best - total.begin()));
}

void HierarchicalLabelers::UpdateMatrix(int32_t labeler) {
  const float* counts = CountsOf(labeler);
  float* matrix = &matrix_[static_cast<size_t>(labeler) * stride_];
  for (int32_t c = 0; c < num_classes_; ++c) {
    const double total = RowWeight(labeler, c);
    for (int32_t l = 0; l < num_classes_; ++l) {
      const size_t at = static_cast<size_t>(l) * num_classes_ + c;
      const double p =
          (counts[at] + concentration_ * Mean(labeler, c, l)) / total;
      matrix[at] = static_cast<float>(std::max(p, kMinProbability));
    }
  }
}

void HierarchicalLabelers::UpdateHabit(int32_t labeler) {
  const size_t row = static_cast<size_t>(labeler) * num_classes_;
  double total = kHabitStrength;
  for (int32_t l = 0; l < num_classes_; ++l) total += habit_counts_[row + l];
  for (int32_t l = 0; l < num_classes_; ++l) {
    const double p =
        (habit_counts_[row + l] + kHabitStrength * marginal_[l]) / total;
    habit_[row + l] = static_cast<float>(std::max(p, kMinProbability));
  }
  const double know = std::clamp(know_[labeler], 0.02, 0.98);
  const double odds = know / (1 - know);
  for (int h = 0; h < kNumLevels; ++h) {
    const double kept = odds / (odds + std::exp(kLevelLogits[h]));
    survival_[static_cast<size_t>(labeler) * kNumLevels + h] =
        static_cast<float>(std::min(1.0, kept / know));
  }
}

void HierarchicalLabelers::Update(int threads, bool concentration) {
  // Knowing and guessing settle against each other in a few steps, cheap beside
  // one pass over the answers.
  constexpr int kSteps = 3;
  for (int step = 0; step < kSteps; ++step) UpdateKnowing();
  if (matrices_ && concentration) UpdateConcentration(threads);
  ParallelFor(threads, num_labelers_, [&](int64_t part) {
    const auto i = static_cast<int32_t>(part);
    if (matrices_) UpdateMatrix(i);
    UpdateHabit(i);
  });
}

double HierarchicalLabelers::RowWeight(int32_t labeler, int32_t c) const {
  const float* counts = CountsOf(labeler);
  double total = 0;
  if (matrices_) {
    for (int32_t l = 0; l < num_classes_; ++l) {
      total += counts[static_cast<size_t>(l) * num_classes_ + c];
    }
    return total + concentration_;
  }
  for (int32_t l = 0; l < num_classes_; ++l) total += counts[num_classes_ + l];
  return total * marginal_[c] + kKnowingStrength;
}

}  // namespace allot
