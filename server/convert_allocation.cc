// SPDX-License-Identifier: Apache-2.0
#include "server/convert_allocation.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "server/checks.h"
#include "server/convert_pool.h"
#include "server/convert_task.h"

namespace allot {
namespace {

constexpr int64_t kMaxLabelerIds = 100'000;
constexpr double kMaxTimeLimitSeconds = 60;

void ToProto(int64_t unix_micros, google::protobuf::Timestamp* out) {
  out->set_seconds(unix_micros / 1'000'000);
  out->set_nanos(static_cast<int32_t>(unix_micros % 1'000'000 * 1000));
}

void ToDuration(int64_t nanos, google::protobuf::Duration* out) {
  out->set_seconds(nanos / 1'000'000'000);
  out->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
}

v1::UnfilledTask::Reason ToProto(UnfilledReason reason) {
  switch (reason) {
    case UnfilledReason::kNoEligibleLabeler:
      return v1::UnfilledTask::REASON_NO_ELIGIBLE_LABELER;
    case UnfilledReason::kCapacity:
      return v1::UnfilledTask::REASON_CAPACITY;
    case UnfilledReason::kBudget:
      return v1::UnfilledTask::REASON_BUDGET;
    case UnfilledReason::kNotWorthItsPrice:
      return v1::UnfilledTask::REASON_NOT_WORTH_ITS_PRICE;
    case UnfilledReason::kTimeLimit:
      return v1::UnfilledTask::REASON_TIME_LIMIT;
    case UnfilledReason::kWithdrawn:
      return v1::UnfilledTask::REASON_WITHDRAWN;
  }
  return v1::UnfilledTask::REASON_UNSPECIFIED;
}

void CheckLeaseIds(
    const FieldPath& path,
    const google::protobuf::RepeatedPtrField<std::string>& leases,
    Violations& found) {
  if (!CheckSize(path, leases.size(), 1, kMaxBatch, found)) return;
  for (int i = 0; i < leases.size(); ++i) {
    CheckId(path.At(i), leases.Get(i), found);
  }
}

// The labelers asked for, each once, in the order of the request.
std::vector<std::string> ToSubset(const FieldPath& path,
                                  const v1::AllocateRequest& in,
                                  Violations& found) {
  std::vector<std::string> out;
  if (!CheckSize(path, in.labeler_ids_size(), 0, kMaxLabelerIds, found)) {
    return out;
  }
  absl::flat_hash_set<absl::string_view> seen;
  out.reserve(static_cast<size_t>(in.labeler_ids_size()));
  for (int i = 0; i < in.labeler_ids_size(); ++i) {
    const std::string& id = in.labeler_ids(i);
    if (CheckId(path.At(i), id, found) && seen.insert(id).second) {
      out.push_back(id);
    }
  }
  return out;
}

}  // namespace

absl::StatusOr<AllocateCall> ToAllocateCall(
    const v1::AllocateRequest& in, const Pool& pool, int64_t now_nanos,
    std::optional<int64_t> deadline_nanos) {
  Violations found;
  const FieldPath root;
  AllocateCall out;
  out.pool = pool.id;
  CheckOptionalId(root.Field("request_id"), in.request_id(), found);

  const FieldPath tasks = root.Field("tasks");
  if (CheckSize(tasks, in.tasks_size(), 1, kMaxBatch, found)) {
    const PoolNames names(pool);
    DistinctNames distinct(tasks, "task_id");
    out.tasks.reserve(static_cast<size_t>(in.tasks_size()));
    for (int i = 0; i < in.tasks_size(); ++i) {
      out.tasks.push_back(ToTask(tasks.At(i), in.tasks(i), names, found));
      distinct.Check(i, in.tasks(i).task_id(), found);
    }
  }
  absl::StatusOr<Policy> policy = ResolvePolicy(in, pool, found);
  if (policy.ok()) out.policy = *std::move(policy);
  out.labelers = ToSubset(root.Field("labeler_ids"), in, found);
  if (in.has_budget()) {
    const FieldPath budget = root.Field("budget");
    if (!(in.budget() >= 0) ||
        in.budget() > std::numeric_limits<double>::max()) {
      found.Add(budget, absl::StrCat("must be a finite number >= 0, got ",
                                     in.budget()));
    }
    out.budget = in.budget();
  }
  out.deadline_nanos = deadline_nanos;
  if (in.has_time_limit()) {
    const auto seconds = CheckDuration(
        root.Field("time_limit"), in.time_limit(), kMaxTimeLimitSeconds, found);
    if (seconds) {
      const int64_t limit = now_nanos + static_cast<int64_t>(*seconds * 1e9);
      out.deadline_nanos = std::min(limit, deadline_nanos.value_or(limit));
    }
  }
  CheckRange(root.Field("gap_tolerance"), in.gap_tolerance(), 0, 1, found);
  out.gap_tolerance = in.gap_tolerance();
  if (in.has_lease_duration()) {
    const google::protobuf::Duration& asked = in.lease_duration();
    out.lease_micros =
        asked.seconds() == 0 && asked.nanos() == 0
            ? kLeaseByHandlingTime
            : CheckLeaseDuration(root.Field("lease_duration"), asked, found);
  }
  out.dry_run = in.dry_run();
  out.explain = in.explain();
  out.seed = in.seed();
  // A request at fault in itself is reported before a name that is not there.
  if (!found.empty()) return found.ToStatus();
  if (!policy.ok()) return policy.status();
  return out;
}

absl::StatusOr<RenewCall> ToRenewCall(const v1::RenewLeasesRequest& in) {
  Violations found;
  const FieldPath root;
  CheckOptionalId(root.Field("request_id"), in.request_id(), found);
  CheckLeaseIds(root.Field("lease_ids"), in.lease_ids(), found);
  const auto micros = CheckLeaseDuration(root.Field("lease_duration"),
                                         in.lease_duration(), found);
  if (!found.empty()) return found.ToStatus();
  return RenewCall{{in.lease_ids().begin(), in.lease_ids().end()}, *micros};
}

absl::StatusOr<ReleaseCall> ToReleaseCall(const v1::ReleaseLeasesRequest& in) {
  Violations found;
  const FieldPath root;
  CheckOptionalId(root.Field("request_id"), in.request_id(), found);
  CheckLeaseIds(root.Field("lease_ids"), in.lease_ids(), found);
  ReleaseCall out;
  switch (in.reason()) {
    case v1::ReleaseLeasesRequest::REASON_UNSPECIFIED:
    case v1::ReleaseLeasesRequest::REASON_RELEASED:
      out.reason = ReleaseReason::kReleased;
      break;
    case v1::ReleaseLeasesRequest::REASON_NOT_AGAIN:
      out.reason = ReleaseReason::kNotAgainToHer;
      break;
    case v1::ReleaseLeasesRequest::REASON_NEVER:
      out.reason = ReleaseReason::kNever;
      break;
    default:
      found.Add(root.Field("reason"),
                absl::StrCat("must be one of Reason, got ",
                             static_cast<int>(in.reason())));
  }
  if (!found.empty()) return found.ToStatus();
  out.leases.assign(in.lease_ids().begin(), in.lease_ids().end());
  return out;
}

void ToProto(const Plan& in, const AllocateCall& call,
             v1::AllocateResponse* out) {
  const auto task_id = [&](int32_t task) -> const std::string& {
    return call.tasks[static_cast<size_t>(task)].id;
  };
  out->mutable_assignments()->Reserve(static_cast<int>(in.pairs.size()));
  for (const PlannedPair& pair : in.pairs) {
    v1::Assignment* to = out->add_assignments();
    to->set_task_id(task_id(pair.task));
    to->set_labeler_id(pair.labeler);
    to->set_expected_accuracy(pair.expected_accuracy);
    to->set_bits(pair.bits);
    to->set_cost(pair.cost);
    to->set_seconds(pair.seconds);
    to->set_utility(pair.utility);
    if (pair.lease) {
      to->mutable_lease()->set_lease_id(pair.lease->id);
      ToProto(pair.lease->expires_unix_micros,
              to->mutable_lease()->mutable_expires_at());
    }
  }
  for (const UnfilledTask& task : in.unfilled) {
    v1::UnfilledTask* to = out->add_unfilled();
    to->set_task_id(task_id(task.task));
    to->set_missing(task.missing);
    to->set_reason(ToProto(task.reason));
  }
  for (size_t i = 0; i < in.explanations.size() && i < in.pairs.size(); ++i) {
    const PairExplanation& from = in.explanations[i];
    v1::Explanation* to = out->add_explanations();
    to->set_task_id(task_id(in.pairs[i].task));
    to->set_labeler_id(in.pairs[i].labeler);
    to->set_dual_price(from.dual_price);
    to->set_reduced_utility(from.reduced_utility);
    to->set_runner_up_id(from.runner_up);
    to->set_runner_up_reduced_utility(from.runner_up_reduced_utility);
    to->set_margin(from.margin);
  }
  v1::PlanSummary* summary = out->mutable_summary();
  summary->set_objective(in.objective);
  summary->set_upper_bound(in.upper_bound);
  summary->set_gap(in.gap);
  summary->set_solver(in.solver);
  summary->set_slots(in.slots);
  summary->set_filled(in.filled);
  summary->set_bits(in.bits);
  summary->set_cost(in.cost);
  summary->set_seconds(in.seconds);
  summary->set_candidates(in.candidates);
  summary->set_pricing_rounds(in.pricing_rounds);
  summary->set_quantum(in.quantum);
  summary->set_roster_version(in.roster_version);
  v1::PhaseTimes* phases = summary->mutable_phases();
  ToDuration(in.resolve_nanos, phases->mutable_validate());
  ToDuration(in.score_nanos, phases->mutable_score());
  ToDuration(in.solve_nanos, phases->mutable_solve());
  ToDuration(in.claim_nanos, phases->mutable_claim());
}

void ToProto(std::span<const LeaseResult> in,
             std::span<const std::string> leases, bool renewed,
             google::protobuf::RepeatedPtrField<v1::LeaseResult>* out) {
  for (size_t i = 0; i < in.size() && i < leases.size(); ++i) {
    v1::LeaseResult* to = out->Add();
    to->set_lease_id(leases[i]);
    to->set_outcome(in[i].open ? v1::LeaseResult::OUTCOME_OK
                               : v1::LeaseResult::OUTCOME_NOT_OPEN);
    if (in[i].open && renewed) {
      ToProto(in[i].expires_unix_micros, to->mutable_expires_at());
    }
  }
}

}  // namespace allot
