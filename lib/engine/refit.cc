// SPDX-License-Identifier: Apache-2.0
// Refit: fits a pool's label models to what was set aside of its history, off
// every hot path, and puts them into service.
#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "lib/base/status_macros.h"
#include "lib/engine/engine_impl.h"
#include "lib/engine/evidence.h"

namespace allot {
namespace {

constexpr size_t kMostCompared = 500;

// What the new model makes of the last tasks of the cut, against what was said
// before it. Requires that `state` is not folded meanwhile.
absl::Status Compare(const PoolState& state, const PoolView& before,
                     const PoolView& after, const RefitCut& cut,
                     RefitReport& report) {
  Evidence old_evidence(before);
  Evidence new_evidence(after);
  absl::flat_hash_set<int32_t> seen;
  double labels = 0;
  double confidence = 0;
  for (int64_t i = cut.in_window - 1; i >= 0 && seen.size() < kMostCompared;
       --i) {
    const int32_t ordinal = cut.at(i).task;
    if (!seen.insert(ordinal).second) continue;
    const TaskRecord& task = state.TaskAt(ordinal);
    ALLOT_ASSIGN_OR_RETURN(const TaskPosterior was,
                           old_evidence.Score(task.spec, task.answers));
    ALLOT_ASSIGN_OR_RETURN(const TaskPosterior is,
                           new_evidence.Score(task.spec, task.answers));
    labels += was.label != is.label ? 1 : 0;
    confidence += std::abs(was.confidence - is.confidence);
  }
  const auto count = static_cast<double>(std::max<size_t>(seen.size(), 1));
  report.changed_labels = labels / count;
  report.changed_confidence = confidence / count;
  return absl::OkStatus();
}

void Summarise(const PoolModel& model, RefitReport& report) {
  report.version = model.version;
  report.answers = model.answers;
  report.gold_tasks = 0;
  report.ece_before = 0;
  report.ece_after = 0;
  for (const SpaceModel& space : model.spaces) {
    const auto gold = static_cast<double>(space.gold_tasks);
    report.gold_tasks += space.gold_tasks;
    report.ece_before += gold * space.ece_before;
    report.ece_after += gold * space.ece_after;
  }
  if (report.gold_tasks > 0) {
    report.ece_before /= static_cast<double>(report.gold_tasks);
    report.ece_after /= static_cast<double>(report.gold_tasks);
  }
}

}  // namespace

RefitReport Engine::Impl::DescribeRefit(const PoolEntry& entry) const {
  RefitReport report = entry.last_refit;
  if (entry.state.model() != nullptr) Summarise(*entry.state.model(), report);
  report.pending = entry.state.refit_inputs().pending() != nullptr;
  return report;
}

absl::StatusOr<bool> Engine::Impl::Refit(PoolEntry& entry) {
  const MutexLock one_at_a_time(entry.refit);
  std::shared_ptr<const RefitCut> cut;
  int64_t reloads = 0;
  {
    const std::shared_lock<std::shared_mutex> lock(entry.state_mutex);
    cut = entry.state.refit_inputs().pending();
    reloads = entry.reloads;
  }
  if (cut == nullptr) return false;
  const int64_t start = clock_.MonotonicNanos();
  ALLOT_ASSIGN_OR_RETURN(PoolModel fitted,
                         FitPoolModel(*cut, options_.refit_threads));
  const auto model = std::make_shared<const PoolModel>(std::move(fitted));
  RefitReport report;
  report.seconds = static_cast<double>(clock_.MonotonicNanos() - start) / 1e9;
  {
    const std::shared_lock<std::shared_mutex> lock(entry.state_mutex);
    // Rows and tasks of the cut are not those of a state folded anew.
    if (entry.reloads != reloads) return false;
    const std::shared_ptr<const PoolView> before = entry.View();
    PoolView after = *before;
    after.model = model;
    ALLOT_RETURN_IF_ERROR(Compare(entry.state, *before, after, *cut, report));
  }
  const MutexLock writer(entry.writer);
  const std::unique_lock<std::shared_mutex> lock(entry.state_mutex);
  if (entry.reloads != reloads) return false;
  entry.state.SetModel(model);
  entry.last_refit = report;
  entry.Publish();
  return true;
}

}  // namespace allot
