// SPDX-License-Identifier: Apache-2.0
// What allot makes of a folder of real answers, without a server: labels by
// every method, the same with a little gold, an early stop, scales, rankings,
// numbers, probabilities. Protocols and metrics: docs/evaluation.md.
#ifndef ALLOT_TESTS_EVAL_OFFLINE_H_
#define ALLOT_TESTS_EVAL_OFFLINE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "cli/data_folder.h"
#include "lib/truth/scoring_rules.h"

namespace allot {

// What the data cannot say of itself, from the line "- kind: ..." of META.md
// where the folder has one.
struct FolderTraits {
  bool ordinal = false;             // classes are a scale, in ascending order
  bool truth_on_own_scale = false;  // numbers: only their ranks compare
};
// Without META.md, classes that are numbers, three or more of them, are taken
// for a scale as well: `mae` is then printed beside the rest.
FolderTraits ReadTraits(const std::string& folder, const DataFolder& data);

struct OfflineOptions {
  std::vector<std::string> methods;  // for classes, by AggregationMethods()
  int threads = 1;
  int gold_seeds = 5;
  double gold_share = 0.05;  // of the tasks with truth, at least one
  int replay_seeds = 20;
  int64_t replay_tasks = 500;  // with truth, drawn by seed if there are more
};

struct Measurement {
  std::string method, metric;
  double value = 0;
};

// What was measured, in order, and in a sentence each what could not be.
struct Findings {
  std::vector<Measurement> measurements;
  std::vector<std::string> notes;

  void Add(absl::string_view method, absl::string_view metric, double value) {
    measurements.push_back({std::string(method), std::string(metric), value});
  }
  // accuracy, ece, brier, log_loss, each with `suffix`.
  void Add(absl::string_view method, const ScoringRules& rules,
           absl::string_view suffix = "");
};

// All that applies to the folder. Errors: those of the fits.
absl::Status EvaluateOffline(const DataFolder& data, const FolderTraits& traits,
                             const OfflineOptions& options, Findings& findings);

// ---- its parts ----

// Each method on all answers, no truth told.
absl::Status EvaluateLabels(const DataFolder& data,
                            const OfflineOptions& options, Findings& findings);
// A share of the tasks told as gold, judged on the others; mean over seeds.
// Metrics end in _gold5.
absl::Status EvaluateWithGold(const DataFolder& data,
                              const OfflineOptions& options,
                              Findings& findings);
// Answers arrive in random order until the stop rule is content. See replay.cc.
absl::Status EvaluateReplay(const DataFolder& data,
                            const OfflineOptions& options, Findings& findings);
// Mean absolute error in steps of the scale.
absl::Status EvaluateScale(const DataFolder& data, Findings& findings);
// Comparisons of pairs.csv, one fifth at a time held out.
absl::Status EvaluatePreferences(const DataFolder& data, Findings& findings);
// Measurements, or probabilities of a yes/no truth.
absl::Status EvaluateNumbers(const DataFolder& data, const FolderTraits& traits,
                             Findings& findings);

}  // namespace allot

#endif  // ALLOT_TESTS_EVAL_OFFLINE_H_
