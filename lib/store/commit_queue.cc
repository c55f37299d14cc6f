// SPDX-License-Identifier: Apache-2.0
#include "lib/store/commit_queue.h"

namespace allot {

absl::Status CommitQueue::Submit(absl::FunctionRef<absl::Status()> write) {
  CommitJob job{.write = write};
  std::vector<CommitJob*> group;
  {
    MutexLock lock(mutex_);
    waiting_.push_back(&job);
    if (has_leader_) {
      while (!job.done && !job.leads) job.changed.wait(mutex_);
    }
    if (job.done) return job.status;
    has_leader_ = true;
    group.swap(waiting_);
  }
  commit_(group);
  MutexLock lock(mutex_);
  // The next commit first: it need not wait until all of this one are awake.
  has_leader_ = !waiting_.empty();
  if (has_leader_) {
    waiting_.front()->leads = true;
    waiting_.front()->changed.notify_one();
  }
  for (CommitJob* member : group) {
    if (member == &job) continue;
    member->done = true;
    member->changed.notify_one();
  }
  return job.status;
}

}  // namespace allot
