// SPDX-License-Identifier: Apache-2.0
// Whether a call is taken in, and when it is served. A call that cannot be
// served well is refused at once and told when to come again; what is taken in
// is served in good time.
//
// In order: the pool's quota; whether the call can be done by its deadline, by
// what such calls took and what waits before it; the adaptive limit on calls in
// flight; the bound of the queue. Where there are too many, a pool that has
// more than its share waiting, or a less urgent call, gives way.
//
// Cost  O(1) a call, without allocation; one lock, that of the queue.
#ifndef ALLOT_SERVER_ADMISSION_H_
#define ALLOT_SERVER_ADMISSION_H_

#include <atomic>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/clock.h"
#include "server/concurrency_limit.h"
#include "server/job_queue.h"
#include "server/metrics.h"
#include "server/quotas.h"
#include "server/service_times.h"
#include "server/worker_pool.h"

namespace allot {

// What admission keeps of a call from its arrival to its end.
struct Ticket {
  uint64_t kind = 0;
  Quotas::Account* account = nullptr;
  // For a refused call: the trailer grpc-retry-pushback-ms. Negative: it would
  // be refused again, so do not retry. 0: no trailer.
  int64_t pushback_ms = 0;
};

// What there is to know of a call before it is decoded.
struct Arrival {
  uint64_t pool_hash = 0;
  uint32_t method = 0;
  size_t bytes = 0;
  std::optional<int64_t> deadline_nanos;
};

// Who runs what was taken in.
enum class Admitted {
  kQueued,   // a worker, some time
  kRunHere,  // the caller, now; then WorkerPool::RanHere()
};

// Thread-safe.
class Admission {
 public:
  Admission(const Clock* clock, WorkerPool* workers, Metrics* metrics,
            int64_t target_nanos);

  // OK: the job was taken in, and is to be run, or will be run or evicted.
  // Needs job->priority and job->patient; fills in the rest. Errors:
  // kResourceExhausted with RetryInfo if waiting helps; kUnavailable when the
  // server stops.
  absl::StatusOr<Admitted> Admit(Job* job, const Arrival& arrival,
                                 Ticket& ticket);

  // For a job that was evicted: why its call is refused.
  absl::Status GiveWay(Ticket& ticket);

  // The call is over; called once for every Admit() that was OK. Times in
  // Clock::MonotonicNanos(); `cuttable_nanos` of the work would have been cut
  // short by a deadline. Only calls that were `served` teach anything.
  void Finish(Ticket& ticket, bool served, int64_t arrived_nanos,
              int64_t started_nanos, int64_t ended_nanos,
              int64_t cuttable_nanos);

  Quotas& quotas() { return quotas_; }
  void set_target_nanos(int64_t nanos) { limit_.set_target_nanos(nanos); }
  int limit() const { return workers_.limit(); }

 private:
  absl::Status Refuse(Submitted why, const Job& job, Ticket& ticket);
  // When a refused call should come again: when what waits is done, more or
  // less, so that not all come at once.
  absl::Duration RetryDelay();

  const Clock& clock_;
  WorkerPool& workers_;
  Metrics& metrics_;
  ConcurrencyLimit limit_;
  ServiceTimes times_;
  Quotas quotas_;
  std::atomic<uint32_t> too_late_{0};
  std::atomic<uint32_t> delays_{0};
};

}  // namespace allot

#endif  // ALLOT_SERVER_ADMISSION_H_
