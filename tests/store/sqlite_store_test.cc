// SPDX-License-Identifier: Apache-2.0
// What only the SQLite store promises: who may open which file, and what
// read-only and damaged files answer.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "tests/store/sqlite_store_testing.h"

namespace allot {
namespace {

using testing::HasSubstr;

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
  EXPECT_EQ(Query("SELECT count(*) FROM event"), 22);
  EXPECT_EQ(Query("SELECT count(*) FROM request"), 2);
  EXPECT_EQ(Query("SELECT count(*) FROM pool"), 2);
  EXPECT_EQ(Query("SELECT count(*) FROM labeler_update"), 3);
  EXPECT_EQ(Query("SELECT count(*) FROM labeler_deletion"), 3);
  EXPECT_EQ(Query("SELECT count(*) FROM task"), 2);
  EXPECT_EQ(Query("SELECT count(*) FROM answer"), 5);
  EXPECT_EQ(Query("SELECT count(*) FROM lease"), 2);
  EXPECT_EQ(Query("SELECT count(*) FROM lease_renewal"), 2);
  EXPECT_EQ(Query("SELECT count(*) FROM lease_end"), 4);
  EXPECT_EQ(Query("SELECT sum(json_valid(loading)) FROM task"), 1);
  EXPECT_EQ(Query("SELECT sum(json_valid(skills)) FROM labeler_update"), 1);
  EXPECT_EQ(Query("SELECT min(json_valid(config)) FROM pool"), 1);
}

TEST_F(SqliteStoreTest, AnswersEveryQueryOfItsDocumentation) {
  std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(AppendAtEnd(*store, HardEvents()).ok());
  const std::vector<std::string> queries = DocumentedQueries();
  for (const std::string& query : queries) Execute(query);
  EXPECT_GE(queries.size(), 8u);
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
  Execute("INSERT INTO answer VALUES (100, 7, 'p', 't', 'x', 0, NULL, 0)");
  const absl::Status status =
      store->LoadAll({}, [](int64_t, Event&&) { return absl::OkStatus(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
}

TEST_F(SqliteStoreTest, NoticesAListThatSomebodyChanged) {
  std::unique_ptr<Store> store = Open();
  const std::vector<Lease> leases = {{"L1", "t", "a", 1}, {"L2", "t", "b", 2}};
  ASSERT_TRUE(AppendAtEnd(*store, {{"p", 0, LeasesGranted{leases}}}).ok());
  const auto expect_loss = [&](const std::string& message) {
    const absl::Status status =
        store->LoadAll({}, [](int64_t, Event&&) { return absl::OkStatus(); });
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  };
  Execute("UPDATE event SET body = json_remove(body, '$[0]')");
  expect_loss("event 1 should have 2 items in its body, found 1");
  Execute("UPDATE event SET body = NULL");
  expect_loss("not a list");
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

}  // namespace
}  // namespace allot
