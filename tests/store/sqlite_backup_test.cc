// SPDX-License-Identifier: Apache-2.0
// Copies of an SQLite store, and files of older versions.
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <vector>

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

TEST_F(SqliteStoreTest, OpensAStoreOfTheFirstVersionAndGoesOn) {
  std::ifstream file(std::string(ALLOT_TESTS_FOLDER) +
                     "/store/schema_version_1.sql");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  Execute(text);
  ASSERT_EQ(Query("PRAGMA user_version"), 1);
  const int64_t events = Query("SELECT count(*) FROM event");
  const int64_t answers = Query("SELECT count(*) FROM answer");
  ASSERT_GT(answers, 0);
  {
    std::unique_ptr<Store> store = Open();
    EXPECT_EQ(static_cast<int64_t>(LoadAll(*store).size()), events);
    ASSERT_TRUE(AppendAtEnd(*store, HardEvents()).ok());
  }
  EXPECT_EQ(Query("PRAGMA user_version"), 2);
  const auto hard = static_cast<int64_t>(HardEvents().size());
  EXPECT_EQ(static_cast<int64_t>(LoadAll(*Open()).size()), events + hard);
  EXPECT_EQ(Query("SELECT count(*) FROM answer WHERE pool = 'demo'"), answers);
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
