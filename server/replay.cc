// SPDX-License-Identifier: Apache-2.0
#include "server/replay.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "google/protobuf/util/time_util.h"
#include "lib/base/status_macros.h"
#include "lib/engine/past_engine.h"
#include "server/convert_allocation.h"
#include "server/convert_pool.h"

namespace allot {
namespace {

using google::protobuf::util::TimeUtil;
using replay::v1::AllocationRecord;

// Where a plan is to be made again, and from which record.
struct Step {
  std::string pool;
  int64_t sequence = 0;
  int64_t model_version = 0;
  LogPlace place;

  auto Order() const {
    return std::tie(pool, sequence, model_version, place.file, place.offset);
  }
};

absl::StatusOr<std::vector<Step>> FindSteps(
    const std::vector<std::string>& files, const LogReplayOptions& options,
    const std::function<void(const std::string&)>& warn) {
  std::vector<Step> steps;
  for (const std::string& file : files) {
    ALLOT_RETURN_IF_ERROR(ReadAllocationLogFile(
        file,
        [&](const LogPlace& place, const AllocationRecord& record) {
          const std::string& pool = record.request().pool_id();
          if (options.pools.empty() ||
              std::ranges::find(options.pools, pool) != options.pools.end()) {
            steps.push_back(
                {pool, record.sequence(), record.model_version(), place});
          }
          return absl::OkStatus();
        },
        warn));
  }
  std::sort(steps.begin(), steps.end(),
            [](const Step& x, const Step& y) { return x.Order() < y.Order(); });
  return steps;
}

// The call that the record's request made, or would make with another policy.
absl::StatusOr<AllocateCall> CallOf(const AllocationRecord& record,
                                    const Pool& pool,
                                    const LogReplayOptions& options) {
  v1::AllocateRequest request = record.request();
  // How long is left was the server's business, and is not the same today.
  request.clear_time_limit();
  request.clear_lease_duration();
  if (options.policy) *request.mutable_policy() = *options.policy;
  ALLOT_ASSIGN_OR_RETURN(AllocateCall call,
                         ToAllocateCall(request, pool, 0, std::nullopt));
  if (options.changes.ByteSizeLong() == 0) return call;
  v1::Policy changed;
  ToProto(call.policy, &changed);
  changed.MergeFrom(options.changes);
  *request.mutable_policy() = std::move(changed);
  return ToAllocateCall(request, pool, 0, std::nullopt);
}

PlanTotals TotalsOf(const v1::AllocateResponse& plan) {
  const v1::PlanSummary& summary = plan.summary();
  const int64_t nanos =
      TimeUtil::DurationToNanoseconds(summary.phases().score()) +
      TimeUtil::DurationToNanoseconds(summary.phases().solve());
  return {.pairs = plan.assignments_size(),
          .utility = summary.objective(),
          .cost = summary.cost(),
          .bits = summary.bits(),
          .gap = summary.gap(),
          .seconds = 1e-9 * static_cast<double>(nanos)};
}

using Pairs = std::set<std::pair<std::string, std::string>>;

Pairs PairsOf(const v1::AllocateResponse& plan) {
  Pairs pairs;
  for (const v1::Assignment& pair : plan.assignments()) {
    pairs.emplace(pair.task_id(), pair.labeler_id());
  }
  return pairs;
}

int64_t CountKept(const Pairs& before, const Pairs& after) {
  return std::count_if(before.begin(), before.end(),
                       [&](const auto& pair) { return after.contains(pair); });
}

// A plan without what is not of the plan: claims, times, the roster's version.
std::string Essence(v1::AllocateResponse plan) {
  for (v1::Assignment& pair : *plan.mutable_assignments()) pair.clear_lease();
  plan.mutable_summary()->clear_phases();
  plan.mutable_summary()->clear_roster_version();
  return plan.SerializeAsString();
}

void Compare(const v1::AllocateResponse& before,
             const v1::AllocateResponse& after, ReplayedPlan& replayed) {
  replayed.after = TotalsOf(after);
  const Pairs pairs_before = PairsOf(before);
  const Pairs pairs_after = PairsOf(after);
  replayed.kept = CountKept(pairs_before, pairs_after);
  replayed.change = pairs_before != pairs_after ? PlanChange::kPairs
                    : Essence(before) != Essence(after)
                        ? PlanChange::kNumbers
                        : PlanChange::kIdentical;
}

ReplayedPlan Describe(const AllocationRecord& record, const LogPlace& place) {
  return {.place = place,
          .pool = record.request().pool_id(),
          .request_id = record.request().request_id(),
          .version = record.version(),
          .time = absl::FromUnixMicros(
              TimeUtil::TimestampToMicroseconds(record.time())),
          .sequence = record.sequence(),
          .tasks = record.request().tasks_size(),
          .basis = {.sequence = record.sequence(),
                    .model_version = record.model_version(),
                    .watched = record.watched(),
                    .time_ran_out = record.time_ran_out(),
                    .state_moved = record.state_moved(),
                    .claims_lost = record.claims_lost()},
          .before = TotalsOf(record.response())};
}

// Requires that `engine` is where the record was made.
void MakeAgain(const AllocationRecord& record, Engine& engine,
               const LogReplayOptions& options, ReplayedPlan& replayed) {
  static const std::atomic<bool> nobody_leaves{false};
  const auto plan = [&]() -> absl::StatusOr<v1::AllocateResponse> {
    ALLOT_ASSIGN_OR_RETURN(const std::shared_ptr<const Pool> pool,
                           engine.FindPool(replayed.pool));
    ALLOT_ASSIGN_OR_RETURN(AllocateCall call, CallOf(record, *pool, options));
    if (record.watched()) call.cancelled = &nobody_leaves;
    ALLOT_ASSIGN_OR_RETURN(const Plan made, engine.Allocate(call));
    v1::AllocateResponse response;
    ToProto(made, call, &response);
    return response;
  }();
  if (plan.ok()) {
    Compare(record.response(), *plan, replayed);
  } else {
    replayed.change = PlanChange::kImpossible;
    replayed.error = plan.status();
  }
}

}  // namespace

absl::Status ReplayAllocations(
    const std::vector<std::string>& files, Store* store, const Clock* clock,
    const LogReplayOptions& options,
    const std::function<void(const ReplayedPlan&)>& visit,
    const std::function<void(const std::string&)>& warn) {
  Violations found;
  const FieldPath root;
  if (options.policy) {
    (void)ToPolicy(root.Field("policy"), *options.policy, found);
  }
  (void)ToPolicy(root.Field("policy"), options.changes, found);
  if (!found.empty()) return found.ToStatus();
  ALLOT_ASSIGN_OR_RETURN(const std::vector<Step> steps,
                         FindSteps(files, options, warn));
  PastEngine::ModelVersions models;
  for (const Step& step : steps) models[step.pool].insert(step.model_version);
  ALLOT_ASSIGN_OR_RETURN(const std::unique_ptr<PastEngine> past,
                         PastEngine::Open(store, clock, std::move(models)));
  for (const Step& step : steps) {
    ALLOT_ASSIGN_OR_RETURN(const AllocationRecord record,
                           ReadRecord(step.place));
    ALLOT_RETURN_IF_ERROR(
        past->Advance(step.pool, step.sequence, step.model_version));
    ReplayedPlan replayed = Describe(record, step.place);
    MakeAgain(record, past->engine(), options, replayed);
    visit(replayed);
  }
  return absl::OkStatus();
}

}  // namespace allot
