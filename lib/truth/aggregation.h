// SPDX-License-Identifier: Apache-2.0
// What every method of aggregation returns for a whole history of answers.
#ifndef ALLOT_LIB_TRUTH_AGGREGATION_H_
#define ALLOT_LIB_TRUTH_AGGREGATION_H_

#include <vector>

#include "lib/base/matrix.h"

namespace allot {

// Shapes: T tasks, L labelers, K classes, as in the AnswerSet it was fitted on.
//
// A task without answers gets the class prior (majority and Wawa: the uniform
// distribution); a labeler without answers gets the method's prior accuracy.
struct Aggregation {
  // [T x K], P(true class | answers) as the method sees it; rows sum to 1. How
  // far these numbers can be trusted differs by method: see each header.
  MatrixF posterior;
  // [L], in [0, 1]: the probability of a right answer, averaged over the class
  // prior where the method knows one accuracy per class.
  VectorD labeler_accuracy;
  // [K], sums to 1: how common each class is among the tasks.
  VectorD class_prior;
  // ln P(answers | parameters) at the returned parameters, in nats. 0 where the
  // method has no likelihood (majority, Wawa).
  double log_likelihood = 0;
  int iterations = 0;
  // The same at the parameters of each iteration. EM with smoothed counts
  // climbs the smoothed objective; see each method for what never falls.
  std::vector<double> trace;
  // [L * K * K]: P(answer = k | truth = c, labeler) at (labeler * K + c) * K +
  // k, rows sum to 1. Empty where the method has none, or on request: it is the
  // largest part by far when K is large.
  std::vector<float> confusion;
};

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_AGGREGATION_H_
