// SPDX-License-Identifier: Apache-2.0
#include "lib/study/compare_replay.h"

#include <algorithm>

#include "lib/base/mutex.h"
#include "lib/base/parallel.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

// Runs `work(i)` for each i in [0, parts) and tells how far it got.
template <typename Work>
void RunAll(const ReplaySeeds& seeds, int64_t parts, const Work& work) {
  Mutex mutex;
  int64_t done = 0;
  ParallelFor(seeds.threads, parts, [&](int64_t i) {
    work(i);
    const MutexLock lock(mutex);
    ++done;
    if (seeds.progress) {
      seeds.progress(static_cast<double>(done) / static_cast<double>(parts));
    }
  });
}

ReplayCurve Summarise(const std::string& policy,
                      std::span<const absl::StatusOr<ReplayRun>> runs) {
  ReplayCurve curve;
  curve.policy = policy;
  size_t points = runs[0]->points.size();
  for (const auto& run : runs) points = std::min(points, run->points.size());
  std::vector<double> accuracy, confidence, answers;
  for (size_t p = 0; p < points; ++p) {
    accuracy.clear();
    confidence.clear();
    answers.clear();
    for (const auto& run : runs) {
      accuracy.push_back(run->points[p].accuracy);
      confidence.push_back(run->points[p].confidence);
      answers.push_back(run->points[p].answers_per_task);
    }
    curve.points.push_back({EstimateOf(answers).mean, EstimateOf(accuracy),
                            EstimateOf(confidence)});
  }
  std::vector<double> gini;
  for (const auto& run : runs) {
    const std::vector<double> work(run->answers_of_labeler.begin(),
                                   run->answers_of_labeler.end());
    gini.push_back(Gini(work));
    const std::vector<double> lorenz = Lorenz(work);
    curve.lorenz.resize(lorenz.size(), 0.0);
    for (size_t i = 0; i < lorenz.size(); ++i) {
      curve.lorenz[i] += lorenz[i] / static_cast<double>(runs.size());
    }
  }
  curve.gini = EstimateOf(gini);
  return curve;
}

}  // namespace

absl::StatusOr<std::vector<ReplayCurve>> CompareReplay(
    const AnswerBook& book, const std::vector<std::string>& policies,
    const ReplayOptions& options, const ReplaySeeds& seeds) {
  if (seeds.seeds < 1) {
    return absl::InvalidArgumentError("seeds: must be at least 1");
  }
  const auto each = static_cast<size_t>(seeds.seeds);
  std::vector<absl::StatusOr<ReplayRun>> runs(policies.size() * each,
                                              ReplayRun{});
  RunAll(seeds, static_cast<int64_t>(runs.size()), [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    runs[at] = ReplayBudget(book, policies[at / each], options, at % each + 1);
  });
  std::vector<ReplayCurve> curves;
  for (size_t p = 0; p < policies.size(); ++p) {
    const std::span<const absl::StatusOr<ReplayRun>> own(&runs[p * each], each);
    for (const auto& run : own) ALLOT_RETURN_IF_ERROR(run.status());
    curves.push_back(Summarise(policies[p], own));
  }
  return curves;
}

absl::StatusOr<RevealSummary> SummariseReveal(const AnswerBook& book,
                                              const std::string& policy,
                                              const RevealOptions& options,
                                              const ReplaySeeds& seeds) {
  if (seeds.seeds < 1) {
    return absl::InvalidArgumentError("seeds: must be at least 1");
  }
  std::vector<absl::StatusOr<RevealRun>> runs(static_cast<size_t>(seeds.seeds),
                                              RevealRun{});
  RunAll(seeds, seeds.seeds, [&](int64_t i) {
    runs[i] =
        RevealUntilDone(book, policy, options, static_cast<uint64_t>(i + 1));
  });
  RevealSummary summary;
  std::vector<double> saved, accuracy, majority, accepted;
  for (const absl::StatusOr<RevealRun>& run : runs) {
    ALLOT_RETURN_IF_ERROR(run.status());
    saved.push_back(1 - static_cast<double>(run->answers) /
                            static_cast<double>(run->on_file));
    accuracy.push_back(run->accuracy);
    majority.push_back(run->majority);
    accepted.push_back(static_cast<double>(run->accepted) /
                       static_cast<double>(run->tasks));
    summary.all_accepted += run->accepted;
    summary.all_right += run->accepted_right;
  }
  summary.saved = EstimateOf(saved);
  summary.accuracy = EstimateOf(accuracy);
  summary.majority = EstimateOf(majority);
  summary.accepted = EstimateOf(accepted);
  return summary;
}

}  // namespace allot
