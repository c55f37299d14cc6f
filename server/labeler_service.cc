// SPDX-License-Identifier: Apache-2.0
#include "server/labeler_service.h"

#include "lib/base/status_macros.h"
#include "server/checks.h"
#include "server/convert_labeler.h"
#include "server/once.h"
#include "server/pool_service.h"
#include "server/reactors.h"

namespace allot {
namespace {

constexpr char kService[] = "allot.v1.LabelerService";

absl::Status Upsert(const ServerCore& core,
                    const v1::UpsertLabelersRequest& request,
                    v1::UpsertLabelersResponse* response) {
  ALLOT_ASSIGN_OR_RETURN(const std::shared_ptr<const Pool> pool,
                         FindPool(*core.engine, request.pool_id()));
  return Once<LabelerChange>(
             core, request.pool_id(), request, response,
             [&](Request<LabelerChange>* once)
                 -> absl::StatusOr<LabelerChange> {
               ALLOT_ASSIGN_OR_RETURN(std::vector<LabelerUpdate> labelers,
                                      ToLabelerUpdates(request, *pool));
               return core.engine->UpsertLabelers(request.pool_id(),
                                                  std::move(labelers), once);
             },
             [&](const LabelerChange& change) {
               response->set_created(change.created);
               response->set_updated(change.updated);
               response->set_roster_version(change.roster_version);
             })
      .status();
}

absl::Status Get(const ServerCore& core, const v1::GetLabelerRequest& request,
                 v1::GetLabelerResponse* response) {
  ALLOT_ASSIGN_OR_RETURN(const std::shared_ptr<const Pool> pool,
                         FindPool(*core.engine, request.pool_id()));
  Violations found;
  const FieldPath root;
  CheckId(root.Field("labeler_id"), request.labeler_id(), found);
  ALLOT_RETURN_IF_ERROR(found.ToStatus());
  ALLOT_ASSIGN_OR_RETURN(
      const LabelerInfo labeler,
      core.engine->GetLabeler(request.pool_id(), request.labeler_id()));
  ToProto(labeler, *pool, response->mutable_labeler());
  return absl::OkStatus();
}

absl::Status List(const ServerCore& core,
                  const v1::ListLabelersRequest& request,
                  v1::ListLabelersResponse* response) {
  ALLOT_ASSIGN_OR_RETURN(const std::shared_ptr<const Pool> pool,
                         FindPool(*core.engine, request.pool_id()));
  ALLOT_ASSIGN_OR_RETURN(const LabelerPageRequest page, ToPageRequest(request));
  ALLOT_ASSIGN_OR_RETURN(
      const LabelerPage labelers,
      core.engine->ListLabelers(request.pool_id(), page.first_row, page.limit));
  ToProto(labelers, *pool, response);
  return absl::OkStatus();
}

absl::Status Delete(const ServerCore& core,
                    const v1::DeleteLabelersRequest& request,
                    v1::DeleteLabelersResponse* response) {
  ALLOT_RETURN_IF_ERROR(FindPool(*core.engine, request.pool_id()).status());
  ALLOT_ASSIGN_OR_RETURN(std::vector<std::string> ids, ToLabelerIds(request));
  return Once<LabelerDeletion>(
             core, request.pool_id(), request, response,
             [&](Request<LabelerDeletion>* once) {
               return core.engine->DeleteLabelers(request.pool_id(),
                                                  std::move(ids), once);
             },
             [&](const LabelerDeletion& deletion) {
               response->set_deleted(deletion.deleted);
               response->set_roster_version(deletion.roster_version);
             })
      .status();
}

absl::Status Report(const ServerCore& core,
                    const v1::ReportAnswersRequest& request,
                    v1::ReportAnswersResponse* response) {
  ALLOT_ASSIGN_OR_RETURN(const std::shared_ptr<const Pool> pool,
                         FindPool(*core.engine, request.pool_id()));
  ALLOT_ASSIGN_OR_RETURN(
      const std::optional<AnswerReceipt> receipt,
      Once<AnswerReceipt>(
          core, request.pool_id(), request, response,
          [&](Request<AnswerReceipt>* once) -> absl::StatusOr<AnswerReceipt> {
            // What labels mean depends on the task, and that may have become
            // known at another replica a moment ago.
            bool looked = false;
            const auto classes_of = [&](absl::string_view task_id) {
              const auto task = core.engine->FindTask(pool->id, task_id);
              if (!looked && task.ok() && !task->has_value()) {
                looked = true;
                core.engine->CatchUp(pool->id).IgnoreError();
              }
              return ClassesOf(*core.engine, *pool, task_id);
            };
            ALLOT_ASSIGN_OR_RETURN(
                AnswerReport report,
                ToAnswerReport(request, *pool,
                               absl::ToUnixMicros(core.clock->Now()),
                               classes_of));
            return core.engine->ReportAnswers(std::move(report), once);
          },
          [&](const AnswerReceipt& made) { ToProto(made, response); }));
  if (receipt) core.metrics->Answered(*receipt);
  return absl::OkStatus();
}

}  // namespace

TaskClasses ClassesOf(const Engine& engine, const Pool& pool,
                      absl::string_view task_id) {
  const absl::StatusOr<std::optional<Task>> task =
      engine.FindTask(pool.id, task_id);
  if (!task.ok() || !task->has_value()) return DefaultClasses(pool);
  return {(*task)->label_set, (*task)->num_classes};
}

LabelerService::LabelerService(const ServerCore& core)
    : upsert_labelers_(
          core, core.metrics->AddRpc("unary", kService, "UpsertLabelers"),
          {Role::kAdmin},
          [&core](CallContext&, const auto& request, auto* response) {
            return Upsert(core, request, response);
          }),
      get_labeler_(core, core.metrics->AddRpc("unary", kService, "GetLabeler"),
                   {Role::kRead},
                   [&core](CallContext&, const auto& request, auto* response) {
                     return Get(core, request, response);
                   }),
      list_labelers_(
          core, core.metrics->AddRpc("unary", kService, "ListLabelers"),
          {Role::kRead, Priority::kBatch},
          [&core](CallContext&, const auto& request, auto* response) {
            return List(core, request, response);
          }),
      delete_labelers_(
          core, core.metrics->AddRpc("unary", kService, "DeleteLabelers"),
          {Role::kAdmin},
          [&core](CallContext&, const auto& request, auto* response) {
            return Delete(core, request, response);
          }),
      report_answers_(
          core, core.metrics->AddRpc("unary", kService, "ReportAnswers"),
          {Role::kAllocate},
          [&core](CallContext&, const auto& request, auto* response) {
            return Report(core, request, response);
          }),
      report_answers_stream_(
          core,
          core.metrics->AddRpc("bidi_stream", kService, "ReportAnswersStream"),
          {Role::kAllocate, Priority::kBackfill},
          [&core](CallContext&, const auto& request, auto* response) {
            return Report(core, request.request(),
                          response->mutable_response());
          }) {}

grpc::ServerUnaryReactor* LabelerService::UpsertLabelers(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return StartUnary(upsert_labelers_, context, request, response);
}

grpc::ServerUnaryReactor* LabelerService::GetLabeler(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return StartUnary(get_labeler_, context, request, response);
}

grpc::ServerUnaryReactor* LabelerService::ListLabelers(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return StartUnary(list_labelers_, context, request, response);
}

grpc::ServerUnaryReactor* LabelerService::DeleteLabelers(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return StartUnary(delete_labelers_, context, request, response);
}

grpc::ServerUnaryReactor* LabelerService::ReportAnswers(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  return StartUnary(report_answers_, context, request, response);
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>*
LabelerService::ReportAnswersStream(grpc::CallbackServerContext* context) {
  return StartStream(report_answers_stream_, context);
}

}  // namespace allot
