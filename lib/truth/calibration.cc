// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/calibration.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace allot {
namespace {

// Pseudo tasks that pull each isotonic block to the temperature line.
constexpr double kShrinkage = 10;
// Variance of the prior on log temperature.
constexpr double kLogTemperatureVariance = 0.5;
// Raw certainty stays finite in log-odds: 1 - 1e-12.
constexpr double kMaxLogit = 27.6;

double Logit(double p) {
  return std::clamp(std::log(p) - std::log1p(-p), -kMaxLogit, kMaxLogit);
}

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// log(1 + e^x) without overflow.
double Softplus(double x) {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}

// A confidence of 1 - 1e-12 says no more about the temperature than one of
// 1 - 1e-4: a single error there must not cost thousands of nats.
constexpr double kMaxFittedLogit = 9.2;

struct Point {
  double raw;  // log-odds
  double correct;
};

// Minimises the negative log posterior in log temperature: smooth and, for
// slopes of interest, with a single dip. Golden section on [-3, 3].
double FitLogTemperature(const std::vector<Point>& points) {
  const auto cost = [&points](double log_temperature) {
    const double slope = std::exp(-log_temperature);
    double sum =
        log_temperature * log_temperature / (2 * kLogTemperatureVariance);
    for (const Point& point : points) {
      const double x =
          slope * std::clamp(point.raw, -kMaxFittedLogit, kMaxFittedLogit);
      sum += Softplus(x) - point.correct * x;
    }
    return sum;
  };
  constexpr double kGolden = 0.6180339887498949;
  double low = -3;
  double high = 3;
  double a = high - kGolden * (high - low);
  double b = low + kGolden * (high - low);
  double cost_a = cost(a);
  double cost_b = cost(b);
  while (high - low > 1e-4) {
    if (cost_a <= cost_b) {
      high = b;
      b = a;
      cost_b = cost_a;
      a = high - kGolden * (high - low);
      cost_a = cost(a);
    } else {
      low = a;
      a = b;
      cost_a = cost_b;
      b = low + kGolden * (high - low);
      cost_b = cost(b);
    }
  }
  return (low + high) / 2;
}

// Weighted pool of neighbours that violate the order.
struct Block {
  double weight;
  double value;  // mean of what is pooled
  double raw;    // mean log-odds
  double line;   // mean of the temperature line
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

absl::StatusOr<CalibrationMap> CalibrationMap::Fit(
    std::span<const GoldOutcome> outcomes, int64_t version) {
  CalibrationMap map;
  map.version_ = version;
  if (outcomes.empty()) return map;
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
  map.temperature_ = std::exp(FitLogTemperature(points));

  std::vector<Block> isotonic;
  for (size_t begin = 0, end = 0; begin < points.size(); begin = end) {
    double right = 0;
    for (; end < points.size() && points[end].raw == points[begin].raw; ++end) {
      right += points[end].correct;
    }
    const double n = static_cast<double>(end - begin);
    const double raw = points[begin].raw;
    PushPooled(&isotonic, {n, right / n, raw, Sigmoid(raw / map.temperature_)});
  }
  // Shrinking small blocks more than large ones can undo the order: pool again.
  std::vector<Block> shrunk;
  for (const Block& block : isotonic) {
    const double share = block.weight / (block.weight + kShrinkage);
    Block pulled = block;
    pulled.value = share * block.value + (1 - share) * block.line;
    PushPooled(&shrunk, pulled);
  }
  for (const Block& block : shrunk) {
    map.knots_.push_back({block.raw, Logit(block.value)});
  }
  return map;
}

double CalibrationMap::Apply(double confidence) const {
  if (knots_.empty()) return confidence;
  const double raw = Logit(confidence);
  const auto above = std::lower_bound(
      knots_.begin(), knots_.end(), raw,
      [](const Knot& knot, double value) { return knot.raw < value; });
  const auto beyond = [&](const Knot& end) {
    return Sigmoid(end.calibrated + (raw - end.raw) / temperature_);
  };
  if (above == knots_.begin()) return beyond(knots_.front());
  if (above == knots_.end()) return beyond(knots_.back());
  const Knot& left = *std::prev(above);
  const double share = (raw - left.raw) / (above->raw - left.raw);
  return Sigmoid(left.calibrated +
                 share * (above->calibrated - left.calibrated));
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
  double high = Sigmoid(kMaxLogit);
  if (Apply(high) < target) return std::nullopt;
  if (Apply(low) >= target) return low;
  while (high - low > 1e-12) {
    const double middle = (low + high) / 2;
    (Apply(middle) >= target ? high : low) = middle;
  }
  return high;
}

}  // namespace allot
