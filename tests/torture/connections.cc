// SPDX-License-Identifier: Apache-2.0
#include "tests/torture/connections.h"

namespace allot::torture {

int64_t NowMicros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool Retryable(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::CANCELLED:
      return true;
    default:
      return false;
  }
}

absl::Status ToStatus(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
}

Connections::Connections(const std::vector<std::string>& servers, int thread,
                         Rng rng)
    : rng_(rng) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  // A server that was killed is back in a moment.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  // A connection of its own for each thread.
  arguments.SetInt("allot.thread", thread);
  for (const std::string& address : servers) {
    const auto channel = grpc::CreateCustomChannel(
        address, grpc::InsecureChannelCredentials(), arguments);
    servers_.push_back({v1::PoolService::NewStub(channel),
                        v1::LabelerService::NewStub(channel),
                        v1::AllocationService::NewStub(channel),
                        v1::ConfidenceService::NewStub(channel)});
  }
  server_ = static_cast<size_t>(thread) % servers_.size();
}

grpc::Status Connections::Invoke(const Server& at, grpc::ClientContext& context,
                                 const v1::AllocateRequest& request,
                                 v1::AllocateResponse* response) {
  return at.allocation->Allocate(&context, request, response);
}
grpc::Status Connections::Invoke(const Server& at, grpc::ClientContext& context,
                                 const v1::RenewLeasesRequest& request,
                                 v1::RenewLeasesResponse* response) {
  return at.allocation->RenewLeases(&context, request, response);
}
grpc::Status Connections::Invoke(const Server& at, grpc::ClientContext& context,
                                 const v1::ReleaseLeasesRequest& request,
                                 v1::ReleaseLeasesResponse* response) {
  return at.allocation->ReleaseLeases(&context, request, response);
}
grpc::Status Connections::Invoke(const Server& at, grpc::ClientContext& context,
                                 const v1::ReportAnswersRequest& request,
                                 v1::ReportAnswersResponse* response) {
  return at.labelers->ReportAnswers(&context, request, response);
}
grpc::Status Connections::Invoke(const Server& at, grpc::ClientContext& context,
                                 const v1::UpsertPoolRequest& request,
                                 v1::UpsertPoolResponse* response) {
  return at.pools->UpsertPool(&context, request, response);
}
grpc::Status Connections::Invoke(const Server& at, grpc::ClientContext& context,
                                 const v1::UpsertLabelersRequest& request,
                                 v1::UpsertLabelersResponse* response) {
  return at.labelers->UpsertLabelers(&context, request, response);
}
grpc::Status Connections::Invoke(const Server& at, grpc::ClientContext& context,
                                 const v1::ScoreRequest& request,
                                 v1::ScoreResponse* response) {
  return at.confidence->Score(&context, request, response);
}
grpc::Status Connections::Invoke(const Server& at, grpc::ClientContext& context,
                                 const v1::GetPoolRequest& request,
                                 v1::GetPoolResponse* response) {
  return at.pools->GetPool(&context, request, response);
}

}  // namespace allot::torture
