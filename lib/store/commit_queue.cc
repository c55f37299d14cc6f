// SPDX-License-Identifier: Apache-2.0
#include "lib/store/commit_queue.h"

#include <utility>

namespace allot {

absl::Status CommitQueue::Submit(absl::FunctionRef<absl::Status()> write) {
  Caller self{.job = {.write = write, .status = absl::OkStatus()}};
  bool leads = false;
  {
    MutexLock lock(mutex_);
    waiting_.push_back(&self);
    leads = !std::exchange(has_leader_, true);
  }
  if (!leads) {
    MutexLock lock(self.mutex);
    while (self.role == Role::kWaits) self.changed.wait(self.mutex);
    if (self.role == Role::kReturns) return self.job.status;
  }
  std::vector<Caller*> group;
  {
    MutexLock lock(mutex_);
    group.swap(waiting_);
  }
  std::vector<CommitJob*> jobs;
  for (Caller* caller : group) jobs.push_back(&caller->job);
  commit_(jobs);
  Caller* next = nullptr;
  {
    MutexLock lock(mutex_);
    has_leader_ = !waiting_.empty();
    if (has_leader_) next = waiting_.front();
  }
  // The next commit first: it need not wait until all of this one are awake.
  if (next != nullptr) next->Become(Role::kLeads);
  for (Caller* caller : group) {
    if (caller != &self) caller->Become(Role::kReturns);
  }
  return self.job.status;
}

}  // namespace allot
