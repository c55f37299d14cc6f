// SPDX-License-Identifier: Apache-2.0
// Makes a confidence mean what it says: a monotone map from the confidence of
// posterior.h to the share of such answers that gold showed to be right.
//
// Fit. The model's confidence c is first sharpened or flattened in log-odds,
//     logit t(c) = power * logit c,
// with ln power ~ N(-1/8, 1/4) before any gold is seen, a mean power of 1:
// about how far pools of real labelers depart from the model, in either
// direction. The power is not
// picked but averaged over, by the likelihood of the gold,
//     line(c) = E sigmoid(power * logit c),
// so that what is not known of the pool makes the claim smaller. Then isotonic
// regression (pool adjacent violators) of right/wrong on c bends that line
// where there is gold enough: each pooled block of n tasks is shrunk towards
// the line by kShrinkage pseudo tasks, so that no block of three lucky answers
// becomes certainty. Between the blocks' centres the departure from the line is
// linear in log-odds, beyond the outermost it is constant.
//
// Without gold that is the line under the prior alone: a claim that holds over
// many pools, where whatever misleads all labelers of one pool cannot be seen.
// Such a map says 0.95 where the model says 0.982, 0.98 where it says 0.997. A
// map that was not fitted is the identity, version 0.
//
// Log-odds are taken within [-8, 12] throughout.
//
// Applying the map to a posterior keeps it a distribution and keeps its argmax:
// the top class gets the mapped confidence (never less than would let the
// second overtake it), the others share the rest in their old proportions.
//
// Niculescu-Mizil and Caruana (2005), doi:10.1145/1102351.1102430. Guo et al.
// (2017), "On calibration of modern neural networks".
#ifndef ALLOT_LIB_TRUTH_CALIBRATION_H_
#define ALLOT_LIB_TRUTH_CALIBRATION_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/truth/posterior.h"

namespace allot {

// One gold task: how sure we were of its label, and whether that was right.
struct GoldOutcome {
  double confidence = 0;  // in [0, 1]
  bool correct = false;
};

// How far confidence and success are apart: over ten equal bins of confidence,
// |mean confidence - share right|, weighted by the bins' sizes. 0 of nothing.
double ExpectedCalibrationError(std::span<const GoldOutcome> outcomes);

class CalibrationMap {
 public:
  // The identity, version 0.
  CalibrationMap() = default;

  // O(n log n + 3000). The order of the outcomes does not matter.
  // Errors: kInvalidArgument if a confidence is outside [0, 1].
  static absl::StatusOr<CalibrationMap> Fit(
      std::span<const GoldOutcome> outcomes, int64_t version);

  // Non-decreasing in `confidence`. O(1).
  double Apply(double confidence) const;

  // Rescales probability, confidence and entropy; the label stays. The
  // contributions and the difficulty are left as they are.
  void Apply(TaskPosterior* posterior) const;

  // The smallest raw confidence that Apply() maps to `target` or more; nothing
  // if no raw confidence below 1 does, that is, gold has never seen us so sure.
  std::optional<double> RawTarget(double target) const;

  int64_t version() const { return version_; }
  // 1 / the power, averaged in logarithms. Above 1: the model was too sure.
  double temperature() const { return temperature_; }

  // The map as numbers, to be kept and restored bit by bit.
  const std::vector<double>& knots() const { return knots_; }
  // Nothing unless the knots are ascending and as many as a map has, or none.
  static std::optional<CalibrationMap> Restore(int64_t version,
                                               double temperature,
                                               std::vector<double> knots);

 private:
  int64_t version_ = 0;
  double temperature_ = 1;
  // Calibrated log-odds at evenly spaced raw log-odds; empty: the identity.
  std::vector<double> knots_;
};

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_CALIBRATION_H_
