// SPDX-License-Identifier: Apache-2.0
// kill -9 at a random moment: what was acknowledged is there, once.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "lib/base/rng.h"
#include "lib/store/sqlite_store.h"
#include "tests/store/store_testing.h"

namespace allot {
namespace {

// The child's life: appends batch after batch and reports each acknowledged
// one through the pipe. Never returns.
[[noreturn]] void AppendForever(const std::string& path, int first_batch,
                                int pipe_end) {
  absl::StatusOr<std::unique_ptr<Store>> store = OpenSqlite(path);
  if (!store.ok()) _exit(1);
  for (int batch = first_batch;; ++batch) {
    // Checkpoints in between: their many commits must not disturb the log.
    if (batch % 16 == 0) {
      const std::vector<Checkpoint> checkpoints = {
          {"p", batch, std::string(3 << 20, 'c')}};
      if (!(*store)->SaveCheckpoints(checkpoints).ok()) _exit(2);
    }
    const std::vector<Event> events = {AnswersEvent(batch, 20),
                                       {"p", batch, LabelersDeleted{{"x"}}}};
    if (!AppendAtEnd(**store, events).ok()) _exit(3);
    if (write(pipe_end, &batch, sizeof(batch)) != sizeof(batch)) _exit(4);
  }
}

TEST(SqliteCrash, LosesNothingAcknowledgedAndDoublesNothing) {
  TemporaryFolder folder;
  const std::string path = folder.File("allot.db");
  Rng rng(20260701);
  int first_batch = 0;
  int64_t acknowledged_total = 0;
  for (int round = 0; round < 12; ++round) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(ends[0]);
      AppendForever(path, first_batch, ends[1]);
    }
    close(ends[1]);
    int last_acknowledged = -1;
    // Some rounds die before their first commit, inside open and recovery.
    if (round % 3 != 0) {
      ASSERT_EQ(read(ends[0], &last_acknowledged, sizeof(int)),
                static_cast<ssize_t>(sizeof(int)));
    }
    std::this_thread::sleep_for(std::chrono::microseconds(rng.Below(60'000)));
    kill(child, SIGKILL);
    int state = 0;
    waitpid(child, &state, 0);
    ASSERT_TRUE(WIFSIGNALED(state)) << "exit code " << WEXITSTATUS(state);
    for (int batch; read(ends[0], &batch, sizeof(batch)) == sizeof(batch);) {
      last_acknowledged = batch;
    }
    close(ends[0]);

    absl::StatusOr<std::unique_ptr<Store>> store = OpenSqlite(path);
    ASSERT_TRUE(store.ok()) << store.status();
    const std::map<int64_t, std::string> events = LoadAll(**store);
    ASSERT_EQ(events.size() % 2, 0u) << "half a batch";
    const int found = static_cast<int>(events.size()) / 2;
    // At most the one batch in flight is there without an acknowledgement.
    if (last_acknowledged >= 0) {
      EXPECT_GE(found, last_acknowledged + 1);
      EXPECT_LE(found, last_acknowledged + 2);
      acknowledged_total += last_acknowledged + 1 - first_batch;
    }
    for (int batch = 0; batch < found; ++batch) {
      EXPECT_EQ(events.at(2 * batch + 1), Describe(AnswersEvent(batch, 20)));
    }
    const absl::StatusOr<std::vector<Checkpoint>> checkpoints =
        (*store)->LoadCheckpoints();
    ASSERT_TRUE(checkpoints.ok());
    for (const Checkpoint& checkpoint : *checkpoints) {
      EXPECT_EQ(checkpoint.bytes, std::string(3 << 20, 'c'));
    }
    first_batch = found;
  }
  EXPECT_GT(acknowledged_total, 12);
}

}  // namespace
}  // namespace allot
