// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/decision.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

double Logit(double p) {
  constexpr double kEdge = 1e-12;
  p = std::clamp(p, kEdge, 1 - kEdge);
  return std::log(p / (1 - p));
}

double MinusPLog2P(double p) { return p > 0 ? -p * std::log2(p) : 0; }

absl::Status Validate(std::span<const double> posterior, const StopRule& rule) {
  if (posterior.size() < 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        "posterior: must have at least 2 classes, got ", posterior.size()));
  }
  if (!(rule.target > 0 && rule.target < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("target: must be in (0, 1), got ", rule.target));
  }
  if (!(rule.expected_accuracy >= 0 && rule.expected_accuracy < 1)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "expected_accuracy: must be in [0, 1), got ", rule.expected_accuracy));
  }
  if (!(rule.evidence_weight > 0 && rule.evidence_weight <= 1)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "evidence_weight: must be in (0, 1], got ", rule.evidence_weight));
  }
  if (!(rule.price >= 0) || !std::isfinite(rule.price) ||
      !(rule.value_per_bit >= 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("price and value_per_bit: must not be negative, got ",
                     rule.price, " and ", rule.value_per_bit));
  }
  return absl::OkStatus();
}

Decision Escalate(EscalationReason reason, Decision decision) {
  decision.verdict = Verdict::kEscalate;
  decision.reason = reason;
  return decision;
}

}  // namespace

double AnswerInformationBits(std::span<const double> posterior,
                             double accuracy) {
  const double others = static_cast<double>(posterior.size()) - 1;
  const double wrong = (1 - accuracy) / others;
  double answer = 0;
  for (const double p : posterior) {
    answer += MinusPLog2P(p * accuracy + (1 - p) * wrong);
  }
  const double noise = MinusPLog2P(accuracy) + others * MinusPLog2P(wrong);
  return std::max(0.0, answer - noise);
}

absl::StatusOr<Decision> Decide(std::span<const double> posterior,
                                const CalibrationMap& calibration,
                                const StopRule& rule) {
  ALLOT_RETURN_IF_ERROR(Validate(posterior, rule));
  const double top = *std::max_element(posterior.begin(), posterior.end());
  Decision decision;
  decision.bits_next_answer =
      AnswerInformationBits(posterior, rule.expected_accuracy);
  if (calibration.Apply(top) >= rule.target) {
    decision.verdict = Verdict::kAccept;
    return decision;
  }
  if (rule.answers_left <= 0) {
    return Escalate(EscalationReason::kNoAnswersLeft, decision);
  }
  if (rule.budget_left < rule.price) {
    return Escalate(EscalationReason::kNoBudgetLeft, decision);
  }
  const std::optional<double> goal_confidence =
      calibration.RawTarget(rule.target);
  if (!goal_confidence.has_value()) {
    return Escalate(EscalationReason::kBeyondCalibration, decision);
  }
  const double classes = static_cast<double>(posterior.size());
  const double p = std::min(rule.expected_accuracy, 1 - 1e-9);
  const double q = (1 - p) / (classes - 1);
  if (p <= q) return Escalate(EscalationReason::kLabelersOnlyGuess, decision);
  if (rule.value_per_bit > 0 &&
      rule.value_per_bit * decision.bits_next_answer < rule.price) {
    return Escalate(EscalationReason::kNotWorthItsPrice, decision);
  }

  const double goal = Logit(*goal_confidence);
  const double step = rule.evidence_weight * std::log(p / q);
  double allowed = static_cast<double>(rule.answers_left);
  if (rule.price > 0) {
    allowed = std::min(allowed, std::floor(rule.budget_left / rule.price));
  }
  const double fewest =
      std::max(1.0, std::ceil((goal - Logit(top)) / step - 1e-9));
  if (fewest > allowed) {
    return Escalate(EscalationReason::kOutOfReach, decision);
  }
  double distance = 0;
  for (const double pi : posterior) {
    distance += pi * std::max(0.0, goal - Logit(pi));
  }
  const double expected = std::ceil(distance / ((p - q) * step) - 1e-9);
  decision.verdict = Verdict::kCollect;
  decision.answers =
      static_cast<int64_t>(std::clamp(expected, fewest, allowed));
  decision.expected_cost = static_cast<double>(decision.answers) * rule.price;
  return decision;
}

}  // namespace allot
