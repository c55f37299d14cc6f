// SPDX-License-Identifier: Apache-2.0
// An SQLite store whose disk is full, whose file is locked, whose save of
// checkpoints fails half way.
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "tests/store/sqlite_store_testing.h"

namespace allot {
namespace {

using testing::HasSubstr;

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

}  // namespace
}  // namespace allot
