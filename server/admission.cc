// SPDX-License-Identifier: Apache-2.0
#include "server/admission.h"

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "server/grpc_status.h"

namespace allot {
namespace {

// Of calls that seem to come too late so many are refused for each one that is
// tried: the estimate may be wrong, and only trying shows it.
constexpr uint32_t kTrials = 32;

// So many times as long as calls should take in the long run one may wait in a
// burst. The concurrency limit finds its level within a few windows of calls,
// but what was let in before that waits in line.
constexpr int64_t kBurst = 4;

}  // namespace

Admission::Admission(const Clock* clock, WorkerPool* workers, Metrics* metrics,
                     int64_t target_nanos)
    : clock_(*clock),
      workers_(*workers),
      metrics_(*metrics),
      limit_({.least = 2 * workers->workers(),
              .most = workers->workers() + workers->queue_limit(),
              .target_nanos = target_nanos}) {}

absl::StatusOr<Admitted> Admission::Admit(Job* job, const Arrival& arrival,
                                          Ticket& ticket) {
  const Quotas::Outcome quota =
      quotas_.Take(arrival.pool_hash, clock_.MonotonicNanos());
  if (!quota.granted) {
    metrics_.Refused(Refusal::kQuota);
    const absl::Duration delay = absl::Nanoseconds(quota.retry_nanos);
    ticket.pushback_ms = std::max<int64_t>(1, absl::ToInt64Milliseconds(delay));
    return WithRetryAfter(
        WithReason(absl::ResourceExhaustedError(
                       "the pool's quota is used up: try again later"),
                   "QUOTA_EXCEEDED"),
        delay);
  }
  ticket.account = quota.account;
  ticket.kind =
      ServiceTimes::KindOf(arrival.pool_hash, arrival.method, arrival.bytes);
  const ServiceTimes::Estimate estimate = times_.Of(ticket.kind);
  job->pool_hash = arrival.pool_hash;
  job->expected_nanos = estimate.usual_nanos;
  job->least_nanos = estimate.least_nanos;
  job->finish_by_nanos =
      arrival.deadline_nanos.value_or(std::numeric_limits<int64_t>::max());
  if (const auto allowance = limit_.AllowanceNanos(estimate.usual_nanos)) {
    job->longest_wait_nanos = kBurst * *allowance;
  }
  // Once it is accepted it may be over, and gone, before Submit() returns.
  Submitted outcome = workers_.Submit(job);
  if (outcome == Submitted::kTooLate &&
      (too_late_.fetch_add(1, std::memory_order_relaxed) + 1) % kTrials == 0) {
    job->finish_by_nanos = std::numeric_limits<int64_t>::max();
    outcome = workers_.Submit(job);
  }
  if (outcome == Submitted::kAccepted) return Admitted::kQueued;
  if (outcome == Submitted::kRunHere) return Admitted::kRunHere;
  Quotas::Give(ticket.account);
  ticket.account = nullptr;
  return Refuse(outcome, *job, ticket);
}

absl::Status Admission::Refuse(Submitted why, const Job& job, Ticket& ticket) {
  if (why == Submitted::kDraining) {
    return WithReason(absl::UnavailableError("the server is stopping"),
                      "SHUTTING_DOWN");
  }
  const absl::Duration delay = RetryDelay();
  ticket.pushback_ms = absl::ToInt64Milliseconds(delay);
  switch (why) {
    case Submitted::kTooLate: {
      metrics_.Refused(Refusal::kTooLate);
      absl::Status status = WithReason(
          absl::ResourceExhaustedError(absl::StrCat(
              "cannot be done by its deadline: such calls take ",
              absl::FormatDuration(absl::Trunc(
                  absl::Nanoseconds(job.least_nanos), absl::Microseconds(1))),
              " or more, beside what waits before it")),
          "DEADLINE_TOO_SHORT");
      // Without anything that waits the next try would not fare better.
      if (workers_.BacklogNanos() == 0) {
        ticket.pushback_ms = -1;
        return status;
      }
      return WithRetryAfter(std::move(status), delay);
    }
    case Submitted::kOverLimit:
      metrics_.Refused(Refusal::kOverLimit);
      return WithRetryAfter(
          WithReason(
              absl::ResourceExhaustedError(absl::StrCat(
                  "too many calls at once (at present ", workers_.limit(),
                  " may be in flight): try again later")),
              "CONCURRENCY_LIMIT"),
          delay);
    default:
      metrics_.Refused(Refusal::kQueueFull);
      return WithRetryAfter(
          WithReason(absl::ResourceExhaustedError(
                         absl::StrCat("queue full (", workers_.queue_limit(),
                                      " calls wait): try again later")),
                     "QUEUE_FULL"),
          delay);
  }
}

absl::Status Admission::GiveWay(Ticket& ticket) {
  metrics_.Refused(Refusal::kGaveWay);
  const absl::Duration delay = RetryDelay();
  ticket.pushback_ms = absl::ToInt64Milliseconds(delay);
  return WithRetryAfter(
      WithReason(absl::ResourceExhaustedError(
                     "gave way to a more urgent call, or to a pool that had "
                     "fewer waiting: try again later"),
                 "GAVE_WAY"),
      delay);
}

void Admission::Finish(Ticket& ticket, bool served, int64_t arrived_nanos,
                       int64_t started_nanos, int64_t ended_nanos,
                       int64_t cuttable_nanos) {
  Quotas::Give(ticket.account);
  ticket.account = nullptr;
  if (!served) return;
  const int64_t service = ended_nanos - started_nanos;
  times_.Record(ticket.kind, service,
                std::max<int64_t>(0, service - cuttable_nanos));
  if (limit_.Observe(ended_nanos, ended_nanos - arrived_nanos, service,
                     workers_.waiting() + workers_.running())) {
    workers_.SetLimit(limit_.limit());
  }
}

absl::Duration Admission::RetryDelay() {
  constexpr int64_t kLeastNanos = 20'000'000;
  constexpr int64_t kMostNanos = 10'000'000'000;
  const int64_t base =
      std::clamp(workers_.BacklogNanos(), kLeastNanos, kMostNanos);
  // 3/4 to 5/4 of it; steps of the golden ratio spread evenly.
  const uint32_t step =
      delays_.fetch_add(1, std::memory_order_relaxed) * 0x9e3779b9u;
  return absl::Nanoseconds(base / 4 * 3 + (base / 2 >> 8) * (step >> 24));
}

}  // namespace allot
