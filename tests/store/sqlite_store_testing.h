// SPDX-License-Identifier: Apache-2.0
// An SQLite store in a folder of its own, and somebody else at its file.
#ifndef ALLOT_TESTS_STORE_SQLITE_STORE_TESTING_H_
#define ALLOT_TESTS_STORE_SQLITE_STORE_TESTING_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lib/store/sqlite_connection.h"
#include "lib/store/sqlite_store.h"
#include "tests/store/store_testing.h"

namespace allot {

class SqliteStoreTest : public testing::Test {
 protected:
  std::unique_ptr<Store> Open(const SqliteOptions& options = {}) {
    absl::StatusOr<std::unique_ptr<Store>> store = OpenSqlite(path_, options);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }

  // Runs SQL on the file as somebody else would.
  void Execute(const std::string& sql) {
    absl::StatusOr<SqliteConnection> other = SqliteConnection::Open(
        path_, SqliteMode::kReadWriteCreate, absl::Seconds(1));
    ASSERT_TRUE(other.ok()) << other.status();
    const absl::Status status = other->Execute(sql);
    ASSERT_TRUE(status.ok()) << status;
  }

  int64_t Query(const std::string& sql) {
    absl::StatusOr<SqliteConnection> other =
        SqliteConnection::Open(path_, SqliteMode::kReadOnly, absl::Seconds(1));
    const absl::StatusOr<int64_t> value = other->QueryInt64(sql);
    EXPECT_TRUE(value.ok()) << value.status();
    return value.value_or(-1);
  }

  void ExpectRefused(absl::StatusCode code, const std::string& message,
                     const SqliteOptions& options = {}) {
    const absl::Status status = OpenSqlite(path_, options).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr(message));
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.File("allot.db");
};

// The example queries of docs/store.md.
inline std::vector<std::string> DocumentedQueries() {
  std::ifstream file(std::string(ALLOT_DOCS_FOLDER) + "/store.md");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::string fence = "```sql\n";
  std::vector<std::string> queries;
  for (size_t at = text.find(fence); at != std::string::npos;
       at = text.find(fence, at + 1)) {
    const size_t begin = at + fence.size();
    queries.push_back(text.substr(begin, text.find("```", begin) - begin));
  }
  return queries;
}

inline std::vector<Event> One(int batch, int answers = 1) {
  return {AnswersEvent(batch, answers)};
}

}  // namespace allot

#endif  // ALLOT_TESTS_STORE_SQLITE_STORE_TESTING_H_
