// SPDX-License-Identifier: Apache-2.0
// One thread's connections to all replicas: a call goes to any of them.
#ifndef ALLOT_TESTS_TORTURE_CONNECTIONS_H_
#define ALLOT_TESTS_TORTURE_CONNECTIONS_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "allot/v1/allocation.grpc.pb.h"
#include "allot/v1/confidence.grpc.pb.h"
#include "allot/v1/labeler.grpc.pb.h"
#include "allot/v1/pool.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "lib/base/rng.h"

namespace allot::torture {

int64_t NowMicros();

// Whether the same request may succeed a moment later.
bool Retryable(grpc::StatusCode code);
absl::Status ToStatus(const grpc::Status& status);

class Connections {
 public:
  // How long a call is sent again and again: a service that has much to read
  // again and little of a core to do it with may be away for a minute.
  static constexpr int64_t kPatienceMicros = 300'000'000;

  Connections(const std::vector<std::string>& servers, int thread, Rng rng);

  size_t size() const { return servers_.size(); }

  // One attempt, at the replica in use or, one time in ten, at another.
  template <typename Request, typename Response>
  grpc::Status Try(const Request& request, Response* response) {
    if (rng_.Bernoulli(0.1)) GoElsewhere();
    return TryAt(server_, request, response);
  }
  template <typename Request, typename Response>
  grpc::Status TryAt(size_t server, const Request& request, Response* response,
                     std::chrono::seconds limit = std::chrono::seconds(2)) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + limit);
    return Invoke(servers_[server], context, request, response);
  }
  // Any replica from now on.
  void GoElsewhere() { server_ = rng_.Below(servers_.size()); }

  // At this replica, until it works or patience ends.
  template <typename Request, typename Response>
  absl::Status InsistAt(size_t server, const Request& request,
                        Response* response) {
    const int64_t start = NowMicros();
    while (true) {
      const grpc::Status status =
          TryAt(server, request, response, std::chrono::seconds(30));
      if (status.ok()) return absl::OkStatus();
      if (!Retryable(status.error_code()) ||
          NowMicros() - start > kPatienceMicros) {
        return ToStatus(status);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

 private:
  struct Server {
    std::unique_ptr<v1::PoolService::Stub> pools;
    std::unique_ptr<v1::LabelerService::Stub> labelers;
    std::unique_ptr<v1::AllocationService::Stub> allocation;
    std::unique_ptr<v1::ConfidenceService::Stub> confidence;
  };

  static grpc::Status Invoke(const Server& at, grpc::ClientContext& context,
                             const v1::AllocateRequest& request,
                             v1::AllocateResponse* response);
  static grpc::Status Invoke(const Server& at, grpc::ClientContext& context,
                             const v1::RenewLeasesRequest& request,
                             v1::RenewLeasesResponse* response);
  static grpc::Status Invoke(const Server& at, grpc::ClientContext& context,
                             const v1::ReleaseLeasesRequest& request,
                             v1::ReleaseLeasesResponse* response);
  static grpc::Status Invoke(const Server& at, grpc::ClientContext& context,
                             const v1::ReportAnswersRequest& request,
                             v1::ReportAnswersResponse* response);
  static grpc::Status Invoke(const Server& at, grpc::ClientContext& context,
                             const v1::UpsertPoolRequest& request,
                             v1::UpsertPoolResponse* response);
  static grpc::Status Invoke(const Server& at, grpc::ClientContext& context,
                             const v1::UpsertLabelersRequest& request,
                             v1::UpsertLabelersResponse* response);
  static grpc::Status Invoke(const Server& at, grpc::ClientContext& context,
                             const v1::ScoreRequest& request,
                             v1::ScoreResponse* response);
  static grpc::Status Invoke(const Server& at, grpc::ClientContext& context,
                             const v1::GetPoolRequest& request,
                             v1::GetPoolResponse* response);

  Rng rng_;
  std::vector<Server> servers_;
  size_t server_ = 0;
};

}  // namespace allot::torture

#endif  // ALLOT_TESTS_TORTURE_CONNECTIONS_H_
