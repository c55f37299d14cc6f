// SPDX-License-Identifier: Apache-2.0
#include "lib/store/commit_queue.h"

#include <utility>

namespace allot {

CommitQueue::CommitQueue(
    std::function<void(std::span<CommitJob* const> jobs)> commit)
    : commit_(std::move(commit)), thread_([this] { CommitAll(); }) {}

CommitQueue::~CommitQueue() {
  {
    MutexLock lock(mutex_);
    ending_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void CommitQueue::Caller::Wake() {
  MutexLock lock(mutex);
  done = true;
  changed.notify_one();
}

absl::Status CommitQueue::Submit(absl::FunctionRef<absl::Status()> write,
                                 absl::FunctionRef<void()> meanwhile) {
  Caller self{.job = {.write = write, .status = absl::OkStatus()}};
  bool first = false;
  {
    MutexLock lock(mutex_);
    first = waiting_.empty();
    waiting_.push_back(&self);
  }
  if (first) changed_.notify_one();
  meanwhile();
  {
    MutexLock lock(self.mutex);
    while (!self.done) self.changed.wait(self.mutex);
  }
  for (Caller* other : self.others) other->Wake();
  return self.job.status;
}

void CommitQueue::CommitAll() {
  std::vector<Caller*> group;
  std::vector<CommitJob*> jobs;
  while (true) {
    group.clear();
    {
      MutexLock lock(mutex_);
      while (waiting_.empty() && !ending_) changed_.wait(mutex_);
      if (waiting_.empty()) return;
      group.swap(waiting_);
    }
    jobs.clear();
    for (Caller* caller : group) jobs.push_back(&caller->job);
    commit_(jobs);
    Caller& first = *group[0];
    first.others.assign(group.begin() + 1, group.end());
    first.Wake();
  }
}

}  // namespace allot
