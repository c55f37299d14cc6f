// SPDX-License-Identifier: Apache-2.0
#include "lib/store/commit_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace allot {
namespace {

TEST(CommitQueue, GathersWhatComesWhileACommitIsUnderWay) {
  constexpr int kWaiting = 6;
  std::atomic<int> submitting = 0;
  std::vector<size_t> group_sizes;  // no lock: commits never overlap
  CommitQueue queue([&](std::span<CommitJob* const> jobs) {
    group_sizes.push_back(jobs.size());
    for (CommitJob* job : jobs) job->status = job->write();
  });
  std::vector<std::thread> threads;
  const auto slow = [&]() -> absl::Status {
    for (int i = 0; i < kWaiting; ++i) {
      threads.emplace_back([&] {
        ++submitting;
        const auto write = [] { return absl::OkStatus(); };
        EXPECT_TRUE(queue.Submit(write).ok());
      });
    }
    while (submitting < kWaiting) std::this_thread::yield();
    // The last of them needs a moment from here into the queue.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return absl::OkStatus();
  };
  EXPECT_TRUE(queue.Submit(slow).ok());
  for (std::thread& thread : threads) thread.join();
  ASSERT_GE(group_sizes.size(), 2u);
  EXPECT_EQ(group_sizes[0], 1u);
  size_t jobs = 0;
  for (const size_t size : group_sizes) jobs += size;
  EXPECT_EQ(jobs, 1u + kWaiting);
  EXPECT_LT(group_sizes.size(), 1u + kWaiting);
}

TEST(CommitQueue, LetsTheCallerWorkWhileItsWriteIsCommitted) {
  std::atomic<bool> worked = false;
  CommitQueue queue([&](std::span<CommitJob* const> jobs) {
    while (!worked) std::this_thread::yield();
    jobs[0]->status = jobs[0]->write();
  });
  bool written = false;
  const std::thread::id caller = std::this_thread::get_id();
  const auto write = [&] {
    EXPECT_NE(std::this_thread::get_id(), caller);
    written = true;
    return absl::OkStatus();
  };
  const auto work = [&] {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    worked = true;
  };
  EXPECT_TRUE(queue.Submit(write, work).ok());
  EXPECT_TRUE(written);
}

TEST(CommitQueue, GivesEachCallerItsOwnAnswerAndRunsEveryJobOnce) {
  constexpr int kThreads = 8;
  constexpr int kJobs = 200;
  bool committing = false;
  std::multiset<int> written;  // no lock: commits never overlap
  CommitQueue queue([&](std::span<CommitJob* const> jobs) {
    EXPECT_FALSE(committing);
    committing = true;
    for (CommitJob* job : jobs) job->status = job->write();
    committing = false;
  });
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int n = t * kJobs; n < (t + 1) * kJobs; ++n) {
        const auto write = [&]() -> absl::Status {
          written.insert(n);
          if (n % 3 != 0) return absl::OkStatus();
          return absl::AbortedError(std::to_string(n));
        };
        EXPECT_EQ(queue.Submit(write),
                  n % 3 != 0 ? absl::OkStatus()
                             : absl::AbortedError(std::to_string(n)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_EQ(written.size(), static_cast<size_t>(kThreads * kJobs));
  EXPECT_EQ(*written.rbegin(), kThreads * kJobs - 1);
  EXPECT_EQ(std::set<int>(written.begin(), written.end()).size(),
            written.size());
}

}  // namespace
}  // namespace allot
