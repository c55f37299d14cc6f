// SPDX-License-Identifier: Apache-2.0
#include "server/worker_pool.h"

#include <algorithm>
#include <limits>

namespace allot {

WorkerPool::WorkerPool(const Clock* clock, WorkerPoolOptions options)
    : clock_(*clock),
      options_(options),
      limit_(options.workers + options.queue),
      busy_until_(static_cast<size_t>(options.workers) + 1) {
  threads_.reserve(static_cast<size_t>(options_.workers) + 1);
  for (int i = 0; i < options_.workers; ++i) {
    threads_.emplace_back([this, i] { Work(static_cast<size_t>(i)); });
  }
  if (options_.express) threads_.emplace_back([this] { WorkExpress(); });
}

WorkerPool::~WorkerPool() { Drain(); }

bool WorkerPool::HasRoom(const Job& job, Submitted& why) const {
  if (queue_.size() >= options_.queue) {
    why = Submitted::kQueueFull;
    return false;
  }
  if (job.patient) return true;
  const int limit = limit_.load(std::memory_order_relaxed);
  const int kept_back = job.priority == Priority::kInteractive ? 0
                        : job.priority == Priority::kBatch     ? limit / 8
                                                               : limit / 4;
  why = Submitted::kOverLimit;
  return queue_.size() + busy_ < std::max(options_.workers, limit - kept_back);
}

bool WorkerPool::RunsHere(const Job& job) const {
  return job.expected_nanos > 0 &&
         job.expected_nanos <= options_.run_here_nanos && !job.patient &&
         job.priority == Priority::kInteractive && here_ < options_.workers;
}

Submitted WorkerPool::Submit(Job* job) {
  Job* victim = nullptr;
  {
    MutexLock lock(mutex_);
    if (draining_) return Submitted::kDraining;
    const bool here = RunsHere(*job);
    constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
    if (std::min(job->finish_by_nanos, job->longest_wait_nanos) != kNever) {
      const int64_t now = clock_.MonotonicNanos();
      const int64_t wait = here ? 0 : NanosUntilStart(*job, now);
      if (job->finish_by_nanos != kNever &&
          now + wait + job->least_nanos > job->finish_by_nanos) {
        return Submitted::kTooLate;
      }
      if (wait > job->longest_wait_nanos && !job->patient) {
        return Submitted::kOverLimit;
      }
    }
    if (here) {
      ++busy_;
      ++here_;
      Note();
      return Submitted::kRunHere;
    }
    Submitted why = Submitted::kAccepted;
    if (!HasRoom(*job, why)) {
      victim = queue_.Victim(*job);
      if (victim == nullptr) return why;
      queue_.Remove(victim);
    }
    Enqueue(job);
  }
  if (victim != nullptr) victim->Evicted();
  return Submitted::kAccepted;
}

void WorkerPool::RanHere() {
  MutexLock lock(mutex_);
  --busy_;
  Note();
  if (--here_ == 0 && draining_) none_here_.notify_all();
}

int64_t WorkerPool::NanosUntilStart(const Job& job, int64_t now) const {
  if (idle_ > 0) return 0;
  if (express_idle_ && busy_long_ > 0 &&
      job.priority == Priority::kInteractive) {
    return 0;
  }
  const int64_t first =
      *std::min_element(busy_until_.begin(), busy_until_.end() - 1);
  return std::max<int64_t>(0, first - now) +
         queue_.NanosBefore(job) / options_.workers;
}

bool WorkerPool::SubmitAdmitted(Job* job) {
  MutexLock lock(mutex_);
  if (draining_) return false;
  Enqueue(job);
  return true;
}

void WorkerPool::Enqueue(Job* job) {
  queue_.Push(job);
  Note();
  if (idle_ > 0) {
    wake_.notify_one();
  } else if (busy_long_ > 0 && job->priority == Priority::kInteractive) {
    express_wake_.notify_one();
  }
}

void WorkerPool::Note() {
  waiting_.store(queue_.size(), std::memory_order_relaxed);
  running_.store(busy_, std::memory_order_relaxed);
  backlog_nanos_.store(queue_.nanos(), std::memory_order_relaxed);
}

bool WorkerPool::Remove(Job* job) {
  MutexLock lock(mutex_);
  if (!queue_.Remove(job)) return false;
  Note();
  return true;
}

void WorkerPool::Drain() {
  {
    MutexLock lock(mutex_);
    draining_ = true;
    while (here_ > 0) none_here_.wait(mutex_);
  }
  wake_.notify_all();
  express_wake_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkerPool::RunOne(Job* job, size_t thread) {
  // Afterwards the job may be gone.
  const bool is_long = job->priority != Priority::kInteractive;
  busy_long_ += is_long;
  ++busy_;
  busy_until_[thread] = job->expected_nanos > 0
                            ? clock_.MonotonicNanos() + job->expected_nanos
                            : 0;
  Note();
  if (is_long && queue_.size(Priority::kInteractive) > 0) {
    express_wake_.notify_one();
  }
  mutex_.unlock();
  job->Run();
  mutex_.lock();
  busy_long_ -= is_long;
  --busy_;
  Note();
}

void WorkerPool::Work(size_t thread) {
  MutexLock lock(mutex_);
  while (true) {
    if (Job* job = queue_.Pop(); job != nullptr) {
      RunOne(job, thread);
    } else if (draining_) {
      return;
    } else {
      ++idle_;
      wake_.wait(mutex_);
      --idle_;
    }
  }
}

void WorkerPool::WorkExpress() {
  MutexLock lock(mutex_);
  while (true) {
    Job* job = busy_long_ > 0 ? queue_.PopInteractive() : nullptr;
    if (job != nullptr) {
      RunOne(job, static_cast<size_t>(options_.workers));
    } else if (draining_) {
      return;
    } else {
      express_idle_ = true;
      express_wake_.wait(mutex_);
      express_idle_ = false;
    }
  }
}

}  // namespace allot
