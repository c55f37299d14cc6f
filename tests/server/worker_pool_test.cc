// SPDX-License-Identifier: Apache-2.0
#include "server/worker_pool.h"

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace allot {
namespace {

// Holds a worker until it is let go.
class Gate {
 public:
  void Wait() { opened_.get_future().wait(); }
  void Open() { opened_.set_value(); }

 private:
  std::promise<void> opened_;
};

TEST(WorkerPool, RunsEveryJobItAcceptedOnce) {
  std::atomic<int> runs{0};
  int accepted = 0;
  {
    WorkerPool pool(4, 1000);
    for (int i = 0; i < 500; ++i) accepted += pool.TrySubmit([&] { ++runs; });
  }  // drains
  EXPECT_EQ(accepted, 500);
  EXPECT_EQ(runs, 500);
}

TEST(WorkerPool, RefusesAtOnceWhenTheQueueIsFull) {
  Gate gate;
  std::promise<void> started;
  WorkerPool pool(1, 2);
  ASSERT_TRUE(pool.TrySubmit([&] {
    started.set_value();
    gate.Wait();
  }));
  started.get_future().wait();  // the worker is busy, the queue is empty
  EXPECT_TRUE(pool.TrySubmit([] {}));
  EXPECT_TRUE(pool.TrySubmit([] {}));
  EXPECT_EQ(pool.waiting(), 2);
  EXPECT_FALSE(pool.TrySubmit([] { FAIL() << "was refused"; }));
  gate.Open();
  pool.Drain();
  EXPECT_EQ(pool.waiting(), 0);
}

TEST(WorkerPool, AcceptsNothingOnceItDrains) {
  WorkerPool pool(2, 10);
  pool.Drain();
  EXPECT_FALSE(pool.TrySubmit([] {}));
}

TEST(WorkerPool, OneWorkerServesInOrder) {
  std::vector<int> order;
  {
    WorkerPool pool(1, 100);
    for (int i = 0; i < 50; ++i) {
      ASSERT_TRUE(pool.TrySubmit([&order, i] { order.push_back(i); }));
    }
  }
  for (int i = 0; i < 50; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(WorkerPool, ManyThreadsMaySubmitAtOnce) {
  std::atomic<int> runs{0};
  std::atomic<int> accepted{0};
  {
    WorkerPool pool(3, 16);
    std::vector<std::thread> callers;
    for (int c = 0; c < 4; ++c) {
      callers.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) {
          if (pool.TrySubmit([&] { ++runs; })) ++accepted;
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
  }
  EXPECT_EQ(runs, accepted);
}

}  // namespace
}  // namespace allot
