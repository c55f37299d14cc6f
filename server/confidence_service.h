// SPDX-License-Identifier: Apache-2.0
// allot.v1.ConfidenceService.
#ifndef ALLOT_SERVER_CONFIDENCE_SERVICE_H_
#define ALLOT_SERVER_CONFIDENCE_SERVICE_H_

#include "allot/v1/confidence.grpc.pb.h"
#include "server/method.h"

namespace allot {

using RawConfidenceService = v1::ConfidenceService::WithRawCallbackMethod_Score<
    v1::ConfidenceService::WithRawCallbackMethod_ScoreStream<
        v1::ConfidenceService::Service>>;

class ConfidenceService final : public RawConfidenceService {
 public:
  explicit ConfidenceService(const ServerCore& core);

  grpc::ServerUnaryReactor* Score(grpc::CallbackServerContext* context,
                                  const grpc::ByteBuffer* request,
                                  grpc::ByteBuffer* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* ScoreStream(
      grpc::CallbackServerContext* context) override;

 private:
  TypedMethod<v1::ScoreRequest, v1::ScoreResponse> score_;
  TypedMethod<v1::ScoreStreamRequest, v1::ScoreStreamResponse> score_stream_;
};

}  // namespace allot

#endif  // ALLOT_SERVER_CONFIDENCE_SERVICE_H_
