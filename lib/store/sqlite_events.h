// SPDX-License-Identifier: Apache-2.0
// Events as rows of the tables in sqlite_schema.cc, and back.
#ifndef ALLOT_LIB_STORE_SQLITE_EVENTS_H_
#define ALLOT_LIB_STORE_SQLITE_EVENTS_H_

#include <cstdint>
#include <span>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/store/event.h"
#include "lib/store/sqlite_connection.h"

namespace allot {

// Writes events into a connection's current transaction. Keeps its statements,
// so it must not outlive the connection.
class SqliteEventWriter {
 public:
  SqliteEventWriter() = default;  // writes nothing
  static absl::StatusOr<SqliteEventWriter> Create(SqliteConnection& connection);

  // What the column event.body holds of it; empty for the kinds that have a
  // table. The slow part of writing, and nothing that needs the connection.
  static absl::StatusOr<std::string> Body(const EventBody& body);

  // `body` is Body(event.body). After an error some rows may have been written:
  // roll back.
  absl::Status Write(int64_t sequence, const Event& event,
                     const std::string& body);

 private:
  absl::Status WriteItems(int64_t sequence, const Event& event);
  absl::Status Write(int64_t sequence, const std::string& pool,
                     const LabelerUpdate& update);
  absl::Status Write(int64_t sequence, const std::string& pool,
                     std::span<const Answer> answers);
  absl::Status Write(int64_t sequence, const Event& event,
                     const RequestAnswered& answered);

  SqliteStatement event_;
  SqliteStatement answer_;
  SqliteStatement answers_;  // several rows
  SqliteStatement labeler_update_;
  SqliteStatement request_;
};

// Calls `visit` with each event above `after`, in order, until it returns an
// error, which is then returned. One scan of each table, merged by sequence.
// The connection should be inside a transaction, so that all scans see the
// same state. kDataLoss: the tables contradict each other.
absl::Status ReadSqliteEvents(
    SqliteConnection& connection, int64_t after,
    absl::FunctionRef<absl::Status(int64_t sequence, Event&& event)> visit);

}  // namespace allot

#endif  // ALLOT_LIB_STORE_SQLITE_EVENTS_H_
