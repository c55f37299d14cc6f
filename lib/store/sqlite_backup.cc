// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/store/sqlite_connection.h"
#include "lib/store/sqlite_schema.h"
#include "lib/store/sqlite_store.h"

namespace allot {
namespace {

constexpr absl::Duration kBusyTimeout = absl::Seconds(10);

bool Exists(const std::string& path) {
  struct stat info;
  return stat(path.c_str(), &info) == 0;
}

// Makes the name of `path` as durable as its bytes.
absl::Status SyncFolder(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder =
      slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int descriptor = open(folder.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0) close(descriptor);
  if (synced) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("cannot sync ", folder, ": ", std::strerror(error)));
}

absl::Status CopyDatabase(const std::string& from, const std::string& to) {
  ALLOT_ASSIGN_OR_RETURN(
      SqliteConnection source,
      SqliteConnection::Open(from, SqliteMode::kReadWrite, kBusyTimeout));
  ALLOT_RETURN_IF_ERROR(CheckSqliteIdentity(source, SqliteMigrations()));
  ALLOT_ASSIGN_OR_RETURN(
      SqliteConnection target,
      SqliteConnection::Open(to, SqliteMode::kReadWriteCreate, kBusyTimeout));
  sqlite3_backup* backup =
      sqlite3_backup_init(target.get(), "main", source.get(), "main");
  if (backup == nullptr) {
    return SqliteError(target.get(), sqlite3_extended_errcode(target.get()),
                       to);
  }
  // All pages in one step: in several, every append would make it start over.
  // Readers do not stop the writer, its write-ahead log only grows meanwhile.
  const int step = sqlite3_backup_step(backup, -1);
  const int finish = sqlite3_backup_finish(backup);
  // finish alone is OK after a step that found a lock and copied nothing.
  if (step != SQLITE_DONE) return SqliteError(target.get(), step, to);
  if (finish != SQLITE_OK) return SqliteError(target.get(), finish, to);
  return absl::OkStatus();
}

}  // namespace

absl::Status BackUpSqlite(const std::string& from, const std::string& to) {
  if (!Exists(from)) {
    return absl::NotFoundError(absl::StrCat("there is no store at ", from));
  }
  if (Exists(to)) {
    return absl::AlreadyExistsError(
        absl::StrCat(to, " exists; name a new file for the backup"));
  }
  const std::string partial = absl::StrCat(to, ".part");
  unlink(partial.c_str());
  absl::Status status = CopyDatabase(from, partial);
  if (status.ok() && std::rename(partial.c_str(), to.c_str()) != 0) {
    status = absl::UnavailableError(absl::StrCat(
        "cannot rename ", partial, " to ", to, ": ", std::strerror(errno)));
  }
  if (!status.ok()) unlink(partial.c_str());
  if (status.ok()) status = SyncFolder(to);
  return status;
}

}  // namespace allot
