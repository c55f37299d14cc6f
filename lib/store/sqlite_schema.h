// SPDX-License-Identifier: Apache-2.0
// The tables of an allot database, documented for their readers in
// docs/store.md, and how an older file becomes a newer one.
#ifndef ALLOT_LIB_STORE_SQLITE_SCHEMA_H_
#define ALLOT_LIB_STORE_SQLITE_SCHEMA_H_

#include <span>

#include "absl/status/status.h"
#include "lib/store/sqlite_connection.h"

namespace allot {

// PRAGMA application_id of our files: "alot" in ASCII.
inline constexpr int64_t kSqliteApplicationId = 0x616c6f74;

// The statements that lead from schema version i to i + 1. A released step
// never changes: a new version appends one.
std::span<const char* const> SqliteMigrations();

// Whether the file is new or one of ours that `migrations` can serve. Reads
// only. Errors: kFailedPrecondition, with the reason.
absl::Status CheckSqliteIdentity(SqliteConnection& connection,
                                 std::span<const char* const> migrations);

// Brings the file to version migrations.size(), all steps in one transaction.
absl::Status MigrateSqlite(SqliteConnection& connection,
                           std::span<const char* const> migrations);

}  // namespace allot

#endif  // ALLOT_LIB_STORE_SQLITE_SCHEMA_H_
