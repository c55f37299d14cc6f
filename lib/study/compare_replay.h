// SPDX-License-Identifier: Apache-2.0
// Policies beside each other on one data set, over many seeds (replay.h).
#ifndef ALLOT_LIB_STUDY_COMPARE_REPLAY_H_
#define ALLOT_LIB_STUDY_COMPARE_REPLAY_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/study/replay.h"
#include "lib/study/summary.h"

namespace allot {

struct ReplayCurve {
  std::string policy;
  struct Point {
    double answers_per_task = 0;
    Estimate accuracy;
    Estimate confidence;
  };
  std::vector<Point> points;  // that every seed reached
  Estimate gini;              // of the answers of labelers
  std::vector<double> lorenz;
};

struct ReplaySeeds {
  int seeds = 40;  // 1, 2, ..., seeds
  int threads = 1;
  // Called after each replication with the share that is done; from any
  // thread, one call at a time. May be empty.
  std::function<void(double)> progress;
};

// The same bits on any number of threads.
absl::StatusOr<std::vector<ReplayCurve>> CompareReplay(
    const AnswerBook& book, const std::vector<std::string>& policies,
    const ReplayOptions& options, const ReplaySeeds& seeds);

// Means over seeds of RevealRun.
struct RevealSummary {
  Estimate saved;                           // 1 - answers / answers on file
  Estimate accuracy;                        // at the stop
  Estimate majority;                        // of all answers on file
  Estimate accepted;                        // share of the tasks
  int64_t all_accepted = 0, all_right = 0;  // over all seeds
};
absl::StatusOr<RevealSummary> SummariseReveal(const AnswerBook& book,
                                              const std::string& policy,
                                              const RevealOptions& options,
                                              const ReplaySeeds& seeds);

}  // namespace allot

#endif  // ALLOT_LIB_STUDY_COMPARE_REPLAY_H_
