// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/policy.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace allot {

absl::Status ValidateObjectiveWeights(const ObjectiveWeights& weights) {
  const struct {
    absl::string_view field;
    double value;
  } non_negative[] = {
      {"quality", weights.quality}, {"cost", weights.cost},
      {"time", weights.time},       {"explore", weights.explore},
      {"balance", weights.balance}, {"fairness", weights.fairness}};
  for (const auto& [field, value] : non_negative) {
    if (!(value >= 0) || std::isinf(value)) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ": must be finite and >= 0, got ", value));
    }
  }
  if (weights.fair_answers < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("fair_answers: must be >= 1, got ", weights.fair_answers));
  }
  const double accuracy = weights.min_expected_accuracy;
  if (!(accuracy >= 0 && accuracy <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "min_expected_accuracy: must be in [0, 1], got ", accuracy));
  }
  const double share = weights.max_labeler_share;
  if (!(share > 0 && share <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_labeler_share: must be in (0, 1], got ", share));
  }
  return absl::OkStatus();
}

}  // namespace allot
