// SPDX-License-Identifier: Apache-2.0
// Makes a confidence mean what it says: a monotone map from the confidence of
// posterior.h to the share of such answers that gold showed to be right.
//
// Fit. The model's confidence c is first sharpened or flattened in log-odds,
//     logit t(c) = temperature^-1 logit c,
// one number, maximum a posteriori with log temperature ~ N(0, 1/2), which a
// dozen gold tasks can carry. Then isotonic regression (pool adjacent
// violators) of right/wrong on c bends that line where there is gold enough:
// each pooled block of n tasks is shrunk towards t by kShrinkage pseudo tasks,
// so that no block of three lucky answers becomes certainty. Between the
// blocks' centres the map is linear in log-odds; beyond the outermost it keeps
// their distance to t.
//
// Without gold the map is the identity, version 0.
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

class CalibrationMap {
 public:
  // The identity, version 0.
  CalibrationMap() = default;

  // O(n log n). The order of the outcomes does not matter.
  // Errors: kInvalidArgument if a confidence is outside [0, 1].
  static absl::StatusOr<CalibrationMap> Fit(
      std::span<const GoldOutcome> outcomes, int64_t version);

  // Non-decreasing in `confidence`. O(log n).
  double Apply(double confidence) const;

  // Rescales probability, confidence and entropy; the label stays. The
  // contributions and the difficulty are left as they are.
  void Apply(TaskPosterior* posterior) const;

  // The smallest raw confidence that Apply() maps to `target` or more; nothing
  // if no raw confidence below 1 does, that is, gold has never seen us so sure.
  std::optional<double> RawTarget(double target) const;

  int64_t version() const { return version_; }
  double temperature() const { return temperature_; }

 private:
  // In log-odds; both coordinates ascend.
  struct Knot {
    double raw;
    double calibrated;
  };

  int64_t version_ = 0;
  double temperature_ = 1;
  std::vector<Knot> knots_;
};

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_CALIBRATION_H_
