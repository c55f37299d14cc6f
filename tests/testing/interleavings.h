// SPDX-License-Identifier: Apache-2.0
// Every order in which the steps of a few programs can be taken, one after
// another: what a race can do, without waiting for one.
#ifndef ALLOT_TESTS_TESTING_INTERLEAVINGS_H_
#define ALLOT_TESTS_TESTING_INTERLEAVINGS_H_

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace allot {

// Programs run on threads of their own, one at a time: each stops in Step()
// until it is its turn.
class Interleavings {
 public:
  // Called by program `i` before each of its steps. Outside Explore() it
  // returns at once.
  void Step(size_t i) {
    std::unique_lock<std::mutex> lock(mutex_);
    if (i >= states_.size() || states_[i] != State::kRunning) return;
    states_[i] = State::kWaiting;
    changed_.notify_all();
    changed_.wait(lock, [&] { return turn_ == i; });
    turn_ = kNobody;
    states_[i] = State::kRunning;
  }

  // Runs what `make` returns under every order of steps, `make` and `check`
  // before and after each. Returns how many there are.
  int Explore(const std::function<std::vector<std::function<void()>>()>& make,
              const std::function<void()>& check) {
    // How the waiting programs were chosen from: (choice, of how many).
    std::vector<std::pair<size_t, size_t>> choices;
    int runs = 0;
    while (true) {
      RunOnce(make(), choices);
      check();
      ++runs;
      while (!choices.empty() &&
             choices.back().first + 1 == choices.back().second) {
        choices.pop_back();
      }
      if (choices.empty()) return runs;
      ++choices.back().first;
    }
  }

 private:
  enum class State { kRunning, kWaiting, kDone };
  static constexpr size_t kNobody = ~size_t{0};

  void RunOnce(const std::vector<std::function<void()>>& programs,
               std::vector<std::pair<size_t, size_t>>& choices) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      states_.assign(programs.size(), State::kRunning);
      turn_ = kNobody;
    }
    std::vector<std::thread> threads;
    for (size_t i = 0; i < programs.size(); ++i) {
      threads.emplace_back([this, i, &programs] {
        Step(i);
        programs[i]();
        const std::lock_guard<std::mutex> lock(mutex_);
        states_[i] = State::kDone;
        changed_.notify_all();
      });
    }
    for (size_t depth = 0;; ++depth) {
      std::unique_lock<std::mutex> lock(mutex_);
      changed_.wait(lock, [&] {
        if (turn_ != kNobody) return false;
        for (const State state : states_) {
          if (state == State::kRunning) return false;
        }
        return true;
      });
      std::vector<size_t> waiting;
      for (size_t i = 0; i < states_.size(); ++i) {
        if (states_[i] == State::kWaiting) waiting.push_back(i);
      }
      if (waiting.empty()) break;
      if (depth == choices.size()) choices.emplace_back(0, waiting.size());
      turn_ = waiting[choices[depth].first];
      changed_.notify_all();
    }
    for (std::thread& thread : threads) thread.join();
    const std::lock_guard<std::mutex> lock(mutex_);
    states_.clear();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<State> states_;
  size_t turn_ = kNobody;
};

}  // namespace allot

#endif  // ALLOT_TESTS_TESTING_INTERLEAVINGS_H_
