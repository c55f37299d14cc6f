// SPDX-License-Identifier: Apache-2.0
#include "lib/store/redis_client.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

constexpr int64_t kMillisecond = 1'000'000;
constexpr int64_t kLeastNanos = kMillisecond;  // to try anything in
// Between two looks during an outage: this at first, doubled up to that.
constexpr int64_t kFirstLook = 50 * kMillisecond;
constexpr int64_t kLastLook = 2000 * kMillisecond;
constexpr size_t kMostIdle = 64;  // connections to one node
constexpr int kMostRedirections = 16;

// "MOVED 3999 127.0.0.1:6381" or "ASK ...". No host: the one that was asked.
absl::StatusOr<RedisHost> Redirection(const RedisHost& asked,
                                      absl::string_view error) {
  const std::vector<absl::string_view> words = absl::StrSplit(error, ' ');
  const size_t colon =
      words.size() == 3 ? words[2].rfind(':') : absl::string_view::npos;
  RedisHost host;
  if (colon == absl::string_view::npos ||
      !absl::SimpleAtoi(words[2].substr(colon + 1), &host.port)) {
    return absl::InternalError(absl::StrCat("redis: cannot follow: ", error));
  }
  host.host = std::string(words[2].substr(0, colon));
  if (host.host.empty() || host.host == "?") host.host = asked.host;
  return host;
}

bool IsMoved(const RedisReply& reply) {
  return reply.IsError() && absl::StartsWith(reply.text(), "MOVED ");
}
bool IsAsk(const RedisReply& reply) {
  return reply.IsError() && absl::StartsWith(reply.text(), "ASK ");
}

}  // namespace

int RedisSlot(absl::string_view key) {
  const size_t open = key.find('{');
  if (open != absl::string_view::npos) {
    const size_t close = key.find('}', open + 1);
    if (close != absl::string_view::npos && close > open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  uint32_t crc = 0;  // CRC-16/XMODEM
  for (const char c : key) {
    crc ^= static_cast<uint32_t>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
    }
  }
  return static_cast<int>(crc & 0x3FFF);
}

RedisClient::RedisClient(RedisAddress address, const Clock* clock,
                         uint64_t seed)
    : address_(std::move(address)),
      clock_(*clock),
      timeout_nanos_(absl::ToInt64Nanoseconds(address_.timeout)),
      rng_(seed) {
  if (address_.master.empty()) nodes_ = address_.hosts;
}

absl::Status RedisClient::Enter(bool* probing) {
  MutexLock lock(mutex_);
  *probing = false;
  if (away_.ok()) return absl::OkStatus();
  if (looking_ || Now() < look_again_) return away_;
  looking_ = *probing = true;
  return absl::OkStatus();
}

void RedisClient::Leave(bool probing, const absl::Status& status) {
  MutexLock lock(mutex_);
  if (probing) looking_ = false;
  if (!absl::IsUnavailable(status)) {
    if (probing || away_.ok()) {
      away_ = absl::OkStatus();
      pause_nanos_ = 0;
    }
    return;
  }
  if (!probing && !away_.ok()) return;  // somebody else said so already
  away_ = status;
  pause_nanos_ = std::clamp(2 * pause_nanos_, kFirstLook, kLastLook);
  look_again_ = Now() + static_cast<int64_t>(static_cast<double>(pause_nanos_) *
                                             (0.5 + rng_.Uniform()));
}

void RedisClient::Pause(int tries, int64_t deadline) {
  int64_t nanos = kMillisecond << std::min(tries, 6);
  {
    MutexLock lock(mutex_);
    nanos = static_cast<int64_t>(static_cast<double>(nanos) *
                                 (0.5 + rng_.Uniform()));
  }
  nanos = std::min(nanos, deadline - Now());
  if (nanos > 0) std::this_thread::sleep_for(std::chrono::nanoseconds(nanos));
}

absl::StatusOr<RedisHost> RedisClient::NodeOf(int slot, int tries) {
  {
    MutexLock lock(mutex_);
    const auto known = node_of_slot_.find(slot);
    if (known != node_of_slot_.end()) return known->second;
    if (!nodes_.empty()) {
      return nodes_[static_cast<size_t>(tries) % nodes_.size()];
    }
  }
  ALLOT_ASSIGN_OR_RETURN(const RedisHost master, AskSentinels());
  MutexLock lock(mutex_);
  nodes_ = {master};
  return master;
}

absl::StatusOr<RedisHost> RedisClient::AskSentinels() {
  absl::Status last = absl::UnavailableError("redis: there is no sentinel");
  RedisAddress plain;  // sentinels have users of their own: none
  for (const RedisHost& sentinel : address_.hosts) {
    absl::StatusOr<RedisConnection> connection = RedisConnection::Open(
        sentinel, plain, std::min(address_.timeout, absl::Milliseconds(500)));
    if (!connection.ok()) {
      last = connection.status();
      continue;
    }
    const absl::StatusOr<RedisReply> reply = connection->Run(
        {"SENTINEL", "get-master-addr-by-name", address_.master});
    if (!reply.ok()) {
      last = reply.status();
      continue;
    }
    const redisReply& raw = reply->raw();
    if (raw.type != REDIS_REPLY_ARRAY || raw.elements != 2) {
      last = absl::UnavailableError(
          absl::StrCat("redis: sentinel ", sentinel.host, ":", sentinel.port,
                       " knows no master \"", address_.master, "\""));
      continue;
    }
    return RedisHost{std::string(RedisReply::Text(*raw.element[0])),
                     static_cast<int>(RedisReply::Number(*raw.element[1]))};
  }
  return last;
}

void RedisClient::Learn(int slot, const RedisHost& node) {
  MutexLock lock(mutex_);
  node_of_slot_[slot] = node;
  if (std::find(nodes_.begin(), nodes_.end(), node) == nodes_.end()) {
    nodes_.push_back(node);
  }
}

void RedisClient::Forget(int slot, const RedisHost& node) {
  MutexLock lock(mutex_);
  const auto known = node_of_slot_.find(slot);
  if (known != node_of_slot_.end() && known->second == node) {
    node_of_slot_.erase(known);
  }
  // Sentinels are asked anew.
  if (!address_.master.empty()) nodes_.clear();
}

absl::StatusOr<RedisConnection> RedisClient::Take(const RedisHost& node,
                                                  int64_t deadline) {
  const absl::Duration left = absl::Nanoseconds(deadline - Now());
  if (left < absl::Nanoseconds(kLeastNanos)) {
    return absl::UnavailableError(absl::StrCat(
        "redis ", node.host, ":", node.port, ": no time left for an answer"));
  }
  {
    MutexLock lock(mutex_);
    std::vector<RedisConnection>& idle = idle_[{node.host, node.port}];
    if (!idle.empty()) {
      RedisConnection connection = std::move(idle.back());
      idle.pop_back();
      connection.SetTimeout(left);
      return connection;
    }
  }
  ALLOT_ASSIGN_OR_RETURN(RedisConnection connection,
                         RedisConnection::Open(node, address_, left));
  return connection;
}

void RedisClient::GiveBack(RedisConnection connection) {
  MutexLock lock(mutex_);
  const RedisHost& node = connection.host();
  std::vector<RedisConnection>& idle = idle_[{node.host, node.port}];
  if (idle.size() < kMostIdle) idle.push_back(std::move(connection));
}

void RedisClient::CloseIdle(const RedisHost& node) {
  std::vector<RedisConnection> closed;
  MutexLock lock(mutex_);
  closed.swap(idle_[{node.host, node.port}]);
}

absl::StatusOr<RedisReply> RedisClient::TryOn(const RedisHost& node,
                                              const RedisCommand& command,
                                              bool asking, int64_t deadline) {
  absl::StatusOr<RedisConnection> connection = Take(node, deadline);
  if (!connection.ok()) return connection.status();
  if (asking) connection->Send({"ASKING"});
  connection->Send(command);
  if (asking) ALLOT_RETURN_IF_ERROR(connection->Receive().status());
  absl::StatusOr<RedisReply> reply = connection->Receive();
  if (reply.ok()) {
    GiveBack(*std::move(connection));
  } else {
    CloseIdle(node);  // the others are as dead, or soon will be
  }
  return reply;
}

absl::StatusOr<RedisReply> RedisClient::RunUntil(int slot,
                                                 const RedisCommand& command,
                                                 int64_t deadline) {
  absl::Status last;
  int redirections = 0;
  for (int tries = 0;; ++tries) {
    absl::StatusOr<RedisHost> node = NodeOf(slot, tries);
    if (node.ok()) {
      bool asking = false;
      RedisHost at = *node;
      while (true) {
        absl::StatusOr<RedisReply> reply = TryOn(at, command, asking, deadline);
        if (!reply.ok()) {
          if (!absl::IsUnavailable(reply.status())) return reply.status();
          // What fails for want of time says less than what failed before.
          if (last.ok() || deadline - Now() >= kLeastNanos) {
            last = reply.status();
          }
          Forget(slot, at);
          break;
        }
        if (!reply->IsError()) return reply;
        if (IsMoved(*reply) || IsAsk(*reply)) {
          asking = IsAsk(*reply);
          ALLOT_ASSIGN_OR_RETURN(at, Redirection(at, reply->text()));
          if (!asking) Learn(slot, at);
          if (++redirections > kMostRedirections) {
            return absl::UnavailableError(
                "redis: the cluster's nodes do not agree on who has the data");
          }
          continue;
        }
        last = RedisError(at, reply->text());
        if (!absl::IsUnavailable(last)) return last;
        Forget(slot, at);
        break;
      }
    } else {
      last = node.status();
      if (!absl::IsUnavailable(last)) return last;
    }
    if (Now() >= deadline) return last;
    Pause(tries, deadline);
    if (Now() >= deadline) return last;
  }
}

absl::StatusOr<RedisReply> RedisClient::Run(absl::string_view key,
                                            const RedisCommand& command) {
  bool probing = false;
  ALLOT_RETURN_IF_ERROR(Enter(&probing));
  absl::StatusOr<RedisReply> reply =
      RunUntil(RedisSlot(key), command, Now() + timeout_nanos_);
  Leave(probing, reply.status());
  return reply;
}

absl::Status RedisClient::RunOnNode(const RedisHost& node,
                                    const std::vector<Keyed>& commands,
                                    const std::vector<size_t>& which,
                                    int64_t deadline,
                                    std::vector<RedisReply>& replies) {
  ALLOT_ASSIGN_OR_RETURN(RedisConnection connection, Take(node, deadline));
  for (const size_t i : which) connection.Send(commands[i].command);
  for (const size_t i : which) {
    ALLOT_ASSIGN_OR_RETURN(replies[i], connection.Receive());
  }
  GiveBack(std::move(connection));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RedisReply>> RedisClient::RunAll(
    const std::vector<Keyed>& commands) {
  bool probing = false;
  ALLOT_RETURN_IF_ERROR(Enter(&probing));
  const int64_t deadline = Now() + timeout_nanos_;
  std::vector<RedisReply> replies(commands.size());
  const auto run = [&]() -> absl::Status {
    std::map<NodeName, std::vector<size_t>> groups;
    for (size_t i = 0; i < commands.size(); ++i) {
      const absl::StatusOr<RedisHost> node =
          NodeOf(RedisSlot(commands[i].key), 0);
      if (node.ok()) groups[{node->host, node->port}].push_back(i);
    }
    std::vector<char> done(commands.size(), 0);
    for (const auto& [name, which] : groups) {
      const RedisHost node{name.first, name.second};
      if (!RunOnNode(node, commands, which, deadline, replies).ok()) {
        CloseIdle(node);
        continue;
      }
      for (const size_t i : which) done[i] = replies[i].IsError() ? 0 : 1;
    }
    // What went wrong, or elsewhere, one by one.
    for (size_t i = 0; i < commands.size(); ++i) {
      if (done[i]) continue;
      ALLOT_ASSIGN_OR_RETURN(
          replies[i],
          RunUntil(RedisSlot(commands[i].key), commands[i].command, deadline));
    }
    return absl::OkStatus();
  };
  const absl::Status status = run();
  Leave(probing, status);
  ALLOT_RETURN_IF_ERROR(status);
  return replies;
}

std::vector<RedisHost> RedisClient::Nodes() {
  NodeOf(0, 0).status().IgnoreError();  // asks the sentinels
  MutexLock lock(mutex_);
  return nodes_;
}

absl::StatusOr<RedisReply> RedisClient::RunOn(const RedisHost& node,
                                              const RedisCommand& command) {
  ALLOT_ASSIGN_OR_RETURN(RedisReply reply,
                         TryOn(node, command, false, Now() + timeout_nanos_));
  if (reply.IsError()) return RedisError(node, reply.text());
  return reply;
}

}  // namespace allot
