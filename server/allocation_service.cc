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

// When the plan must be there for the response to be in time: encoding and the
// way back take their share.
std::optional<int64_t> PlanDeadline(const CallContext& call, int64_t now) {
  if (!call.deadline_nanos) return std::nullopt;
  const int64_t left = *call.deadline_nanos - now;
  return *call.deadline_nanos - std::min<int64_t>(left / 10, 5'000'000);
}

absl::Status Allocate(const ServerCore& core, const AllocatePhases& phases,
                      CallContext& call, const v1::AllocateRequest& request,
                      v1::AllocateResponse* response) {
  const int64_t start = core.clock->MonotonicNanos();
  ALLOT_ASSIGN_OR_RETURN(const std::shared_ptr<const Pool> pool,
                         FindPool(*core.engine, request.pool_id()));
  AllocateCall plan_call;
  int64_t validated = 0;
  const auto run = [&](Request<Plan>* once) -> absl::StatusOr<Plan> {
    ALLOT_ASSIGN_OR_RETURN(
        plan_call,
        ToAllocateCall(request, *pool, start, PlanDeadline(call, start)));
    plan_call.cancelled = call.cancelled;
    validated = core.clock->MonotonicNanos() - start;
    ALLOT_ASSIGN_OR_RETURN(Plan plan, core.engine->Allocate(plan_call, once));
    plan.resolve_nanos += validated;
    return plan;
  };
  const auto fill = [&](const Plan& plan) {
    ToProto(plan, plan_call, response);
    const int64_t waited = call.started_nanos - call.arrived_nanos;
    google::protobuf::Duration* queue =
        response->mutable_summary()->mutable_phases()->mutable_queue();
    queue->set_seconds(waited / 1'000'000'000);
    queue->set_nanos(static_cast<int32_t>(waited % 1'000'000'000));
  };
  const auto note = [&](const Plan& plan) {
    core.metrics->Planned(plan, phases);
    call.cuttable_nanos = plan.score_nanos + plan.solve_nanos;
    core.plans->Add(
        {.time = core.clock->Now(),
         .pool = plan_call.pool,
         .solver = plan.solver,
         .tasks = static_cast<int64_t>(plan_call.tasks.size()),
         .slots = plan.slots,
         .filled = plan.filled,
         .gap = plan.gap,
         .seconds =
             1e-9 * static_cast<double>(core.clock->MonotonicNanos() - start)});
  };
  if (!request.has_lease_duration() || request.dry_run()) {
    // It changes nothing, so there is nothing to do only once.
    ALLOT_ASSIGN_OR_RETURN(const Plan plan, run(nullptr));
    note(plan);
    fill(plan);
    return absl::OkStatus();
  }
  ALLOT_ASSIGN_OR_RETURN(
      const std::optional<Plan> plan,
      Once<Plan>(core, request.pool_id(), request, response, run, fill));
  if (plan) note(*plan);
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

AllocationService::AllocationService(const ServerCore& core)
    : allocate_(core, core.metrics->AddRpc("unary", kService, "Allocate"),
                {Role::kAllocate},
                [&core, phases = core.metrics->AddAllocatePhases("Allocate")](
                    CallContext& call, const auto& request, auto* response) {
                  return allot::Allocate(core, phases, call, request, response);
                }),
      allocate_stream_(
          core, core.metrics->AddRpc("bidi_stream", kService, "AllocateStream"),
          {Role::kAllocate},
          [&core, phases = core.metrics->AddAllocatePhases("AllocateStream")](
              CallContext& call, const auto& request, auto* response) {
            return allot::Allocate(core, phases, call, request.request(),
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
          }) {}

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
