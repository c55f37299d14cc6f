// SPDX-License-Identifier: Apache-2.0
// A whole server in this process, and what a client needs to talk to it.
#ifndef ALLOT_TESTS_SERVER_RUNNING_SERVER_H_
#define ALLOT_TESTS_SERVER_RUNNING_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "allot/v1/allocation.grpc.pb.h"
#include "allot/v1/confidence.grpc.pb.h"
#include "allot/v1/labeler.grpc.pb.h"
#include "allot/v1/pool.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "grpcpp/grpcpp.h"
#include "lib/base/clock.h"
#include "server/log.h"
#include "server/server.h"

namespace allot {

class RunningServer {
 public:
  // Defaults for tests: a free port, no HTTP port, a store in memory.
  static ServerOptions TestOptions();
  explicit RunningServer(ServerOptions options = TestOptions());

  Server& server() { return *server_; }
  std::shared_ptr<grpc::Channel> channel() { return channel_; }
  v1::PoolService::Stub& pools() { return *pools_; }
  v1::LabelerService::Stub& labelers() { return *labelers_; }
  v1::AllocationService::Stub& allocation() { return *allocation_; }
  v1::ConfidenceService::Stub& confidence() { return *confidence_; }

  // The pool "animals" with skills cats and dogs and the label sets species
  // (cat, dog) and reversed (dog, cat).
  void AddPool();
  // Labelers l0, l1, ... of skill `mean` in everything.
  void AddLabelers(int count, int capacity, double mean = 1);

  // Body of GET `path` on the HTTP port; `code` gets its status.
  std::string Get(absl::string_view path, int* code = nullptr);
  // Value of one series as scraped, e.g.
  // Metric("allot_answers_total{outcome=\"recorded\"}"); -1 if it is not there.
  double Metric(absl::string_view series);

  std::vector<std::string> LogLines();

 private:
  SystemClock clock_;
  Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Logger> log_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::PoolService::Stub> pools_;
  std::unique_ptr<v1::LabelerService::Stub> labelers_;
  std::unique_ptr<v1::AllocationService::Stub> allocation_;
  std::unique_ptr<v1::ConfidenceService::Stub> confidence_;
};

// The details of an error, as a client decodes them.
google::rpc::ErrorInfo ErrorInfoOf(const grpc::Status& status);
google::rpc::BadRequest BadRequestOf(const grpc::Status& status);
google::rpc::RetryInfo RetryInfoOf(const grpc::Status& status);

}  // namespace allot

#endif  // ALLOT_TESTS_SERVER_RUNNING_SERVER_H_
