// SPDX-License-Identifier: Apache-2.0
#include "lib/store/sqlite_schema.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

// `event` is the log. What an event holds is in its `body`, or for the kinds
// with many items one row each in a table of their own, in the order of `row`,
// which is also the order of `sequence`. `items` lets a reader notice a row
// that somebody deleted.
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

constexpr const char* kMigrations[] = {kVersion1, kVersion2};

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
