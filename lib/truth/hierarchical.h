// SPDX-License-Identifier: Apache-2.0
// allot's default batch method: hierarchical, difficulty-aware, and no surer of
// itself than answers to one task can make it.
//
// Dawid and Skene's model is accurate where labelers answered hundreds of tasks
// and falls behind the majority where they did not; and it is over-confident,
// because it takes the errors of different labelers on one task as independent.
// Three things are different here.
//
// 1. A hierarchy of labelers. Labeler i either knows a class or guesses as the
//    pool guesses, and departs from that as far as the data say:
//        M_i(c, .) ~ Dirichlet(kappa * m_i(c, .)),
//        m_i(c, l) = know_i [c = l] + (1 - know_i) G(c, l),
//        know_i    ~ Beta around the pool's mean.
//    kappa is chosen by empirical Bayes: pools of like-minded labelers are
//    fitted by little more than one number each, large histories by full
//    confusion matrices, anything between by shades between.
// 2. Difficulty. A task has one of five levels b = 0, 1, ..., 4 logits, with
//    weights learned from the answers. On a task of level b labeler i keeps the
//    share
//        s_i(b) = sigmoid(logit know_i - b) / know_i
//    of what they know, and otherwise answers out of habit whatever the truth:
//        P(l | c, b, i) = s_i(b) M_i(c, l) + (1 - s_i(b)) habit_i(l).
//    Experts lose less than novices: an odd answer to a task that everybody
//    else quarrels about is no proof of a bad labeler.
// 3. Tempering. Whatever misled one labeler (an ambiguous photograph, a wrong
//    guideline) misleads the next. The class posterior of a task with n answers
//    is raised to the power
//        max(0.2, 0.7 / (1 + 0.1 (n - 1)))
//    and normalised: the design effect of correlated answers, bounded because
//    the difficulty absorbs a part. This moves confidences, never labels. The
//    three numbers are one choice for all data. Gold corrects them: the gold
//    tasks, scored as if they were not gold (by parameters they did help to
//    fit), make a calibration map (calibration.h) for all others.
//
// The class prior is learned, with 200 pseudo tasks a class: with few hundred
// tasks of low-skilled answers the maximum-likelihood prior runs away to one
// class, and takes the labels with it.
//
// Fit        Expectation-maximisation from the vote shares (gold: its class).
//            kappa, the Beta prior and the levels are re-estimated on the way,
//            so that the log-likelihood climbs in general but may dip. It
//            stops early: beyond some 15 rounds expectation-maximisation mostly
//            talks itself into certainty.
// Likelihood log_likelihood and trace are of the answers before tempering.
// Large K    A confusion matrix per labeler is fitted if L K^2 is at most 2^20
//            plus the number of answers; else labelers have one accuracy each
//            and guess alike: M_i(c, l) = know_i [c = l] + (1 - know_i) g(l).
// Adversary  A labeler worse than chance is expressed by M_i, hence only where
//            confusion matrices are fitted.
// Threads    Deterministic: the same bits on any number of threads.
// Memory     Besides the answers and the result: 12 bytes an answer, 20 K a
//            task, 8 K^2 a labeler (large K: 16 K).
// Cost       O(5 K answers) an iteration.
// Errors     kInvalidArgument: options out of range, or as IndexGold().
//
// Dawid and Skene (1979), doi:10.2307/2346806. Kim and Ghahramani (2012),
// "Bayesian classifier combination". Whitehill et al. (2009), "Whose vote
// should count more". Hovy et al. (2013), "Learning whom to trust with MACE".
#ifndef ALLOT_LIB_TRUTH_HIERARCHICAL_H_
#define ALLOT_LIB_TRUTH_HIERARCHICAL_H_

#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/truth/aggregation.h"
#include "lib/truth/answer_set.h"
#include "lib/truth/calibration.h"
#include "lib/truth/hierarchical_labelers.h"

namespace allot {

struct HierarchicalOptions {
  double tolerance = 1e-4;  // stop when no posterior moved more than this
  int max_iterations = 15;  // >= 1; stopping here is not an error
  int threads = 1;          // >= 1
  // Return Aggregation::confusion, 4 K^2 bytes a labeler.
  bool keep_confusion = true;
  // Return HierarchicalFit::labelers, with which further tasks can be judged.
  bool keep_labelers = false;
};

struct HierarchicalFit {
  // posterior is tempered; labeler_accuracy is over tasks of all levels and
  // classes as this pool sees them; confusion is that of the easiest level.
  Aggregation aggregation;
  // [L] A 90% interval of labeler_accuracy.
  VectorD accuracy_low;
  VectorD accuracy_high;
  // [T] Expected difficulty in logits above the easiest level, in [0, 4].
  VectorF difficulty;
  double concentration = 0;    // kappa; 0 where no matrices are fitted
  CalibrationMap calibration;  // from gold; the identity without
  // The weights of kLevelLogits, and on request all that is believed of the
  // labelers.
  std::vector<double> level_weight;
  std::optional<HierarchicalLabelers> labelers;
};

absl::Status Validate(const HierarchicalOptions& options);

absl::StatusOr<HierarchicalFit> FitHierarchical(
    const AnswerSet& answers, std::span<const GoldLabel> gold = {},
    const HierarchicalOptions& options = {});

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_HIERARCHICAL_H_
