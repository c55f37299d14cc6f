// SPDX-License-Identifier: Apache-2.0
// What an owner of a pool wants to know about each labeler: how good, how
// certainly, a spammer, too fast, a copier.
#ifndef ALLOT_LIB_TRUTH_LABELER_REPORT_H_
#define ALLOT_LIB_TRUTH_LABELER_REPORT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/truth/aggregation.h"
#include "lib/truth/answer_set.h"

namespace allot {

struct LabelerReportOptions {
  double coverage = 0.95;  // of the skill interval, in (0, 1)
  int least_common = 10;   // tasks that two labelers must share to be compared
  double copy_z = 6;       // standard deviations of agreement beyond expected
  double pace_z = 3.5;     // robust standard deviations of ln duration
};

struct LabelerReport {
  int64_t answers = 0;
  // Expected share of right answers under the posteriors, with a Wilson
  // interval.
  double accuracy = 0, accuracy_low = 0, accuracy_high = 1;
  // Distance of the confusion matrix from that of a spammer, whose answers do
  // not depend on the truth: 0 for a spammer, 1 for a perfect labeler (and for
  // a perfect liar). For two classes (sensitivity + specificity - 1)^2.
  // Raykar and Yu (2012), "Eliminating spammers and ranking annotators for
  // crowdsourced labeling tasks", section 3.
  double spammer_score = 0;
  // Median seconds an answer, and how far its logarithm lies from the pool's
  // median in robust standard deviations (negative: fast). NaN without times.
  double median_seconds = 0, pace_z = 0;
  bool unusual_pace = false;
};

// Two labelers who agree more than tasks and their own habits explain.
struct SuspectedCopy {
  int32_t first = 0, second = 0;
  int64_t common = 0;   // tasks both answered
  double agreed = 0;    // of those
  double expected = 0;  // of those
  double z = 0;
};

struct PoolReport {
  std::vector<LabelerReport> labelers;  // [L]
  std::vector<SuspectedCopy> copies;    // by falling z
};

// `seconds` [answers] in the order of `answers` (grouped by task), NaN where
// unknown; empty: no times. Tasks with more than 1000 answers are left out of
// the search for copies, which costs O(sum of squared redundancies).
// Confusion matrices are re-estimated from the posteriors with half an answer
// added to each cell.
// Errors: kInvalidArgument: sizes disagree, or options out of range.
absl::StatusOr<PoolReport> ReportLabelers(
    const AnswerSet& answers, const Aggregation& fit,
    std::span<const double> seconds = {},
    const LabelerReportOptions& options = {});

// Of one confusion matrix [K x K], rows = truth.
double SpammerScore(std::span<const double> confusion, int num_classes);

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_LABELER_REPORT_H_
