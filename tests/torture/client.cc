// SPDX-License-Identifier: Apache-2.0
#include "tests/torture/client.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "tests/torture/steward.h"

namespace allot::torture {
namespace {

constexpr int64_t kSecond = 1'000'000;

uint64_t HashOf(const google::protobuf::Message& message) {
  return absl::HashOf(message.SerializeAsString());
}

int64_t MicrosOf(const google::protobuf::Timestamp& time) {
  return time.seconds() * kSecond + time.nanos() / 1000;
}

}  // namespace

Client::Client(Crowd* crowd, int number)
    : crowd_(*crowd),
      number_(number),
      batch_(static_cast<uint64_t>(crowd->options_.batch)),
      most_held_(5 * batch_ / 2),
      rng_(Rng(crowd->options_.seed).Split(static_cast<uint64_t>(number))),
      connections_(crowd->options_.entries, number,
                   rng_.Split(static_cast<uint64_t>(number))),
      held_(static_cast<size_t>(crowd->options_.pools)),
      over_(static_cast<size_t>(crowd->options_.pools)) {}

template <typename Request, typename Response>
bool Client::Send(Call& call, const Request& request, Response* response) {
  if (rng_.Bernoulli(0.05)) {
    // Others may send it too, before or after this thread has its answer.
    MutexLock lock(crowd_.shared_mutex_);
    if (crowd_.repeats_.size() >= 32) crowd_.repeats_.pop_front();
    crowd_.repeats_.push_back(
        {number_, calls_.size() - 1, call.kind, request.SerializeAsString()});
  }
  call.invoked = NowMicros();
  while (true) {
    crowd_.Pass();
    ++call.attempts;
    const grpc::Status status = connections_.Try(request, response);
    if (status.ok()) break;
    if (!Retryable(status.error_code())) {
      crowd_.AddError(absl::StrCat("code ", int{status.error_code()}, ": ",
                                   status.error_message()));
      return false;
    }
    if (NowMicros() - call.invoked > Connections::kPatienceMicros) {
      crowd_.AddError(
          absl::StrCat("no answer for 300 s: ", status.error_message()));
      return false;
    }
    connections_.GoElsewhere();
    std::this_thread::sleep_for(std::chrono::milliseconds(5 + rng_.Below(20)));
  }
  call.returned = NowMicros();
  call.response = HashOf(*response);
  crowd_.last_success_ = call.returned;
  if (due_ > 0) {
    latency_seconds_.push_back(1e-6 *
                               static_cast<double>(call.returned - due_));
  }
  Count(call.attempts > 1 ? 1 : 0);
  if (rng_.Bernoulli(0.02)) {
    Response again;
    if (connections_.Try(request, &again).ok())
      call.again.push_back(HashOf(again));
    Count(1);
  }
  return true;
}

void Client::Count(int64_t operations) {
  const int64_t before = crowd_.operations_.fetch_add(operations);
  const int64_t most = crowd_.options_.operations;
  if (most > 0 && before + operations >= most) crowd_.done_ = true;
}

Call& Client::NewCall(int pool, Kind kind) {
  Call& call = calls_.emplace_back();
  call.pool = static_cast<uint8_t>(pool);
  call.kind = kind;
  return call;
}

void Client::Allocate(int pool) {
  const auto at = static_cast<size_t>(pool);
  v1::AllocateRequest request;
  request.set_pool_id(PoolName(pool));
  Call& call = NewCall(pool, Kind::kAllocate);
  request.set_request_id(absl::StrCat(number_, ".", calls_.size()));
  request.mutable_policy()->set_must_fill(true);
  request.set_seed(static_cast<int64_t>(rng_.Below(1 << 20)));
  const uint64_t kind = rng_.Below(5);
  call.lease_duration = (kind == 0 ? 1 : kind < 3 ? 3 : 20) * kSecond;
  request.mutable_lease_duration()->set_seconds(call.lease_duration / kSecond);
  // Redundancies are 1, 2, 3 in turn: two answers a task.
  const int64_t window = crowd_.options_.window;
  const int64_t base =
      std::max<int64_t>(0, *crowd_.answered_[at] / 2 - window / 3);
  std::set<int64_t> tasks;
  const uint64_t wanted = std::min<uint64_t>(1 + rng_.Below(batch_ / 2),
                                             static_cast<uint64_t>(window));
  while (tasks.size() < wanted) {
    tasks.insert(
        base + static_cast<int64_t>(rng_.Below(static_cast<uint64_t>(window))));
  }
  for (const int64_t number : tasks) {
    auto* task = request.add_tasks();
    task->set_task_id(absl::StrCat("t", number));
    task->set_redundancy(RedundancyOf(static_cast<int32_t>(number)));
  }
  v1::AllocateResponse response;
  if (!Send(call, request, &response)) return;
  // Nearly nothing to be had here: on to other tasks.
  if (8 * static_cast<uint64_t>(response.assignments_size()) < wanted) {
    *crowd_.answered_[at] += 16;
  }
  Crowd::Board& board = *crowd_.boards_[at];
  call.items.reserve(static_cast<size_t>(response.assignments_size()));
  for (const v1::Assignment& pair : response.assignments()) {
    Item& item = call.items.emplace_back();
    item.task = static_cast<int32_t>(NumberOf(pair.task_id()));
    item.labeler = static_cast<int32_t>(NumberOf(pair.labeler_id()));
    item.lease = NumberOf(pair.lease().lease_id());
    item.expires = MicrosOf(pair.lease().expires_at());
    item.outcome = Outcome::kGranted;
    const Held held{item.task, item.labeler, item.lease, item.expires};
    (rng_.Bernoulli(0.1) ? over_ : held_)[at].push_back(held);
    if (rng_.Bernoulli(0.1)) {
      MutexLock lock(board.mutex);
      if (board.leases.size() >= 256) board.leases.pop_front();
      board.leases.push_back(held);
    }
  }
  Count(response.assignments_size());
}

void Client::Report(int pool, std::vector<Held> leases) {
  if (leases.empty()) return;
  v1::ReportAnswersRequest request;
  request.set_pool_id(PoolName(pool));
  Call& call = NewCall(pool, Kind::kReport);
  request.set_request_id(absl::StrCat(number_, ".", calls_.size()));
  absl::flat_hash_set<std::pair<int32_t, int32_t>> pairs;
  for (const Held& lease : leases) {
    if (!pairs.insert({lease.task, lease.labeler}).second) continue;
    Item& item = call.items.emplace_back();
    item.task = lease.task;
    item.labeler = lease.labeler;
    item.lease = lease.lease;
    item.label = static_cast<int8_t>(rng_.Below(2));
    auto* answer = request.add_answers();
    answer->set_task_id(absl::StrCat("t", lease.task));
    answer->set_labeler_id(absl::StrCat("w", lease.labeler));
    answer->set_lease_id(absl::StrCat("L", lease.lease));
    answer->set_label(item.label);
    over_[static_cast<size_t>(pool)].push_back(lease);
  }
  v1::ReportAnswersResponse response;
  if (!Send(call, request, &response)) return;
  int64_t recorded = 0;
  for (int i = 0; i < response.results_size(); ++i) {
    Outcome& outcome = call.items[static_cast<size_t>(i)].outcome;
    switch (response.results(i).outcome()) {
      case v1::AnswerResult::OUTCOME_RECORDED:
        outcome = Outcome::kRecorded;
        ++recorded;
        break;
      case v1::AnswerResult::OUTCOME_RECORDED_LATE:
        outcome = Outcome::kRecordedLate;
        ++recorded;
        break;
      case v1::AnswerResult::OUTCOME_DUPLICATE:
        outcome = Outcome::kDuplicate;
        break;
      default:
        outcome = Outcome::kConflict;
    }
  }
  *crowd_.answered_[static_cast<size_t>(pool)] += recorded;
  Count(response.results_size());
}

void Client::Renew(int pool, const std::vector<Held>& leases) {
  if (leases.empty()) return;
  v1::RenewLeasesRequest request;
  request.set_pool_id(PoolName(pool));
  Call& call = NewCall(pool, Kind::kRenew);
  request.set_request_id(absl::StrCat(number_, ".", calls_.size()));
  call.lease_duration = static_cast<int64_t>(1 + rng_.Below(5)) * kSecond;
  request.mutable_lease_duration()->set_seconds(call.lease_duration / kSecond);
  for (const Held& lease : leases) {
    Item& item = call.items.emplace_back();
    item.task = lease.task;
    item.labeler = lease.labeler;
    item.lease = lease.lease;
    request.add_lease_ids(absl::StrCat("L", lease.lease));
  }
  v1::RenewLeasesResponse response;
  if (!Send(call, request, &response)) return;
  for (int i = 0; i < response.results_size(); ++i) {
    Item& item = call.items[static_cast<size_t>(i)];
    const bool open =
        response.results(i).outcome() == v1::LeaseResult::OUTCOME_OK;
    item.outcome = open ? Outcome::kOk : Outcome::kNotOpen;
    item.expires = MicrosOf(response.results(i).expires_at());
  }
  Count(response.results_size());
}

// Now and then for good, else to others alone or to anybody.
void Client::Release(int pool, const std::vector<Held>& leases) {
  if (leases.empty()) return;
  const double choice = rng_.Uniform();
  const Kind kind = choice < 0.03   ? Kind::kWithdraw
                    : choice < 0.25 ? Kind::kSkip
                                    : Kind::kRelease;
  v1::ReleaseLeasesRequest request;
  request.set_pool_id(PoolName(pool));
  Call& call = NewCall(pool, kind);
  request.set_request_id(absl::StrCat(number_, ".", calls_.size()));
  request.set_reason(
      kind == Kind::kWithdraw ? v1::ReleaseLeasesRequest::REASON_NEVER
      : kind == Kind::kSkip   ? v1::ReleaseLeasesRequest::REASON_NOT_AGAIN
                              : v1::ReleaseLeasesRequest::REASON_RELEASED);
  for (const Held& lease : leases) {
    Item& item = call.items.emplace_back();
    item.task = lease.task;
    item.labeler = lease.labeler;
    item.lease = lease.lease;
    request.add_lease_ids(absl::StrCat("L", lease.lease));
    over_[static_cast<size_t>(pool)].push_back(lease);
  }
  v1::ReleaseLeasesResponse response;
  if (!Send(call, request, &response)) return;
  for (int i = 0; i < response.results_size(); ++i) {
    call.items[static_cast<size_t>(i)].outcome =
        response.results(i).outcome() == v1::LeaseResult::OUTCOME_OK
            ? Outcome::kOk
            : Outcome::kNotOpen;
  }
  Count(response.results_size());
}

std::vector<Client::Held> Client::Take(int pool, size_t most) {
  std::vector<Held>& held = held_[static_cast<size_t>(pool)];
  std::vector<Held> taken;
  while (!held.empty() && taken.size() < most) {
    std::swap(held[rng_.Below(held.size())], held.back());
    taken.push_back(held.back());
    held.pop_back();
  }
  return taken;
}

void Client::Meddle(int pool) {
  std::vector<Held> leases;
  if (rng_.Bernoulli(0.5)) {
    Crowd::Board& board = *crowd_.boards_[static_cast<size_t>(pool)];
    MutexLock lock(board.mutex);
    for (uint64_t n = rng_.Below(batch_ / 4); n > 0 && !board.leases.empty();
         --n) {
      leases.push_back(board.leases[rng_.Below(board.leases.size())]);
    }
  } else {
    // The oldest have expired by now, if nothing else ended them.
    std::vector<Held>& over = over_[static_cast<size_t>(pool)];
    if (over.size() > 2000) over.erase(over.begin(), over.end() - 1000);
    for (uint64_t n = rng_.Below(batch_ / 4); n > 0 && !over.empty(); --n) {
      leases.push_back(over[rng_.Below(over.size())]);
    }
  }
  switch (rng_.Below(4)) {
    case 0:
      return Renew(pool, leases);
    case 1:
      return Release(pool, leases);
    default:
      return Report(pool, leases);
  }
}

void Client::RepeatSomething() {
  Crowd::Repeat repeat;
  {
    MutexLock lock(crowd_.shared_mutex_);
    if (crowd_.repeats_.empty()) return;
    repeat = crowd_.repeats_[rng_.Below(crowd_.repeats_.size())];
  }
  crowd_.Pass();
  const auto send = [&](auto request, auto response) {
    if (!request.ParseFromString(repeat.request)) return;
    if (!connections_.Try(request, &response).ok()) return;
    repeated_.push_back({repeat.thread, repeat.call, HashOf(response)});
  };
  switch (repeat.kind) {
    case Kind::kAllocate:
      send(v1::AllocateRequest(), v1::AllocateResponse());
      break;
    case Kind::kRenew:
      send(v1::RenewLeasesRequest(), v1::RenewLeasesResponse());
      break;
    case Kind::kReport:
      send(v1::ReportAnswersRequest(), v1::ReportAnswersResponse());
      break;
    default:
      send(v1::ReleaseLeasesRequest(), v1::ReleaseLeasesResponse());
  }
  Count(1);
}

void Client::Step() {
  const auto pools = static_cast<uint64_t>(crowd_.options_.pools);
  const int pool = static_cast<int>(rng_.Below(pools));
  const size_t held = held_[static_cast<size_t>(pool)].size();
  const double choice = rng_.Uniform();
  if (choice < 0.06) return Meddle(pool);
  if (choice < 0.12) return RepeatSomething();
  if (held < 8 || (choice < 0.42 && held < most_held_)) return Allocate(pool);
  if (choice < 0.68) return Report(pool, Take(pool, 1 + rng_.Below(batch_)));
  if (choice < 0.88) {
    std::vector<Held> leases = Take(pool, 1 + rng_.Below(batch_));
    Renew(pool, leases);
    auto& back = held_[static_cast<size_t>(pool)];
    back.insert(back.end(), leases.begin(), leases.end());
    return;
  }
  Release(pool, Take(pool, 1 + rng_.Below(batch_ / 4)));
}

void Client::Run() {
  while (!crowd_.stopping_ && !crowd_.done_) {
    due_ = crowd_.NextDue();
    crowd_.Pass();
    Step();
  }
}

}  // namespace allot::torture
