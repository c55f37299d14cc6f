// SPDX-License-Identifier: Apache-2.0
// allotd without its main(): the store, the engine, the services and the HTTP
// port, started and stopped in the right order.
#ifndef ALLOT_SERVER_SERVER_H_
#define ALLOT_SERVER_SERVER_H_

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "grpcpp/grpcpp.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/engine/engine.h"
#include "server/allocation_log.h"
#include "server/allocation_service.h"
#include "server/confidence_service.h"
#include "server/core.h"
#include "server/http_server.h"
#include "server/labeler_service.h"
#include "server/listener.h"
#include "server/metered_store.h"
#include "server/options.h"
#include "server/pool_service.h"

namespace allot {

// "0.1.0"
absl::string_view Version();

class Server {
 public:
  // Returns when the server answers calls. `log` and `clock` must outlive it.
  // Errors: kInvalidArgument for addresses of no such shape, kUnavailable for
  // ports that cannot be had, and what the store says.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const ServerOptions& options, const Clock* clock, Logger* log);
  // Stop(), unless that was done.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // What was bound, port 0 resolved.
  const std::string& grpc_address() const { return grpc_address_; }
  const std::string& http_address() const { return http_address_; }

  // Turns health to NOT_SERVING, lets running calls finish for as long as
  // ServerOptions::drain, writes checkpoints and closes the store. Idempotent.
  void Stop();

  // Takes over what can change while it runs: tokens, quotas, the latency
  // target, what is slow and what is logged. An error is logged and counted,
  // and all stays as it was. Also does the tokens' file on its own, when that
  // changes.
  void Reload(const absl::StatusOr<ServerOptions>& options);

  const Metrics& metrics() const { return metrics_; }
  // Of any thread, at any time.
  WorkerPool& workers() { return workers_; }

 private:
  Server(const ServerOptions& options, const Clock* clock, Logger* log);

  void AddLiveMetrics();
  absl::Status StartHttp();
  absl::Status OpenEngine();
  absl::Status OpenAllocationLog();
  absl::Status StartGrpc();
  // Once a second: leases that ran out, checkpoints that are due, the store's
  // health.
  void Housekeep();
  void DoChores();
  // Reads the tokens' file if it is another one, or has changed.
  absl::Status ReadTokens(const std::string& path);
  void WatchTokens();
  // Takes over settings that were found good.
  void Apply(const ServerOptions& options);
  // All the time: re-fits that are due, on a thread of their own, a quarter
  // of a core at most.
  void Refit();
  // Where the store is shared: folds what other replicas append, twenty times a
  // second.
  void Follow();

  void AddReplicaMetrics();
  void AddAllocationLogMetrics();

  // Empty when ready, else why not.
  std::string NotReadyBecause() const;
  void SetNotReady(absl::string_view because);
  std::string RenderStatusPage() const;
  std::string RenderConfigPage() const;
  std::vector<PoolInfo> ListPools() const;

  const ServerOptions options_;
  const Clock& clock_;
  Logger& log_;
  const int64_t started_nanos_;
  Metrics metrics_;
  WorkerPool workers_;
  Admission admission_;
  Access access_;
  Recent<PlanNote> plans_;
  Recent<CallNote> slow_calls_;
  ServerCore core_;
  PoolService pools_;
  LabelerService labelers_;
  AllocationService allocation_;
  ConfidenceService confidence_;

  std::unique_ptr<Store> store_;
  std::atomic<bool> store_up_ = true;
  std::unique_ptr<MeteredStore> metered_;
  std::unique_ptr<Engine> engine_;
  // The engine for pages of the HTTP port, which is there before the engine is
  // and after it is gone.
  mutable Mutex engine_mutex_;
  const Engine* visible_engine_ ABSL_GUARDED_BY(engine_mutex_) = nullptr;

  mutable Mutex state_mutex_;
  std::string not_ready_ ABSL_GUARDED_BY(state_mutex_) = "starting";
  std::vector<Setting> settings_ ABSL_GUARDED_BY(state_mutex_);

  Mutex tokens_mutex_;  // held while they are read
  std::string tokens_path_ ABSL_GUARDED_BY(tokens_mutex_);
  // Size, inode and times of the file that was read last.
  std::string tokens_stamp_ ABSL_GUARDED_BY(tokens_mutex_);

  // Outlives the HTTP port, whose pages read its counts. Null: none is kept.
  std::unique_ptr<AllocationLog> allocation_log_;

  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<Listener> listener_;
  // For pages that are asked for while the server starts.
  std::atomic<Listener*> visible_listener_{nullptr};
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::Server> grpc_;
  std::string grpc_address_;
  std::string http_address_;

  Mutex housekeeper_mutex_;
  ConditionVariable housekeeper_wake_;
  bool stopping_ ABSL_GUARDED_BY(housekeeper_mutex_) = false;
  std::thread housekeeper_;
  std::thread refitter_;
  std::thread follower_;
  bool stopped_ = false;
};

}  // namespace allot

#endif  // ALLOT_SERVER_SERVER_H_
