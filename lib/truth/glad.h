// SPDX-License-Identifier: Apache-2.0
// GLAD: labelers differ in ability and tasks in difficulty.
//
//   P(answer right) = sigmoid(ability_l * exp(ease_t)), errors spread evenly
//
// ability may be negative (an adversary); exp(ease) near 0 is a task that
// nobody can solve. Gaussian priors N(1, 1) on both keep one-answer tasks and
// labelers finite; classes are equally likely beforehand. More than two classes
// as in Ustalov, Pavlichenko and Tseitlin (2024), doi:10.21105/joss.06227.
//
// Method     EM from ability = ease = 1. The M-step climbs one coordinate at a
//            time, all tasks and then all labelers, by Newton steps that are
//            halved until they do not lose.
// Monotone   log-likelihood + log priors never falls. Aggregation's
//            log_likelihood and trace leave the priors out.
// Accuracy   labeler_accuracy is the mean of P(right) over the labeler's
// answers. Threads    Deterministic on any number of threads. Cost O(answers +
// tasks * K) an iteration. Memory 24 bytes an answer. Errors kInvalidArgument:
// options out of range, or as IndexGold().
//
// Whitehill et al. (2009), "Whose vote should count more".
#ifndef ALLOT_LIB_TRUTH_GLAD_H_
#define ALLOT_LIB_TRUTH_GLAD_H_

#include <span>

#include "absl/status/statusor.h"
#include "lib/truth/aggregation.h"
#include "lib/truth/answer_set.h"

namespace allot {

struct GladOptions {
  double tolerance = 1e-5;   // stop when no posterior moved more than this
  int max_iterations = 100;  // >= 1
  int threads = 1;           // >= 1
};

struct GladFit {
  Aggregation aggregation;
  VectorD ability;  // [L]
  VectorD ease;     // [T], ln of the factor on ability
};

absl::StatusOr<GladFit> FitGlad(const AnswerSet& answers,
                                std::span<const GoldLabel> gold = {},
                                const GladOptions& options = {});

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_GLAD_H_
