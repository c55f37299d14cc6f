// SPDX-License-Identifier: Apache-2.0
// What the server does by itself, on threads of its own.
#include <chrono>

#include "server/server.h"

namespace allot {

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
  WatchTokens();
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

}  // namespace allot
