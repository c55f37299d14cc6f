// SPDX-License-Identifier: Apache-2.0
// Group commit: while one commit waits for the disk, the writes of all other
// threads gather, and the next commit carries them together. The busier the
// store, the more writes share one fsync.
#ifndef ALLOT_LIB_STORE_COMMIT_QUEUE_H_
#define ALLOT_LIB_STORE_COMMIT_QUEUE_H_

#include <functional>
#include <span>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "lib/base/mutex.h"

namespace allot {

// One caller's write: atomic by itself, whatever becomes of its neighbours.
struct CommitJob {
  // Called once or, after a rollback, more often; by any thread.
  absl::FunctionRef<absl::Status()> write;
  absl::Status status;
};

// Thread-safe. There is no thread of its own: the first caller to find nobody
// committing leads, and commits for all who queued up meanwhile; one of those
// who came too late leads next. Each is woken once, when there is something for
// it to do.
class CommitQueue {
 public:
  // `commit` runs the jobs in order and sets their status. Never called by two
  // threads at once; each call sees what the one before wrote.
  explicit CommitQueue(
      std::function<void(std::span<CommitJob* const> jobs)> commit)
      : commit_(std::move(commit)) {}

  // Returns when `write` is committed, or its error.
  absl::Status Submit(absl::FunctionRef<absl::Status()> write);

 private:
  enum class Role { kWaits, kLeads, kReturns };
  // A caller. With a lock of its own: those who are woken together need not
  // queue up once more for the same one.
  struct Caller {
    void Become(Role next) {
      MutexLock lock(mutex);
      role = next;
      changed.notify_one();
    }

    CommitJob job;
    Mutex mutex;
    ConditionVariable changed;
    Role role ABSL_GUARDED_BY(mutex) = Role::kWaits;
  };

  const std::function<void(std::span<CommitJob* const>)> commit_;
  Mutex mutex_;
  std::vector<Caller*> waiting_ ABSL_GUARDED_BY(mutex_);
  bool has_leader_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace allot

#endif  // ALLOT_LIB_STORE_COMMIT_QUEUE_H_
