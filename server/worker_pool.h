// SPDX-License-Identifier: Apache-2.0
// Where calls are computed: a few threads behind one bounded queue. gRPC's own
// threads must react fast, so milliseconds of solving do not belong there; and
// a bound on what waits is what keeps the server calm under too much load.
#ifndef ALLOT_SERVER_WORKER_POOL_H_
#define ALLOT_SERVER_WORKER_POOL_H_

#include <atomic>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "lib/base/mutex.h"

namespace allot {

// Thread-safe. First come, first served.
class WorkerPool {
 public:
  // Requires workers >= 1, queue >= 1. `queue` bounds the jobs that wait, not
  // those that run.
  WorkerPool(int workers, int queue);
  // Runs what was accepted, then joins.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Accepts the job, which then runs exactly once, or refuses it at once:
  // false when the queue is full or Drain() has begun.
  bool TrySubmit(std::function<void()> job);

  // Accepts no more, returns when every accepted job has run. Idempotent. Not
  // to be called from a job.
  void Drain();

  int workers() const { return workers_; }
  int queue_limit() const { return static_cast<int>(queue_limit_); }
  // Jobs that wait, jobs that run: for the metrics, true a moment ago.
  int waiting() const { return waiting_.load(std::memory_order_relaxed); }
  int running() const { return running_.load(std::memory_order_relaxed); }

 private:
  void Work();

  const int workers_;
  const size_t queue_limit_;
  Mutex mutex_;
  ConditionVariable wake_;
  std::deque<std::function<void()>> jobs_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<int> waiting_{0};
  std::atomic<int> running_{0};
  std::vector<std::thread> threads_;
};

}  // namespace allot

#endif  // ALLOT_SERVER_WORKER_POOL_H_
