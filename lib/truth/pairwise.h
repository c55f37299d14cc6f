// SPDX-License-Identifier: Apache-2.0
// A ranking of items from comparisons of two, by labelers who are not all
// equally attentive.
//
//   P(l prefers i over j) = sigmoid(a_l (s_i - s_j))
//
// s_i is the item's score (Bradley and Terry), N(0, S) with S learned; a_l is
// the labeler's reliability: 1 is typical, 0 a guesser, below 0 contrary;
// N(1, A), A learned. A report may also be a probability that the left item
// wins: it counts as that share of a win.
//
// Method     Maximum a posteriori, Newton steps on one score or reliability at
// a
//            time, each halved until it does not lose; S and A from the
//            posterior spread (EM with the curvature as the error bar).
//            Each step climbs the objective of the current S and A.
// Ties       count as half a win for each side: `left_wins` 0.5.
// Cost       O(comparisons) an iteration. Deterministic, single-threaded.
// Errors     kInvalidArgument: a row out of range, an item against itself,
//            left_wins outside [0, 1], no comparison at all.
//
// Bradley and Terry (1952), doi:10.2307/2334029. Chen et al. (2013),
// doi:10.1145/2433396.2433420 (labeler reliability).
#ifndef ALLOT_LIB_TRUTH_PAIRWISE_H_
#define ALLOT_LIB_TRUTH_PAIRWISE_H_

#include <cstdint>
#include <span>

#include "absl/status/statusor.h"
#include "lib/base/matrix.h"

namespace allot {

struct Comparison {
  int32_t left = 0, right = 0;  // items
  int32_t labeler = 0;
  float left_wins = 1;  // 1, 0, a half for "the same", or a probability
};

struct PairwiseOptions {
  int max_iterations = 100;  // >= 1
  double tolerance = 1e-5;   // stop when no score moved more than this
};

struct PairwiseFit {
  VectorD score;        // [items], mean 0
  VectorD score_error;  // [items], posterior standard deviation, about
  VectorD reliability;  // [labelers]
  double score_variance = 0, reliability_variance = 0;  // S and A
  double log_likelihood = 0;  // nats, of the comparisons, without priors
  int iterations = 0;
};

absl::StatusOr<PairwiseFit> FitPairwise(int32_t num_items, int32_t num_labelers,
                                        std::span<const Comparison> comparisons,
                                        const PairwiseOptions& options = {});

// P(left is preferred by labeler), allowing for what is not known about the
// scores (MacKay's approximation). `labeler` < 0 or without answers: a typical
// one.
double PredictPreference(const PairwiseFit& fit, int32_t left, int32_t right,
                         int32_t labeler);

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_PAIRWISE_H_
