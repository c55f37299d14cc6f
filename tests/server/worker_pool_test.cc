// SPDX-License-Identifier: Apache-2.0
#include "server/worker_pool.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/test_jobs.h"

namespace allot {
namespace {

const SystemClock kClock;

TEST(WorkerPool, RunsEveryJobItAcceptedOnce) {
  std::atomic<int> runs{0};
  std::vector<std::unique_ptr<Work>> jobs;
  int accepted = 0;
  {
    WorkerPool pool(&kClock, {.workers = 4, .queue = 1000});
    for (int i = 0; i < 500; ++i) {
      jobs.push_back(std::make_unique<Work>([&] { ++runs; }));
      accepted += pool.Submit(jobs.back().get()) == Submitted::kAccepted;
    }
  }  // drains
  EXPECT_EQ(accepted, 500);
  EXPECT_EQ(runs, 500);
}

TEST(WorkerPool, RefusesAtOnceWhenTheQueueIsFull) {
  WorkerPool pool(&kClock, {.workers = 1, .queue = 2});
  BusyWorker busy(pool);
  Work first, second, third([] { FAIL() << "was refused"; });
  EXPECT_EQ(pool.Submit(&first), Submitted::kAccepted);
  EXPECT_EQ(pool.Submit(&second), Submitted::kAccepted);
  EXPECT_EQ(pool.waiting(), 2);
  EXPECT_EQ(pool.Submit(&third), Submitted::kQueueFull);
  busy.gate.Open();
  pool.Drain();
  EXPECT_EQ(pool.waiting(), 0);
}

TEST(WorkerPool, AcceptsNothingOnceItDrains) {
  WorkerPool pool(&kClock, {.workers = 2, .queue = 10});
  pool.Drain();
  Work late;
  EXPECT_EQ(pool.Submit(&late), Submitted::kDraining);
  EXPECT_FALSE(pool.SubmitAdmitted(&late));
}

TEST(WorkerPool, OneWorkerServesOnePoolInOrder) {
  std::vector<int> order;
  std::vector<std::unique_ptr<Work>> jobs;
  {
    WorkerPool pool(&kClock, {.workers = 1, .queue = 100});
    for (int i = 0; i < 50; ++i) {
      jobs.push_back(
          std::make_unique<Work>([&order, i] { order.push_back(i); }));
      ASSERT_EQ(pool.Submit(jobs.back().get()), Submitted::kAccepted);
    }
  }
  for (int i = 0; i < 50; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

TEST(WorkerPool, ManyThreadsMaySubmitAtOnce) {
  std::atomic<int> runs{0};
  std::atomic<int> accepted{0};
  std::vector<std::vector<std::unique_ptr<Work>>> jobs(4);
  {
    WorkerPool pool(&kClock, {.workers = 3, .queue = 16, .express = true});
    std::vector<std::thread> callers;
    for (size_t c = 0; c < 4; ++c) {
      callers.emplace_back([&, c] {
        for (int i = 0; i < 1000; ++i) {
          jobs[c].push_back(std::make_unique<Work>(
              [&] { ++runs; }, static_cast<Priority>(i % 3), c));
          if (pool.Submit(jobs[c].back().get()) == Submitted::kAccepted) {
            ++accepted;
          }
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
  }
  int evicted = 0;
  for (const auto& of_one : jobs) {
    for (const auto& job : of_one) evicted += job->evicted;
  }
  EXPECT_EQ(runs, accepted - evicted);
}

TEST(WorkerPool, WhatIsRemovedDoesNotRun) {
  WorkerPool pool(&kClock, {.workers = 1, .queue = 10});
  BusyWorker busy(pool);
  Work stays, goes([] { FAIL() << "was removed"; });
  ASSERT_EQ(pool.Submit(&stays), Submitted::kAccepted);
  ASSERT_EQ(pool.Submit(&goes), Submitted::kAccepted);
  EXPECT_TRUE(pool.Remove(&goes));
  EXPECT_FALSE(pool.Remove(&goes)) << "it does not wait any more";
  EXPECT_FALSE(pool.Remove(&busy.work)) << "it runs";
  EXPECT_EQ(pool.waiting(), 1);
  busy.gate.Open();
  pool.Drain();
}

TEST(WorkerPool, TheLimitKeepsRoomForTheMoreUrgent) {
  WorkerPool pool(&kClock, {.workers = 1, .queue = 100});
  pool.SetLimit(8);
  BusyWorker busy(pool);
  std::vector<std::unique_ptr<Work>> jobs;
  const auto accepted_of = [&](Priority priority) {
    int accepted = 0;
    for (int i = 0; i < 20; ++i) {
      jobs.push_back(std::make_unique<Work>([] {}, priority));
      accepted += pool.Submit(jobs.back().get()) == Submitted::kAccepted;
    }
    return accepted;
  };
  EXPECT_EQ(accepted_of(Priority::kBackfill), 5) << "3/4 of 8, and one runs";
  EXPECT_EQ(accepted_of(Priority::kBatch), 1 + 5)
      << "7/8 of 8; then in place of the backfills";
  EXPECT_EQ(accepted_of(Priority::kInteractive), 1 + 6)
      << "8 of 8; then in place of the batches";
  EXPECT_EQ(pool.waiting(), 7);
  busy.gate.Open();
  pool.Drain();
}

TEST(WorkerPool, APatientJobIsHeldToTheQueueAlone) {
  WorkerPool pool(&kClock, {.workers = 1, .queue = 4});
  pool.SetLimit(1);
  BusyWorker busy(pool);
  Work hasty([] {}), patient([] {});
  patient.patient = true;
  EXPECT_EQ(pool.Submit(&hasty), Submitted::kOverLimit);
  EXPECT_EQ(pool.Submit(&patient), Submitted::kAccepted);
  busy.gate.Open();
  pool.Drain();
}

TEST(WorkerPool, WhatCannotBeDoneInTimeIsRefusedAtOnce) {
  ManualClock clock;
  WorkerPool pool(&clock, {.workers = 1, .queue = 10});
  Work alone;
  alone.least_nanos = 5'000'000;
  alone.finish_by_nanos = clock.MonotonicNanos() + 4'000'000;
  EXPECT_EQ(pool.Submit(&alone), Submitted::kTooLate)
      << "it takes longer than there is";
  BusyWorker busy(pool);
  Work ahead, in_time, late;
  ahead.expected_nanos = 10'000'000;
  ASSERT_EQ(pool.Submit(&ahead), Submitted::kAccepted);
  late.least_nanos = in_time.least_nanos = 2'000'000;
  late.finish_by_nanos = clock.MonotonicNanos() + 11'000'000;
  EXPECT_EQ(pool.Submit(&late), Submitted::kTooLate)
      << "what waits takes 10 ms, it takes 2";
  in_time.finish_by_nanos = clock.MonotonicNanos() + 13'000'000;
  EXPECT_EQ(pool.Submit(&in_time), Submitted::kAccepted);
  busy.gate.Open();
  pool.Drain();
}

// Whether a job that takes no time at all can be done within `nanos`.
bool InTime(WorkerPool& pool, const Clock& clock, int64_t nanos,
            Priority priority = {}) {
  Work job([] {}, priority);
  job.finish_by_nanos = clock.MonotonicNanos() + nanos;
  const Submitted outcome = pool.Submit(&job);
  // One that was taken in has not begun, or is over at once.
  if (outcome == Submitted::kAccepted) pool.Remove(&job);
  return outcome == Submitted::kAccepted;
}

TEST(WorkerPool, WhatWouldWaitTooLongIsRefusedUnlessItIsPatient) {
  ManualClock clock;
  WorkerPool pool(&clock, {.workers = 1, .queue = 8});
  BusyWorker busy(pool);
  Work waiting;
  waiting.expected_nanos = 1'000'000'000;
  ASSERT_EQ(pool.Submit(&waiting), Submitted::kAccepted);
  Work hurried, content, patient;
  for (Work* work : {&hurried, &content, &patient}) {
    work->expected_nanos = 1'000;
    work->longest_wait_nanos = 900'000'000;
  }
  content.longest_wait_nanos = 1'100'000'000;
  patient.patient = true;
  EXPECT_EQ(pool.Submit(&hurried), Submitted::kOverLimit);
  EXPECT_EQ(pool.Submit(&content), Submitted::kAccepted);
  EXPECT_EQ(pool.Submit(&patient), Submitted::kAccepted);
  busy.gate.Open();
  pool.Drain();
}

TEST(WorkerPool, WhatRunsHasToEndFirst) {
  ManualClock clock;
  for (const bool express : {false, true}) {
    WorkerPool pool(&clock, {.workers = 2, .queue = 10, .express = express});
    BusyWorker longer(pool, {}, 30'000'000), shorter(pool, {}, 10'000'000);
    EXPECT_FALSE(InTime(pool, clock, 9'000'000)) << "both run for longer";
    EXPECT_TRUE(InTime(pool, clock, 11'000'000));
    // Two workers share what waits: 5 ms each.
    Work waits;
    waits.expected_nanos = 10'000'000;
    ASSERT_EQ(pool.Submit(&waits), Submitted::kAccepted);
    EXPECT_FALSE(InTime(pool, clock, 14'000'000));
    EXPECT_TRUE(InTime(pool, clock, 16'000'000));
    longer.gate.Open();
    shorter.gate.Open();
    pool.Drain();
  }
}

// Submits until it is accepted: a thread may have to start, or to end what it
// does, first.
bool Eventually(WorkerPool& pool, Work& job) {
  for (int i = 0; i < 2000; ++i) {
    const Submitted outcome = pool.Submit(&job);
    if (outcome == Submitted::kAccepted) return true;
    EXPECT_EQ(outcome, Submitted::kTooLate);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

TEST(WorkerPool, WhoIsDoneEarlyBeginsTheNextAtOnce) {
  ManualClock clock;
  WorkerPool pool(&clock, {.workers = 1, .queue = 10});
  BusyWorker early(pool, {}, 60'000'000'000);
  EXPECT_FALSE(InTime(pool, clock, 1'000'000));
  early.gate.Open();  // no time has passed, of the minute that it was given
  Work next;
  next.finish_by_nanos = clock.MonotonicNanos() + 1'000'000;
  EXPECT_TRUE(Eventually(pool, next));
  pool.Drain();
}

TEST(WorkerPool, AnExpressThreadIsThereForTheUrgentAtOnce) {
  ManualClock clock;
  WorkerPool pool(&clock, {.workers = 1, .queue = 10, .express = true});
  BusyWorker batch(pool, Priority::kBatch, 50'000'000);
  EXPECT_FALSE(InTime(pool, clock, 1'000'000, Priority::kBatch));
  std::promise<void> served;
  Work urgent([&] { served.set_value(); });
  urgent.finish_by_nanos = clock.MonotonicNanos() + 1'000'000;
  const bool accepted = Eventually(pool, urgent);
  EXPECT_TRUE(accepted);
  if (accepted) served.get_future().wait();
  batch.gate.Open();
  pool.Drain();
}

TEST(WorkerPool, TheLimitNeverLeavesAWorkerIdle) {
  WorkerPool pool(&kClock, {.workers = 2, .queue = 10});
  pool.SetLimit(1);
  BusyWorker first(pool), second(pool, Priority::kBackfill);
  Work third;
  EXPECT_EQ(pool.Submit(&third), Submitted::kOverLimit);
  first.gate.Open();
  second.gate.Open();
  pool.Drain();
}

TEST(WorkerPool, TheUrgentGoOnWhenABatchHasItsTurn) {
  // A class is passed over so often and no more: then the batch runs while
  // urgent jobs wait, and the express thread takes them.
  WorkerPool pool(&kClock, {.workers = 1, .queue = 100, .express = true});
  BusyWorker first(pool);
  Gate gate;
  Work batch([&] { gate.Wait(); }, Priority::kBatch);
  ASSERT_EQ(pool.Submit(&batch), Submitted::kAccepted);
  std::vector<std::unique_ptr<Work>> urgent;
  std::atomic<int> served{0};
  std::promise<void> all;
  for (int i = 0; i < 2 * JobQueue::kTurns; ++i) {
    urgent.push_back(std::make_unique<Work>([&] {
      if (++served == 2 * JobQueue::kTurns) all.set_value();
    }));
    ASSERT_EQ(pool.Submit(urgent.back().get()), Submitted::kAccepted);
  }
  first.gate.Open();
  EXPECT_EQ(all.get_future().wait_for(std::chrono::seconds(20)),
            std::future_status::ready)
      << served;
  gate.Open();
  pool.Drain();
}

TEST(WorkerPool, WhoWaitsAtAScreenDoesNotWaitForALongBatch) {
  WorkerPool pool(&kClock, {.workers = 1, .queue = 10, .express = true});
  BusyWorker batch(pool, Priority::kBatch);
  Work other_batch([] {}, Priority::kBatch);
  ASSERT_EQ(pool.Submit(&other_batch), Submitted::kAccepted);
  std::vector<std::promise<void>> served(20);
  std::vector<std::unique_ptr<Work>> interactive;
  for (std::promise<void>& done : served) {
    interactive.push_back(
        std::make_unique<Work>([&done] { done.set_value(); }));
    ASSERT_EQ(pool.Submit(interactive.back().get()), Submitted::kAccepted);
    done.get_future().wait();  // while the batch goes on
    EXPECT_EQ(pool.waiting(), 1) << "the other batch has no such privilege";
  }
  batch.gate.Open();
  pool.Drain();
}

// What becomes of a job of that length and urgency.
Submitted Outcome(WorkerPool& pool, int64_t expected_nanos,
                  Priority priority = Priority::kInteractive) {
  std::atomic<bool> ran{false};
  Work job([&ran] { ran = true; }, priority);
  job.expected_nanos = expected_nanos;
  const Submitted outcome = pool.Submit(&job);
  if (outcome == Submitted::kRunHere) {
    pool.RanHere();
  } else {
    while (!ran) std::this_thread::yield();
  }
  return outcome;
}

constexpr WorkerPoolOptions kShortOnesHere{
    .workers = 1, .queue = 10, .run_here_nanos = 1000};

TEST(WorkerPool, WhatIsShortIsLeftToWhoeverSubmitsIt) {
  WorkerPool pool(&kClock, kShortOnesHere);
  EXPECT_EQ(Outcome(pool, 1000), Submitted::kRunHere);
  EXPECT_EQ(Outcome(pool, 1001), Submitted::kAccepted);
  EXPECT_EQ(Outcome(pool, 0), Submitted::kAccepted)
      << "nobody knows how long it takes";
  EXPECT_EQ(Outcome(pool, 1000, Priority::kBatch), Submitted::kAccepted);
  WorkerPool usual(&kClock, {.workers = 1, .queue = 10});
  EXPECT_EQ(Outcome(usual, 1), Submitted::kAccepted);
}

TEST(WorkerPool, WhatIsShortNeedsNoFreeWorker) {
  WorkerPool pool(&kClock, kShortOnesHere);
  BusyWorker busy(pool);
  Work waits([] {});
  ASSERT_EQ(pool.Submit(&waits), Submitted::kAccepted);
  Work job([] {});
  job.expected_nanos = 1000;
  job.finish_by_nanos = kClock.MonotonicNanos() + 60'000'000'000;
  EXPECT_EQ(pool.Submit(&job), Submitted::kRunHere);
  EXPECT_EQ(pool.running(), 2);
  pool.RanHere();
  EXPECT_EQ(pool.running(), 1);
  busy.gate.Open();
  pool.Drain();
}

TEST(WorkerPool, NoMoreAreLeftToTheirCallersAtOnceThanThereAreWorkers) {
  WorkerPool pool(&kClock, kShortOnesHere);
  Work first([] {}), second([] {});
  first.expected_nanos = second.expected_nanos = 1000;
  EXPECT_EQ(pool.Submit(&first), Submitted::kRunHere);
  EXPECT_EQ(pool.Submit(&second), Submitted::kAccepted);
  pool.RanHere();
  pool.Drain();
}

TEST(WorkerPool, DrainsWhatWasLeftToItsCallerToo) {
  WorkerPool pool(&kClock, kShortOnesHere);
  Work job([] {});
  job.expected_nanos = 1000;
  ASSERT_EQ(pool.Submit(&job), Submitted::kRunHere);
  std::atomic<bool> over{false};
  std::thread caller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    over = true;
    pool.RanHere();
  });
  pool.Drain();
  EXPECT_TRUE(over);
  caller.join();
}

}  // namespace
}  // namespace allot
