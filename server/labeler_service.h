// SPDX-License-Identifier: Apache-2.0
// allot.v1.LabelerService.
#ifndef ALLOT_SERVER_LABELER_SERVICE_H_
#define ALLOT_SERVER_LABELER_SERVICE_H_

#include "absl/strings/string_view.h"
#include "allot/v1/labeler.grpc.pb.h"
#include "server/convert_task.h"
#include "server/method.h"

namespace allot {

using RawLabelerService =
    v1::LabelerService::WithRawCallbackMethod_UpsertLabelers<
        v1::LabelerService::WithRawCallbackMethod_GetLabeler<
            v1::LabelerService::WithRawCallbackMethod_ListLabelers<
                v1::LabelerService::WithRawCallbackMethod_DeleteLabelers<
                    v1::LabelerService::WithRawCallbackMethod_ReportAnswers<
                        v1::LabelerService::
                            WithRawCallbackMethod_ReportAnswersStream<
                                v1::LabelerService::Service>>>>>>;

class LabelerService final : public RawLabelerService {
 public:
  explicit LabelerService(const ServerCore& core);

  grpc::ServerUnaryReactor* UpsertLabelers(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetLabeler(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListLabelers(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* DeleteLabelers(grpc::CallbackServerContext* context,
                                           const grpc::ByteBuffer* request,
                                           grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ReportAnswers(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>*
  ReportAnswersStream(grpc::CallbackServerContext* context) override;

 private:
  TypedMethod<v1::UpsertLabelersRequest, v1::UpsertLabelersResponse>
      upsert_labelers_;
  TypedMethod<v1::GetLabelerRequest, v1::GetLabelerResponse> get_labeler_;
  TypedMethod<v1::ListLabelersRequest, v1::ListLabelersResponse> list_labelers_;
  TypedMethod<v1::DeleteLabelersRequest, v1::DeleteLabelersResponse>
      delete_labelers_;
  TypedMethod<v1::ReportAnswersRequest, v1::ReportAnswersResponse>
      report_answers_;
  TypedMethod<v1::ReportAnswersStreamRequest, v1::ReportAnswersStreamResponse>
      report_answers_stream_;
};

// The classes of a task by its id alone: as remembered, else the pool's
// default.
TaskClasses ClassesOf(const Engine& engine, const Pool& pool,
                      absl::string_view task_id);

}  // namespace allot

#endif  // ALLOT_SERVER_LABELER_SERVICE_H_
