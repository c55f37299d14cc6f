// SPDX-License-Identifier: Apache-2.0
// What to do with a task now: take its label, ask more labelers, or give up.
//
// ACCEPT    the confidence (calibrated, if there is a map) is at least
// `target`. COLLECT n otherwise, if more answers are allowed, can reach the
// target, and
//           the next one is worth its price. n is how many are expected.
// ESCALATE  otherwise, with the reason: send the task to an expert, or drop it.
//
// How many answers. If the truth is k, answers of a labeler with accuracy p
// lift the log-odds of k by a random walk whose mean step is
//     drift(p) = (p - q) ln(p / q),   q = (1 - p) / (K - 1),
// and by Wald's identity the walk needs (goal - logit pi_k) / drift(p) steps to
// the goal in the mean, the goal being the logit of the target. Averaged over
// what the truth may be:
//     n = ceil( sum_k pi_k max(0, goal - logit pi_k) / drift(p) ).
// An approximation: it forgets that answers also tell of the difficulty, and
// that the last step overshoots.
//
// Whether the target can be reached. Even if all further answers agree on the
// leading label, each lifts its log-odds by ln(p / q) at most; if the answers
// that are left (by count and by budget) do not reach the goal then, none will.
//
// Whether the next answer is worth its price. It is worth its mutual
// information with the truth under the present posterior, in bits, times
// `value_per_bit`. Value 0 leaves prices to the budget alone.
//
// Laws (tested): raising the target never turns COLLECT or ESCALATE into
// ACCEPT and never lowers n; raising limits never turns COLLECT into ESCALATE.
// Deterministic. Cost O(K).
//
// Wald (1947), Sequential Analysis. Lindley (1956),
// doi:10.1214/aoms/1177728069.
#ifndef ALLOT_LIB_TRUTH_DECISION_H_
#define ALLOT_LIB_TRUTH_DECISION_H_

#include <cstdint>
#include <limits>
#include <span>

#include "absl/status/statusor.h"
#include "lib/truth/calibration.h"

namespace allot {

struct StopRule {
  double target = 0.95;  // calibrated confidence, in (0, 1)
  // What is left to this task.
  int64_t answers_left = 16;
  double budget_left = std::numeric_limits<double>::infinity();
  // The labeler who would typically come next.
  double expected_accuracy = 0.75;  // in [0, 1)
  // The share of its evidence that counts beside the answers that are there
  // (NextAnswerWeight() of tempering.h), in (0, 1].
  double evidence_weight = 1;
  double price = 0;          // currency per answer, >= 0
  double value_per_bit = 0;  // currency; 0 = whatever it costs
};

enum class Verdict { kAccept, kCollect, kEscalate };

enum class EscalationReason {
  kNone,
  kOutOfReach,         // not even unanimous answers would do
  kNoAnswersLeft,      // by count
  kNoBudgetLeft,       // by price
  kNotWorthItsPrice,   // an answer costs more than it tells
  kBeyondCalibration,  // gold has never supported so high a target
  kLabelersOnlyGuess,  // expected accuracy at or below 1/K
};

struct Decision {
  Verdict verdict = Verdict::kCollect;
  EscalationReason reason = EscalationReason::kNone;
  int64_t answers = 0;          // kCollect: expected number, at least 1
  double expected_cost = 0;     // answers * price
  double bits_next_answer = 0;  // mutual information of one more answer
};

// Mutual information, in bits, between the true class, distributed as
// `posterior`, and one more answer of a labeler who is right with probability
// `accuracy` and else picks any other class alike. 0 for a guesser, log2 K for
// an oracle under the uniform posterior.
double AnswerInformationBits(std::span<const double> posterior,
                             double accuracy);

// `posterior` is the model's own, before calibration.
// Errors: kInvalidArgument names the field of `rule` out of range, or says that
// the posterior has fewer than two classes.
absl::StatusOr<Decision> Decide(std::span<const double> posterior,
                                const CalibrationMap& calibration,
                                const StopRule& rule);

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_DECISION_H_
