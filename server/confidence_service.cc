// SPDX-License-Identifier: Apache-2.0
#include "server/confidence_service.h"

#include "lib/base/status_macros.h"
#include "server/convert_confidence.h"
#include "server/labeler_service.h"
#include "server/pool_service.h"
#include "server/reactors.h"

namespace allot {
namespace {

constexpr char kService[] = "allot.v1.ConfidenceService";

absl::Status Score(const ServerCore& core, const CallContext& call_context,
                   const v1::ScoreRequest& request,
                   v1::ScoreResponse* response) {
  ALLOT_ASSIGN_OR_RETURN(const std::shared_ptr<const Pool> pool,
                         FindPool(*core.engine, request.pool_id()));
  ALLOT_ASSIGN_OR_RETURN(
      ScoreCall call,
      ToScoreCall(request, *pool, absl::ToUnixMicros(core.clock->Now()),
                  [&](absl::string_view task_id) {
                    return ClassesOf(*core.engine, *pool, task_id);
                  }));
  call.cancelled = call_context.cancelled;
  call.deadline_nanos = call_context.deadline_nanos;
  ALLOT_ASSIGN_OR_RETURN(const ScoreSheet sheet, core.engine->Score(call));
  core.metrics->Scored(sheet);
  ToProto(sheet, *pool, response);
  return absl::OkStatus();
}

}  // namespace

ConfidenceService::ConfidenceService(const ServerCore& core)
    : score_(core, core.metrics->AddRpc("unary", kService, "Score"),
             {Role::kRead},
             [&core](CallContext& call, const auto& request, auto* response) {
               return allot::Score(core, call, request, response);
             }),
      score_stream_(
          core, core.metrics->AddRpc("bidi_stream", kService, "ScoreStream"),
          {Role::kRead},
          [&core](CallContext& call, const auto& request, auto* response) {
            return allot::Score(core, call, request.request(),
                                response->mutable_response());
          }) {}

grpc::ServerUnaryReactor* ConfidenceService::Score(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return StartUnary(score_, context, request, response);
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>*
ConfidenceService::ScoreStream(grpc::CallbackServerContext* context) {
  return StartStream(score_stream_, context);
}

}  // namespace allot
