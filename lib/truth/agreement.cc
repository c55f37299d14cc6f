// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/agreement.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/parallel.h"
#include "lib/base/rng.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

// Tasks with at least two answers.
struct Unit {
  int64_t begin = 0, end = 0;
  double size() const { return static_cast<double>(end - begin); }
};

std::vector<Unit> Pairable(std::span<const int64_t> task_begin) {
  std::vector<Unit> units;
  for (size_t t = 0; t + 1 < task_begin.size(); ++t) {
    if (task_begin[t + 1] - task_begin[t] >= 2) {
      units.push_back({task_begin[t], task_begin[t + 1]});
    }
  }
  return units;
}

double AlphaOf(double observed, double expected) {
  return expected > 0 ? 1 - observed / expected : kUndefined;
}

// Squared differences of numbers: a unit is its size, its mean and its spread,
// so that a resample costs O(units).
class IntervalUnits {
 public:
  IntervalUnits(std::span<const Unit> units, std::span<const double> value) {
    double sum = 0, n = 0;
    for (const Unit& unit : units) {
      for (int64_t a = unit.begin; a < unit.end; ++a) sum += value[a];
      n += unit.size();
    }
    // Centred, so that squares of large numbers do not cancel.
    const double centre = n > 0 ? sum / n : 0;
    for (const Unit& unit : units) {
      Moments m;
      m.n = unit.size();
      for (int64_t a = unit.begin; a < unit.end; ++a) {
        m.sum += value[a] - centre;
      }
      const double mean = m.sum / m.n;
      double spread = 0;
      for (int64_t a = unit.begin; a < unit.end; ++a) {
        const double d = value[a] - centre - mean;
        spread += d * d;
      }
      m.squares = spread + m.n * mean * mean;
      m.observed = 2 * m.n * spread / (m.n - 1);
      moments_.push_back(m);
    }
  }

  double Compute(std::span<const int32_t> drawn) const {
    Moments all;
    for (const int32_t u : drawn) {
      all.n += moments_[u].n;
      all.sum += moments_[u].sum;
      all.squares += moments_[u].squares;
      all.observed += moments_[u].observed;
    }
    const double spread =
        std::max(0.0, all.squares - all.sum * all.sum / all.n);
    // Rounding leaves a trace of spread among identical numbers.
    if (spread <= 1e-12 * all.squares) return kUndefined;
    return AlphaOf(all.observed / all.n, 2 * spread / (all.n - 1));
  }

 private:
  struct Moments {
    double n = 0, sum = 0, squares = 0;
    double observed = 0;  // sum of d over pairs, over n - 1
  };
  std::vector<Moments> moments_;
};

class NominalUnits {
 public:
  NominalUnits(std::span<const Unit> units, const AnswerSet& answers)
      : units_(units), answers_(answers) {
    std::vector<double> count(answers.num_classes, 0);
    for (const Unit& unit : units) {
      double same = 0;
      for (int64_t a = unit.begin; a < unit.end; ++a) {
        // Adds up to the sum of squared counts.
        same += 2 * count[answers.label[a]]++ + 1;
      }
      for (int64_t a = unit.begin; a < unit.end; ++a) {
        count[answers.label[a]] = 0;
      }
      const double n = unit.size();
      observed_.push_back((n * n - same) / (n - 1));
    }
  }

  double Compute(std::span<const int32_t> drawn) const {
    std::vector<double> count(answers_.num_classes, 0);
    double observed = 0, n = 0;
    for (const int32_t u : drawn) {
      observed += observed_[u];
      n += units_[u].size();
      for (int64_t a = units_[u].begin; a < units_[u].end; ++a) {
        ++count[answers_.label[a]];
      }
    }
    double same = 0;
    for (const double c : count) same += c * c;
    return AlphaOf(observed / n, (n * n - same) / (n * (n - 1)));
  }

 private:
  const std::span<const Unit> units_;
  const AnswerSet& answers_;
  std::vector<double> observed_;
};

// The ordinal distance is the squared difference of mid ranks, and the ranks
// follow from how often each class was given in the resample.
class OrdinalUnits {
 public:
  OrdinalUnits(std::span<const Unit> units, const AnswerSet& answers)
      : units_(units), answers_(answers) {}

  double Compute(std::span<const int32_t> drawn) const {
    std::vector<double> count(answers_.num_classes, 0);
    double n = 0;
    for (const int32_t u : drawn) {
      n += units_[u].size();
      for (int64_t a = units_[u].begin; a < units_[u].end; ++a) {
        ++count[answers_.label[a]];
      }
    }
    std::vector<double> rank(count.size());  // centred: the mean rank is 0
    double below = -n / 2, spread = 0;
    for (size_t c = 0; c < count.size(); ++c) {
      rank[c] = below + count[c] / 2;
      below += count[c];
      spread += count[c] * rank[c] * rank[c];
    }
    double observed = 0;
    for (const int32_t u : drawn) {
      double sum = 0, squares = 0;
      for (int64_t a = units_[u].begin; a < units_[u].end; ++a) {
        sum += rank[answers_.label[a]];
        squares += rank[answers_.label[a]] * rank[answers_.label[a]];
      }
      const double m = units_[u].size();
      observed += 2 * (m * squares - sum * sum) / (m - 1);
    }
    return AlphaOf(observed / n, 2 * spread / (n - 1));
  }

 private:
  const std::span<const Unit> units_;
  const AnswerSet& answers_;
};

template <typename Units>
absl::StatusOr<Alpha> Estimate(const Units& data, std::span<const Unit> units,
                               const AlphaOptions& options) {
  if (options.resamples < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("resamples: must be >= 0, got ", options.resamples));
  }
  if (!(options.coverage > 0 && options.coverage < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("coverage: must be in (0, 1), got ", options.coverage));
  }
  if (units.empty()) {
    return absl::FailedPreconditionError(
        "alpha is undefined: no task has two answers");
  }
  std::vector<int32_t> every(units.size());
  std::iota(every.begin(), every.end(), 0);
  Alpha result;
  result.alpha = data.Compute(every);
  if (std::isnan(result.alpha)) {
    return absl::FailedPreconditionError(
        "alpha is undefined: all answers are the same");
  }
  for (const Unit& unit : units) result.answers += unit.end - unit.begin;
  result.low = result.high = result.alpha;
  const Rng seed(options.seed);
  std::vector<double> draws(options.resamples);
  ParallelFor(options.threads, options.resamples, [&](int64_t r) {
    Rng rng = seed.Split(static_cast<uint64_t>(r));
    std::vector<int32_t> drawn(units.size());
    for (int32_t& u : drawn) u = static_cast<int32_t>(rng.Below(units.size()));
    draws[r] = data.Compute(drawn);
  });
  // Resamples without any variation have no alpha.
  std::erase_if(draws, [](double alpha) { return std::isnan(alpha); });
  if (draws.empty()) return result;
  std::sort(draws.begin(), draws.end());
  const auto quantile = [&](double q) {
    return draws[static_cast<size_t>(
        std::lround(q * static_cast<double>(draws.size() - 1)))];
  };
  result.low = quantile((1 - options.coverage) / 2);
  result.high = quantile((1 + options.coverage) / 2);
  return result;
}

}  // namespace

absl::StatusOr<Alpha> KrippendorffAlpha(const AnswerSet& answers, Scale scale,
                                        const AlphaOptions& options) {
  const std::vector<Unit> units = Pairable(answers.task_begin);
  switch (scale) {
    case Scale::kNominal:
      return Estimate(NominalUnits(units, answers), units, options);
    case Scale::kOrdinal:
      return Estimate(OrdinalUnits(units, answers), units, options);
    case Scale::kInterval: {
      const std::vector<double> value(answers.label.begin(),
                                      answers.label.end());
      return Estimate(IntervalUnits(units, value), units, options);
    }
  }
  return absl::InvalidArgumentError("scale: unknown");
}

absl::StatusOr<Alpha> KrippendorffAlpha(const NumericAnswerSet& answers,
                                        const AlphaOptions& options) {
  const std::vector<Unit> units = Pairable(answers.task_begin);
  return Estimate(IntervalUnits(units, answers.value), units, options);
}

absl::StatusOr<double> FleissKappa(const AnswerSet& answers) {
  const std::vector<Unit> units = Pairable(answers.task_begin);
  if (units.empty()) {
    return absl::FailedPreconditionError(
        "kappa is undefined: no task has two answers");
  }
  std::vector<double> count(answers.num_classes, 0), total(count);
  double agreement = 0, n = 0;
  for (const Unit& unit : units) {
    double same = 0;
    for (int64_t a = unit.begin; a < unit.end; ++a) {
      same += 2 * count[answers.label[a]]++;  // ordered pairs that agree
      ++total[answers.label[a]];
    }
    for (int64_t a = unit.begin; a < unit.end; ++a) count[answers.label[a]] = 0;
    agreement += same / (unit.size() * (unit.size() - 1));
    n += unit.size();
  }
  agreement /= static_cast<double>(units.size());
  double chance = 0;
  for (const double t : total) chance += t / n * (t / n);
  if (chance >= 1) {
    return absl::FailedPreconditionError(
        "kappa is undefined: all answers are the same");
  }
  return (agreement - chance) / (1 - chance);
}

}  // namespace allot
