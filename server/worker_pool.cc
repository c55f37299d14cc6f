// SPDX-License-Identifier: Apache-2.0
#include "server/worker_pool.h"

#include <utility>

namespace allot {

WorkerPool::WorkerPool(int workers, int queue)
    : workers_(workers), queue_limit_(static_cast<size_t>(queue)) {
  threads_.reserve(static_cast<size_t>(workers));
  for (int i = 0; i < workers; ++i) {
    threads_.emplace_back([this] { Work(); });
  }
}

WorkerPool::~WorkerPool() { Drain(); }

bool WorkerPool::TrySubmit(std::function<void()> job) {
  {
    MutexLock lock(mutex_);
    if (draining_ || jobs_.size() >= queue_limit_) return false;
    jobs_.push_back(std::move(job));
    waiting_.fetch_add(1, std::memory_order_relaxed);
  }
  wake_.notify_one();
  return true;
}

void WorkerPool::Drain() {
  {
    MutexLock lock(mutex_);
    draining_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkerPool::Work() {
  while (true) {
    std::function<void()> job;
    {
      MutexLock lock(mutex_);
      while (jobs_.empty() && !draining_) wake_.wait(mutex_);
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      waiting_.fetch_sub(1, std::memory_order_relaxed);
      running_.fetch_add(1, std::memory_order_relaxed);
    }
    job();
    running_.fetch_sub(1, std::memory_order_relaxed);
  }
}

}  // namespace allot
