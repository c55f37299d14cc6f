// SPDX-License-Identifier: Apache-2.0
#include "lib/study/summary.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace allot {

Estimate EstimateOf(std::span<const double> values) {
  Estimate estimate;
  estimate.count = static_cast<int64_t>(values.size());
  if (values.empty()) return estimate;
  const auto n = static_cast<double>(values.size());
  estimate.mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  if (values.size() < 2) return estimate;
  double squares = 0;
  for (const double value : values) {
    squares += (value - estimate.mean) * (value - estimate.mean);
  }
  estimate.error = std::sqrt(squares / (n - 1) / n);
  return estimate;
}

double Gini(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  double sum = 0, weighted = 0;
  for (size_t i = 0; i < sorted.size(); ++i) {
    sum += sorted[i];
    weighted += static_cast<double>(i + 1) * sorted[i];
  }
  if (sum <= 0) return 0;
  const auto n = static_cast<double>(sorted.size());
  return (2 * weighted / sum - (n + 1)) / n;
}

std::vector<double> Lorenz(std::span<const double> values, int points) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  std::vector<double> sums = {0};
  for (const double value : sorted) sums.push_back(sums.back() + value);
  const double total = sums.back();
  std::vector<double> curve;
  for (int i = 0; i <= points; ++i) {
    const double at = static_cast<double>(sorted.size()) * i / points;
    const auto below = static_cast<size_t>(at);
    const size_t above = std::min(below + 1, sorted.size());
    const double part = at - static_cast<double>(below);
    const double sum = sums[below] + part * (sums[above] - sums[below]);
    curve.push_back(total > 0 ? sum / total : static_cast<double>(i) / points);
  }
  return curve;
}

std::optional<double> FirstReach(
    std::span<const std::pair<double, double>> curve, double level) {
  for (size_t i = 0; i < curve.size(); ++i) {
    if (curve[i].second < level) continue;
    if (i == 0) return curve[0].first;
    const auto& [x0, y0] = curve[i - 1];
    const auto& [x1, y1] = curve[i];
    return x0 + (x1 - x0) * (level - y0) / (y1 - y0);
  }
  return std::nullopt;
}

double Quantile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  const auto rank = static_cast<size_t>(
      std::max(0.0, std::ceil(share * static_cast<double>(values.size())) - 1));
  const auto at = std::min(rank, values.size() - 1);
  std::nth_element(values.begin(),
                   values.begin() + static_cast<std::ptrdiff_t>(at),
                   values.end());
  return values[at];
}

}  // namespace allot
