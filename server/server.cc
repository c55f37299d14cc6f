// SPDX-License-Identifier: Apache-2.0
#include "server/server.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "absl/strings/str_cat.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "lib/base/status_macros.h"
#include "lib/store/store.h"
#include "server/collectors.h"
#include "server/status_page.h"

namespace allot {
namespace {

constexpr const char* kServices[] = {
    "allot.v1.AllocationService", "allot.v1.ConfidenceService",
    "allot.v1.LabelerService", "allot.v1.PoolService"};

int CountWorkers(int flag) {
  if (flag > 0) return flag;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace

absl::string_view Version() { return ALLOT_VERSION; }

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    const ServerOptions& options, const Clock* clock, Logger* log) {
  std::unique_ptr<Server> server(new Server(options, clock, log));
  // The HTTP port first: a probe should see a server that is starting, not one
  // that is not there.
  ALLOT_RETURN_IF_ERROR(server->StartHttp());
  ALLOT_RETURN_IF_ERROR(server->OpenEngine());
  ALLOT_RETURN_IF_ERROR(server->StartGrpc());
  return server;
}

Server::Server(const ServerOptions& options, const Clock* clock, Logger* log)
    : options_(options),
      clock_(*clock),
      log_(*log),
      started_nanos_(clock->MonotonicNanos()),
      metrics_(Version()),
      workers_(CountWorkers(options.workers), options.queue),
      core_{nullptr, clock, &workers_, &metrics_, log, options.slow_call},
      pools_(core_),
      labelers_(core_),
      allocation_(core_),
      confidence_(core_) {
  metrics_.AddLiveValue({"allot_queue_depth", "Calls that wait for a worker.",
                         [this] { return workers_.waiting(); }});
  metrics_.AddLiveValue({"allot_queue_limit",
                         "Calls that may wait for a worker.",
                         [this] { return workers_.queue_limit(); }});
  metrics_.AddLiveValue({"allot_workers", "Threads that compute calls.",
                         [this] { return workers_.workers(); }});
  metrics_.AddLiveValue({"allot_workers_busy",
                         "Threads that compute a call right now.",
                         [this] { return workers_.running(); }});
  metrics_.AddLiveValue(
      {"allot_request_cache_entries", "Responses kept for retries.", [this] {
         int64_t responses = 0;
         for (const PoolInfo& pool : ListPools()) {
           responses += pool.stats.kept_responses;
         }
         return static_cast<double>(responses);
       }});
  metrics_.AddLiveValue({"allot_request_cache_bytes",
                         "Size of the responses kept for retries.", [this] {
                           int64_t bytes = 0;
                           for (const PoolInfo& pool : ListPools()) {
                             bytes += pool.stats.kept_response_bytes;
                           }
                           return static_cast<double>(bytes);
                         }});
  metrics_.AddLiveValue({"allot_ready", "1 while the server takes calls.",
                         [this] { return NotReadyBecause().empty(); }});
  metrics_.AddLiveValue({"allot_store_up", "1 while the store answers.",
                         [this] { return store_up_ ? 1 : 0; }});
  AddReplicaMetrics();
  metrics_.AddLiveValue({"allot_log_lines_dropped_total",
                         "Log lines left out by the rate limit.",
                         [this] { return static_cast<double>(log_.dropped()); },
                         prometheus::MetricType::Counter});
  metrics_.AddCollectable(std::make_shared<ProcessCollector>());
  metrics_.AddCollectable(
      std::make_shared<PoolCollector>([this] { return ListPools(); }));
}

Server::~Server() { Stop(); }

void Server::AddReplicaMetrics() {
  const auto add = [this](const char* name, const char* help,
                          prometheus::MetricType type, auto value) {
    metrics_.AddLiveValue({name, help,
                           [this, value] {
                             MutexLock lock(engine_mutex_);
                             return visible_engine_ == nullptr
                                        ? 0.0
                                        : value(
                                              visible_engine_->replica_stats());
                           },
                           type});
  };
  using Type = prometheus::MetricType;
  using Stats = const ReplicaStats&;
  add("allot_replica_lag_events",
      "Events of other replicas that were found at the last look.", Type::Gauge,
      [](Stats stats) { return static_cast<double>(stats.lag_events); });
  add("allot_replica_lag_seconds",
      "Since the last look at what other replicas appended.", Type::Gauge,
      [this](Stats stats) {
        return stats.looked_nanos == 0
                   ? 0.0
                   : 1e-9 * static_cast<double>(clock_.MonotonicNanos() -
                                                stats.looked_nanos);
      });
  add("allot_replica_folded_events_total",
      "Events of other replicas that were folded.", Type::Counter,
      [](Stats stats) { return static_cast<double>(stats.folded); });
  add("allot_replica_conflicts_total",
      "Decisions made again because another replica was faster.", Type::Counter,
      [](Stats stats) { return static_cast<double>(stats.conflicts); });
  add("allot_replica_lost_events_total",
      "Events that the store had acknowledged and lost.", Type::Counter,
      [](Stats stats) { return static_cast<double>(stats.lost); });
}

absl::Status Server::StartHttp() {
  if (options_.http_listen.empty()) return absl::OkStatus();
  const auto html = [this] {
    return HttpResponse{200, "text/html; charset=utf-8", RenderStatusPage()};
  };
  std::vector<HttpServer::Page> pages;
  pages.push_back({"/metrics", [this] {
                     return HttpResponse{200, "text/plain; version=0.0.4",
                                         metrics_.Scrape()};
                   }});
  pages.push_back({"/healthz", [] {
                     return HttpResponse{200, "text/plain", "ok\n"};
                   }});
  pages.push_back({"/readyz", [this] {
                     const std::string why = NotReadyBecause();
                     return why.empty()
                                ? HttpResponse{200, "text/plain", "ok\n"}
                                : HttpResponse{503, "text/plain",
                                               absl::StrCat(why, "\n")};
                   }});
  pages.push_back({"/statusz", html});
  pages.push_back({"/", html});
  ALLOT_ASSIGN_OR_RETURN(
      http_, HttpServer::Start(options_.http_listen, std::move(pages)));
  ALLOT_ASSIGN_OR_RETURN(const HostPort address,
                         ParseAddress(options_.http_listen));
  http_address_ = absl::StrCat(address.host, ":", http_->port());
  return absl::OkStatus();
}

absl::Status Server::OpenEngine() {
  const int64_t start = clock_.MonotonicNanos();
  ALLOT_ASSIGN_OR_RETURN(store_, OpenStore(options_.store));
  for (const std::string& warning : store_->warnings()) {
    log_.Log(Severity::kWarning, warning);
  }
  metered_ = std::make_unique<MeteredStore>(store_.get(), &clock_, &metrics_);
  ALLOT_ASSIGN_OR_RETURN(
      engine_, Engine::Open(metered_.get(), &clock_, EngineOptions()));
  core_.engine = engine_.get();
  {
    MutexLock lock(engine_mutex_);
    visible_engine_ = engine_.get();
  }
  const Recovery& recovery = engine_->recovery();
  log_.Log(Severity::kInfo, "state recovered",
           {{"store", ShownAddress(options_.store)},
            {"pools", recovery.pools},
            {"labelers", recovery.labelers},
            {"answers", recovery.answers},
            {"events_replayed", recovery.events_replayed},
            {"seconds",
             1e-9 * static_cast<double>(clock_.MonotonicNanos() - start)}});
  return absl::OkStatus();
}

absl::Status Server::StartGrpc() {
  ALLOT_ASSIGN_OR_RETURN(const HostPort address, ParseAddress(options_.listen));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(options_.listen, grpc::InsecureServerCredentials(),
                           &port);
  // Two servers on one port would each get half of the calls, silently.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(options_.max_request_bytes);
  builder.RegisterService(&pools_);
  builder.RegisterService(&labelers_);
  builder.RegisterService(&allocation_);
  builder.RegisterService(&confidence_);
  grpc_ = builder.BuildAndStart();
  if (grpc_ == nullptr || port == 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", options_.listen));
  }
  grpc_address_ = absl::StrCat(address.host, ":", port);
  for (const char* service : kServices) {
    grpc_->GetHealthCheckService()->SetServingStatus(service, true);
  }
  SetNotReady("");
  housekeeper_ = std::thread([this] { Housekeep(); });
  refitter_ = std::thread([this] { Refit(); });
  if (store_->shared()) follower_ = std::thread([this] { Follow(); });
  return absl::OkStatus();
}

void Server::Housekeep() {
  while (true) {
    {
      MutexLock lock(housekeeper_mutex_);
      if (!stopping_) {
        housekeeper_wake_.wait_for(housekeeper_mutex_, std::chrono::seconds(1));
      }
      if (stopping_) return;
    }
    DoChores();
  }
}

void Server::Refit() {
  constexpr std::chrono::milliseconds kLeastPause(200);
  constexpr int kPausesPerFit = 3;
  std::chrono::nanoseconds pause = kLeastPause;
  while (true) {
    {
      MutexLock lock(housekeeper_mutex_);
      if (!stopping_) {
        housekeeper_wake_.wait_for(housekeeper_mutex_, pause);
      }
      if (stopping_) return;
    }
    const int64_t start = clock_.MonotonicNanos();
    const absl::StatusOr<int64_t> fitted = engine_->RefitDue();
    if (!fitted.ok()) {
      log_.LogLimited(Severity::kError, "cannot re-fit",
                      {{"error", fitted.status().message()}});
    }
    pause = std::max<std::chrono::nanoseconds>(
        kLeastPause, std::chrono::nanoseconds(
                         kPausesPerFit * (clock_.MonotonicNanos() - start)));
  }
}

void Server::Follow() {
  constexpr std::chrono::milliseconds kPause(50);
  while (true) {
    {
      MutexLock lock(housekeeper_mutex_);
      if (!stopping_) {
        housekeeper_wake_.wait_for(housekeeper_mutex_, kPause);
      }
      if (stopping_) return;
    }
    const absl::Status status = engine_->CatchUp();
    if (!status.ok()) {
      log_.LogLimited(Severity::kError, "cannot follow the other replicas",
                      {{"error", status.message()}});
    }
  }
}

void Server::DoChores() {
  const absl::StatusOr<int64_t> expired = engine_->ExpireLeases();
  if (expired.ok()) {
    metrics_.Expired(*expired);
  } else {
    log_.LogLimited(Severity::kError, "cannot expire leases",
                    {{"error", expired.status().message()}});
  }
  const absl::Status saved = engine_->SaveDueCheckpoints();
  if (!saved.ok()) {
    log_.LogLimited(Severity::kError, "cannot save checkpoints",
                    {{"error", saved.message()}});
  }
  const absl::Status store = metered_->Ping();
  if (store_up_.exchange(store.ok()) == store.ok()) return;
  // Plans and scores go on from memory. Where replicas share the store, it is
  // away for all of them, and to take them all out of service would stop those,
  // too; alone, not to be ready is how an operator is told.
  if (!store_->shared()) {
    SetNotReady(store.ok() ? "" : absl::StrCat("store: ", store.message()));
    grpc_->GetHealthCheckService()->SetServingStatus(store.ok());
  }
  log_.Log(store.ok() ? Severity::kInfo : Severity::kError,
           store.ok() ? "store answers again" : "store does not answer",
           {{"error", store.message()}});
}

void Server::Stop() {
  if (stopped_) return;
  stopped_ = true;
  SetNotReady("stopping");
  if (grpc_ != nullptr) {
    const int64_t start = clock_.MonotonicNanos();
    log_.Log(Severity::kInfo, "draining",
             {{"running", int64_t{workers_.running()}},
              {"waiting", int64_t{workers_.waiting()}}});
    {
      MutexLock lock(housekeeper_mutex_);
      stopping_ = true;
    }
    housekeeper_wake_.notify_all();
    if (housekeeper_.joinable()) housekeeper_.join();
    if (refitter_.joinable()) refitter_.join();
    if (follower_.joinable()) follower_.join();
    grpc_->GetHealthCheckService()->Shutdown();
    grpc_->Shutdown(std::chrono::system_clock::now() +
                    absl::ToChronoNanoseconds(options_.drain));
    workers_.Drain();
    const absl::Status saved = engine_->SaveCheckpoints();
    if (!saved.ok()) {
      // Nothing is lost: the next start replays the log.
      log_.Log(Severity::kWarning, "cannot save checkpoints",
               {{"error", saved.message()}});
    }
    log_.Log(Severity::kInfo, "stopped",
             {{"seconds",
               1e-9 * static_cast<double>(clock_.MonotonicNanos() - start)}});
  }
  {
    MutexLock lock(engine_mutex_);
    visible_engine_ = nullptr;
  }
  http_.reset();
  grpc_.reset();
  engine_.reset();
  metered_.reset();
  store_.reset();
}

std::string Server::NotReadyBecause() const {
  MutexLock lock(state_mutex_);
  return not_ready_;
}

void Server::SetNotReady(absl::string_view because) {
  MutexLock lock(state_mutex_);
  not_ready_ = std::string(because);
}

std::vector<PoolInfo> Server::ListPools() const {
  MutexLock lock(engine_mutex_);
  return visible_engine_ == nullptr ? std::vector<PoolInfo>()
                                    : visible_engine_->ListPools();
}

std::string Server::RenderStatusPage() const {
  StatusPageInput input;
  input.version = std::string(Version());
  input.store = ShownAddress(options_.store);
  input.not_ready_because = NotReadyBecause();
  input.ready = input.not_ready_because.empty();
  input.uptime = absl::Nanoseconds(clock_.MonotonicNanos() - started_nanos_);
  input.workers = workers_.workers();
  input.running = workers_.running();
  input.waiting = workers_.waiting();
  input.queue_limit = workers_.queue_limit();
  input.pools = ListPools();
  input.metrics = &metrics_;
  return StatusPage(input);
}

}  // namespace allot
