// SPDX-License-Identifier: Apache-2.0
#include "lib/store/sqlite_connection.h"

#include <cerrno>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "lib/base/status_macros.h"

namespace allot {

absl::Status SqliteError(sqlite3* database, int result,
                         absl::string_view file) {
  const int system_error = database ? sqlite3_system_errno(database) : 0;
  const std::string context = absl::StrCat(
      "sqlite:", file, ": ",
      database ? sqlite3_errmsg(database) : sqlite3_errstr(result));
  switch (result & 0xff) {
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(
          absl::StrCat(context,
                       " (no room on the disk, or the store's size limit is "
                       "reached; nothing was recorded)"));
    case SQLITE_NOMEM:
      return absl::ResourceExhaustedError(context);
    case SQLITE_IOERR:
      if (system_error == ENOSPC || system_error == EDQUOT) {
        return absl::ResourceExhaustedError(
            absl::StrCat(context, " (disk full; nothing was recorded)"));
      }
      if (system_error == EROFS) {
        return absl::FailedPreconditionError(
            absl::StrCat(context, " (the file system is read-only)"));
      }
      return absl::UnavailableError(absl::StrCat(
          context, " (extended code ", result, ", errno ", system_error, ")"));
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return absl::FailedPreconditionError(
          absl::StrCat(context, " (the store must be able to write)"));
    case SQLITE_NOTADB:
      return absl::FailedPreconditionError(absl::StrCat(
          "sqlite:", file, " is not an SQLite database; name another file"));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::UnavailableError(
          absl::StrCat(context, " (another process is writing to it)"));
    case SQLITE_CANTOPEN:
      return absl::UnavailableError(
          absl::StrCat(context, " (errno ", system_error, ")"));
    case SQLITE_CORRUPT:
      return absl::DataLossError(absl::StrCat(
          context, " (the file is damaged; restore a backup of it)"));
    case SQLITE_CONSTRAINT:
      if (result == SQLITE_CONSTRAINT_UNIQUE) {
        return absl::AlreadyExistsError(context);
      }
      if (result == SQLITE_CONSTRAINT_CHECK) {
        return absl::DataLossError(absl::StrCat(
            context, " (changed behind allot's back; restore a backup of it)"));
      }
      return absl::InternalError(context);
    case SQLITE_TOOBIG:
      return absl::InvalidArgumentError(context);
    default:
      return absl::InternalError(
          absl::StrCat(context, " (extended code ", result, ")"));
  }
}

void SqliteStatement::Fail(absl::Status error) {
  if (error_.ok()) error_ = std::move(error);
}

void SqliteStatement::Keep(int result) {
  if (result == SQLITE_OK) return;
  Fail(SqliteError(sqlite3_db_handle(statement_.get()), result, file_));
}

void SqliteStatement::BindInt64(int parameter, int64_t value) {
  Keep(sqlite3_bind_int64(statement_.get(), parameter, value));
}

void SqliteStatement::BindDouble(int parameter, double value) {
  if (std::isnan(value)) Fail(absl::InvalidArgumentError("a number is NaN"));
  Keep(sqlite3_bind_double(statement_.get(), parameter, value));
}

void SqliteStatement::BindText(int parameter, absl::string_view value) {
  // A null pointer would bind NULL instead of "".
  Keep(sqlite3_bind_text64(statement_.get(), parameter,
                           value.empty() ? "" : value.data(), value.size(),
                           SQLITE_STATIC, SQLITE_UTF8));
}

void SqliteStatement::BindBlob(int parameter, absl::string_view value) {
  Keep(sqlite3_bind_blob64(statement_.get(), parameter,
                           value.empty() ? "" : value.data(), value.size(),
                           SQLITE_STATIC));
}

void SqliteStatement::BindNull(int parameter) {
  Keep(sqlite3_bind_null(statement_.get(), parameter));
}

void SqliteStatement::Reset() { sqlite3_reset(statement_.get()); }

absl::Status SqliteStatement::TakeError() {
  return std::exchange(error_, absl::OkStatus());
}

absl::Status SqliteStatement::Run() {
  ALLOT_RETURN_IF_ERROR(TakeError());
  int result = sqlite3_step(statement_.get());
  while (result == SQLITE_ROW) result = sqlite3_step(statement_.get());
  absl::Status status;
  if (result != SQLITE_DONE) {
    status = SqliteError(sqlite3_db_handle(statement_.get()), result, file_);
  }
  Reset();
  return status;
}

absl::StatusOr<bool> SqliteStatement::Next() {
  ALLOT_RETURN_IF_ERROR(TakeError());
  const int result = sqlite3_step(statement_.get());
  if (result == SQLITE_ROW) return true;
  absl::Status status;
  if (result != SQLITE_DONE) {
    status = SqliteError(sqlite3_db_handle(statement_.get()), result, file_);
  }
  Reset();
  if (!status.ok()) return status;
  return false;
}

bool SqliteStatement::IsNull(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

int64_t SqliteStatement::Int64(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double SqliteStatement::Double(int column) const {
  return sqlite3_column_double(statement_.get(), column);
}

absl::string_view SqliteStatement::Text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (bytes == nullptr) return {};
  return {static_cast<const char*>(bytes), static_cast<size_t>(size)};
}

absl::StatusOr<SqliteConnection> SqliteConnection::Open(
    const std::string& path, SqliteMode mode, absl::Duration busy_timeout) {
  SqliteConnection connection(path);
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  switch (mode) {
    case SqliteMode::kReadWriteCreate:
      flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
      break;
    case SqliteMode::kReadWrite:
      flags |= SQLITE_OPEN_READWRITE;
      break;
    case SqliteMode::kReadOnly:
      flags |= SQLITE_OPEN_READONLY;
      break;
    case SqliteMode::kImmutable:
      flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
      break;
  }
  // ":memory:" and the like name files here, not SQLite's special databases.
  std::string name =
      absl::StartsWith(path, "/") ? path : absl::StrCat("./", path);
  if (mode == SqliteMode::kImmutable) {
    name = absl::StrCat(
        "file:",
        absl::StrReplaceAll(name, {{"%", "%25"}, {"?", "%3f"}, {"#", "%23"}}),
        "?immutable=1");
  }
  sqlite3* database = nullptr;
  const int result = sqlite3_open_v2(name.c_str(), &database, flags, nullptr);
  connection.database_.reset(database);
  if (result != SQLITE_OK) return SqliteError(database, result, path);
  sqlite3_busy_timeout(
      database, static_cast<int>(absl::ToInt64Milliseconds(busy_timeout)));
  return connection;
}

absl::Status SqliteConnection::Execute(const std::string& sql) {
  const int result =
      sqlite3_exec(get(), sql.c_str(), nullptr, nullptr, nullptr);
  if (result != SQLITE_OK) return SqliteError(get(), result, path_);
  return absl::OkStatus();
}

absl::StatusOr<SqliteStatement> SqliteConnection::Prepare(
    absl::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int result =
      sqlite3_prepare_v3(get(), sql.data(), static_cast<int>(sql.size()),
                         SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (result != SQLITE_OK) return SqliteError(get(), result, path_);
  return SqliteStatement(statement, path_);
}

absl::StatusOr<int64_t> SqliteConnection::QueryInt64(absl::string_view sql) {
  ALLOT_ASSIGN_OR_RETURN(SqliteStatement statement, Prepare(sql));
  ALLOT_ASSIGN_OR_RETURN(const bool found, statement.Next());
  if (!found) return absl::InternalError(absl::StrCat("no row: ", sql));
  return statement.Int64(0);
}

absl::StatusOr<std::string> SqliteConnection::QueryText(absl::string_view sql) {
  ALLOT_ASSIGN_OR_RETURN(SqliteStatement statement, Prepare(sql));
  ALLOT_ASSIGN_OR_RETURN(const bool found, statement.Next());
  if (!found) return absl::InternalError(absl::StrCat("no row: ", sql));
  return std::string(statement.Text(0));
}

bool SqliteConnection::HasMoved() const {
  int moved = 0;
  sqlite3_file_control(get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
  return moved != 0;
}

}  // namespace allot
