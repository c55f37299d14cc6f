// SPDX-License-Identifier: Apache-2.0
#include "server/job_queue.h"

#include <deque>
#include <string>

#include "gtest/gtest.h"

namespace allot {
namespace {

struct Named final : Job {
  void Run() override {}
  void Evicted() override {}
  std::string name;
};

class JobQueueTest : public ::testing::Test {
 protected:
  Job* Add(const std::string& name, Priority priority, uint64_t pool,
           int64_t nanos = 0) {
    Named& job = jobs_.emplace_back();
    job.name = name;
    job.priority = priority;
    job.pool_hash = pool;
    job.expected_nanos = nanos;
    queue_.Push(&job);
    return &job;
  }
  std::string PopAll() {
    std::string order;
    while (Job* job = queue_.Pop()) {
      order += (order.empty() ? "" : " ") + static_cast<Named*>(job)->name;
    }
    return order;
  }
  std::string VictimOf(Priority priority, uint64_t pool) {
    Named newcomer;
    newcomer.priority = priority;
    newcomer.pool_hash = pool;
    const Job* victim = queue_.Victim(newcomer);
    return victim == nullptr ? "" : static_cast<const Named*>(victim)->name;
  }

  JobQueue queue_;
  std::deque<Named> jobs_;
};

constexpr Priority kUrgent = Priority::kInteractive;
constexpr Priority kBatch = Priority::kBatch;
constexpr Priority kBackfill = Priority::kBackfill;

TEST_F(JobQueueTest, TheMoreUrgentComeFirst) {
  Add("backfill", kBackfill, 1);
  Add("batch", kBatch, 1);
  Add("urgent", kUrgent, 1);
  EXPECT_EQ(PopAll(), "urgent batch backfill");
}

TEST_F(JobQueueTest, PoolsTakeTurnsHoweverMuchOneOfThemWants) {
  for (const char* name : {"a1", "a2", "a3", "a4"}) Add(name, kBatch, 1);
  Add("b1", kBatch, 2);
  Add("b2", kBatch, 2);
  Add("c1", kBatch, 3);
  EXPECT_EQ(PopAll(), "a1 b1 c1 a2 b2 a3 a4");
}

TEST_F(JobQueueTest, ALaneThatRanEmptyComesInAgainAtTheEnd) {
  Add("a1", kBatch, 1);
  Add("b1", kBatch, 2);
  EXPECT_EQ(static_cast<Named*>(queue_.Pop())->name, "a1");
  Add("c1", kBatch, 3);
  Add("a2", kBatch, 1);
  EXPECT_EQ(PopAll(), "b1 c1 a2");
}

TEST_F(JobQueueTest, NobodyWaitsForEver) {
  Add("batch", kBatch, 1);
  for (int i = 0; i < 3 * JobQueue::kTurns; ++i) Add("u", kUrgent, 2);
  int before = 0;
  while (static_cast<Named*>(queue_.Pop())->name != "batch") ++before;
  EXPECT_EQ(before, JobQueue::kTurns);
}

TEST_F(JobQueueTest, RemovingKeepsTheOrderOfTheOthers) {
  Add("a1", kBatch, 1);
  Job* a2 = Add("a2", kBatch, 1);
  Add("a3", kBatch, 1);
  Job* b1 = Add("b1", kBatch, 2);
  EXPECT_TRUE(queue_.Remove(a2));
  EXPECT_FALSE(queue_.Remove(a2));
  EXPECT_TRUE(queue_.Remove(b1)) << "the only one of its lane";
  EXPECT_EQ(queue_.size(), 2);
  EXPECT_EQ(PopAll(), "a1 a3");
  EXPECT_EQ(queue_.Pop(), nullptr);
}

TEST_F(JobQueueTest, TheLessUrgentGiveWayFirst) {
  Add("batch", kBatch, 1);
  Add("fill1", kBackfill, 2);
  Add("fill2", kBackfill, 2);
  EXPECT_EQ(VictimOf(kUrgent, 9), "fill2") << "the last that came";
  EXPECT_EQ(VictimOf(kBackfill, 9), "fill2") << "9 has none, 2 has two";
  EXPECT_EQ(VictimOf(kBackfill, 2), "") << "not to one's own pool";
}

TEST_F(JobQueueTest, AnEqualGivesWayOnlyIfItsPoolHasMoreThanItsShare) {
  Add("a1", kBatch, 1);
  Add("b1", kBatch, 2);
  EXPECT_EQ(VictimOf(kBatch, 1), "");
  EXPECT_EQ(VictimOf(kBatch, 3), "") << "one for each is fair";
  Add("b2", kBatch, 2);
  EXPECT_EQ(VictimOf(kBatch, 3), "b2");
  EXPECT_EQ(VictimOf(kBatch, 1), "") << "two and two would be no better";
  EXPECT_EQ(VictimOf(kUrgent, 7), "b2");
  EXPECT_EQ(VictimOf(kBackfill, 7), "") << "not to the less urgent";
}

TEST_F(JobQueueTest, WhoeverIsPatientNeverGivesWay) {
  Add("stream", kBackfill, 1)->patient = true;
  EXPECT_EQ(VictimOf(kUrgent, 2), "");
}

TEST_F(JobQueueTest, AFairShareIsForetold) {
  for (int i = 0; i < 10; ++i) Add("a", kBatch, 1, 100);
  Add("u", kUrgent, 5, 7);
  Named newcomer;
  newcomer.priority = kBatch;
  newcomer.pool_hash = 1;
  EXPECT_EQ(queue_.NanosBefore(newcomer), 7 + 1000) << "behind its own pool";
  newcomer.pool_hash = 2;
  EXPECT_EQ(queue_.NanosBefore(newcomer), 7 + 100) << "after one of pool 1";
  newcomer.priority = kUrgent;
  EXPECT_EQ(queue_.NanosBefore(newcomer), 7);
  EXPECT_EQ(queue_.nanos(), 1007);
}

}  // namespace
}  // namespace allot
