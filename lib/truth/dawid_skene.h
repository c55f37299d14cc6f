// SPDX-License-Identifier: Apache-2.0
// Dawid-Skene by expectation-maximisation: learn how each labeler errs and what
// the answers then say, from the answers alone.
//
//   P(z_t = c) = prior[c],   P(answer = k | z_t = c, labeler l) = M_l(c, k)
//
// Full: one K x K confusion matrix per labeler. One-coin: one accuracy per
// labeler, errors spread evenly over the other classes.
//
// Start      the vote shares of each task (gold: its class).
// Smoothing  `smoothing` is added to every expected count, so no probability is
//            ever 0. It makes the fit a maximum a posteriori one: what never
//            falls from one iteration to the next is the log-likelihood plus
//            smoothing * (sum of the logs of all parameters). The trace holds
//            the log-likelihood alone; with the default its dips are far below
//            what matters, and none are left as smoothing goes to 0.
// Likelihood log_likelihood and trace.back() belong to the returned parameters
//            and posterior: sum over tasks of ln P(answers of the task), with
//            gold the joint ln P(gold class, answers).
// Caution    The posteriors of the full model are over-confident where labelers
//            gave few answers per class or copy one another; see calibration.
// Numerics   Products are kept as mantissa and exponent per class: nothing
//            underflows, whatever the number of answers to one task.
// Threads    Deterministic: the same bits on any number of threads.
// Memory     Besides the answers: 4 bytes an answer, 4 K a task, and per thread
//            part 8 K for each distinct (labeler, label) pair seen.
// Cost       O(answers * K) an iteration.
// Errors     kInvalidArgument: options out of range, or as IndexGold().
//
// Dawid and Skene (1979), doi:10.2307/2346806, equations 2.3 to 2.5.
#ifndef ALLOT_LIB_TRUTH_DAWID_SKENE_H_
#define ALLOT_LIB_TRUTH_DAWID_SKENE_H_

#include <span>

#include "absl/status/statusor.h"
#include "lib/truth/aggregation.h"
#include "lib/truth/answer_set.h"

namespace allot {

struct DawidSkeneOptions {
  double smoothing = 0.01;   // in [1e-6, 1e6]
  double tolerance = 1e-6;   // stop when no posterior moved more than this
  int max_iterations = 300;  // >= 1; stopping here is not an error
  int threads = 1;           // >= 1
  // Return Aggregation::confusion, 4 K^2 bytes a labeler.
  bool keep_confusion = true;
};

// kInvalidArgument names the first field out of range.
absl::Status Validate(const DawidSkeneOptions& options);

absl::StatusOr<Aggregation> FitDawidSkene(
    const AnswerSet& answers, std::span<const GoldLabel> gold = {},
    const DawidSkeneOptions& options = {});

// Smooths both sides of a labeler's coin. Never returns a confusion matrix: the
// accuracy says it all. O(answers + tasks * K) an iteration.
absl::StatusOr<Aggregation> FitOneCoin(const AnswerSet& answers,
                                       std::span<const GoldLabel> gold = {},
                                       const DawidSkeneOptions& options = {});

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_DAWID_SKENE_H_
