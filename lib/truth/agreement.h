// SPDX-License-Identifier: Apache-2.0
// How far labelers agree beyond chance, before anybody asks who is right.
//
// Krippendorff's alpha = 1 - observed disagreement / expected disagreement,
//
//   observed  mean of d(a, b) over pairs of answers to one task, each answer
//             weighing the same whatever the number of its companions
//   expected  mean of d(a, b) over all pairs of answers
//
// with d = 1 for different classes (nominal), the squared difference of mid
// ranks (ordinal) or of values (interval). Tasks with a single answer say
// nothing and are left out, so redundancy may vary. 1 is perfect agreement, 0
// what chance gives, below 0 systematic disagreement.
//
// Fleiss' kappa: the same question with the answers' shares as chance; without
// alpha's small-sample correction. Redundancy may vary (tasks weigh the same).
//
// Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability". Fleiss
// (1971), doi:10.1037/h0031619. Interval: percentile bootstrap over tasks.
#ifndef ALLOT_LIB_TRUTH_AGREEMENT_H_
#define ALLOT_LIB_TRUTH_AGREEMENT_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "lib/truth/answer_set.h"
#include "lib/truth/numeric_answer_set.h"

namespace allot {

enum class Scale {
  kNominal,
  kOrdinal,   // classes in ascending order, distances unknown
  kInterval,  // class c stands for the number c
};

struct AlphaOptions {
  int resamples = 1000;    // >= 0; 0 asks for no interval
  double coverage = 0.95;  // in (0, 1)
  uint64_t seed = 1;
  int threads = 1;
};

struct Alpha {
  double alpha = 0;
  double low = 0, high = 0;  // both alpha itself without resamples
  int64_t answers = 0;       // that have a companion
};

// O(answers + classes), and as much again per resample (interval: O(tasks)).
// Deterministic on any number of threads.
// Errors: kInvalidArgument for options out of range; kFailedPrecondition where
// alpha is undefined: no task has two answers, or all answers are the same.
absl::StatusOr<Alpha> KrippendorffAlpha(const AnswerSet& answers, Scale scale,
                                        const AlphaOptions& options = {});

// Interval scale.
absl::StatusOr<Alpha> KrippendorffAlpha(const NumericAnswerSet& answers,
                                        const AlphaOptions& options = {});

// O(answers + tasks). kFailedPrecondition as above.
absl::StatusOr<double> FleissKappa(const AnswerSet& answers);

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_AGREEMENT_H_
