// SPDX-License-Identifier: Apache-2.0
#include "lib/store/commit_queue.h"

namespace allot {

absl::Status CommitQueue::Submit(absl::FunctionRef<absl::Status()> write) {
  CommitJob job{write, absl::OkStatus(), false};
  std::vector<CommitJob*> group;
  {
    MutexLock lock(mutex_);
    waiting_.push_back(&job);
    while (!job.done && has_leader_) changed_.wait(mutex_);
    if (job.done) return job.status;
    has_leader_ = true;
    group.swap(waiting_);
  }
  commit_(group);
  MutexLock lock(mutex_);
  for (CommitJob* member : group) member->done = true;
  has_leader_ = false;
  changed_.notify_all();
  return job.status;
}

}  // namespace allot
