// SPDX-License-Identifier: Apache-2.0
#include "server/server.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/health_check_service_interface.h"
#include "lib/base/status_macros.h"
#include "lib/store/store.h"
#include "server/config.h"
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

// Files of the process itself: the store, the HTTP port, logs, epoll.
constexpr int kOwnFiles = 256;

// Raises the limit on open files as far as is needed and allowed.
void AllowFiles(int wanted) {
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  const auto enough = static_cast<rlim_t>(wanted);
  if (files.rlim_cur >= enough) return;
  files.rlim_cur = std::min(files.rlim_max, enough);
  setrlimit(RLIMIT_NOFILE, &files);
}

int Millis(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

// What one client, or all of them, may take of gRPC.
void LimitResources(const ServerOptions& options,
                    grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(options.max_request_bytes);
  grpc::ResourceQuota quota("allotd");
  quota.Resize(static_cast<size_t>(options.max_buffer_bytes));
  builder.SetResourceQuota(quota);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 1000);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 16 << 10);
  // Who connects and says nothing, or not all of it.
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 10'000);
  // Who is gone without a word, or does not read what he asked for.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Who pings too often.
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 2);
  if (options.max_connection_age > absl::ZeroDuration()) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                               Millis(options.max_connection_age));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                               std::max(1000, Millis(options.drain)));
  }
}

// Handing a call to a worker and its answer back costs some 30 microseconds of
// CPU; gRPC's threads can be kept from their sockets for a little longer.
constexpr int64_t kRunHereNanos = 200'000;

}  // namespace

absl::string_view Version() { return ALLOT_VERSION; }

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    const ServerOptions& options, const Clock* clock, Logger* log) {
  ALLOT_RETURN_IF_ERROR(CheckOptions(options));
  std::unique_ptr<Server> server(new Server(options, clock, log));
  ALLOT_RETURN_IF_ERROR(server->ReadTokens(options.tokens));
  ALLOT_RETURN_IF_ERROR(server->OpenAllocationLog());
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
      workers_(clock, {.workers = CountWorkers(options.workers),
                       .queue = options.queue,
                       .express = true,
                       .run_here_nanos = kRunHereNanos}),
      admission_(clock, &workers_, &metrics_,
                 absl::ToInt64Nanoseconds(options.latency_target)),
      core_{.clock = clock,
            .workers = &workers_,
            .admission = &admission_,
            .access = &access_,
            .metrics = &metrics_,
            .log = log,
            .plans = &plans_,
            .slow_calls = &slow_calls_,
            .slow_call_nanos = absl::ToInt64Nanoseconds(options.slow_call)},
      pools_(core_),
      labelers_(core_),
      allocation_(core_, options.batch_window),
      confidence_(core_),
      settings_(options.settings) {
  admission_.quotas().Set(options.quotas);
  AddLiveMetrics();
}

Server::~Server() { Stop(); }

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
  pages.push_back({"/configz", [this] {
                     return HttpResponse{200, "text/html; charset=utf-8",
                                         RenderConfigPage()};
                   }});
  pages.push_back({"/", html});
  ALLOT_ASSIGN_OR_RETURN(
      http_, HttpServer::Start(options_.http_listen, std::move(pages)));
  ALLOT_ASSIGN_OR_RETURN(const HostPort address,
                         ParseAddress(options_.http_listen));
  http_address_ = absl::StrCat(address.host, ":", http_->port());
  return absl::OkStatus();
}

absl::Status Server::OpenAllocationLog() {
  if (options_.allocation_log.folder.empty()) return absl::OkStatus();
  ALLOT_ASSIGN_OR_RETURN(
      allocation_log_,
      AllocationLog::Open(options_.allocation_log, Version(), &clock_, &log_));
  core_.allocation_log = allocation_log_.get();
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
  AllowFiles(options_.max_connections + kOwnFiles);
  ALLOT_ASSIGN_OR_RETURN(
      listener_, Listener::Bind(options_.listen, options_.max_connections));
  ALLOT_ASSIGN_OR_RETURN(
      const std::shared_ptr<grpc::ServerCredentials> credentials,
      MakeServerCredentials(options_.tls));
  grpc::ServerBuilder builder;
  acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      credentials);
  LimitResources(options_, builder);
  builder.RegisterService(&pools_);
  builder.RegisterService(&labelers_);
  builder.RegisterService(&allocation_);
  builder.RegisterService(&confidence_);
  grpc_ = builder.BuildAndStart();
  if (grpc_ == nullptr) {
    return absl::InternalError("gRPC cannot start");
  }
  listener_->Run([this](int listener_fd, int fd) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters
        connection;
    connection.listener_fd = listener_fd;
    connection.fd = fd;
    acceptor_->HandleNewConnection(&connection);
  });
  visible_listener_ = listener_.get();
  grpc_address_ = absl::StrCat(address.host, ":", listener_->port());
  for (const char* service : kServices) {
    grpc_->GetHealthCheckService()->SetServingStatus(service, true);
  }
  SetNotReady("");
  housekeeper_ = std::thread([this] { Housekeep(); });
  refitter_ = std::thread([this] { Refit(); });
  if (store_->shared()) follower_ = std::thread([this] { Follow(); });
  return absl::OkStatus();
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
    // gRPC cancels calls that arrive once it shuts down, before their senders
    // can know: whoever asks for our health should have stopped by then.
    std::this_thread::sleep_for(absl::ToChronoNanoseconds(options_.lame_duck));
    listener_->Stop();
    grpc_->Shutdown(std::chrono::system_clock::now() +
                    absl::ToChronoNanoseconds(options_.drain));
    // What waits for company, then what waits for a worker.
    allocation_.Stop();
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
  core_.allocation_log = nullptr;
  allocation_log_.reset();
  grpc_.reset();
  acceptor_.reset();
  visible_listener_ = nullptr;
  listener_.reset();
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
  input.in_flight_limit = workers_.limit();
  Listener* listener = visible_listener_;
  input.connections = listener == nullptr ? 0 : listener->connections();
  input.plans = plans_.List();
  input.slow_calls = slow_calls_.List();
  input.metrics = &metrics_;
  return StatusPage(input);
}

std::string Server::RenderConfigPage() const {
  MutexLock lock(state_mutex_);
  return ConfigPage(settings_);
}

}  // namespace allot
