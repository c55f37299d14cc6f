// SPDX-License-Identifier: Apache-2.0
#include "lib/store/redis_connection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

std::string Name(const RedisHost& host) {
  return absl::StrCat("redis ", host.host, ":", host.port);
}

}  // namespace

int64_t RedisReply::Number(const redisReply& reply) {
  if (reply.type == REDIS_REPLY_INTEGER) return reply.integer;
  int64_t number = 0;
  return absl::SimpleAtoi(Text(reply), &number) ? number : 0;
}

absl::Status RedisError(const RedisHost& host, absl::string_view error) {
  const std::string message = absl::StrCat(Name(host), ": ", error);
  for (const char* passing :
       {"LOADING", "BUSY", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "READONLY",
        "MISCONF", "NOREPLICAS", "UNBLOCKED", "MOVED", "ASK"}) {
    if (absl::StartsWith(error, passing)) {
      return absl::UnavailableError(message);
    }
  }
  if (absl::StartsWith(error, "OOM")) {
    return absl::ResourceExhaustedError(message);
  }
  for (const char* refused : {"NOAUTH", "WRONGPASS", "NOPERM", "WRONGTYPE"}) {
    if (absl::StartsWith(error, refused)) {
      return absl::FailedPreconditionError(message);
    }
  }
  return absl::InternalError(message);
}

absl::StatusOr<RedisConnection> RedisConnection::Open(
    const RedisHost& host, const RedisAddress& address,
    absl::Duration timeout) {
  redisContext* context = redisConnectWithTimeout(host.host.c_str(), host.port,
                                                  absl::ToTimeval(timeout));
  if (context == nullptr) {
    return absl::ResourceExhaustedError("redis: out of memory");
  }
  RedisConnection connection(host, context);
  if (context->err != 0) return connection.Lost();
  redisEnableKeepAlive(context);
  connection.SetTimeout(timeout);
  if (!address.password.empty()) {
    RedisCommand command = {"AUTH"};
    if (!address.user.empty()) command.push_back(address.user);
    command.push_back(address.password);
    ALLOT_ASSIGN_OR_RETURN(const RedisReply reply, connection.Run(command));
    // Whatever Redis says, it does not repeat the password.
    if (reply.IsError()) {
      return absl::FailedPreconditionError(absl::StrCat(
          Name(host), " refuses the user or the password: ", reply.text()));
    }
  }
  if (address.database != 0) {
    const std::string number = absl::StrCat(address.database);
    ALLOT_ASSIGN_OR_RETURN(const RedisReply reply,
                           connection.Run({"SELECT", number}));
    if (reply.IsError()) return RedisError(host, reply.text());
  }
  return connection;
}

void RedisConnection::SetTimeout(absl::Duration timeout) {
  if (timeout == timeout_) return;
  timeout_ = timeout;
  redisSetTimeout(context_.get(), absl::ToTimeval(timeout));
}

absl::Status RedisConnection::Lost() const {
  // EAGAIN is how a socket's timeout looks.
  const absl::string_view why =
      context_->err == REDIS_ERR_IO &&
              absl::StrContains(context_->errstr, "temporarily unavailable")
          ? "does not answer in time"
          : context_->errstr;
  return absl::UnavailableError(absl::StrCat(Name(host_), ": ", why));
}

void RedisConnection::Send(const RedisCommand& command) {
  std::vector<const char*> parts;
  std::vector<size_t> sizes;
  for (const absl::string_view part : command) {
    parts.push_back(part.data());
    sizes.push_back(part.size());
  }
  redisAppendCommandArgv(context_.get(), static_cast<int>(parts.size()),
                         parts.data(), sizes.data());
}

absl::StatusOr<RedisReply> RedisConnection::Receive() {
  void* reply = nullptr;
  if (redisGetReply(context_.get(), &reply) != REDIS_OK || reply == nullptr) {
    return Lost();
  }
  return RedisReply(static_cast<redisReply*>(reply));
}

absl::StatusOr<RedisReply> RedisConnection::Run(const RedisCommand& command) {
  Send(command);
  return Receive();
}

}  // namespace allot
