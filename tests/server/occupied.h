// SPDX-License-Identifier: Apache-2.0
#ifndef ALLOT_TESTS_SERVER_OCCUPIED_H_
#define ALLOT_TESTS_SERVER_OCCUPIED_H_

#include <atomic>
#include <chrono>
#include <thread>

#include "gtest/gtest.h"
#include "tests/server/running_server.h"

namespace allot {

// Keeps the only worker busy with a job of its own until it is let go.
class Occupied {
 public:
  explicit Occupied(RunningServer& running,
                    Priority priority = Priority::kInteractive)
      : running_(running) {
    // A batch in its last breath would let the express thread have it.
    while (running.server().workers().running() > 0) std::this_thread::yield();
    job_.priority = priority;
    EXPECT_EQ(running.server().workers().Submit(&job_), Submitted::kAccepted);
    while (!job_.running) std::this_thread::yield();
  }
  ~Occupied() {
    LetGo();
    // The job lives until it has run.
    while (!job_.done) std::this_thread::yield();
  }
  void LetGo() { job_.held = false; }
  void WaitFor(int waiting) {
    while (running_.server().workers().waiting() < waiting) {
      std::this_thread::yield();
    }
  }

 private:
  struct Holding final : Job {
    void Run() override {
      running = true;
      while (held) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      done = true;
    }
    void Evicted() override {}
    std::atomic<bool> held{true};
    std::atomic<bool> running{false};
    std::atomic<bool> done{false};
  };
  RunningServer& running_;
  Holding job_;
};

}  // namespace allot

#endif  // ALLOT_TESTS_SERVER_OCCUPIED_H_
