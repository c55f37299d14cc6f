// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/raw_inserts.h"

#include <hiredis/hiredis.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "lib/store/sqlite_connection.h"
#include "tests/bench/measure.h"

namespace allot {
namespace {

class SqliteInserts final : public RawInserts {
 public:
  explicit SqliteInserts(const std::string& path)
      : connection_(Check(SqliteConnection::Open(
            path, SqliteMode::kReadWriteCreate, absl::Seconds(5)))) {
    Check(connection_.Execute(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
        "PRAGMA cache_size = -65536;"
        "CREATE TABLE answer (row INTEGER PRIMARY KEY, sequence INTEGER, pool "
        "TEXT, task TEXT, labeler TEXT, label INTEGER, handling_seconds, "
        "answered_unix_micros INTEGER, UNIQUE (pool, task, labeler))"));
    insert_ = Check(connection_.Prepare(
        "INSERT INTO answer (sequence, pool, task, labeler, label, "
        "handling_seconds, answered_unix_micros) VALUES (?, ?, ?, ?, ?, ?, "
        "?)"));
  }

  void Insert(const std::vector<Answer>& answers) override {
    ++sequence_;
    Check(connection_.Execute("BEGIN IMMEDIATE"));
    for (const Answer& answer : answers) {
      insert_.BindInt64(1, sequence_);
      insert_.BindText(2, "pool");
      insert_.BindText(3, answer.task);
      insert_.BindText(4, answer.labeler);
      insert_.BindInt64(5, answer.label);
      insert_.BindDouble(6, *answer.handling_seconds);
      insert_.BindInt64(7, answer.answered_unix_micros);
      Check(insert_.Run());
    }
    Check(connection_.Execute("COMMIT"));
  }

 private:
  SqliteConnection connection_;
  SqliteStatement insert_;
  int64_t sequence_ = 0;
};

class RedisInserts final : public RawInserts {
 public:
  explicit RedisInserts(int port) : context_(redisConnect("127.0.0.1", port)) {}
  RedisInserts(const RedisInserts&) = delete;
  RedisInserts& operator=(const RedisInserts&) = delete;
  ~RedisInserts() override { redisFree(context_); }

  void Insert(const std::vector<Answer>& answers) override {
    redisAppendCommand(context_, "MULTI");
    for (const Answer& answer : answers) {
      redisAppendCommand(
          context_,
          "XADD raw * task %s labeler %s label %d handling_seconds %.17g "
          "answered_unix_micros %lld",
          answer.task.c_str(), answer.labeler.c_str(), answer.label,
          *answer.handling_seconds,
          static_cast<long long>(answer.answered_unix_micros));
    }
    redisAppendCommand(context_, "EXEC");
    for (size_t i = 0; i < answers.size() + 2; ++i) {
      void* reply = nullptr;
      if (redisGetReply(context_, &reply) != REDIS_OK) std::abort();
      freeReplyObject(reply);
    }
  }

 private:
  redisContext* context_;
};

}  // namespace

std::unique_ptr<RawInserts> RawSqliteInserts(const std::string& path) {
  return std::make_unique<SqliteInserts>(path);
}

std::unique_ptr<RawInserts> RawRedisInserts(int port) {
  return std::make_unique<RedisInserts>(port);
}

}  // namespace allot
