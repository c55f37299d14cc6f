// SPDX-License-Identifier: Apache-2.0
#include "tests/torture/crowd.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "lib/base/status_macros.h"
#include "tests/torture/client.h"
#include "tests/torture/steward.h"

namespace allot::torture {

Crowd::Crowd(CrowdOptions options)
    : options_(std::move(options)),
      steward_(std::make_unique<Steward>(options_.servers)) {
  for (int pool = 0; pool < options_.pools; ++pool) {
    boards_.push_back(std::make_unique<Board>());
    answered_.push_back(std::make_unique<std::atomic<int64_t>>(0));
  }
  for (int i = 0; i < options_.threads; ++i) {
    clients_.push_back(std::make_unique<Client>(this, i));
  }
}

Crowd::~Crowd() { Stop(); }

absl::Status Crowd::Prepare() {
  for (int pool = 0; pool < options_.pools; ++pool) {
    ALLOT_RETURN_IF_ERROR(steward_->MakePool(pool, options_.labelers));
  }
  return absl::OkStatus();
}

void Crowd::Start() {
  {
    MutexLock lock(gate_mutex_);
    running_ = options_.threads;
  }
  started_ = NowMicros();
  for (const auto& client : clients_) {
    threads_.emplace_back([this, &client] {
      client->Run();
      MutexLock lock(gate_mutex_);
      --running_;
      gate_changed_.notify_all();
    });
  }
}

void Crowd::Pass() {
  MutexLock lock(gate_mutex_);
  if (!held_) return;
  ++parked_;
  gate_changed_.notify_all();
  while (held_) gate_changed_.wait(gate_mutex_);
  --parked_;
}

int64_t Crowd::NextDue() {
  if (options_.rate <= 0) return 0;
  const auto step = static_cast<double>(steps_.fetch_add(1));
  const int64_t due =
      started_ + static_cast<int64_t>(1e6 * step / options_.rate);
  const int64_t wait = due - NowMicros();
  if (wait > 0) std::this_thread::sleep_for(std::chrono::microseconds(wait));
  return due;
}

std::vector<double> Crowd::LatencySeconds() const {
  std::vector<double> seconds;
  for (const auto& client : clients_) {
    seconds.insert(seconds.end(), client->latency_seconds().begin(),
                   client->latency_seconds().end());
  }
  return seconds;
}

void Crowd::Hold() {
  MutexLock lock(gate_mutex_);
  held_ = true;
  while (parked_ < running_) gate_changed_.wait(gate_mutex_);
}

void Crowd::Resume() {
  MutexLock lock(gate_mutex_);
  held_ = false;
  gate_changed_.notify_all();
}

void Crowd::Stop() {
  stopping_ = true;
  Resume();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Crowd::AddError(const std::string& error) {
  MutexLock lock(shared_mutex_);
  errors_.push_back(error);
}

std::vector<std::string> Crowd::Errors() const {
  MutexLock lock(shared_mutex_);
  return errors_;
}

std::vector<const Call*> Crowd::Calls() const {
  std::vector<const Call*> calls;
  for (const auto& client : clients_) {
    for (const Call& call : client->calls()) calls.push_back(&call);
  }
  return calls;
}

std::vector<Call> Crowd::TakeCalls() {
  for (const auto& client : clients_) {
    for (const Client::Repeated& repeated : client->repeated()) {
      clients_[static_cast<size_t>(repeated.thread)]
          ->mutable_calls()[repeated.call]
          .again.push_back(repeated.response);
    }
  }
  std::vector<Call> calls;
  for (const auto& client : clients_) {
    for (Call& call : client->mutable_calls()) calls.push_back(std::move(call));
    client->mutable_calls().clear();
  }
  return calls;
}

absl::StatusOr<std::vector<Kept>> Crowd::ReadAnswers(size_t replica) const {
  std::vector<std::set<int32_t>> tasks(static_cast<size_t>(options_.pools));
  for (const Call* call : Calls()) {
    if (call->kind != Kind::kReport || call->returned == kNever) continue;
    for (const Item& item : call->items) tasks[call->pool].insert(item.task);
  }
  std::vector<Kept> kept;
  for (int pool = 0; pool < options_.pools; ++pool) {
    ALLOT_RETURN_IF_ERROR(steward_->CatchUp(replica, pool));
    const std::set<int32_t>& of_pool = tasks[static_cast<size_t>(pool)];
    ALLOT_RETURN_IF_ERROR(steward_->ReadAnswers(
        replica, pool, std::vector<int32_t>(of_pool.begin(), of_pool.end()),
        kept));
  }
  return kept;
}

absl::StatusOr<int64_t> Crowd::CountOpenLeases(size_t replica) const {
  int64_t open = 0;
  for (int pool = 0; pool < options_.pools; ++pool) {
    ALLOT_RETURN_IF_ERROR(steward_->CatchUp(replica, pool));
    ALLOT_ASSIGN_OR_RETURN(const int64_t here,
                           steward_->CountOpenLeases(replica, pool));
    open += here;
  }
  return open;
}

}  // namespace allot::torture
