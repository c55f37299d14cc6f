// SPDX-License-Identifier: Apache-2.0
// What only the SQLite store promises: who may open which file, what full,
// locked, read-only and damaged files answer, and backups.
#include "lib/store/sqlite_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "lib/store/sqlite_connection.h"
#include "lib/store/sqlite_schema.h"
#include "tests/store/store_testing.h"

namespace allot {
namespace {

using testing::AllOf;
using testing::HasSubstr;

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
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  }

  TemporaryFolder folder_;
  std::string path_ = folder_.File("allot.db");
};

std::vector<Event> One(int batch, int answers = 1) {
  return {AnswersEvent(batch, answers)};
}

TEST_F(SqliteStoreTest, RefusesAFolderThatDoesNotExist) {
  path_ = folder_.File("missing/allot.db");
  ExpectRefused(absl::StatusCode::kNotFound, "there is no folder");
}

TEST_F(SqliteStoreTest, RefusesAFolderInPlaceOfAFile) {
  std::filesystem::create_directory(path_);
  ExpectRefused(absl::StatusCode::kInvalidArgument, "is a folder");
}

TEST_F(SqliteStoreTest, RefusesASecondOpenerAndNamesTheFirst) {
  std::unique_ptr<Store> first = Open();
  ExpectRefused(absl::StatusCode::kUnavailable,
                "is locked by process " + std::to_string(getpid()));
  first.reset();
  EXPECT_NE(Open(), nullptr);
}

TEST_F(SqliteStoreTest, LetsForeignReadersQueryWhileInUse) {
  std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(AppendAtEnd(*store, One(0, 6)).ok());
  EXPECT_EQ(Query("SELECT count(*) FROM answer WHERE pool = 'p'"), 6);
}

TEST_F(SqliteStoreTest, ShowsEveryKindOfEventInATableOrView) {
  std::unique_ptr<Store> store = Open();
  const absl::Status status = AppendAtEnd(*store, HardEvents()).status();
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_EQ(Query("SELECT count(*) FROM event"), 21);
  EXPECT_EQ(Query("SELECT count(*) FROM request"), 2);
  EXPECT_EQ(Query("SELECT count(*) FROM pool"), 2);
  EXPECT_EQ(Query("SELECT count(*) FROM labeler_update"), 3);
  EXPECT_EQ(Query("SELECT count(*) FROM labeler_deletion"), 3);
  EXPECT_EQ(Query("SELECT count(*) FROM task"), 2);
  EXPECT_EQ(Query("SELECT count(*) FROM answer"), 5);
  EXPECT_EQ(Query("SELECT count(*) FROM lease"), 2);
  EXPECT_EQ(Query("SELECT count(*) FROM lease_renewal"), 2);
  EXPECT_EQ(Query("SELECT count(*) FROM lease_end"), 3);
  EXPECT_EQ(Query("SELECT sum(json_valid(loading)) FROM task"), 1);
  EXPECT_EQ(Query("SELECT sum(json_valid(skills)) FROM labeler_update"), 1);
  EXPECT_EQ(Query("SELECT min(json_valid(config)) FROM pool"), 1);
}

TEST_F(SqliteStoreTest, AnswersEveryQueryOfItsDocumentation) {
  std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(AppendAtEnd(*store, HardEvents()).ok());
  std::ifstream file(std::string(ALLOT_DOCS_FOLDER) + "/store.md");
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  const std::string fence = "```sql\n";
  int queries = 0;
  for (size_t at = text.find(fence); at != std::string::npos;
       at = text.find(fence, at + 1)) {
    const size_t begin = at + fence.size();
    Execute(text.substr(begin, text.find("```", begin) - begin));
    ++queries;
  }
  EXPECT_GE(queries, 8);
}

TEST_F(SqliteStoreTest, RefusesAFileThatIsNoDatabase) {
  std::ofstream(path_) << std::string(10000, 'x');
  ExpectRefused(absl::StatusCode::kFailedPrecondition,
                "is not an SQLite database");
}

TEST_F(SqliteStoreTest, RefusesAnotherProgramsDatabaseAndLeavesItAlone) {
  Execute("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
  ExpectRefused(absl::StatusCode::kFailedPrecondition, "another program");
  EXPECT_EQ(Query("SELECT count(*) FROM sqlite_master"), 1);
  EXPECT_EQ(Query("SELECT count(*) FROM pragma_journal_mode "
                  "WHERE journal_mode = 'delete'"),
            1);
}

TEST_F(SqliteStoreTest, RefusesAFileOfANewerVersion) {
  Open().reset();
  Execute("PRAGMA user_version = 1000");
  ExpectRefused(absl::StatusCode::kFailedPrecondition,
                "written by a newer allot (schema 1000");
}

TEST_F(SqliteStoreTest, TakesAnEmptyFileForANewStore) {
  std::ofstream(path_).close();
  EXPECT_NE(Open(), nullptr);
}

// Reads go on, writes are refused, and nothing on the disk changes.
void ExpectReadOnly(Store& store, const std::string& path) {
  std::ifstream before_file(path, std::ios::binary);
  const std::string before((std::istreambuf_iterator<char>(before_file)), {});
  EXPECT_TRUE(store.read_only());
  EXPECT_EQ(LoadAll(store).size(), 3u);
  EXPECT_EQ(store.Ends()->at(0).sequence, 3);
  EXPECT_TRUE(store.Ping().ok());
  const absl::Status status = AppendAtEnd(store, One(9)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("is read-only"));
  EXPECT_FALSE(store.SaveCheckpoints({}).ok());
  std::ifstream after_file(path, std::ios::binary);
  const std::string after((std::istreambuf_iterator<char>(after_file)), {});
  EXPECT_TRUE(before == after);
}

// Root may write to any file: is somebody else for a while.
class Nobody {
 public:
  Nobody() : user_(geteuid()) {
    EXPECT_EQ(seteuid(user_ == 0 ? 65534 : user_), 0);
  }
  ~Nobody() { EXPECT_EQ(seteuid(user_), 0); }

 private:
  const uid_t user_;
};

TEST_F(SqliteStoreTest, ServesReadsOfAFileThatMayNotBeWritten) {
  ASSERT_TRUE(AppendAtEnd(*Open(), {AnswersEvent(0, 1), AnswersEvent(1, 1),
                                    AnswersEvent(2, 1)})
                  .ok());
  chmod(path_.c_str(), 0444);
  chmod((path_ + ".lock").c_str(), 0666);
  chmod(folder_.File("").c_str(), 0777);
  const Nobody nobody;
  ExpectReadOnly(*Open(), path_);
}

TEST_F(SqliteStoreTest, ServesReadsInAFolderThatMayNotBeWritten) {
  ASSERT_TRUE(AppendAtEnd(*Open(), {AnswersEvent(0, 1), AnswersEvent(1, 1),
                                    AnswersEvent(2, 1)})
                  .ok());
  std::filesystem::remove(path_ + ".lock");
  chmod(path_.c_str(), 0444);
  chmod(folder_.File("").c_str(), 0555);
  {
    const Nobody nobody;
    ExpectReadOnly(*Open(), path_);
  }
  chmod(folder_.File("").c_str(), 0777);
}

TEST_F(SqliteStoreTest, CanBeReadByAnotherProcessWhileInUse) {
  const std::unique_ptr<Store> writer = Open();
  ASSERT_TRUE(AppendAtEnd(*writer, {AnswersEvent(0, 1), AnswersEvent(1, 1),
                                    AnswersEvent(2, 1)})
                  .ok());
  const auto reader = OpenSqliteReadOnly(path_);
  ASSERT_TRUE(reader.ok()) << reader.status();
  ExpectReadOnly(**reader, path_);
  ASSERT_TRUE(AppendAtEnd(*writer, One(7)).ok());
  EXPECT_EQ(LoadAll(**reader).size(), 4u);
}

TEST_F(SqliteStoreTest, NamesADamagedFile) {
  {
    std::unique_ptr<Store> store = Open();
    std::vector<Event> events;
    for (int i = 0; i < 40; ++i) events.push_back(AnswersEvent(i, 60));
    ASSERT_TRUE(AppendAtEnd(*store, events).ok());
  }
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  for (const int page : {5, 6, 7, 8, 9, 10}) {
    file.seekp(page * 4096);
    file << std::string(200, '\x7f');
  }
  file.close();
  ExpectRefused(absl::StatusCode::kDataLoss, "damaged");
}

TEST_F(SqliteStoreTest, NoticesDamageWhileLoadingWhenItWasNotCheckedForAtOpen) {
  {
    std::unique_ptr<Store> store = Open();
    std::vector<Event> events;
    for (int i = 0; i < 40; ++i) events.push_back(AnswersEvent(i, 60));
    ASSERT_TRUE(AppendAtEnd(*store, events).ok());
  }
  Execute("DELETE FROM answer WHERE row = 100");
  SqliteOptions unchecked;
  unchecked.check_up_to_bytes = 0;
  std::unique_ptr<Store> store = Open(unchecked);
  const absl::Status status =
      store->LoadAll({}, [](int64_t, Event&&) { return absl::OkStatus(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("event 2 should have 60 rows in table answer, found "
                        "59"));
}

TEST_F(SqliteStoreTest, NoticesARowWithoutAnEvent) {
  std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(AppendAtEnd(*store, One(0)).ok());
  Execute("INSERT INTO lease VALUES (1, 7, 'p', 'l', 't', 'x', 0)");
  const absl::Status status =
      store->LoadAll({}, [](int64_t, Event&&) { return absl::OkStatus(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
}

TEST_F(SqliteStoreTest, NoticesThatItsFileWasDeleted) {
  std::unique_ptr<Store> store = Open();
  EXPECT_TRUE(store->Ping().ok());
  std::remove(path_.c_str());
  EXPECT_EQ(store->Ping().code(), absl::StatusCode::kDataLoss);
}

TEST_F(SqliteStoreTest, RefusesNumbersThatSqliteWouldChange) {
  std::unique_ptr<Store> store = Open();
  std::vector<Event> events = One(0);
  std::get<AnswersRecorded>(events[0].body).answers[0].handling_seconds =
      std::nan("");
  EXPECT_EQ(AppendAtEnd(*store, events).status().code(),
            absl::StatusCode::kInvalidArgument);
  Task task;
  task.prior = {0.5, INFINITY};
  EXPECT_EQ(
      AppendAtEnd(*store, {{"p", 0, TasksRecorded{{task}}}}).status().code(),
      absl::StatusCode::kInvalidArgument);
  Pool pool;
  pool.learning.drift_per_day = INFINITY;
  EXPECT_EQ(AppendAtEnd(*store, {{"p", 0, PoolUpserted{pool}}}).status().code(),
            absl::StatusCode::kInvalidArgument);
  LabelerUpdate update;
  update.qualifications = {"\xff not UTF-8"};
  EXPECT_EQ(AppendAtEnd(*store, {{"p", 0, LabelersUpserted{{update}}}})
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  // And none of that is in the way of the next one.
  EXPECT_EQ(*AppendAtEnd(*store, One(0)), 1);
  EXPECT_EQ(LoadAll(*store).size(), 1u);
}

TEST_F(SqliteStoreTest, AnswersThatTheDiskIsFullKeepsServingReadsAndRecovers) {
  SqliteOptions small;
  small.max_bytes = 200'000;
  std::unique_ptr<Store> store = Open(small);
  int accepted = 0;
  absl::Status status;
  while (status.ok()) {
    status = AppendAtEnd(*store, One(accepted, 64)).status();
    if (status.ok()) ++accepted;
    ASSERT_LT(accepted, 1000);
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no room"));
  EXPECT_GT(accepted, 10);
  const std::map<int64_t, std::string> kept = LoadAll(*store);
  EXPECT_EQ(kept.size(), static_cast<size_t>(accepted));
  EXPECT_EQ(store
                ->SaveCheckpoints(std::vector<Checkpoint>{
                    {"p", 1, std::string(1'000'000, 'x')}})
                .code(),
            absl::StatusCode::kResourceExhausted);
  store.reset();
  // Somebody made room.
  store = Open();
  EXPECT_EQ(LoadAll(*store), kept);
  EXPECT_EQ(*AppendAtEnd(*store, One(accepted, 64)), accepted + 1);
}

TEST_F(SqliteStoreTest, TellsEachThreadOfAFullDiskWhatBecameOfItsOwnBatch) {
  SqliteOptions small;
  small.max_bytes = 200'000;
  std::unique_ptr<Store> store = Open(small);
  std::vector<std::map<int64_t, std::string>> accepted(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int b = 0; b < 60; ++b) {
        // Small ones still fit when large ones no longer do.
        const std::vector<Event> batch = One(t * 1000 + b, b % 2 ? 1 : 64);
        const absl::StatusOr<int64_t> last = AppendAtEnd(*store, batch);
        if (last.ok()) {
          accepted[t][*last] = Describe(batch[0]);
        } else {
          EXPECT_EQ(last.status().code(), absl::StatusCode::kResourceExhausted)
              << last.status();
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::map<int64_t, std::string> expected;
  for (const auto& events : accepted) {
    expected.insert(events.begin(), events.end());
  }
  EXPECT_LT(expected.size(), 240u);
  EXPECT_EQ(LoadAll(*store), expected);
}

TEST_F(SqliteStoreTest, RecordsASmallBatchBesideOneThatFindsTheDiskFull) {
  SqliteOptions small;
  small.max_bytes = 200'000;
  std::unique_ptr<Store> store = Open(small);
  ASSERT_TRUE(AppendAtEnd(*store, One(0, 600)).ok());
  // While somebody else writes, the first append waits and the other two
  // gather behind it: they share a commit.
  absl::StatusOr<SqliteConnection> other = SqliteConnection::Open(
      path_, SqliteMode::kReadWrite, absl::ZeroDuration());
  ASSERT_TRUE(other->Execute("BEGIN IMMEDIATE").ok());
  std::vector<absl::Status> statuses(3);
  std::vector<std::thread> threads;
  for (const int t : {0, 1, 2}) {
    threads.emplace_back([&, t] {
      const std::vector<Event> batch = One(t + 1, t == 1 ? 5000 : 1);
      statuses[t] = AppendAtEnd(*store, batch).status();
    });
    absl::SleepFor(absl::Milliseconds(30));
  }
  ASSERT_TRUE(other->Execute("ROLLBACK").ok());
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(statuses[0].ok()) << statuses[0];
  EXPECT_EQ(statuses[1].code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(statuses[2].ok()) << statuses[2];
  EXPECT_EQ(LoadAll(*store).size(), 3u);
}

TEST_F(SqliteStoreTest, IsUnavailableWhileAnotherProcessWrites) {
  SqliteOptions impatient;
  impatient.busy_timeout = absl::Milliseconds(20);
  std::unique_ptr<Store> store = Open(impatient);
  absl::StatusOr<SqliteConnection> other = SqliteConnection::Open(
      path_, SqliteMode::kReadWrite, absl::ZeroDuration());
  ASSERT_TRUE(other->Execute("BEGIN IMMEDIATE").ok());
  EXPECT_EQ(AppendAtEnd(*store, One(0)).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_TRUE(LoadAll(*store).empty());
  ASSERT_TRUE(other->Execute("ROLLBACK").ok());
  EXPECT_EQ(*AppendAtEnd(*store, One(0)), 1);
}

TEST_F(SqliteStoreTest, KeepsTheWriteAheadLogShortWhileSavingCheckpoints) {
  std::unique_ptr<Store> store = Open();
  const std::string bytes(12 << 20, 'x');
  for (int64_t sequence = 1; sequence <= 2; ++sequence) {
    ASSERT_TRUE(
        store->SaveCheckpoints(std::vector<Checkpoint>{{"p", sequence, bytes}})
            .ok());
    EXPECT_LT(std::filesystem::file_size(path_ + "-wal"), 8u << 20);
  }
  // Space is used again: two checkpoints at most.
  EXPECT_LT(std::filesystem::file_size(path_), 2 * bytes.size() + (2 << 20));
  EXPECT_EQ(Query("SELECT count(*) FROM checkpoint_part"), 48);
}

TEST_F(SqliteStoreTest, KeepsTheOldCheckpointsWhenASaveFailsHalfWay) {
  SqliteOptions small;
  small.max_bytes = 4 << 20;
  std::unique_ptr<Store> store = Open(small);
  const std::vector<Checkpoint> old = {{"a", 1, "old a"}, {"b", 1, "old b"}};
  ASSERT_TRUE(store->SaveCheckpoints(old).ok());
  EXPECT_FALSE(store
                   ->SaveCheckpoints(std::vector<Checkpoint>{
                       {"a", 2, "new a"}, {"b", 2, std::string(8 << 20, 'x')}})
                   .ok());
  absl::StatusOr<std::vector<Checkpoint>> kept = store->LoadCheckpoints();
  ASSERT_TRUE(kept.ok());
  ASSERT_EQ(kept->size(), 2u);
  EXPECT_EQ((*kept)[0].bytes, "old a");
  EXPECT_EQ((*kept)[1].bytes, "old b");
  // The parts that were written are void: the next save has their room.
  EXPECT_TRUE(store
                  ->SaveCheckpoints(std::vector<Checkpoint>{
                      {"b", 3, std::string(2 << 20, 'y')}})
                  .ok());
}

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
