// SPDX-License-Identifier: Apache-2.0
// Where calls are computed: a few threads behind one bounded queue. gRPC's own
// threads must react fast, so milliseconds of solving do not belong there; and
// a bound on what waits is what keeps the server calm under too much load.
//
// What takes little more time than handing it to another thread does is left to
// the thread that brings it, whatever waits: that is the shortest way for it
// and the cheapest one for all others.
#ifndef ALLOT_SERVER_WORKER_POOL_H_
#define ALLOT_SERVER_WORKER_POOL_H_

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "server/job_queue.h"

namespace allot {

// What became of a job that was submitted.
enum class Submitted {
  kAccepted,
  kRunHere,  // not taken: whoever submitted it runs it now, then says RanHere()
  kQueueFull,  // as many wait as may
  // As many are in flight as the present limit allows, or what waits before it
  // takes longer than it may wait.
  kOverLimit,
  kTooLate,  // it could not be done by its finish_by_nanos
  kDraining,
};

struct WorkerPoolOptions {
  int workers = 1;  // >= 1
  int queue = 256;  // >= 1: bounds the jobs that wait, not those that run
  // One more thread, for interactive jobs alone while a worker is busy with a
  // less urgent one: somebody who waits need not wait for a long batch. It
  // takes a share of the cores, so batches take a little longer then.
  bool express = false;
  // Interactive jobs expected to take no longer are left to who submits them,
  // as many at once as there are workers. 0: none.
  int64_t run_here_nanos = 0;
};

// Thread-safe.
class WorkerPool {
 public:
  WorkerPool(const Clock* clock, WorkerPoolOptions options);
  // Runs what was accepted, then joins.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Accepts the job, which then runs exactly once unless it is removed or
  // evicted, or refuses it at once, or leaves it to the caller. An accepted job
  // may have run when this returns. When there are too many, a job that waits
  // may have to give way (JobQueue::Victim()); it is evicted before this
  // returns.
  Submitted Submit(Job* job);
  // After kRunHere, once it was run.
  void RanHere();
  // For what was admitted before, in another shape: waits its turn whatever
  // the limits. False when Drain() has begun.
  bool SubmitAdmitted(Job* job);
  // Takes out a job that still waits: it will not run. False if it runs, ran or
  // was never accepted.
  bool Remove(Job* job);

  // Jobs that may be in flight, waiting or running: all of it for interactive
  // ones, 7/8 for batches, 3/4 for backfills, but never less than there are
  // workers. Patient jobs are not held to it. Starts at workers + queue.
  void SetLimit(int limit) { limit_.store(limit, std::memory_order_relaxed); }
  int limit() const { return limit_.load(std::memory_order_relaxed); }

  // Accepts no more, returns when every accepted job has run, those that were
  // left to their callers among them. Idempotent. Not to be called from a job.
  void Drain();

  // How long what waits now should take.
  int64_t BacklogNanos() const {
    return backlog_nanos_.load(std::memory_order_relaxed) / options_.workers;
  }
  int workers() const { return options_.workers; }
  int queue_limit() const { return options_.queue; }
  // Jobs that wait, jobs that run: for the metrics, true a moment ago.
  int waiting() const { return waiting_.load(std::memory_order_relaxed); }
  int running() const { return running_.load(std::memory_order_relaxed); }

 private:
  bool RunsHere(const Job& job) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasRoom(const Job& job, Submitted& why) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Enqueue(Job* job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Note() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Work(size_t thread);
  void WorkExpress();
  void RunOne(Job* job, size_t thread) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int64_t NanosUntilStart(const Job& job, int64_t now) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock& clock_;
  const WorkerPoolOptions options_;
  std::atomic<int> limit_;
  Mutex mutex_;
  ConditionVariable wake_;
  ConditionVariable express_wake_;
  ConditionVariable none_here_;
  JobQueue queue_ ABSL_GUARDED_BY(mutex_);
  int idle_ ABSL_GUARDED_BY(mutex_) = 0;
  int busy_ ABSL_GUARDED_BY(mutex_) = 0;       // running, any thread
  int busy_long_ ABSL_GUARDED_BY(mutex_) = 0;  // of them, not interactive
  int here_ ABSL_GUARDED_BY(mutex_) = 0;       // of them, at their callers'
  bool express_idle_ ABSL_GUARDED_BY(mutex_) = false;
  // [workers + 1] When what a thread runs should be done.
  std::vector<int64_t> busy_until_ ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<int> waiting_{0};
  std::atomic<int> running_{0};
  std::atomic<int64_t> backlog_nanos_{0};
  std::vector<std::thread> threads_;
};

}  // namespace allot

#endif  // ALLOT_SERVER_WORKER_POOL_H_
