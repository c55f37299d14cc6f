// SPDX-License-Identifier: Apache-2.0
// How good are posteriors, judged by the truth?
#ifndef ALLOT_LIB_TRUTH_SCORING_RULES_H_
#define ALLOT_LIB_TRUTH_SCORING_RULES_H_

#include <array>
#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "lib/base/matrix.h"
#include "lib/truth/answer_set.h"

namespace allot {

// The tasks of which we were so sure.
struct ReliabilityBin {
  int64_t tasks = 0;
  double confidence = 0;  // mean; 0 without tasks
  double accuracy = 0;    // mean
};
inline constexpr int kReliabilityBins = 10;

// Means over the tasks whose truth is given. All 0 if there are none.
struct ScoringRules {
  int64_t tasks = 0;
  // Share of tasks whose most probable class is the true one; n classes that
  // tie for the top count 1/n each if the true one is among them.
  double accuracy = 0;
  // Expected calibration error: ten equal bins of the top posterior,
  // sum over bins of share * |mean confidence - accuracy|. A bin holds its
  // upper edge: (0.9, 1].
  double ece = 0;
  std::array<ReliabilityBin, kReliabilityBins> bins;
  // Sum over the classes of (posterior - truth)^2, in [0, 2].
  double brier = 0;
  // -ln posterior[truth], with the posterior floored at 1e-12.
  double log_loss = 0;
};

// `posterior` is T x K, rows sum to 1. O(truth * K).
// Errors: kInvalidArgument if a task or label is out of range.
absl::StatusOr<ScoringRules> EvaluatePosteriors(
    const MatrixF& posterior, std::span<const GoldLabel> truth);

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_SCORING_RULES_H_
