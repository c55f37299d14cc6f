// SPDX-License-Identifier: Apache-2.0
#include "server/allocation_service.h"

#include <algorithm>

#include "lib/base/status_macros.h"
#include "server/convert_allocation.h"
#include "server/once.h"
#include "server/pool_service.h"
#include "server/reactors.h"

namespace allot {
namespace {

constexpr char kService[] = "allot.v1.AllocationService";

// When the plan must be there for the response to be in time.
std::optional<int64_t> PlanDeadline(const CallContext& call, int64_t now,
                                    int tasks, const PlanReserve& reserve) {
  if (!call.deadline_nanos) return std::nullopt;
  return reserve.PlanBy(now, *call.deadline_nanos, static_cast<size_t>(tasks));
}

void Note(const ServerCore& core, const std::string& pool, size_t tasks,
          const Plan& plan) {
  core.plans->Add({.time = core.clock->Now(),
                   .pool = pool,
                   .solver = plan.solver,
                   .tasks = static_cast<int64_t>(tasks),
                   .slots = plan.slots,
                   .filled = plan.filled,
                   .gap = plan.gap,
                   .seconds = 1e-9 * static_cast<double>(
                                         plan.resolve_nanos + plan.score_nanos +
                                         plan.solve_nanos + plan.claim_nanos)});
}

void SetDuration(int64_t nanos, google::protobuf::Duration* to) {
  to->set_seconds(nanos / 1'000'000'000);
  to->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
}

// Leaves the plan to the allocation log, if there is one that wants it.
void LogPlan(const ServerCore& core, const v1::AllocateRequest& request,
             const v1::AllocateResponse& response, const PlanBasis& basis) {
  if (core.allocation_log == nullptr || !core.allocation_log->Wants(request)) {
    return;
  }
  core.allocation_log->Add(request, response, basis, 1);
}

// The same for a plan of single-task calls that were joined.
void LogPlan(const ServerCore& core, const AllocateCall& joint,
             const std::vector<MicroBatcher::Member*>& members,
             const Plan& plan) {
  if (core.allocation_log == nullptr) return;
  v1::AllocateRequest request = *members[0]->asked;
  if (members.size() > 1) request.clear_request_id();
  for (size_t i = 1; i < members.size(); ++i) {
    *request.add_tasks() = members[i]->asked->tasks(0);
  }
  if (!core.allocation_log->Wants(request)) return;
  v1::AllocateResponse response;
  ToProto(plan, joint, &response);
  core.allocation_log->Add(request, response, plan.basis,
                           static_cast<int32_t>(members.size()));
}

// Hands a call of one task to the batcher; false if it is not for it.
bool AllocateLater(const ServerCore& core, MicroBatcher& batcher,
                   const PlanReserve& reserve, CallContext& call,
                   const v1::AllocateRequest& request,
                   const Method::Done& done) {
  if (request.tasks_size() != 1) return false;
  // The response of such a call goes into the log with its own claims.
  if (request.has_lease_duration() && !request.request_id().empty()) {
    return false;
  }
  const int64_t start = core.clock->MonotonicNanos();
  // What is wrong with it is found, and told, when it is served alone.
  const auto pool = FindPool(*core.engine, request.pool_id());
  if (!pool.ok()) return false;
  absl::StatusOr<AllocateCall> plan_call = ToAllocateCall(
      request, **pool, start, PlanDeadline(call, start, 1, reserve));
  if (!plan_call.ok() || !batcher.Suits(*plan_call)) return false;
  v1::AllocateRequest shared = request;
  shared.clear_tasks();
  shared.clear_request_id();
  auto own = std::make_shared<const AllocateCall>(*plan_call);
  MicroBatcher::Member member;
  member.call = *std::move(plan_call);
  member.call.cancelled = call.cancelled;
  if (core.allocation_log != nullptr) {
    member.asked = std::make_shared<const v1::AllocateRequest>(request);
  }
  member.done = [own, done, waited = start - call.arrived_nanos](
                    const absl::StatusOr<Plan>& plan) {
    if (!plan.ok()) {
      done(plan.status(), grpc::ByteBuffer());
      return;
    }
    v1::AllocateResponse response;
    ToProto(*plan, *own, &response);
    SetDuration(waited,
                response.mutable_summary()->mutable_phases()->mutable_queue());
    done(absl::OkStatus(), Encode(response));
  };
  return batcher.Add(shared.SerializeAsString(), member);
}

absl::Status Allocate(const ServerCore& core, const AllocatePhases& phases,
                      PlanReserve& reserve, CallContext& call,
                      const v1::AllocateRequest& request,
                      v1::AllocateResponse* response) {
  const int64_t start = core.clock->MonotonicNanos();
  ALLOT_ASSIGN_OR_RETURN(const std::shared_ptr<const Pool> pool,
                         FindPool(*core.engine, request.pool_id()));
  AllocateCall plan_call;
  const auto run = [&](Request<Plan>* once) -> absl::StatusOr<Plan> {
    ALLOT_ASSIGN_OR_RETURN(
        plan_call, ToAllocateCall(request, *pool, start,
                                  PlanDeadline(call, start,
                                               request.tasks_size(), reserve)));
    plan_call.cancelled = call.cancelled;
    const int64_t validated = core.clock->MonotonicNanos() - start;
    absl::StatusOr<Plan> plan = core.engine->Allocate(plan_call, once);
    if (!plan.ok()) {
      // A plan that comes too late is given up when the deadline passes.
      if (plan_call.deadline_nanos) {
        reserve.Learn(*plan_call.deadline_nanos, core.clock->MonotonicNanos(),
                      plan_call.tasks.size());
      }
      return plan.status();
    }
    plan->resolve_nanos += validated;
    return plan;
  };
  const auto fill = [&](const Plan& plan) {
    ToProto(plan, plan_call, response);
    SetDuration(call.started_nanos - call.arrived_nanos,
                response->mutable_summary()->mutable_phases()->mutable_queue());
  };
  std::optional<Plan> plan;
  if (!request.has_lease_duration() || request.dry_run()) {
    // It changes nothing, so there is nothing to do only once.
    ALLOT_ASSIGN_OR_RETURN(plan, run(nullptr));
    fill(*plan);
  } else {
    ALLOT_ASSIGN_OR_RETURN(plan, Once<Plan>(core, request.pool_id(), request,
                                            response, run, fill));
  }
  if (!plan) return absl::OkStatus();  // a retry
  core.metrics->Planned(*plan, phases);
  call.cuttable_nanos = plan->score_nanos + plan->solve_nanos;
  Note(core, plan_call.pool, plan_call.tasks.size(), *plan);
  LogPlan(core, request, *response, plan->basis);
  if (plan_call.deadline_nanos) {
    reserve.Learn(*plan_call.deadline_nanos, core.clock->MonotonicNanos(),
                  plan_call.tasks.size());
  }
  return absl::OkStatus();
}

int64_t CountOpen(const std::vector<LeaseResult>& results) {
  return std::count_if(results.begin(), results.end(),
                       [](const LeaseResult& result) { return result.open; });
}

absl::Status Renew(const ServerCore& core,
                   const v1::RenewLeasesRequest& request,
                   v1::RenewLeasesResponse* response) {
  ALLOT_RETURN_IF_ERROR(FindPool(*core.engine, request.pool_id()).status());
  ALLOT_ASSIGN_OR_RETURN(const RenewCall call, ToRenewCall(request));
  using Results = std::vector<LeaseResult>;
  ALLOT_ASSIGN_OR_RETURN(const std::optional<Results> results,
                         Once<Results>(
                             core, request.pool_id(), request, response,
                             [&](Request<Results>* once) {
                               return core.engine->RenewLeases(
                                   request.pool_id(), call.leases,
                                   call.lease_micros, once);
                             },
                             [&](const Results& made) {
                               ToProto(made, call.leases, /*renewed=*/true,
                                       response->mutable_results());
                             }));
  if (results) {
    const int64_t open = CountOpen(*results);
    core.metrics->Renewed(open, static_cast<int64_t>(results->size()) - open);
  }
  return absl::OkStatus();
}

absl::Status Release(const ServerCore& core,
                     const v1::ReleaseLeasesRequest& request,
                     v1::ReleaseLeasesResponse* response) {
  ALLOT_RETURN_IF_ERROR(FindPool(*core.engine, request.pool_id()).status());
  ALLOT_ASSIGN_OR_RETURN(const ReleaseCall call, ToReleaseCall(request));
  using Results = std::vector<LeaseResult>;
  ALLOT_ASSIGN_OR_RETURN(const std::optional<Results> results,
                         Once<Results>(
                             core, request.pool_id(), request, response,
                             [&](Request<Results>* once) {
                               return core.engine->ReleaseLeases(
                                   request.pool_id(), call.leases, call.reason,
                                   once);
                             },
                             [&](const Results& made) {
                               ToProto(made, call.leases, /*renewed=*/false,
                                       response->mutable_results());
                             }));
  if (results) {
    const int64_t open = CountOpen(*results);
    core.metrics->Released(open, static_cast<int64_t>(results->size()) - open);
  }
  return absl::OkStatus();
}

}  // namespace

AllocationService::AllocationService(const ServerCore& core,
                                     absl::Duration batch_window)
    : allocate_(
          core, core.metrics->AddRpc("unary", kService, "Allocate"),
          {Role::kAllocate},
          [this, &core, phases = core.metrics->AddAllocatePhases("Allocate")](
              CallContext& call, const auto& request, auto* response) {
            return allot::Allocate(core, phases, reserve_, call, request,
                                   response);
          }),
      allocate_stream_(
          core, core.metrics->AddRpc("bidi_stream", kService, "AllocateStream"),
          {Role::kAllocate},
          [this, &core,
           phases = core.metrics->AddAllocatePhases("AllocateStream")](
              CallContext& call, const auto& request, auto* response) {
            return allot::Allocate(core, phases, reserve_, call,
                                   request.request(),
                                   response->mutable_response());
          }),
      renew_leases_(core,
                    core.metrics->AddRpc("unary", kService, "RenewLeases"),
                    {Role::kAllocate},
                    [&core](CallContext&, const auto& request, auto* response) {
                      return Renew(core, request, response);
                    }),
      release_leases_(
          core, core.metrics->AddRpc("unary", kService, "ReleaseLeases"),
          {Role::kAllocate},
          [&core](CallContext&, const auto& request, auto* response) {
            return Release(core, request, response);
          }) {
  if (batch_window <= absl::ZeroDuration()) return;
  batcher_ = std::make_unique<MicroBatcher>(
      &core, batch_window,
      [&core, phases = core.metrics->AddAllocatePhases("Allocate")](
          const AllocateCall& call,
          const std::vector<MicroBatcher::Member*>& members, const Plan& plan) {
        core.metrics->Planned(plan, phases);
        Note(core, call.pool, call.tasks.size(), plan);
        LogPlan(core, call, members, plan);
      });
  allocate_.set_later([this, &core](CallContext& call, const auto& request,
                                    const Method::Done& done) {
    return AllocateLater(core, *batcher_, reserve_, call, request, done);
  });
}

grpc::ServerUnaryReactor* AllocationService::Allocate(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return StartUnary(allocate_, context, request, response);
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>*
AllocationService::AllocateStream(grpc::CallbackServerContext* context) {
  return StartStream(allocate_stream_, context);
}

grpc::ServerUnaryReactor* AllocationService::RenewLeases(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return StartUnary(renew_leases_, context, request, response);
}

grpc::ServerUnaryReactor* AllocationService::ReleaseLeases(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return StartUnary(release_leases_, context, request, response);
}

}  // namespace allot
