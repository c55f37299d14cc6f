// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/medoid.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"

namespace allot {

absl::StatusOr<Medoid> WeightedMedoid(const MatrixF& similarity,
                                      std::span<const double> weight) {
  const Eigen::Index n = similarity.rows();
  if (n < 1 || similarity.cols() != n) {
    return absl::InvalidArgumentError(
        absl::StrCat("similarity: want n x n with n >= 1, got ",
                     similarity.rows(), " x ", similarity.cols()));
  }
  if (!weight.empty() && static_cast<Eigen::Index>(weight.size()) != n) {
    return absl::InvalidArgumentError(
        absl::StrCat("weight: want ", n, " or none, got ", weight.size()));
  }
  double all = 0;
  for (size_t i = 0; i < weight.size(); ++i) {
    if (!(weight[i] >= 0) || !std::isfinite(weight[i])) {
      return absl::InvalidArgumentError(absl::StrCat(
          "weight[", i, "]: must be finite and >= 0, got ", weight[i]));
    }
    all += weight[i];
  }
  const auto weight_of = [&](Eigen::Index i) {
    return all > 0 ? weight[static_cast<size_t>(i)] : 1.0;
  };
  Medoid best;
  double pairs = 0, best_support = -1;
  for (Eigen::Index i = 0; i < n; ++i) {
    double support = 0, others = 0;
    for (Eigen::Index j = 0; j < n; ++j) {
      if (i == j) continue;
      const double s = similarity(i, j);
      if (!(s >= 0 && s <= 1)) {
        return absl::InvalidArgumentError(absl::StrCat(
            "similarity(", i, ", ", j, "): must be in [0, 1], got ", s));
      }
      support += weight_of(j) * s;
      others += weight_of(j);
      pairs += s;
    }
    // Its own weight counts as support for itself, or a trusted answer could
    // never win against two that trust each other.
    const double total = support + weight_of(i);
    if (total > best_support) {
      best_support = total;
      best.chosen = static_cast<int>(i);
      best.confidence = others > 0 ? support / others : 0;
    }
  }
  best.agreement = n > 1 ? pairs / static_cast<double>(n * (n - 1)) : 1;
  return best;
}

double IntersectionOverUnion(const Box& a, const Box& b) {
  const auto sorted = [](const Box& box) {
    return Box{std::min(box.x0, box.x1), std::min(box.y0, box.y1),
               std::max(box.x0, box.x1), std::max(box.y0, box.y1)};
  };
  const Box p = sorted(a), q = sorted(b);
  const double width = std::min(p.x1, q.x1) - std::max(p.x0, q.x0);
  const double height = std::min(p.y1, q.y1) - std::max(p.y0, q.y0);
  const double shared = std::max(width, 0.0) * std::max(height, 0.0);
  const double both =
      (p.x1 - p.x0) * (p.y1 - p.y0) + (q.x1 - q.x0) * (q.y1 - q.y0) - shared;
  if (both > 0) return shared / both;
  return p.x0 == q.x0 && p.y0 == q.y0 && p.x1 == q.x1 && p.y1 == q.y1 ? 1 : 0;
}

MatrixF BoxSimilarity(std::span<const Box> boxes) {
  const auto n = static_cast<Eigen::Index>(boxes.size());
  MatrixF similarity = MatrixF::Ones(n, n);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index j = 0; j < i; ++j) {
      similarity(i, j) = similarity(j, i) =
          static_cast<float>(IntersectionOverUnion(
              boxes[static_cast<size_t>(i)], boxes[static_cast<size_t>(j)]));
    }
  }
  return similarity;
}

}  // namespace allot
