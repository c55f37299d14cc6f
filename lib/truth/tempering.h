// SPDX-License-Identifier: Apache-2.0
// No surer than several answers to one task can make us.
//
// Whatever misled one labeler (an ambiguous photograph, a wrong guideline)
// misleads the next, so n answers to a task are not n independent witnesses.
// Their joint evidence is raised to the power
//
//     max(0.2, 0.7 / (1 + 0.1 (n - 1))),
//
// the design effect of correlated answers (Kish 1965) on top of a discount for
// a model that is never quite right, bounded because the difficulty integral
// absorbs a part. The three numbers are one choice for all data. Where
// labelers' errors really are independent, confidences come out too low; a
// calibration map fitted on gold undoes that.
#ifndef ALLOT_LIB_TRUTH_TEMPERING_H_
#define ALLOT_LIB_TRUTH_TEMPERING_H_

#include <cstdint>
#include <span>

#include "lib/truth/posterior.h"

namespace allot {

// The power above, in [0.2, 0.7]; no answers count as one.
double EvidencePower(int64_t num_answers);
// The same where some answers count less than once: `effective` >= 0 is the sum
// of their weights.
double EffectiveEvidencePower(double effective_answers);
// What one more answer adds, as a share of its own evidence, to that of so many
// answers alike: the growth of n EvidencePower(n).
double NextAnswerWeight(int64_t num_answers);

// Raises what answers that count as so many added to the prior to
// EffectiveEvidencePower(): probability,
// confidence, entropy and contributions change, under a uniform prior the label
// does not. `prior` is [K], any positive scale; empty means uniform. No effect
// if they are 0. O(K).
void Temper(std::span<const double> prior, double effective_answers,
            TaskPosterior* posterior);

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_TEMPERING_H_
