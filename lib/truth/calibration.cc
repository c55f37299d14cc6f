// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/calibration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"

namespace allot {
namespace {

// Pseudo tasks that pull each isotonic block to the line.
constexpr double kShrinkage = 20;
// The prior on the logarithm of the power: its mean makes the mean power 1.
constexpr double kLogPowerVariance = 0.25;
constexpr double kLogPowerMean = -kLogPowerVariance / 2;
// Its grid, in logarithms.
constexpr int kNumPowers = 33;
constexpr double kFirstLogPower = -2.5;
constexpr double kLogPowerStep = 0.125;

// The grid of raw log-odds.
constexpr double kFirstLogit = -8;
constexpr double kLastLogit = 12;
constexpr double kLogitStep = 0.25;
constexpr int kNumKnots = 81;

double Logit(double p) {
  return std::clamp(std::log(p) - std::log1p(-p), kFirstLogit, kLastLogit);
}

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// log(1 + e^x) without overflow.
double Softplus(double x) {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

// A confidence of 1 - 1e-12 says no more about the power than one of 1 - 1e-4:
// a single error there must not cost thousands of nats.
constexpr double kMaxFittedLogit = 9.2;

struct Point {
  double raw;  // log-odds
  double correct;
};

// What gold leaves possible of the power.
class PowerPosterior {
 public:
  explicit PowerPosterior(const std::vector<Point>& points) {
    std::array<double, kNumPowers> log_weight;
    for (int g = 0; g < kNumPowers; ++g) {
      const double log_power = kFirstLogPower + kLogPowerStep * g;
      power_[g] = std::exp(log_power);
      const double from_mean = log_power - kLogPowerMean;
      log_weight[g] = -from_mean * from_mean / (2 * kLogPowerVariance);
      for (const Point& point : points) {
        const double x = power_[g] * std::min(point.raw, kMaxFittedLogit);
        log_weight[g] += point.correct * x - Softplus(x);
      }
    }
    const double highest =
        *std::max_element(log_weight.begin(), log_weight.end());
    double total = 0;
    for (int g = 0; g < kNumPowers; ++g) {
      total += weight_[g] = std::exp(log_weight[g] - highest);
    }
    for (int g = 0; g < kNumPowers; ++g) {
      weight_[g] /= total;
      mean_log_power_ += weight_[g] * (kFirstLogPower + kLogPowerStep * g);
    }
  }

  double mean_log_power() const { return mean_log_power_; }

  // Averaged probability that an answer of these raw log-odds is right.
  double Line(double raw) const {
    double sum = 0;
    for (int g = 0; g < kNumPowers; ++g) {
      sum += weight_[g] * Sigmoid(power_[g] * raw);
    }
    return sum;
  }

 private:
  std::array<double, kNumPowers> power_{};
  std::array<double, kNumPowers> weight_{};
  double mean_log_power_ = 0;
};

// Weighted pool of neighbours that violate the order.
struct Block {
  double weight;
  double value;  // mean of what is pooled
  double raw;    // mean log-odds
  double line;   // mean of the line
};

void PushPooled(std::vector<Block>* blocks, Block block) {
  while (!blocks->empty() && blocks->back().value >= block.value) {
    const Block& last = blocks->back();
    const double weight = last.weight + block.weight;
    const auto mean = [&](double a, double b) {
      return (last.weight * a + block.weight * b) / weight;
    };
    block = {weight, mean(last.value, block.value), mean(last.raw, block.raw),
             mean(last.line, block.line)};
    blocks->pop_back();
  }
  blocks->push_back(block);
}

}  // namespace

double ExpectedCalibrationError(std::span<const GoldOutcome> outcomes) {
  constexpr int kBins = 10;
  std::array<double, kBins> excess{};
  for (const GoldOutcome& outcome : outcomes) {
    const int bin =
        std::clamp(static_cast<int>(outcome.confidence * kBins), 0, kBins - 1);
    excess[bin] += outcome.confidence - (outcome.correct ? 1 : 0);
  }
  double sum = 0;
  for (const double e : excess) sum += std::abs(e);
  return outcomes.empty() ? 0 : sum / static_cast<double>(outcomes.size());
}

absl::StatusOr<CalibrationMap> CalibrationMap::Fit(
    std::span<const GoldOutcome> outcomes, int64_t version) {
  std::vector<Point> points;
  points.reserve(outcomes.size());
  for (size_t i = 0; i < outcomes.size(); ++i) {
    const double confidence = outcomes[i].confidence;
    if (!(confidence >= 0 && confidence <= 1)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "outcomes[", i, "].confidence: must be in [0, 1], got ", confidence));
    }
    points.push_back({Logit(confidence), outcomes[i].correct ? 1.0 : 0.0});
  }
  std::sort(points.begin(), points.end(), [](const Point& a, const Point& b) {
    return a.raw != b.raw ? a.raw < b.raw : a.correct < b.correct;
  });
  const PowerPosterior power(points);

  std::vector<Block> isotonic;
  for (size_t begin = 0, end = 0; begin < points.size(); begin = end) {
    double right = 0;
    for (; end < points.size() && points[end].raw == points[begin].raw; ++end) {
      right += points[end].correct;
    }
    const double n = static_cast<double>(end - begin);
    const double raw = points[begin].raw;
    PushPooled(&isotonic, {n, right / n, raw, power.Line(raw)});
  }
  // Shrinking small blocks more than large ones can undo the order: pool again.
  std::vector<Block> shrunk;
  for (const Block& block : isotonic) {
    const double share = block.weight / (block.weight + kShrinkage);
    Block pulled = block;
    pulled.value = share * block.value + (1 - share) * block.line;
    PushPooled(&shrunk, pulled);
  }

  CalibrationMap map;
  map.version_ = version;
  map.temperature_ = std::exp(-power.mean_log_power());
  map.knots_.resize(kNumKnots);
  size_t right = 0;  // the first block at or beyond the knot
  for (int k = 0; k < kNumKnots; ++k) {
    const double raw = kFirstLogit + kLogitStep * k;
    while (right < shrunk.size() && shrunk[right].raw < raw) ++right;
    const auto bend = [&](size_t at) {
      return Logit(shrunk[at].value) - Logit(power.Line(shrunk[at].raw));
    };
    double departure = 0;
    if (!shrunk.empty()) {
      if (right == 0) {
        departure = bend(0);
      } else if (right == shrunk.size()) {
        departure = bend(right - 1);
      } else {
        const Block& low = shrunk[right - 1];
        const Block& high = shrunk[right];
        const double share = (raw - low.raw) / (high.raw - low.raw);
        departure = bend(right - 1) + share * (bend(right) - bend(right - 1));
      }
    }
    map.knots_[k] = Logit(power.Line(raw)) + departure;
    if (k > 0) map.knots_[k] = std::max(map.knots_[k], map.knots_[k - 1]);
  }
  return map;
}

std::optional<CalibrationMap> CalibrationMap::Restore(
    int64_t version, double temperature, std::vector<double> knots) {
  if (!knots.empty() && knots.size() != kNumKnots) return std::nullopt;
  if (!std::is_sorted(knots.begin(), knots.end())) return std::nullopt;
  CalibrationMap map;
  map.version_ = version;
  map.temperature_ = temperature;
  map.knots_ = std::move(knots);
  return map;
}

double CalibrationMap::Apply(double confidence) const {
  if (knots_.empty()) return confidence;
  const double at = (Logit(confidence) - kFirstLogit) / kLogitStep;
  const auto left = std::min(static_cast<size_t>(at), size_t{kNumKnots - 2});
  const double share = at - static_cast<double>(left);
  return Sigmoid(knots_[left] + share * (knots_[left + 1] - knots_[left]));
}

void CalibrationMap::Apply(TaskPosterior* posterior) const {
  if (knots_.empty()) return;
  std::vector<double>& p = posterior->probability;
  const double raw = posterior->confidence;
  double second = 0;
  for (size_t k = 0; k < p.size(); ++k) {
    if (static_cast<int32_t>(k) != posterior->label) {
      second = std::max(second, p[k]);
    }
  }
  const double rest = 1 - raw;
  // The top keeps its place if top >= second / rest * (1 - top).
  const double least = rest > 0 ? second / (rest + second) : 0;
  const double top = std::max(Apply(raw), least);
  posterior->confidence = top;
  posterior->entropy_bits = 0;
  for (size_t k = 0; k < p.size(); ++k) {
    if (static_cast<int32_t>(k) == posterior->label) {
      p[k] = top;
    } else if (rest > 0) {
      p[k] *= (1 - top) / rest;
    } else {
      p[k] = (1 - top) / static_cast<double>(p.size() - 1);
    }
    if (p[k] > 0) posterior->entropy_bits -= p[k] * std::log2(p[k]);
  }
}

std::optional<double> CalibrationMap::RawTarget(double target) const {
  if (knots_.empty()) {
    if (target <= 1) return target;
    return std::nullopt;
  }
  double low = 0;
  double high = Sigmoid(kLastLogit);
  if (Apply(high) < target) return std::nullopt;
  if (Apply(low) >= target) return low;
  // Where the line between two knots reaches it, but for rounding: what is left
  // to halve is tiny.
  const double goal = Logit(target);
  const auto above = std::lower_bound(knots_.begin(), knots_.end(), goal);
  if (above != knots_.begin() && above != knots_.end()) {
    constexpr double kRounding = 4e-12;
    const double share = (goal - above[-1]) / (above[0] - above[-1]);
    const auto knot = static_cast<double>(above - knots_.begin());
    const double near = Sigmoid(kFirstLogit + kLogitStep * (knot - 1 + share));
    if (Apply(near - kRounding) < target) low = near - kRounding;
    if (near + kRounding < high && Apply(near + kRounding) >= target) {
      high = near + kRounding;
    }
  }
  while (high - low > 1e-12) {
    const double middle = (low + high) / 2;
    (Apply(middle) >= target ? high : low) = middle;
  }
  return high;
}

}  // namespace allot
