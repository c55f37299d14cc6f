// SPDX-License-Identifier: Apache-2.0
// Series that are read when they are asked for.
#include <functional>
#include <memory>
#include <utility>

#include "server/collectors.h"
#include "server/server.h"

namespace allot {

void Server::AddLiveMetrics() {
  const auto gauge = [this](const char* name, const char* help,
                            std::function<double()> read) {
    metrics_.AddLiveValue({name, help, std::move(read)});
  };
  const auto counter = [this](const char* name, const char* help,
                              std::function<double()> read) {
    metrics_.AddLiveValue(
        {name, help, std::move(read), prometheus::MetricType::Counter});
  };
  gauge("allot_queue_depth", "Calls that wait for a worker.",
        [this] { return workers_.waiting(); });
  gauge("allot_queue_limit", "Calls that may wait for a worker.",
        [this] { return workers_.queue_limit(); });
  gauge("allot_in_flight_limit",
        "Calls that may wait or run, at present; follows measured latency.",
        [this] { return workers_.limit(); });
  gauge("allot_workers", "Threads that compute calls.",
        [this] { return workers_.workers(); });
  gauge("allot_workers_busy", "Threads that compute a call right now.",
        [this] { return workers_.running(); });
  gauge("allot_request_cache_entries", "Responses kept for retries.", [this] {
    int64_t responses = 0;
    for (const PoolInfo& pool : ListPools()) {
      responses += pool.stats.kept_responses;
    }
    return static_cast<double>(responses);
  });
  gauge("allot_request_cache_bytes", "Size of the responses kept for retries.",
        [this] {
          int64_t bytes = 0;
          for (const PoolInfo& pool : ListPools()) {
            bytes += pool.stats.kept_response_bytes;
          }
          return static_cast<double>(bytes);
        });
  gauge("allot_connections", "Connections to the gRPC port.", [this] {
    Listener* listener = visible_listener_;
    return listener == nullptr ? 0 : listener->connections();
  });
  counter("allot_connections_accepted_total", "Connections taken.", [this] {
    const Listener* listener = visible_listener_;
    return listener == nullptr ? 0.0
                               : static_cast<double>(listener->accepted());
  });
  counter("allot_connections_refused_total",
          "Connections closed at once because there were too many.", [this] {
            const Listener* listener = visible_listener_;
            return listener == nullptr
                       ? 0.0
                       : static_cast<double>(listener->refused());
          });
  gauge("allot_tls_certificate_expiry_seconds",
        "When the certificate expires, in seconds since 1970; 0 without TLS.",
        [this]() -> double {
          const std::string& path = options_.tls.certificate;
          if (path.empty()) return 0;
          const absl::Time expiry = CertificateExpiry(path);
          return expiry == absl::InfinitePast()
                     ? 0
                     : static_cast<double>(absl::ToUnixSeconds(expiry));
        });
  gauge("allot_ready", "1 while the server takes calls.",
        [this] { return NotReadyBecause().empty(); });
  gauge("allot_store_up", "1 while the store answers.",
        [this] { return store_up_ ? 1 : 0; });
  AddReplicaMetrics();
  AddAllocationLogMetrics();
  counter("allot_log_lines_dropped_total",
          "Log lines left out by the rate limit.",
          [this] { return static_cast<double>(log_.dropped()); });
  metrics_.AddCollectable(std::make_shared<ProcessCollector>());
  metrics_.AddCollectable(
      std::make_shared<PoolCollector>([this] { return ListPools(); }));
}

void Server::AddAllocationLogMetrics() {
  const auto add = [this](const char* name, const char* help,
                          int64_t AllocationLog::Counts::*value) {
    metrics_.AddLiveValue({name, help,
                           [this, value] {
                             return allocation_log_ == nullptr
                                        ? 0.0
                                        : static_cast<double>(
                                              allocation_log_->counts().*value);
                           },
                           prometheus::MetricType::Counter});
  };
  using Counts = AllocationLog::Counts;
  add("allot_allocation_log_records_total", "Allocations logged.",
      &Counts::records);
  add("allot_allocation_log_bytes_total", "Bytes of the allocation log.",
      &Counts::bytes);
  add("allot_allocation_log_dropped_total",
      "Allocations left out of the log, for a full queue or a failed write.",
      &Counts::dropped);
  add("allot_allocation_log_errors_total",
      "Failed writes of the allocation log.", &Counts::errors);
}

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

}  // namespace allot
