// SPDX-License-Identifier: Apache-2.0
#include "lib/store/sqlite_store.h"

#include <sys/stat.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "lib/base/mutex.h"
#include "lib/base/status_macros.h"
#include "lib/store/commit_queue.h"
#include "lib/store/file_lock.h"
#include "lib/store/sqlite_checkpoints.h"
#include "lib/store/sqlite_connection.h"
#include "lib/store/sqlite_events.h"
#include "lib/store/sqlite_schema.h"

namespace allot {
namespace {

// By pool.
using SequenceTable = absl::flat_hash_map<std::string, int64_t>;

// A scan of the log's spine: 0.2 s for a million events, far more than that
// many answers. An index would cost every append.
absl::StatusOr<SequenceTable> ReadEnds(SqliteConnection& connection) {
  ALLOT_ASSIGN_OR_RETURN(
      SqliteStatement rows,
      connection.Prepare("SELECT sequence, pool FROM event ORDER BY sequence"));
  SequenceTable ends;
  while (true) {
    ALLOT_ASSIGN_OR_RETURN(const bool found, rows.Next());
    if (!found) return ends;
    const absl::string_view pool = rows.Text(1);
    const auto known = ends.find(pool);
    if (known == ends.end()) {
      ends.emplace(std::string(pool), rows.Int64(0));
    } else {
      known->second = rows.Int64(0);
    }
  }
}

// Of the one writer.
struct Statements {
  static absl::StatusOr<Statements> Prepare(SqliteConnection& writer) {
    Statements all;
    ALLOT_ASSIGN_OR_RETURN(all.begin, writer.Prepare("BEGIN IMMEDIATE"));
    ALLOT_ASSIGN_OR_RETURN(all.commit, writer.Prepare("COMMIT"));
    ALLOT_ASSIGN_OR_RETURN(all.events, SqliteEventWriter::Create(writer));
    return all;
  }

  SqliteStatement begin;
  SqliteStatement commit;
  SqliteEventWriter events;
};

class SqliteStore final : public Store {
 public:
  SqliteStore(FileLock lock, SqliteConnection writer, SqliteConnection reader,
              Statements statements, SequenceTable ends, int64_t last_sequence,
              absl::Duration busy_timeout)
      : lock_(std::move(lock)),
        busy_timeout_(busy_timeout),
        path_(writer.path()),
        writer_(std::move(writer)),
        statements_(std::move(statements)),
        last_sequence_(last_sequence),
        ends_(std::move(ends)),
        committed_ends_(ends_),
        reader_(std::move(reader)),
        queue_([this](std::span<CommitJob* const> jobs) { Commit(jobs); }) {}

  absl::StatusOr<int64_t> Append(absl::string_view pool, int64_t after,
                                 std::span<const Event> events,
                                 absl::FunctionRef<void()> meanwhile) override;
  absl::Status Load(absl::string_view pool, int64_t after,
                    EventVisitor visit) override;
  absl::Status LoadAll(const LogPositions& after, EventVisitor visit) override;
  absl::StatusOr<std::vector<LogEnd>> Ends() override;
  absl::Status SaveCheckpoints(
      std::span<const Checkpoint> checkpoints) override;
  absl::StatusOr<std::vector<Checkpoint>> LoadCheckpoints() override;
  absl::StatusOr<std::optional<Checkpoint>> LoadCheckpoint(
      absl::string_view pool) override;
  absl::Status Ping() override;

 private:
  void Commit(std::span<CommitJob* const> jobs);
  absl::Status RunTransaction(std::span<CommitJob* const> jobs);
  absl::Status RunJobs(std::span<CommitJob* const> jobs);
  absl::Status ForgetOldResponses();

  SequenceTable CommittedEnds();
  int64_t EndOf(absl::string_view pool) const {
    const auto found = ends_.find(pool);
    return found == ends_.end() ? 0 : found->second;
  }

  absl::StatusOr<SqliteConnection> OpenReader() {
    return SqliteConnection::Open(path_, SqliteMode::kReadOnly, busy_timeout_);
  }

  // Declared first, so that it is released last.
  FileLock lock_;
  const absl::Duration busy_timeout_;
  const std::string path_;

  // Touched only inside a job or Commit(), by one thread at a time.
  SqliteConnection writer_;
  Statements statements_;
  int64_t last_sequence_;
  SequenceTable ends_;  // of each pool's log
  // What changed in it since the transaction began, and what was there.
  std::vector<std::pair<std::string, int64_t>> undo_;

  // The same, for others to read.
  Mutex committed_mutex_;
  SequenceTable committed_ends_ ABSL_GUARDED_BY(committed_mutex_);

  Mutex reader_mutex_;
  SqliteConnection reader_ ABSL_GUARDED_BY(reader_mutex_);
  Mutex checkpoint_mutex_;
  CommitQueue queue_;
};

absl::StatusOr<int64_t> SqliteStore::Append(
    absl::string_view pool, int64_t after, std::span<const Event> events,
    absl::FunctionRef<void()> meanwhile) {
  // Each thread makes its own: what is left to do one after another is little.
  std::vector<std::string> bodies(events.size());
  for (size_t i = 0; i < events.size(); ++i) {
    ALLOT_ASSIGN_OR_RETURN(bodies[i], SqliteEventWriter::Body(events[i].body));
  }
  int64_t last = after;
  const auto write = [&]() -> absl::Status {
    const int64_t end = EndOf(pool);
    if (end != after) return LogMovedOn(pool, after, end);
    for (size_t i = 0; i < events.size(); ++i) {
      ALLOT_RETURN_IF_ERROR(
          statements_.events.Write(last_sequence_ + 1, events[i], bodies[i]));
      ++last_sequence_;
    }
    if (events.empty()) return absl::OkStatus();
    last = last_sequence_;
    undo_.emplace_back(pool, end);
    ends_[pool] = last;
    return absl::OkStatus();
  };
  ALLOT_RETURN_IF_ERROR(queue_.Submit(write, meanwhile));
  return last;
}

void SqliteStore::Commit(std::span<CommitJob* const> jobs) {
  const absl::Status status = RunTransaction(jobs);
  if (status.ok()) return;
  if (jobs.size() == 1 || absl::IsUnavailable(status)) {
    for (CommitJob* job : jobs) job->status = status;
    return;
  }
  // One of them spoilt it, or together they do not fit on the disk: one by one,
  // the others may.
  for (size_t i = 0; i < jobs.size(); ++i) Commit(jobs.subspan(i, 1));
}

// Sets the status of each job. Error: nothing of any job was written.
absl::Status SqliteStore::RunTransaction(std::span<CommitJob* const> jobs) {
  undo_.clear();
  const int64_t start = last_sequence_;
  ALLOT_RETURN_IF_ERROR(statements_.begin.Run());
  absl::Status status = RunJobs(jobs);
  if (status.ok()) status = statements_.commit.Run();
  if (!status.ok()) {
    if (writer_.InTransaction()) writer_.Execute("ROLLBACK").IgnoreError();
    last_sequence_ = start;
    for (; !undo_.empty(); undo_.pop_back()) {
      ends_[undo_.back().first] = undo_.back().second;
    }
  }
  MutexLock lock(committed_mutex_);
  for (const auto& [pool, before] : undo_) committed_ends_[pool] = EndOf(pool);
  return status;
}

// An error ends the transaction for all, but for that of a job whose log has
// moved on: it has not written anything. Savepoints would keep apart the others
// too, and cost every append.
absl::Status SqliteStore::RunJobs(std::span<CommitJob* const> jobs) {
  for (CommitJob* job : jobs) {
    job->status = job->write();
    if (!job->status.ok() && !absl::IsAborted(job->status)) return job->status;
  }
  return absl::OkStatus();
}

SequenceTable SqliteStore::CommittedEnds() {
  MutexLock lock(committed_mutex_);
  return committed_ends_;
}

absl::Status SqliteStore::Load(absl::string_view pool, int64_t after,
                               EventVisitor visit) {
  // A connection of its own: a load takes long, and the visitor may append.
  ALLOT_ASSIGN_OR_RETURN(SqliteConnection connection, OpenReader());
  ALLOT_RETURN_IF_ERROR(connection.Execute("BEGIN"));
  return ReadSqliteEvents(
      connection, after, [&](int64_t sequence, Event&& event) {
        return event.pool == pool ? visit(sequence, std::move(event))
                                  : absl::OkStatus();
      });
}

absl::Status SqliteStore::LoadAll(const LogPositions& after,
                                  EventVisitor visit) {
  const SequenceTable ends = CommittedEnds();
  ALLOT_ASSIGN_OR_RETURN(SqliteConnection connection, OpenReader());
  ALLOT_RETURN_IF_ERROR(connection.Execute("BEGIN"));
  // One scan for all, from where the first of them must begin.
  int64_t from = std::numeric_limits<int64_t>::max();
  for (const auto& [pool, end] : ends) {
    const auto known = after.find(pool);
    const int64_t position = known == after.end() ? 0 : known->second;
    if (position < end) from = std::min(from, position);
  }
  if (from == std::numeric_limits<int64_t>::max()) return absl::OkStatus();
  return ReadSqliteEvents(
      connection, from, [&](int64_t sequence, Event&& event) {
        const auto known = after.find(event.pool);
        const bool wanted = known == after.end() || sequence > known->second;
        return wanted ? visit(sequence, std::move(event)) : absl::OkStatus();
      });
}

absl::StatusOr<std::vector<LogEnd>> SqliteStore::Ends() {
  const SequenceTable table = CommittedEnds();
  const LogPositions ends(table.begin(), table.end());
  LogPositions checkpoints;
  {
    MutexLock lock(reader_mutex_);
    ALLOT_ASSIGN_OR_RETURN(
        SqliteStatement rows,
        reader_.Prepare("SELECT pool, sequence FROM checkpoint"));
    while (true) {
      ALLOT_ASSIGN_OR_RETURN(const bool found, rows.Next());
      if (!found) break;
      checkpoints.emplace(std::string(rows.Text(0)), rows.Int64(1));
    }
  }
  std::vector<LogEnd> result;
  for (const auto& [pool, sequence] : ends) {
    const auto found = checkpoints.find(pool);
    result.push_back(
        {pool, sequence, found == checkpoints.end() ? 0 : found->second});
  }
  return result;
}

absl::Status SqliteStore::SaveCheckpoints(
    std::span<const Checkpoint> checkpoints) {
  MutexLock lock(checkpoint_mutex_);
  ALLOT_RETURN_IF_ERROR(SaveSqliteCheckpoints(writer_, queue_, checkpoints));
  return ForgetOldResponses();
}

// Deletes responses that are over a day older than the newest, some at a time.
// Nobody replays them any more (event.h).
absl::Status SqliteStore::ForgetOldResponses() {
  bool more = true;
  while (more) {
    const auto delete_some = [&]() -> absl::Status {
      ALLOT_RETURN_IF_ERROR(writer_.Execute(
          "DELETE FROM request WHERE row IN "
          "(SELECT row FROM request ORDER BY row LIMIT 1000) AND unix_micros "
          "<= "
          "(SELECT unix_micros FROM event ORDER BY sequence DESC LIMIT 1) - "
          "86400000000"));
      more = sqlite3_changes(writer_.get()) > 0;
      return absl::OkStatus();
    };
    ALLOT_RETURN_IF_ERROR(queue_.Submit(delete_some));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Checkpoint>> SqliteStore::LoadCheckpoints() {
  ALLOT_ASSIGN_OR_RETURN(SqliteConnection connection, OpenReader());
  return LoadSqliteCheckpoints(connection, std::nullopt);
}

absl::StatusOr<std::optional<Checkpoint>> SqliteStore::LoadCheckpoint(
    absl::string_view pool) {
  ALLOT_ASSIGN_OR_RETURN(SqliteConnection connection, OpenReader());
  ALLOT_ASSIGN_OR_RETURN(std::vector<Checkpoint> found,
                         LoadSqliteCheckpoints(connection, pool));
  if (found.empty()) return std::nullopt;
  return std::move(found[0]);
}

absl::Status SqliteStore::Ping() {
  MutexLock lock(reader_mutex_);
  if (reader_.HasMoved()) {
    return absl::DataLossError(absl::StrCat(
        "sqlite:", path_, " was deleted or replaced while in use: restart"));
  }
  return reader_.QueryInt64("SELECT coalesce(max(sequence), 0) FROM event")
      .status();
}

bool Exists(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0;
}

absl::Status CheckFolder(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "."
                             : slash == 0               ? "/"
                                                        : path.substr(0, slash);
  struct stat info;
  if (stat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)) {
    return absl::NotFoundError(absl::StrCat(
        "sqlite:", path, ": there is no folder ", folder, "; create it first"));
  }
  if (stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("sqlite:", path, " is a folder; name a file, such as ",
                     path, "/allot.db"));
  }
  return absl::OkStatus();
}

absl::Status CheckForDamage(SqliteConnection& connection, int64_t up_to_bytes) {
  struct stat info;
  if (stat(connection.path().c_str(), &info) != 0 ||
      info.st_size > up_to_bytes) {
    return absl::OkStatus();
  }
  ALLOT_ASSIGN_OR_RETURN(const std::string verdict,
                         connection.QueryText("PRAGMA quick_check(1)"));
  if (verdict == "ok") return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("sqlite:", connection.path(),
                                          " is damaged (", verdict,
                                          "); restore a backup of it"));
}

absl::Status Configure(SqliteConnection& connection) {
  ALLOT_ASSIGN_OR_RETURN(const std::string mode,
                         connection.QueryText("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return absl::FailedPreconditionError(absl::StrCat(
        "sqlite:", connection.path(),
        ": write-ahead logging is not possible here (journal mode ", mode,
        "); use a local disk"));
  }
  // The size limit applies after a reset of the write-ahead log: it does not
  // keep the space that one large write once took.
  ALLOT_RETURN_IF_ERROR(connection.Execute(
      "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;"
      "PRAGMA cache_size = -65536; PRAGMA journal_size_limit = 67108864"));
  return absl::OkStatus();
}

absl::Status LimitSize(SqliteConnection& connection, int64_t max_bytes) {
  if (max_bytes == 0) return absl::OkStatus();
  ALLOT_ASSIGN_OR_RETURN(const int64_t page_size,
                         connection.QueryInt64("PRAGMA page_size"));
  return connection.Execute(absl::StrCat(
      "PRAGMA max_page_count = ", std::max<int64_t>(max_bytes / page_size, 1)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenSqlite(
    const std::string& path, const SqliteOptions& options) {
  ALLOT_RETURN_IF_ERROR(CheckFolder(path));
  absl::StatusOr<FileLock> lock =
      FileLock::Acquire(absl::StrCat(path, ".lock"));
  // The folder may not be written.
  if (absl::IsFailedPrecondition(lock.status()) && Exists(path)) {
    return OpenSqliteReadOnly(path, options);
  }
  if (!lock.ok()) return lock.status();
  ALLOT_ASSIGN_OR_RETURN(
      SqliteConnection writer,
      SqliteConnection::Open(path, SqliteMode::kReadWriteCreate,
                             options.busy_timeout));
  if (writer.IsReadOnly()) return OpenSqliteReadOnly(path, options);
  // Before anything that would write to somebody else's file.
  ALLOT_RETURN_IF_ERROR(CheckSqliteIdentity(writer, SqliteMigrations()));
  ALLOT_RETURN_IF_ERROR(CheckForDamage(writer, options.check_up_to_bytes));
  ALLOT_RETURN_IF_ERROR(Configure(writer));
  ALLOT_RETURN_IF_ERROR(MigrateSqlite(writer, SqliteMigrations()));
  ALLOT_RETURN_IF_ERROR(LimitSize(writer, options.max_bytes));
  ALLOT_ASSIGN_OR_RETURN(SequenceTable ends, ReadEnds(writer));
  int64_t last_sequence = 0;
  for (const auto& [pool, sequence] : ends) {
    last_sequence = std::max(last_sequence, sequence);
  }
  ALLOT_ASSIGN_OR_RETURN(Statements statements, Statements::Prepare(writer));
  ALLOT_ASSIGN_OR_RETURN(SqliteConnection reader,
                         SqliteConnection::Open(path, SqliteMode::kReadOnly,
                                                options.busy_timeout));
  return std::make_unique<SqliteStore>(*std::move(lock), std::move(writer),
                                       std::move(reader), std::move(statements),
                                       std::move(ends), last_sequence,
                                       options.busy_timeout);
}

}  // namespace allot
