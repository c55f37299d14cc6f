// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/pairwise.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

constexpr double kPi = 3.14159265358979323846;

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
// wins ln s(x) + (1 - wins) ln s(-x)
double Evidence(double wins, double x) {
  const double log_not =
      x > 0 ? -x - std::log1p(std::exp(-x)) : -std::log1p(std::exp(x));
  return wins * x + log_not;
}

absl::Status Check(int32_t num_items, int32_t num_labelers,
                   std::span<const Comparison> comparisons) {
  if (comparisons.empty()) {
    return absl::InvalidArgumentError("comparisons: must not be empty");
  }
  for (size_t i = 0; i < comparisons.size(); ++i) {
    const Comparison& c = comparisons[i];
    const bool rows = c.left >= 0 && c.left < num_items && c.right >= 0 &&
                      c.right < num_items && c.labeler >= 0 &&
                      c.labeler < num_labelers;
    if (!rows || c.left == c.right || !(c.left_wins >= 0 && c.left_wins <= 1)) {
      return absl::InvalidArgumentError(
          absl::StrCat("comparisons[", i, "]: want two different items in [0, ",
                       num_items, "), a labeler in [0, ", num_labelers,
                       ") and left_wins in [0, 1], got ", c.left, ", ", c.right,
                       ", ", c.labeler, ", ", c.left_wins));
    }
  }
  return absl::OkStatus();
}

// Rows of comparisons by item (both sides) and by labeler.
struct Rows {
  std::vector<int64_t> begin;
  std::vector<int32_t> row;
};

template <typename Visit>
Rows Group(int32_t groups, const Visit& visit) {
  Rows rows;
  rows.begin.assign(static_cast<size_t>(groups) + 1, 0);
  visit([&](int32_t group, int32_t) { ++rows.begin[group + 1]; });
  for (int32_t g = 0; g < groups; ++g) rows.begin[g + 1] += rows.begin[g];
  rows.row.resize(rows.begin.back());
  std::vector<int64_t> next(rows.begin.begin(), rows.begin.end() - 1);
  visit([&](int32_t group, int32_t row) { rows.row[next[group]++] = row; });
  return rows;
}

class BradleyTerry {
 public:
  BradleyTerry(int32_t num_items, int32_t num_labelers,
               std::span<const Comparison> comparisons)
      : comparisons_(comparisons) {
    const auto n = static_cast<int32_t>(comparisons.size());
    of_item_ = Group(num_items, [&](const auto& put) {
      for (int32_t i = 0; i < n; ++i) {
        put(comparisons[i].left, i);
        put(comparisons[i].right, i);
      }
    });
    of_labeler_ = Group(num_labelers, [&](const auto& put) {
      for (int32_t i = 0; i < n; ++i) put(comparisons[i].labeler, i);
    });
    fit_.score.setZero(num_items);
    fit_.score_error.setOnes(num_items);
    fit_.reliability.setOnes(num_labelers);
    reliability_error_.setZero(num_labelers);
    fit_.score_variance = 1;
    fit_.reliability_variance = 0.1;
  }

  PairwiseFit Fit(const PairwiseOptions& options) && {
    for (fit_.iterations = 1;; ++fit_.iterations) {
      double moved = 0;
      for (int32_t i = 0; i < fit_.score.size(); ++i) {
        moved = std::max(moved, ImproveScore(i));
      }
      for (int32_t l = 0; l < fit_.reliability.size(); ++l) {
        ImproveReliability(l);
      }
      ImproveVariances();
      if (fit_.iterations >= options.max_iterations ||
          (fit_.iterations > 3 && moved <= options.tolerance)) {
        break;
      }
    }
    for (const Comparison& c : comparisons_) {
      fit_.log_likelihood += Evidence(c.left_wins, Margin(c));
    }
    fit_.score.array() -= fit_.score.mean();
    return std::move(fit_);
  }

 private:
  double Margin(const Comparison& c) const {
    return fit_.reliability[c.labeler] *
           (fit_.score[c.left] - fit_.score[c.right]);
  }

  // One guarded Newton step up a parameter with a Gaussian prior. `each(f)`
  // calls f(factor on the parameter, margin at 0, wins).
  template <typename Each>
  static double Climb(double at, double prior_mean, double prior_variance,
                      const Each& each, double& error) {
    double gradient = (prior_mean - at) / prior_variance;
    double curvature = 1 / prior_variance;
    each([&](double factor, double rest, double wins) {
      const double p = Sigmoid(rest + factor * at);
      gradient += (wins - p) * factor;
      curvature += p * (1 - p) * factor * factor;
    });
    error = std::sqrt(1 / curvature);
    const auto value = [&](double x) {
      double sum = -(x - prior_mean) * (x - prior_mean) / (2 * prior_variance);
      each([&](double factor, double rest, double wins) {
        sum += Evidence(wins, rest + factor * x);
      });
      return sum;
    };
    const double before = value(at);
    double step = gradient / curvature;
    for (int halving = 0; halving < 20; ++halving, step /= 2) {
      if (value(at + step) >= before) return at + step;
    }
    return at;
  }

  double ImproveScore(int32_t i) {
    const auto each = [&](const auto& visit) {
      for (int64_t r = of_item_.begin[i]; r < of_item_.begin[i + 1]; ++r) {
        const Comparison& c = comparisons_[of_item_.row[r]];
        const double a = fit_.reliability[c.labeler];
        if (c.left == i) {
          visit(a, -a * fit_.score[c.right], c.left_wins);
        } else {
          visit(-a, a * fit_.score[c.left], c.left_wins);
        }
      }
    };
    const double before = fit_.score[i];
    fit_.score[i] =
        Climb(before, 0, fit_.score_variance, each, fit_.score_error[i]);
    return std::abs(fit_.score[i] - before);
  }

  void ImproveReliability(int32_t l) {
    const auto each = [&](const auto& visit) {
      for (int64_t r = of_labeler_.begin[l]; r < of_labeler_.begin[l + 1];
           ++r) {
        const Comparison& c = comparisons_[of_labeler_.row[r]];
        visit(fit_.score[c.left] - fit_.score[c.right], 0.0, c.left_wins);
      }
    };
    fit_.reliability[l] =
        Climb(fit_.reliability[l], 1, fit_.reliability_variance, each,
              reliability_error_[l]);
  }

  void ImproveVariances() {
    const auto mean_square = [](const VectorD& x, const VectorD& error) {
      return (x.array().square() + error.array().square()).mean();
    };
    fit_.score_variance =
        std::clamp(mean_square(fit_.score, fit_.score_error), 1e-4, 1e4);
    fit_.reliability_variance = std::clamp(
        mean_square(fit_.reliability.array() - 1, reliability_error_), 1e-4,
        4.0);
  }

  const std::span<const Comparison> comparisons_;
  Rows of_item_, of_labeler_;
  VectorD reliability_error_;
  PairwiseFit fit_;
};

}  // namespace

absl::StatusOr<PairwiseFit> FitPairwise(int32_t num_items, int32_t num_labelers,
                                        std::span<const Comparison> comparisons,
                                        const PairwiseOptions& options) {
  ALLOT_RETURN_IF_ERROR(Check(num_items, num_labelers, comparisons));
  if (options.max_iterations < 1 || !(options.tolerance >= 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("want max_iterations >= 1 and tolerance >= 0, got ",
                     options.max_iterations, ", ", options.tolerance));
  }
  return BradleyTerry(num_items, num_labelers, comparisons).Fit(options);
}

double PredictPreference(const PairwiseFit& fit, int32_t left, int32_t right,
                         int32_t labeler) {
  const double a = labeler >= 0 && labeler < fit.reliability.size()
                       ? fit.reliability[labeler]
                       : 1.0;
  const double el = fit.score_error[left], er = fit.score_error[right];
  const double variance = a * a * (el * el + er * er);
  return Sigmoid(a * (fit.score[left] - fit.score[right]) /
                 std::sqrt(1 + kPi / 8 * variance));
}

}  // namespace allot
