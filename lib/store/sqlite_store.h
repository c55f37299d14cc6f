// SPDX-License-Identifier: Apache-2.0
// The log in one SQLite file: the default store, and a database that any
// SQLite tool can read while the service runs. Tables, example queries and the
// durability promise: docs/store.md.
//
// Durable: Append() returns after the write-ahead log is synced (WAL,
// synchronous = FULL), so neither kill -9 nor a power cut loses what was
// acknowledged, on a disk that keeps its word. Appends of several threads share
// one sync; each stays atomic by itself.
//
// Exclusive: one process at a time writes, by a lock on PATH.lock. Readers are
// welcome.
#ifndef ALLOT_LIB_STORE_SQLITE_STORE_H_
#define ALLOT_LIB_STORE_SQLITE_STORE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "lib/store/store.h"

namespace allot {

struct SqliteOptions {
  // How long a call waits when another process writes to the file.
  absl::Duration busy_timeout = absl::Seconds(5);
  // The file grows no larger than this: appends that would need more are
  // refused as if the disk were full. 0: no limit.
  int64_t max_bytes = 0;
  // Files up to this size are checked for damage at open (PRAGMA quick_check,
  // about a second for each 400 MB); larger ones only as they are read.
  int64_t check_up_to_bytes = 64 << 20;
};

// Opens `path`, or creates it. A file that may not be written is opened for
// reading: Append() then answers kFailedPrecondition. Besides the errors of
// Store:
//   kNotFound            the folder does not exist
//   kFailedPrecondition  not allot's file, or written by a newer allot
//   kUnavailable         another process has it open
//   kDataLoss            the file is damaged
absl::StatusOr<std::unique_ptr<Store>> OpenSqlite(
    const std::string& path, const SqliteOptions& options = {});

// Opens `path` for reading only, also while another process writes to it.
// Errors: as above; kFailedPrecondition for a file that must be migrated first.
absl::StatusOr<std::unique_ptr<Store>> OpenSqliteReadOnly(
    const std::string& path, const SqliteOptions& options = {});

// Copies the store at `from` to the new file `to`, at one moment of its life,
// also while a service is using it (which is slowed, not stopped). `to` appears
// only when it is complete and on disk.
// Errors: kNotFound, no such store; kAlreadyExists, `to` is there.
absl::Status BackUpSqlite(const std::string& from, const std::string& to);

}  // namespace allot

#endif  // ALLOT_LIB_STORE_SQLITE_STORE_H_
