// SPDX-License-Identifier: Apache-2.0
#include "lib/store/sqlite_schema.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

// `event` is the log. What an event holds is in its `body`, or for some kinds
// with many items one row each in a table of their own, in the order of `row`,
// which is also the order of `sequence`. `items` lets a reader notice a row
// that somebody deleted. A list in a body costs a fifth of its rows in a table,
// and views show it as rows to whoever reads; tables are for what is looked up.
//
// Columns of real numbers are declared without a type on purpose: in a REAL
// column SQLite turns -0.0 into 0.0. No STRICT tables, generated columns or ->>
// operators: readers with an SQLite before 3.37 are welcome.
constexpr char kVersion1[] = R"sql(
CREATE TABLE event (
  sequence INTEGER PRIMARY KEY,
  pool TEXT NOT NULL,
  unix_micros INTEGER NOT NULL,  -- when the service accepted it
  kind TEXT NOT NULL,            -- 'answers_recorded', ...
  items INTEGER NOT NULL,        -- how many answers, tasks, ... it holds
  body TEXT                      -- JSON, for kinds without a table
);

CREATE TABLE answer (
  row INTEGER PRIMARY KEY,
  sequence INTEGER NOT NULL,     -- of its event
  pool TEXT NOT NULL,
  task TEXT NOT NULL,
  labeler TEXT NOT NULL,
  label INTEGER NOT NULL,        -- class, from 0
  handling_seconds,              -- real, or NULL: unknown
  answered_unix_micros INTEGER NOT NULL,
  UNIQUE (pool, task, labeler)
);

CREATE TABLE task (
  row INTEGER PRIMARY KEY,
  sequence INTEGER NOT NULL,
  pool TEXT NOT NULL,
  task TEXT NOT NULL,
  num_classes INTEGER NOT NULL,
  label_set TEXT NOT NULL,       -- '': classes have no names
  difficulty NOT NULL,           -- real, logits
  difficulty_variance,           -- real, or NULL: the pool's
  base_seconds NOT NULL,         -- real
  redundancy INTEGER NOT NULL,
  value NOT NULL,                -- real, currency
  gold_label INTEGER,            -- the known truth, or NULL
  loading TEXT,                  -- JSON [[skill, weight], ...], or NULL: none
  prior TEXT,                    -- JSON [p, ...], or NULL: uniform
  required_qualifications TEXT,  -- JSON ["..."], or NULL: none
  excluded_labelers TEXT         -- JSON ["..."], or NULL: none
);

CREATE TABLE labeler_update (
  row INTEGER PRIMARY KEY,
  sequence INTEGER NOT NULL,
  pool TEXT NOT NULL,
  labeler TEXT NOT NULL,         -- below, NULL: keeps its value
  price_per_answer,              -- real, currency
  price_per_hour,                -- real, currency
  capacity INTEGER,
  qualifications TEXT,           -- JSON ["..."]
  skills TEXT,                   -- JSON [[skill, mean, variance], ...]
  correlation_group TEXT
);

CREATE TABLE lease (
  row INTEGER PRIMARY KEY,
  sequence INTEGER NOT NULL,
  pool TEXT NOT NULL,
  lease TEXT NOT NULL,
  task TEXT NOT NULL,
  labeler TEXT NOT NULL,
  expires_unix_micros INTEGER NOT NULL  -- as granted
);

-- Short cuts for a restart, in parts, so that none is written at one go.
CREATE TABLE checkpoint (
  pool TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL,
  generation INTEGER NOT NULL
);
CREATE TABLE checkpoint_part (
  row INTEGER PRIMARY KEY,
  generation INTEGER NOT NULL,
  bytes BLOB NOT NULL
);

CREATE VIEW pool AS
  SELECT pool, max(sequence) AS sequence, unix_micros, body AS config
  FROM event WHERE kind = 'pool_upserted' GROUP BY pool;

CREATE VIEW labeler_deletion AS
  SELECT e.sequence, e.pool, e.unix_micros, j.value AS labeler
  FROM event e, json_each(e.body) j WHERE e.kind = 'labelers_deleted';

CREATE VIEW lease_renewal AS
  SELECT e.sequence, e.pool, e.unix_micros, j.value AS lease,
         json_extract(e.body, '$.expires_unix_micros') AS expires_unix_micros
  FROM event e, json_each(e.body, '$.ids') j WHERE e.kind = 'leases_renewed';

CREATE VIEW lease_end AS
  SELECT e.sequence, e.pool, e.unix_micros, j.value AS lease,
         json_extract(e.body, '$.reason') AS reason
  FROM event e, json_each(e.body, '$.ids') j WHERE e.kind = 'leases_ended';
)sql";

// Responses of calls, for their retries. Rows over a day old are deleted; their
// events stay.
constexpr char kVersion2[] = R"sql(
CREATE TABLE request (
  row INTEGER PRIMARY KEY,
  sequence INTEGER NOT NULL,
  pool TEXT NOT NULL,
  unix_micros INTEGER NOT NULL,  -- of its event
  request TEXT NOT NULL,         -- the method, a colon, the caller's id
  fingerprint INTEGER NOT NULL,  -- of what was asked
  response BLOB NOT NULL         -- protobuf
);
)sql";

// Tasks and leases from tables into the bodies of their events, as AppendJson()
// writes them (json_list.h), and views in place of the tables. A row that would
// be left behind stops it.
constexpr char kVersion3[] = R"sql(
CREATE TEMP TABLE stray (
  rows INTEGER,
  CONSTRAINT "there are rows of tasks or leases that no event owns" CHECK (rows = 0)
);
INSERT INTO stray SELECT count(*) FROM task WHERE sequence NOT IN
  (SELECT sequence FROM event WHERE kind = 'tasks_recorded');
INSERT INTO stray SELECT count(*) FROM lease WHERE sequence NOT IN
  (SELECT sequence FROM event WHERE kind = 'leases_granted');
DROP TABLE stray;

CREATE INDEX task_by_event ON task (sequence);
CREATE INDEX lease_by_event ON lease (sequence);
UPDATE event SET body = (
  SELECT json_group_array(json_array(
    task, json(loading), num_classes, label_set, json(exact(difficulty)),
    json(exact(difficulty_variance)), json(prior), json(exact(base_seconds)),
    redundancy, json(exact(value)), json(required_qualifications),
    json(excluded_labelers), gold_label))
  FROM (SELECT * FROM task t WHERE t.sequence = event.sequence ORDER BY t.row))
WHERE kind = 'tasks_recorded';
UPDATE event SET body = (
  SELECT json_group_array(json_array(lease, task, labeler, expires_unix_micros))
  FROM (SELECT * FROM lease l WHERE l.sequence = event.sequence
        ORDER BY l.row))
WHERE kind = 'leases_granted';
DROP TABLE task;
DROP TABLE lease;

CREATE VIEW task AS
  SELECT e.sequence, e.pool, json_extract(j.value, '$[0]') AS task,
         json_extract(j.value, '$[2]') AS num_classes,
         json_extract(j.value, '$[3]') AS label_set,
         CAST(json_extract(j.value, '$[4]') AS REAL) AS difficulty,
         CAST(json_extract(j.value, '$[5]') AS REAL) AS difficulty_variance,
         CAST(json_extract(j.value, '$[7]') AS REAL) AS base_seconds,
         json_extract(j.value, '$[8]') AS redundancy,
         CAST(json_extract(j.value, '$[9]') AS REAL) AS value,
         json_extract(j.value, '$[12]') AS gold_label,
         json_extract(j.value, '$[1]') AS loading,
         json_extract(j.value, '$[6]') AS prior,
         json_extract(j.value, '$[10]') AS required_qualifications,
         json_extract(j.value, '$[11]') AS excluded_labelers
  FROM event e, json_each(e.body) j WHERE e.kind = 'tasks_recorded';

CREATE VIEW lease AS
  SELECT e.sequence, e.pool, json_extract(j.value, '$[0]') AS lease,
         json_extract(j.value, '$[1]') AS task,
         json_extract(j.value, '$[2]') AS labeler,
         json_extract(j.value, '$[3]') AS expires_unix_micros
  FROM event e, json_each(e.body) j WHERE e.kind = 'leases_granted';
)sql";

constexpr const char* kMigrations[] = {kVersion1, kVersion2, kVersion3};

// SQL function of the migrations: a real number as text that reads back as the
// same bits, which SQLite's own conversion does not promise.
void Exact(sqlite3_context* context, int, sqlite3_value** value) {
  if (sqlite3_value_type(*value) == SQLITE_NULL) return;
  char text[32];
  const std::to_chars_result end =
      std::to_chars(text, text + sizeof(text), sqlite3_value_double(*value));
  sqlite3_result_text(context, text, static_cast<int>(end.ptr - text),
                      SQLITE_TRANSIENT);
}

}  // namespace

std::span<const char* const> SqliteMigrations() { return kMigrations; }

absl::Status CheckSqliteIdentity(SqliteConnection& connection,
                                 std::span<const char* const> migrations) {
  ALLOT_ASSIGN_OR_RETURN(const int64_t application,
                         connection.QueryInt64("PRAGMA application_id"));
  ALLOT_ASSIGN_OR_RETURN(const int64_t version,
                         connection.QueryInt64("PRAGMA user_version"));
  ALLOT_ASSIGN_OR_RETURN(
      const int64_t objects,
      connection.QueryInt64("SELECT count(*) FROM sqlite_master"));
  const bool is_new = application == 0 && version == 0 && objects == 0;
  if (!is_new && application != kSqliteApplicationId) {
    return absl::FailedPreconditionError(
        absl::StrCat("sqlite:", connection.path(),
                     " is a database of another program (application_id ",
                     application, "); name another file"));
  }
  const int64_t newest = static_cast<int64_t>(migrations.size());
  if (version > newest) {
    return absl::FailedPreconditionError(absl::StrCat(
        "sqlite:", connection.path(), " was written by a newer allot (schema ",
        version, "; this one reads up to ", newest,
        "); run that version, or restore the backup from before the upgrade"));
  }
  return absl::OkStatus();
}

absl::Status MigrateSqlite(SqliteConnection& connection,
                           std::span<const char* const> migrations) {
  ALLOT_ASSIGN_OR_RETURN(const int64_t version,
                         connection.QueryInt64("PRAGMA user_version"));
  const size_t first = static_cast<size_t>(std::max<int64_t>(version, 0));
  if (first >= migrations.size()) return absl::OkStatus();
  sqlite3_create_function_v2(connection.get(), "exact", 1,
                             SQLITE_UTF8 | SQLITE_DETERMINISTIC, nullptr, Exact,
                             nullptr, nullptr, nullptr);
  ALLOT_RETURN_IF_ERROR(connection.Execute("BEGIN IMMEDIATE"));
  absl::Status status;
  for (const char* step : migrations.subspan(first)) {
    if (status.ok()) status = connection.Execute(step);
  }
  if (status.ok()) {
    status = connection.Execute(absl::StrCat(
        "PRAGMA application_id = ", kSqliteApplicationId,
        "; PRAGMA user_version = ", migrations.size(), "; COMMIT"));
  }
  if (!status.ok() && connection.InTransaction()) {
    connection.Execute("ROLLBACK").IgnoreError();
  }
  return status;
}

}  // namespace allot
