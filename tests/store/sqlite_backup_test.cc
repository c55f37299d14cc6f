// SPDX-License-Identifier: Apache-2.0
// Copies of an SQLite store, and files of older versions.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/store/sqlite_schema.h"
#include "tests/store/sqlite_store_testing.h"

namespace allot {
namespace {

TEST_F(SqliteStoreTest, BacksUpWhileInUse) {
  std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(AppendAtEnd(*store, HardEvents()).ok());
  const std::string copy = folder_.File("copy.db");
  const absl::Status status = BackUpSqlite(path_, copy);
  ASSERT_TRUE(status.ok()) << status;
  const std::map<int64_t, std::string> saved = LoadAll(*store);
  ASSERT_TRUE(AppendAtEnd(*store, One(0)).ok());
  absl::StatusOr<std::unique_ptr<Store>> restored = OpenSqlite(copy);
  ASSERT_TRUE(restored.ok()) << restored.status();
  EXPECT_EQ(LoadAll(**restored), saved);
  EXPECT_FALSE(std::filesystem::exists(copy + ".part"));
}

TEST_F(SqliteStoreTest, RefusesToBackUpNothingOrOverSomething) {
  EXPECT_EQ(BackUpSqlite(path_, folder_.File("copy.db")).code(),
            absl::StatusCode::kNotFound);
  Open().reset();
  EXPECT_EQ(BackUpSqlite(path_, path_).code(),
            absl::StatusCode::kAlreadyExists);
}

// A file as an older version wrote it.
class OldSqliteStoreTest : public SqliteStoreTest {
 protected:
  void MakeFile(int version) {
    std::ifstream file(std::string(ALLOT_TESTS_FOLDER) +
                       "/store/schema_version_" + std::to_string(version) +
                       ".sql");
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    Execute(text);
    ASSERT_EQ(Query("PRAGMA user_version"), version);
  }

  // The rows of a query, as text.
  std::vector<std::string> Rows(const std::string& sql) {
    absl::StatusOr<SqliteConnection> other =
        SqliteConnection::Open(path_, SqliteMode::kReadOnly, absl::Seconds(1));
    absl::StatusOr<SqliteStatement> rows = other->Prepare(sql);
    EXPECT_TRUE(rows.ok()) << rows.status();
    std::vector<std::string> texts;
    while (*rows->Next()) {
      std::string& text = texts.emplace_back();
      for (int column = 0; column < rows->Columns(); ++column) {
        absl::StrAppend(
            &text, rows->IsNull(column) ? "NULL" : rows->Text(column), "|");
      }
    }
    return texts;
  }
};

constexpr int kNewestVersion = 3;

TEST_F(OldSqliteStoreTest, OpensOneOfTheFirstVersionAndGoesOn) {
  MakeFile(1);
  const int64_t events = Query("SELECT count(*) FROM event");
  const int64_t answers = Query("SELECT count(*) FROM answer");
  ASSERT_GT(answers, 0);
  {
    std::unique_ptr<Store> store = Open();
    EXPECT_EQ(static_cast<int64_t>(LoadAll(*store).size()), events);
    ASSERT_TRUE(AppendAtEnd(*store, HardEvents()).ok());
  }
  EXPECT_EQ(Query("PRAGMA user_version"), kNewestVersion);
  const auto hard = static_cast<int64_t>(HardEvents().size());
  EXPECT_EQ(static_cast<int64_t>(LoadAll(*Open()).size()), events + hard);
  EXPECT_EQ(Query("SELECT count(*) FROM answer WHERE pool = 'demo'"), answers);
}

TEST_F(OldSqliteStoreTest, ReadsOneOfTheSecondVersionBitForBit) {
  MakeFile(2);
  std::unique_ptr<Store> store = Open();
  const std::map<int64_t, std::string> loaded = LoadAll(*store);
  std::vector<Event> written = HardEvents();
  written.resize(21);  // later kinds come last
  ASSERT_EQ(loaded.size(), written.size());
  for (size_t i = 0; i < written.size(); ++i) {
    EXPECT_EQ(loaded.at(static_cast<int64_t>(i) + 1), Describe(written[i]));
  }
  EXPECT_EQ(Query("PRAGMA user_version"), kNewestVersion);
}

TEST_F(OldSqliteStoreTest, LeavesNoRowBehindThatNoEventOwns) {
  for (const std::string stray :
       {"INSERT INTO lease VALUES (NULL, 999, 'p', 'L9', 't', 'l', 1)",
        "UPDATE task SET sequence = 999"}) {
    std::filesystem::remove(path_);
    MakeFile(2);
    Execute(stray);
    ExpectRefused(absl::StatusCode::kDataLoss, "that no event owns");
    EXPECT_EQ(Query("PRAGMA user_version"), 2) << "as it was";
    EXPECT_GT(Query("SELECT count(*) FROM task"), 0);
  }
}

TEST_F(OldSqliteStoreTest, ShowsTheSameRowsInTablesThatBecameViews) {
  for (const int version : {1, 2}) {
    std::filesystem::remove(path_);
    MakeFile(version);
    std::vector<std::string> queries = DocumentedQueries();
    queries.push_back(
        "SELECT sequence, pool, lease, task, labeler, "
        "expires_unix_micros FROM lease");
    queries.push_back(
        "SELECT sequence, pool, task, num_classes, label_set, difficulty, "
        "difficulty_variance, base_seconds, redundancy, value, gold_label, "
        "loading, prior, required_qualifications, excluded_labelers FROM task");
    std::vector<std::vector<std::string>> before, after;
    for (const std::string& query : queries) before.push_back(Rows(query));
    Open().reset();
    for (const std::string& query : queries) after.push_back(Rows(query));
    EXPECT_EQ(after, before);
    EXPECT_FALSE(after.back().empty());
    EXPECT_FALSE(after[queries.size() - 2].empty());
  }
}

TEST_F(OldSqliteStoreTest, IsRefusedWhereItMayOnlyBeRead) {
  MakeFile(2);
  const absl::Status status = OpenSqliteReadOnly(path_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_EQ(Query("PRAGMA user_version"), 2);
}

TEST_F(SqliteStoreTest, ForgetsResponsesOfYesterdayButNotTheirEvents) {
  constexpr int64_t kHour = 3600LL * 1'000'000;
  std::unique_ptr<Store> store = Open();
  std::vector<Event> events;
  for (int n = 0; n < 48; ++n) {
    events.push_back(
        {"p", n * kHour, RequestAnswered{std::to_string(n), 1, "response"}});
  }
  ASSERT_TRUE(AppendAtEnd(*store, events).ok());
  ASSERT_TRUE(store->SaveCheckpoints({}).ok());
  EXPECT_EQ(Query("SELECT count(*) FROM request"), 24);
  EXPECT_EQ(Query("SELECT min(request) FROM request"), 24);
  const std::map<int64_t, std::string> kept = LoadAll(*store);
  ASSERT_EQ(kept.size(), 48u);
  EXPECT_EQ(kept.at(1), Describe({"p", 0, RequestAnswered{}}));
  EXPECT_EQ(kept.at(48), Describe(events.back()));
  EXPECT_EQ(LoadAll(*store, 40).size(), 8u);
}

TEST(SqliteSchema, MigratesForwardStepByStepKeepingWhatIsThere) {
  TemporaryFolder folder;
  absl::StatusOr<SqliteConnection> connection = SqliteConnection::Open(
      folder.File("x.db"), SqliteMode::kReadWriteCreate, absl::ZeroDuration());
  ASSERT_TRUE(connection.ok());
  const char* const first[] = {"CREATE TABLE t (a); INSERT INTO t VALUES (1)"};
  const char* const both[] = {first[0],
                              "ALTER TABLE t ADD COLUMN b DEFAULT 41"};
  ASSERT_TRUE(MigrateSqlite(*connection, first).ok());
  EXPECT_EQ(*connection->QueryInt64("PRAGMA user_version"), 1);
  ASSERT_TRUE(MigrateSqlite(*connection, both).ok());
  EXPECT_EQ(*connection->QueryInt64("PRAGMA user_version"), 2);
  EXPECT_EQ(*connection->QueryInt64("SELECT a + b FROM t"), 42);
  ASSERT_TRUE(MigrateSqlite(*connection, both).ok());
  EXPECT_TRUE(CheckSqliteIdentity(*connection, both).ok());
  EXPECT_FALSE(CheckSqliteIdentity(*connection, first).ok());
}

TEST(SqliteSchema, LeavesTheFileAsItWasWhenAMigrationFails) {
  TemporaryFolder folder;
  absl::StatusOr<SqliteConnection> connection = SqliteConnection::Open(
      folder.File("x.db"), SqliteMode::kReadWriteCreate, absl::ZeroDuration());
  ASSERT_TRUE(connection.ok());
  const char* const steps[] = {"CREATE TABLE t (a)", "NONSENSE"};
  EXPECT_FALSE(MigrateSqlite(*connection, steps).ok());
  EXPECT_EQ(*connection->QueryInt64("PRAGMA user_version"), 0);
  EXPECT_EQ(*connection->QueryInt64("SELECT count(*) FROM sqlite_master"), 0);
}

}  // namespace
}  // namespace allot
