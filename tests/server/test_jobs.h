// SPDX-License-Identifier: Apache-2.0
// Jobs for a worker pool that tests hold on to.
#ifndef ALLOT_TESTS_SERVER_TEST_JOBS_H_
#define ALLOT_TESTS_SERVER_TEST_JOBS_H_

#include <functional>
#include <future>
#include <utility>

#include "gtest/gtest.h"
#include "server/worker_pool.h"

namespace allot {

// Holds a worker until it is let go.
class Gate {
 public:
  void Wait() { opened_.get_future().wait(); }
  void Open() { opened_.set_value(); }

 private:
  std::promise<void> opened_;
};

struct Work final : Job {
  Work() = default;
  explicit Work(std::function<void()> what, Priority how = {},
                uint64_t pool = 0)
      : run(std::move(what)) {
    priority = how;
    pool_hash = pool;
  }
  void Run() override { run(); }
  void Evicted() override { evicted = true; }

  std::function<void()> run = [] {};
  bool evicted = false;
};

// Keeps a worker busy until it goes out of scope or is opened.
struct BusyWorker {
  explicit BusyWorker(WorkerPool& pool, Priority priority = {},
                      int64_t expected_nanos = 0)
      : work(
            [this] {
              started.set_value();
              gate.Wait();
            },
            priority) {
    work.expected_nanos = expected_nanos;
    EXPECT_EQ(pool.Submit(&work), Submitted::kAccepted);
    started.get_future().wait();
  }
  std::promise<void> started;
  Gate gate;
  Work work;
};

}  // namespace allot

#endif  // ALLOT_TESTS_SERVER_TEST_JOBS_H_
