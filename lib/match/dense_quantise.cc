// SPDX-License-Identifier: Apache-2.0
#include "lib/match/dense_quantise.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace allot {
namespace {

constexpr int kBits = 28;

template <typename Real>
absl::StatusOr<QuantisedCosts> Quantise(std::span<const Real> costs,
                                        int64_t rows, int64_t columns,
                                        double least_quantum) {
  if (rows < 0 || columns < 0 ||
      (columns > 0 && rows > static_cast<int64_t>(costs.size()) / columns) ||
      static_cast<int64_t>(costs.size()) != rows * columns) {
    return absl::InvalidArgumentError(absl::StrCat(
        "costs: want ", rows, " x ", columns, " cells, got ", costs.size()));
  }
  int exponent = 0;
  if (least_quantum != 0 &&
      !(least_quantum > 0 && std::isfinite(least_quantum) &&
        std::frexp(least_quantum, &exponent) == 0.5)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "least_quantum: want 0 or a power of two, got ", least_quantum));
  }
  double most = 0;
  for (size_t k = 0; k < costs.size(); ++k) {
    const double cost = static_cast<double>(costs[k]);
    if (!std::isfinite(cost)) {
      return absl::InvalidArgumentError(
          absl::StrCat("costs[", static_cast<int64_t>(k) / columns, "][",
                       static_cast<int64_t>(k) % columns,
                       "]: want a finite number, got ", cost));
    }
    most = std::max(most, std::abs(cost));
  }
  QuantisedCosts out;
  // most = m * 2^exponent with m in [1/2, 1): most / quantum < 2^28.
  std::frexp(most, &exponent);
  // The least normal number at least, so that its inverse is finite.
  out.quantum =
      most == 0 ? 1 : std::ldexp(1.0, std::max(exponent - kBits, -1022));
  out.quantum = std::max(out.quantum, least_quantum);
  const double scale = 1 / out.quantum;
  out.costs.reserve(costs.size());
  for (const Real cost : costs) {
    out.costs.push_back(static_cast<int32_t>(
        std::nearbyint(static_cast<double>(cost) * scale)));
  }
  return out;
}

}  // namespace

absl::StatusOr<QuantisedCosts> QuantiseCosts(std::span<const double> costs,
                                             int64_t rows, int64_t columns,
                                             double least_quantum) {
  return Quantise(costs, rows, columns, least_quantum);
}

absl::StatusOr<QuantisedCosts> QuantiseCosts(std::span<const float> costs,
                                             int64_t rows, int64_t columns,
                                             double least_quantum) {
  return Quantise(costs, rows, columns, least_quantum);
}

}  // namespace allot
