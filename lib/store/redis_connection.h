// SPDX-License-Identifier: Apache-2.0
// hiredis in the words of this house: one connection and its replies. Nothing
// here knows of events, clusters or trying again.
#ifndef ALLOT_LIB_STORE_REDIS_CONNECTION_H_
#define ALLOT_LIB_STORE_REDIS_CONNECTION_H_

#include <hiredis/hiredis.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lib/store/redis_address.h"

namespace allot {

// A command and its arguments; borrowed while a call runs.
using RedisCommand = std::vector<absl::string_view>;

// What Redis answered; an error it answers with is a reply, too.
class RedisReply {
 public:
  RedisReply() = default;
  explicit RedisReply(redisReply* reply) : reply_(reply) {}

  bool IsError() const { return reply_->type == REDIS_REPLY_ERROR; }
  bool IsNil() const { return reply_->type == REDIS_REPLY_NIL; }
  // The text of a string, a status or an error; else empty.
  absl::string_view text() const { return Text(*reply_); }
  int64_t integer() const { return reply_->integer; }
  const redisReply& raw() const { return *reply_; }

  static absl::string_view Text(const redisReply& reply) {
    return reply.str == nullptr ? absl::string_view()
                                : absl::string_view(reply.str, reply.len);
  }
  // 0 if it is no number.
  static int64_t Number(const redisReply& reply);

 private:
  struct Free {
    void operator()(redisReply* reply) const { freeReplyObject(reply); }
  };
  std::unique_ptr<redisReply, Free> reply_;
};

// What an error reply means to a caller of the store:
//   kUnavailable         loading, failing over, read-only replica, ...: later
//   kResourceExhausted   maxmemory is reached
//   kFailedPrecondition  wrong password, a right is missing, foreign keys
//   kInternal            anything else: a flaw of this program
absl::Status RedisError(const RedisHost& host, absl::string_view error);

// One connection, for one thread at a time. After an error of transport it is
// of no more use.
class RedisConnection {
 public:
  // Connects, authenticates, selects the database. No call takes longer than
  // `timeout`.
  static absl::StatusOr<RedisConnection> Open(const RedisHost& host,
                                              const RedisAddress& address,
                                              absl::Duration timeout);

  // kUnavailable: the connection was lost or the time is over, and it is not
  // known what became of the command.
  absl::StatusOr<RedisReply> Run(const RedisCommand& command);
  // A pipeline: Send() each, then Receive() as often.
  void Send(const RedisCommand& command);
  absl::StatusOr<RedisReply> Receive();

  void SetTimeout(absl::Duration timeout);
  const RedisHost& host() const { return host_; }

 private:
  struct Free {
    void operator()(redisContext* context) const { redisFree(context); }
  };
  RedisConnection(RedisHost host, redisContext* context)
      : host_(std::move(host)), context_(context) {}
  absl::Status Lost() const;

  RedisHost host_;
  std::unique_ptr<redisContext, Free> context_;
  absl::Duration timeout_;
};

}  // namespace allot

#endif  // ALLOT_LIB_STORE_REDIS_CONNECTION_H_
