// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/scoring_rules.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace allot {

absl::StatusOr<ScoringRules> EvaluatePosteriors(
    const MatrixF& posterior, std::span<const GoldLabel> truth) {
  // Two classes tie when single precision cannot tell them apart.
  constexpr double kTie = 1e-6;
  ScoringRules sum;
  for (size_t i = 0; i < truth.size(); ++i) {
    const GoldLabel& gold = truth[i];
    if (gold.task < 0 || gold.task >= posterior.rows() || gold.label < 0 ||
        gold.label >= posterior.cols()) {
      return absl::InvalidArgumentError(
          absl::StrCat("truth[", i, "]: task ", gold.task, ", label ",
                       gold.label, " is outside the ", posterior.rows(), " x ",
                       posterior.cols(), " posterior"));
    }
    const auto row = posterior.row(gold.task);
    const double top = row.maxCoeff();
    const double truth_probability = row(gold.label);
    double ties = 0;
    double squares = 0;
    for (Eigen::Index k = 0; k < row.size(); ++k) {
      const double p = row(k);
      if (p >= top - kTie) ties += 1;
      squares += p * p;
    }
    const double right = truth_probability >= top - kTie ? 1 / ties : 0;
    sum.accuracy += right;
    sum.brier += squares + 1 - 2 * truth_probability;
    sum.log_loss -= std::log(std::max(truth_probability, 1e-12));
    ReliabilityBin& bin = sum.bins[std::clamp(
        static_cast<int>(std::ceil(top * kReliabilityBins)) - 1, 0,
        kReliabilityBins - 1)];
    ++bin.tasks;
    bin.confidence += top;
    bin.accuracy += right;
  }
  sum.tasks = static_cast<int64_t>(truth.size());
  if (truth.empty()) return sum;
  for (ReliabilityBin& bin : sum.bins) {
    sum.ece += std::abs(bin.confidence - bin.accuracy);
    const auto tasks = static_cast<double>(std::max<int64_t>(bin.tasks, 1));
    bin.confidence /= tasks;
    bin.accuracy /= tasks;
  }
  const double n = static_cast<double>(sum.tasks);
  sum.accuracy /= n;
  sum.ece /= n;
  sum.brier /= n;
  sum.log_loss /= n;
  return sum;
}

}  // namespace allot
