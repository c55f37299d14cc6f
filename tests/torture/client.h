// SPDX-License-Identifier: Apache-2.0
// One thread of the crowd.
#ifndef ALLOT_TESTS_TORTURE_CLIENT_H_
#define ALLOT_TESTS_TORTURE_CLIENT_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "allot/v1/allocation.grpc.pb.h"
#include "allot/v1/confidence.grpc.pb.h"
#include "allot/v1/labeler.grpc.pb.h"
#include "allot/v1/pool.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "lib/base/rng.h"
#include "tests/torture/crowd.h"

namespace allot::torture {

int64_t NowMicros();
std::string PoolName(int pool);

class Client {
 public:
  Client(Crowd* crowd, int number);

  // The thread: random operations until the crowd is stopped or done.
  void Run();

  absl::Status MakePool(int pool);
  // Answers of the tasks given, which all have some.
  absl::Status ReadAnswers(int pool, const std::vector<int32_t>& tasks,
                           std::vector<Kept>& kept);
  absl::StatusOr<int64_t> CountOpenLeases(int pool);

  const std::deque<Call>& calls() const { return calls_; }
  std::deque<Call>& mutable_calls() { return calls_; }
  // Answers to requests of others that this client sent again.
  struct Repeated {
    int thread = 0;
    size_t call = 0;
    uint64_t response = 0;
  };
  const std::vector<Repeated>& repeated() const { return repeated_; }

 private:
  using Held = Crowd::Held;

  struct Server {
    std::unique_ptr<v1::PoolService::Stub> pools;
    std::unique_ptr<v1::LabelerService::Stub> labelers;
    std::unique_ptr<v1::AllocationService::Stub> allocation;
    std::unique_ptr<v1::ConfidenceService::Stub> confidence;
  };

  void Step();
  void Allocate(int pool);
  void Report(int pool, std::vector<Held> leases);
  void Renew(int pool, const std::vector<Held>& leases);
  void Release(int pool, const std::vector<Held>& leases, bool skip);
  // Uses leases of others, or leases that are over.
  void Meddle(int pool);
  void RepeatSomething();

  // Up to `most` of the leases held, and no longer held then.
  std::vector<Held> Take(int pool, size_t most);
  Call& NewCall(int pool, Kind kind);
  void Count(int64_t operations);

  // Sends until there is an answer; false when there never is one.
  template <typename Request, typename Response>
  bool Send(Call& call, const Request& request, Response* response);
  // One attempt at any replica.
  grpc::Status Try(const v1::AllocateRequest& request,
                   v1::AllocateResponse* response);
  grpc::Status Try(const v1::RenewLeasesRequest& request,
                   v1::RenewLeasesResponse* response);
  grpc::Status Try(const v1::ReleaseLeasesRequest& request,
                   v1::ReleaseLeasesResponse* response);
  grpc::Status Try(const v1::ReportAnswersRequest& request,
                   v1::ReportAnswersResponse* response);
  grpc::Status Try(const v1::UpsertPoolRequest& request,
                   v1::UpsertPoolResponse* response);
  grpc::Status Try(const v1::UpsertLabelersRequest& request,
                   v1::UpsertLabelersResponse* response);
  grpc::Status Try(const v1::ScoreRequest& request,
                   v1::ScoreResponse* response);
  grpc::Status Try(const v1::GetPoolRequest& request,
                   v1::GetPoolResponse* response);
  // The same until it works or 60 s are over.
  template <typename Request, typename Response>
  absl::Status Insist(const Request& request, Response* response);
  Server& AnyServer();

  Crowd& crowd_;
  const int number_;
  Rng rng_;
  std::vector<Server> servers_;
  size_t server_ = 0;
  std::vector<std::vector<Held>> held_;  // [pools]
  std::vector<std::vector<Held>> over_;  // [pools]: answered, or left to expire
  std::deque<Call> calls_;
  std::vector<Repeated> repeated_;
};

}  // namespace allot::torture

#endif  // ALLOT_TESTS_TORTURE_CLIENT_H_
