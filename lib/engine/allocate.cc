// SPDX-License-Identifier: Apache-2.0
// Allocate: look up ids, plan, claim, and plan again for what was lost.
#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/engine/engine_impl.h"
#include "lib/engine/evidence.h"
#include "lib/match/certificate.h"

namespace allot {
namespace {

// Under contention a call plans this often at most; slots it still lost by then
// stay empty.
constexpr int kMostPlans = 8;

// Adds the second plan's pairs to the first one's.
void Append(Plan&& more, const std::vector<int32_t>& task_of, Plan& plan) {
  for (PlannedPair& pair : more.pairs) {
    pair.task = task_of[pair.task];
    plan.pairs.push_back(std::move(pair));
  }
  for (PairExplanation& why : more.explanations) {
    plan.explanations.push_back(std::move(why));
  }
  plan.score_nanos += more.score_nanos;
  plan.solve_nanos += more.solve_nanos;
  plan.pricing_rounds += more.pricing_rounds;
}

// Drops the pairs whose claim was lost and puts the leases on the others.
void KeepClaimed(const std::vector<std::optional<Lease>>& claims, Plan& plan) {
  size_t kept = 0;
  for (size_t i = 0; i < plan.pairs.size(); ++i) {
    if (!claims[i]) continue;
    if (i != kept) plan.pairs[kept] = std::move(plan.pairs[i]);
    plan.pairs[kept].lease = claims[i];
    if (!plan.explanations.empty() && i != kept) {
      plan.explanations[kept] = std::move(plan.explanations[i]);
    }
    ++kept;
  }
  plan.pairs.resize(kept);
  if (!plan.explanations.empty()) plan.explanations.resize(kept);
  plan.claims_granted += static_cast<int32_t>(kept);
  plan.claims_lost += static_cast<int32_t>(claims.size() - kept);
}

// The tasks, ascending, of which a claim was lost.
std::vector<int32_t> TasksThatLost(
    const std::vector<std::optional<Lease>>& claims,
    const std::vector<DraftPair>& rows) {
  std::vector<int32_t> lost;
  for (size_t i = 0; i < claims.size(); ++i) {
    if (!claims[i]) lost.push_back(rows[i].task);
  }
  std::ranges::sort(lost);
  lost.erase(std::unique(lost.begin(), lost.end()), lost.end());
  return lost;
}

// Totals and empty slots of a plan that lost claims.
void Recount(const std::vector<BatchTask>& tasks, Plan& plan) {
  plan.objective = plan.bits = plan.cost = plan.seconds = 0;
  std::vector<int32_t> filled(tasks.size(), 0);
  for (const PlannedPair& pair : plan.pairs) {
    plan.objective += pair.utility;
    plan.bits += pair.bits;
    plan.cost += pair.cost;
    plan.seconds += pair.seconds;
    ++filled[pair.task];
  }
  plan.filled = static_cast<int32_t>(plan.pairs.size());
  plan.gap = RelativeGap(plan.objective, plan.upper_bound);
  std::vector<UnfilledTask> unfilled;
  for (size_t t = 0; t < tasks.size(); ++t) {
    const auto task = static_cast<int32_t>(t);
    const int32_t missing = tasks[t].wanted - filled[t];
    if (missing <= 0) continue;
    const auto known =
        std::ranges::find(plan.unfilled, task, &UnfilledTask::task);
    unfilled.push_back({task, missing,
                        known == plan.unfilled.end() ? UnfilledReason::kCapacity
                                                     : known->reason});
  }
  plan.unfilled = std::move(unfilled);
}

// Plans by the fitted model of the task's labels, where there is one that knows
// such tasks.
void UseModel(const PoolModel& model, BatchTask& task) {
  const SpaceModel* space =
      model.Find(task.task->label_set, task.task->num_classes);
  if (space == nullptr || !space->Describes(*task.task)) return;
  task.model = space;
  if (!task.posterior.empty()) return;
  const std::vector<double>& prior = space->model.class_prior;
  task.posterior.assign(prior.begin(), prior.end());
}

}  // namespace

absl::StatusOr<Engine::Impl::Batch> Engine::Impl::Resolve(
    const PoolEntry& entry, const AllocateCall& call) const {
  const std::shared_lock<std::shared_mutex> lock(entry.state_mutex);
  Batch batch;
  batch.view = entry.View();
  const Roster& roster = *batch.view->roster;
  if (!call.labelers.empty()) {
    batch.allowed.assign(roster.num_blocks() * RosterBlock::kLabelers, 0);
    for (size_t i = 0; i < call.labelers.size(); ++i) {
      const std::optional<int32_t> row = roster.Find(call.labelers[i]);
      if (!row) {
        return absl::NotFoundError(
            absl::StrCat("labeler_ids[", i, "]: there is no labeler \"",
                         call.labelers[i], "\" in pool \"", entry.id, "\""));
      }
      batch.allowed[*row] = 1;
    }
  }
  Evidence evidence(*batch.view);
  batch.tasks.reserve(call.tasks.size());
  for (const Task& asked : call.tasks) {
    BatchTask& task = batch.tasks.emplace_back();
    task.task = &asked;
    task.wanted = asked.redundancy;
    // An excluded labeler nobody knows is excluded all the same.
    for (const std::string& id : asked.excluded_labelers) {
      const std::optional<int32_t> row = roster.Find(id);
      if (row) task.barred.push_back(*row);
    }
    if (const TaskRecord* record = entry.state.FindTask(asked.id)) {
      Task& merged = batch.merged.emplace_back(asked);
      merged.loading = record->spec.loading;
      merged.num_classes = record->spec.num_classes;
      merged.label_set = record->spec.label_set;
      merged.difficulty = record->spec.difficulty;
      merged.difficulty_variance = record->spec.difficulty_variance;
      merged.prior = record->spec.prior;
      task.task = &merged;
      task.wanted -=
          static_cast<int32_t>(record->answers.size() + record->leases.size());
      for (const RecordedAnswer& answer : record->answers) {
        task.barred.push_back(answer.labeler);
      }
      for (const OpenLease& lease : record->leases) {
        task.barred.push_back(lease.labeler);
      }
      task.barred.insert(task.barred.end(), record->not_again.begin(),
                         record->not_again.end());
      if (!record->answers.empty()) {
        ALLOT_ASSIGN_OR_RETURN(const TaskPosterior posterior,
                               evidence.Score(merged, record->answers));
        task.posterior.assign(posterior.probability.begin(),
                              posterior.probability.end());
      }
    }
    if (task.posterior.empty() && !task.task->prior.empty()) {
      task.posterior.assign(task.task->prior.begin(), task.task->prior.end());
    }
    task.wanted = std::max(task.wanted, 0);
    if (batch.view->model != nullptr) UseModel(*batch.view->model, task);
    task.difficulty_variance =
        DifficultyVariance(*task.task, batch.view->pool->learning);
    std::ranges::sort(task.barred);
    for (const std::string& tag : asked.required_qualifications) {
      task.qualification_filter |= QualificationBit(tag);
    }
  }
  return batch;
}

absl::StatusOr<Plan> Engine::Impl::Allocate(PoolEntry& entry,
                                            const AllocateCall& call) {
  const auto plan_for =
      [&](const AllocateCall& asked,
          int64_t& resolve_nanos) -> absl::StatusOr<std::pair<Batch, Draft>> {
    const int64_t start = clock_.MonotonicNanos();
    ALLOT_ASSIGN_OR_RETURN(Batch batch, Resolve(entry, asked));
    resolve_nanos += clock_.MonotonicNanos() - start;
    ALLOT_ASSIGN_OR_RETURN(Draft draft,
                           MakePlan({.call = asked,
                                     .tasks = batch.tasks,
                                     .roster = *batch.view->roster,
                                     .loads = entry.state.loads(),
                                     .allowed = batch.allowed,
                                     .clock = clock_,
                                     .threads = options_.solver_threads}));
    return std::make_pair(std::move(batch), std::move(draft));
  };
  int64_t resolve_nanos = 0;
  ALLOT_ASSIGN_OR_RETURN(auto first, plan_for(call, resolve_nanos));
  auto& [batch, draft] = first;
  Plan plan = std::move(draft.plan);
  if (call.lease_micros && !call.dry_run) {
    const int64_t start = clock_.MonotonicNanos();
    int64_t planned_nanos = 0;
    // Of the last plan's tasks, the index in call.tasks.
    std::vector<int32_t> task_of(call.tasks.size());
    std::iota(task_of.begin(), task_of.end(), 0);
    ALLOT_ASSIGN_OR_RETURN(auto claims, Claim(entry, call, draft));
    KeepClaimed(claims, plan);
    std::vector<int32_t> lost = TasksThatLost(claims, draft.rows);
    for (int plans = 1; !lost.empty() && plans < kMostPlans; ++plans) {
      // Others were faster. Plan the lost slots once more, with what is left.
      AllocateCall again = call;
      again.tasks.clear();
      std::vector<int32_t> again_of;
      for (const int32_t t : lost) {
        again_of.push_back(task_of[t]);
        again.tasks.push_back(call.tasks[task_of[t]]);
      }
      if (again.budget) {
        double spent = 0;
        for (const PlannedPair& pair : plan.pairs) spent += pair.cost;
        again.budget = std::max(0.0, *again.budget - spent);
      }
      const int64_t replan = clock_.MonotonicNanos();
      ALLOT_ASSIGN_OR_RETURN(auto next, plan_for(again, resolve_nanos));
      planned_nanos += clock_.MonotonicNanos() - replan;
      Plan more = std::move(next.second.plan);
      ALLOT_ASSIGN_OR_RETURN(claims, Claim(entry, again, next.second));
      KeepClaimed(claims, more);
      plan.claims_granted += more.claims_granted;
      plan.claims_lost += more.claims_lost;
      Append(std::move(more), again_of, plan);
      task_of = std::move(again_of);
      lost = TasksThatLost(claims, next.second.rows);
    }
    if (plan.claims_lost > 0) Recount(batch.tasks, plan);
    plan.claim_nanos = clock_.MonotonicNanos() - start - planned_nanos;
  }
  plan.resolve_nanos = resolve_nanos;
  return plan;
}

}  // namespace allot
