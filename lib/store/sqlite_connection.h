// SPDX-License-Identifier: Apache-2.0
// SQLite in the words of this house: connections and statements that close
// themselves and answer with absl::Status. Nothing here knows of events.
#ifndef ALLOT_LIB_STORE_SQLITE_CONNECTION_H_
#define ALLOT_LIB_STORE_SQLITE_CONNECTION_H_

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace allot {

// What `result`, SQLite's answer to the last call on `database`, means to a
// caller of the store. `file` names the database in the message.
//
//   kResourceExhausted   disk full, quota reached, out of memory
//   kFailedPrecondition  read-only, or not an SQLite file
//   kUnavailable         locked by another process, or an I/O error
//   kAlreadyExists       a uniqueness constraint refused the row
//   kDataLoss            the file is corrupt
//   kInternal            anything else: a flaw of this program
absl::Status SqliteError(sqlite3* database, int result, absl::string_view file);

// A prepared statement. Values bound must outlive the next Run() or the rows
// read. Not thread-safe.
class SqliteStatement {
 public:
  SqliteStatement() = default;
  SqliteStatement(sqlite3_stmt* statement, std::string file)
      : statement_(statement), file_(std::move(file)) {}

  // Parameters count from 1. An error is kept and returned by Run() or Next().
  void BindInt64(int parameter, int64_t value);
  // SQLite has no NaN and would store NULL: refused as kInvalidArgument.
  void BindDouble(int parameter, double value);
  void BindText(int parameter, absl::string_view value);
  void BindBlob(int parameter, absl::string_view value);
  void BindNull(int parameter);
  // Keeps the first error, for a value that cannot be bound at all.
  void Fail(absl::Status error);

  // Runs to the end and makes the statement ready for new values.
  absl::Status Run();
  // True: there is a row, whose columns count from 0. False: no more rows, and
  // the statement starts anew at the next call.
  absl::StatusOr<bool> Next();
  void Reset();

  int Columns() const { return sqlite3_column_count(statement_.get()); }
  bool IsNull(int column) const;
  int64_t Int64(int column) const;
  double Double(int column) const;
  // The bytes of a text or a blob, until the next row.
  absl::string_view Text(int column) const;

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const {
      sqlite3_finalize(statement);
    }
  };

  void Keep(int result);
  absl::Status TakeError();

  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  std::string file_;
  absl::Status error_;
};

enum class SqliteMode {
  kReadWriteCreate,
  kReadWrite,
  kReadOnly,
  kImmutable,  // read-only, and nobody else writes either: no locks at all
};

// One connection, for one thread at a time.
class SqliteConnection {
 public:
  // Waits up to `busy_timeout` for another process's lock, in every call.
  static absl::StatusOr<SqliteConnection> Open(const std::string& path,
                                               SqliteMode mode,
                                               absl::Duration busy_timeout);

  // Runs one or more statements that take no values.
  absl::Status Execute(const std::string& sql);
  // For statements used often or with values.
  absl::StatusOr<SqliteStatement> Prepare(absl::string_view sql);
  // The first column of the only row of `sql`. kInternal if there is no row.
  absl::StatusOr<int64_t> QueryInt64(absl::string_view sql);
  absl::StatusOr<std::string> QueryText(absl::string_view sql);

  bool InTransaction() const {
    return sqlite3_get_autocommit(database_.get()) == 0;
  }
  bool IsReadOnly() const {
    return sqlite3_db_readonly(database_.get(), "main") == 1;
  }
  // Whether the open file is no longer the one its path names.
  bool HasMoved() const;

  sqlite3* get() const { return database_.get(); }
  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
  };

  explicit SqliteConnection(std::string path) : path_(std::move(path)) {}

  std::unique_ptr<sqlite3, Close> database_;
  std::string path_;
};

}  // namespace allot

#endif  // ALLOT_LIB_STORE_SQLITE_CONNECTION_H_
