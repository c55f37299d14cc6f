// SPDX-License-Identifier: Apache-2.0
// A store that may only be read: a file that nobody may write, or one that
// another process writes meanwhile. Takes no lock and changes no byte.
#include <sys/stat.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/store/sqlite_checkpoints.h"
#include "lib/store/sqlite_connection.h"
#include "lib/store/sqlite_events.h"
#include "lib/store/sqlite_schema.h"
#include "lib/store/sqlite_store.h"

namespace allot {
namespace {

class SqliteReadOnlyStore final : public Store {
 public:
  SqliteReadOnlyStore(std::string path, SqliteMode mode,
                      absl::Duration busy_timeout)
      : path_(std::move(path)), mode_(mode), busy_timeout_(busy_timeout) {}

  bool read_only() const override { return true; }
  std::vector<std::string> warnings() const override {
    return {absl::StrCat("sqlite:", path_,
                         " is read-only here: calls that change anything are "
                         "refused")};
  }

  absl::StatusOr<int64_t> Append(absl::string_view, int64_t,
                                 std::span<const Event>,
                                 absl::FunctionRef<void()>) override {
    return Refuse();
  }
  absl::Status SaveCheckpoints(std::span<const Checkpoint>) override {
    return Refuse();
  }

  absl::Status Load(absl::string_view pool, int64_t after,
                    EventVisitor visit) override {
    ALLOT_ASSIGN_OR_RETURN(SqliteConnection connection, Open());
    return ReadSqliteEvents(
        connection, after, [&](int64_t sequence, Event&& event) {
          return event.pool == pool ? visit(sequence, std::move(event))
                                    : absl::OkStatus();
        });
  }

  absl::Status LoadAll(const LogPositions& after, EventVisitor visit) override {
    ALLOT_ASSIGN_OR_RETURN(const std::vector<LogEnd> ends, Ends());
    int64_t from = std::numeric_limits<int64_t>::max();
    for (const LogEnd& end : ends) {
      const auto known = after.find(end.pool);
      from = std::min(from, known == after.end() ? 0 : known->second);
    }
    if (ends.empty()) return absl::OkStatus();
    ALLOT_ASSIGN_OR_RETURN(SqliteConnection connection, Open());
    return ReadSqliteEvents(
        connection, from, [&](int64_t sequence, Event&& event) {
          const auto known = after.find(event.pool);
          const bool wanted = known == after.end() || sequence > known->second;
          return wanted ? visit(sequence, std::move(event)) : absl::OkStatus();
        });
  }

  absl::StatusOr<std::vector<LogEnd>> Ends() override {
    ALLOT_ASSIGN_OR_RETURN(SqliteConnection connection, Open());
    ALLOT_ASSIGN_OR_RETURN(
        SqliteStatement rows,
        connection.Prepare(
            "SELECT e.pool, max(e.sequence), coalesce(c.sequence, 0) FROM "
            "event e LEFT JOIN checkpoint c USING (pool) GROUP BY e.pool "
            "ORDER BY e.pool"));
    std::vector<LogEnd> ends;
    while (true) {
      ALLOT_ASSIGN_OR_RETURN(const bool found, rows.Next());
      if (!found) return ends;
      ends.push_back({std::string(rows.Text(0)), rows.Int64(1), rows.Int64(2)});
    }
  }

  absl::StatusOr<std::vector<Checkpoint>> LoadCheckpoints() override {
    ALLOT_ASSIGN_OR_RETURN(SqliteConnection connection, Open());
    return LoadSqliteCheckpoints(connection, std::nullopt);
  }
  absl::StatusOr<std::optional<Checkpoint>> LoadCheckpoint(
      absl::string_view pool) override {
    ALLOT_ASSIGN_OR_RETURN(SqliteConnection connection, Open());
    ALLOT_ASSIGN_OR_RETURN(std::vector<Checkpoint> found,
                           LoadSqliteCheckpoints(connection, pool));
    if (found.empty()) return std::nullopt;
    return std::move(found[0]);
  }

  absl::Status Ping() override { return Open().status(); }

 private:
  absl::Status Refuse() const {
    return absl::FailedPreconditionError(
        absl::StrCat("sqlite:", path_,
                     " is read-only here: nothing can be changed (give the "
                     "service the right to write the file and its folder, and "
                     "restart it)"));
  }
  absl::StatusOr<SqliteConnection> Open() const {
    return SqliteConnection::Open(path_, mode_, busy_timeout_);
  }

  const std::string path_;
  const SqliteMode mode_;
  const absl::Duration busy_timeout_;
};

bool HasContents(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0 && info.st_size > 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqliteReadOnly(
    const std::string& path, const SqliteOptions& options) {
  if (!HasContents(path)) {
    return absl::NotFoundError(absl::StrCat("there is no store at ", path));
  }
  SqliteMode mode = SqliteMode::kReadOnly;
  ALLOT_ASSIGN_OR_RETURN(
      SqliteConnection connection,
      SqliteConnection::Open(path, mode, options.busy_timeout));
  absl::Status status =
      connection.QueryInt64("SELECT count(*) FROM sqlite_master").status();
  if (!status.ok() && !HasContents(absl::StrCat(path, "-wal"))) {
    // Where nobody may write, not even SQLite's shared-memory file can be made;
    // but nobody changes the file either.
    mode = SqliteMode::kImmutable;
    ALLOT_ASSIGN_OR_RETURN(
        connection, SqliteConnection::Open(path, mode, options.busy_timeout));
    status = absl::OkStatus();
  }
  ALLOT_RETURN_IF_ERROR(status);
  ALLOT_RETURN_IF_ERROR(CheckSqliteIdentity(connection, SqliteMigrations()));
  ALLOT_ASSIGN_OR_RETURN(const int64_t version,
                         connection.QueryInt64("PRAGMA user_version"));
  if (version < static_cast<int64_t>(SqliteMigrations().size())) {
    return absl::FailedPreconditionError(absl::StrCat(
        "sqlite:", path, " is of schema ", version, " and read-only: ",
        "it must be opened once with the right to write, to migrate it"));
  }
  return std::make_unique<SqliteReadOnlyStore>(path, mode,
                                               options.busy_timeout);
}

}  // namespace allot
