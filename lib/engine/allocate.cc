// SPDX-License-Identifier: Apache-2.0
// Allocate: look up ids, plan, claim, and plan again for what was lost. All
// claims of a call and its response are one append.
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

// A plan that lost more than half of its claims is made again, this often;
// then, or if less was lost, the lost part is planned while the pool's other
// changes wait, so that nothing can be lost again.
constexpr int kMostFreshPlans = 2;

// Adds the second plan's pairs to the first one's; its task i is task_of[i].
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

// The fitted model of the task's labels, if there is one that knows such tasks.
const SpaceModel* ModelOf(const PoolView& view, const Task& task) {
  if (view.model == nullptr) return nullptr;
  const SpaceModel* space = view.model->Find(task.label_set, task.num_classes);
  return space != nullptr && space->Describes(task) ? space : nullptr;
}

}  // namespace

absl::StatusOr<Engine::Impl::Batch> Engine::Impl::Resolve(
    const PoolEntry& entry, const AllocateCall& call,
    const PendingClaims* pending) const {
  const std::shared_lock<std::shared_mutex> lock(entry.state_mutex);
  Batch batch;
  batch.view = entry.View();
  batch.loads = entry.state.shared_loads();
  batch.sequence = entry.state.sequence();
  const Roster& roster = *batch.view->roster;
  if (!call.labelers.empty()) {
    batch.allowed.assign(roster.num_blocks() * RosterBlock::kLabelers, 0);
    const std::vector<absl::string_view> ids(call.labelers.begin(),
                                             call.labelers.end());
    std::vector<int32_t> rows(ids.size());
    roster.Find(ids, rows);
    for (size_t i = 0; i < call.labelers.size(); ++i) {
      if (rows[i] < 0) {
        return absl::NotFoundError(
            absl::StrCat("labeler_ids[", i, "]: there is no labeler \"",
                         call.labelers[i], "\" in pool \"", entry.id, "\""));
      }
      batch.allowed[rows[i]] = 1;
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
    std::span<const RecordedAnswer> answers;
    if (const TaskRecord* record = entry.state.FindTask(asked.id)) {
      Task& merged = batch.merged.emplace_back(asked);
      merged.loading = record->spec.loading;
      merged.num_classes = record->spec.num_classes;
      merged.label_set = record->spec.label_set;
      merged.difficulty = record->spec.difficulty;
      merged.difficulty_variance = record->spec.difficulty_variance;
      merged.prior = record->spec.prior;
      task.task = &merged;
      task.withdrawn = record->withdrawn;
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
      answers = record->answers;
    }
    if (pending != nullptr) {
      const auto claimed = pending->of_task.find(asked.id);
      if (claimed != pending->of_task.end()) {
        task.wanted -= static_cast<int32_t>(claimed->second.size());
        task.barred.insert(task.barred.end(), claimed->second.begin(),
                           claimed->second.end());
      }
    }
    task.wanted = std::max(task.wanted, 0);
    task.model = ModelOf(*batch.view, *task.task);
    if (!answers.empty()) {
      ALLOT_ASSIGN_OR_RETURN(const TaskPosterior posterior,
                             evidence.Score(*task.task, answers));
      task.posterior.assign(posterior.probability.begin(),
                            posterior.probability.end());
    } else if (!task.task->prior.empty() || task.model != nullptr) {
      const std::vector<double>& prior = task.task->prior.empty()
                                             ? task.model->model.class_prior
                                             : task.task->prior;
      task.posterior.assign(prior.begin(), prior.end());
    }
    task.difficulty_variance =
        DifficultyVariance(*task.task, batch.view->pool->learning);
    std::ranges::sort(task.barred);
    for (const std::string& tag : asked.required_qualifications) {
      task.qualification_filter |= QualificationBit(tag);
    }
  }
  return batch;
}

absl::StatusOr<Engine::Impl::PlannedBatch> Engine::Impl::PlanBatch(
    const PoolEntry& entry, const AllocateCall& call,
    const PendingClaims* pending) const {
  const int64_t start = clock_.MonotonicNanos();
  PlannedBatch planned;
  ALLOT_ASSIGN_OR_RETURN(planned.batch, Resolve(entry, call, pending));
  planned.resolve_nanos = clock_.MonotonicNanos() - start;
  ALLOT_ASSIGN_OR_RETURN(
      planned.draft,
      MakePlan({.call = call,
                .tasks = planned.batch.tasks,
                .roster = *planned.batch.view->roster,
                .loads = *planned.batch.loads,
                .allowed = planned.batch.allowed,
                .clock = clock_,
                .threads = options_.solver_threads,
                .taken = pending == nullptr ? nullptr : &pending->of_labeler}));
  if (call.cancelled != nullptr && *call.cancelled) {
    return absl::CancelledError("nobody waits for the plan any more");
  }
  PlanBasis& basis = planned.draft.plan.basis;
  basis.sequence = planned.batch.sequence;
  const std::shared_ptr<const PoolModel>& model = planned.batch.view->model;
  basis.model_version = model == nullptr ? 0 : model->version;
  basis.state_moved = SequenceOf(entry) != basis.sequence;
  return planned;
}

absl::StatusOr<Plan> Engine::Impl::Allocate(PoolEntry& entry,
                                            const AllocateCall& call,
                                            Request<Plan>* request) {
  ALLOT_ASSIGN_OR_RETURN(PlannedBatch planned, Fresh(entry, [&] {
                           return PlanBatch(entry, call, nullptr);
                         }));
  if (!call.lease_micros || call.dry_run) {
    planned.draft.plan.resolve_nanos = planned.resolve_nanos;
    return std::move(planned.draft.plan);
  }
  int32_t claims_lost = 0;
  for (int fresh_plans = 1;; ++fresh_plans) {
    ClaimAttempt attempt{.start_nanos = clock_.MonotonicNanos(),
                         .claims_lost_before = claims_lost,
                         .last = fresh_plans == kMostFreshPlans};
    ALLOT_ASSIGN_OR_RETURN(std::optional<Plan> plan, Change(entry, [&] {
                             return ClaimPlan(entry, call, planned, attempt,
                                              request);
                           }));
    if (plan) return *std::move(plan);
    // Others were much faster: what there is to choose from has changed.
    claims_lost += attempt.claims_lost;
    const int64_t resolved_before = planned.resolve_nanos;
    ALLOT_ASSIGN_OR_RETURN(planned, PlanBatch(entry, call, nullptr));
    planned.resolve_nanos += resolved_before;
  }
}

absl::StatusOr<std::optional<Plan>> Engine::Impl::ClaimPlan(
    PoolEntry& entry, const AllocateCall& call, PlannedBatch& planned,
    ClaimAttempt& attempt, Request<Plan>* request) {
  ALLOT_ASSIGN_OR_RETURN(const bool replay, IsReplay(entry, request));
  if (replay) return Plan();
  const Moment now = Now();
  ALLOT_RETURN_IF_ERROR(Expire(entry, now));
  PendingClaims pending;
  const auto claims =
      Claim(entry, call, planned.draft, now.unix_micros, pending);
  const auto lost = static_cast<size_t>(
      std::count(claims.begin(), claims.end(), std::nullopt));
  attempt.claims_lost = static_cast<int32_t>(lost);
  if (lost * 2 > claims.size() && !attempt.last) return std::nullopt;
  // Claimed again if another replica is faster: the draft must stay.
  Plan plan =
      store_.shared() ? planned.draft.plan : std::move(planned.draft.plan);
  KeepClaimed(claims, plan);
  int64_t planned_nanos = 0;
  if (lost > 0) {
    plan.basis.claims_lost = true;
    const int64_t replan = clock_.MonotonicNanos();
    ALLOT_RETURN_IF_ERROR(FillLost(entry, call,
                                   TasksThatLost(claims, planned.draft.rows),
                                   now.unix_micros, pending, plan));
    Recount(planned.batch.tasks, plan);
    planned_nanos = clock_.MonotonicNanos() - replan;
  }
  const auto claim_nanos = [&] {
    return clock_.MonotonicNanos() - attempt.start_nanos - planned_nanos;
  };
  plan.claims_lost = attempt.claims_lost_before + attempt.claims_lost;
  plan.resolve_nanos += planned.resolve_nanos;
  plan.claim_nanos = claim_nanos();
  std::vector<EventBody> bodies;
  if (!pending.tasks.tasks.empty()) bodies.push_back(std::move(pending.tasks));
  if (!pending.granted.leases.empty()) {
    bodies.push_back(std::move(pending.granted));
  }
  if (!bodies.empty() || request != nullptr) {
    ALLOT_RETURN_IF_ERROR(
        Commit(entry, std::move(bodies), now, plan, request, pending.labelers));
  }
  plan.claim_nanos = claim_nanos();
  return plan;
}

absl::Status Engine::Impl::FillLost(PoolEntry& entry, const AllocateCall& call,
                                    const std::vector<int32_t>& lost,
                                    int64_t now, PendingClaims& pending,
                                    Plan& plan) const {
  AllocateCall again = call;
  again.cancelled = nullptr;  // what is claimed already shall be told
  again.tasks.clear();
  for (const int32_t t : lost) again.tasks.push_back(call.tasks[t]);
  if (again.budget) {
    double spent = 0;
    for (const PlannedPair& pair : plan.pairs) spent += pair.cost;
    again.budget = std::max(0.0, *again.budget - spent);
  }
  ALLOT_ASSIGN_OR_RETURN(PlannedBatch planned,
                         PlanBatch(entry, again, &pending));
  Plan more = std::move(planned.draft.plan);
  KeepClaimed(Claim(entry, again, planned.draft, now, pending), more);
  plan.claims_granted += more.claims_granted;
  plan.resolve_nanos += planned.resolve_nanos;
  Append(std::move(more), lost, plan);
  return absl::OkStatus();
}

}  // namespace allot
