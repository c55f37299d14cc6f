// SPDX-License-Identifier: Apache-2.0
// Group commit: while one commit waits for the disk, the writes of all other
// threads gather, and the next commit carries them together. The busier the
// store, the more writes share one fsync.
#ifndef ALLOT_LIB_STORE_COMMIT_QUEUE_H_
#define ALLOT_LIB_STORE_COMMIT_QUEUE_H_

#include <functional>
#include <span>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "lib/base/mutex.h"

namespace allot {

// One caller's write: atomic by itself, whatever becomes of its neighbours.
struct CommitJob {
  // Called once or, after a rollback, more often; by the committing thread.
  absl::FunctionRef<absl::Status()> write;
  absl::Status status;
};

// Thread-safe. Commits are made by a thread of the queue's own, so that callers
// can do something else meanwhile.
class CommitQueue {
 public:
  // `commit` runs the jobs in order and sets their status. Always called by the
  // same thread.
  explicit CommitQueue(
      std::function<void(std::span<CommitJob* const> jobs)> commit);
  // Requires that nobody waits for a commit.
  ~CommitQueue();
  CommitQueue(const CommitQueue&) = delete;
  CommitQueue& operator=(const CommitQueue&) = delete;

  // Calls `meanwhile` and returns when `write` is committed, or its error.
  absl::Status Submit(
      absl::FunctionRef<absl::Status()> write,
      absl::FunctionRef<void()> meanwhile = [] {});

 private:
  // With a lock of its own: those who are woken together need not queue up once
  // more for the same one.
  struct Caller {
    void Wake();

    CommitJob job;
    Mutex mutex;
    ConditionVariable changed;
    bool done ABSL_GUARDED_BY(mutex) = false;
    // Whom to wake, set before it is done: the next commit need not wait until
    // all of this one are awake.
    std::vector<Caller*> others;
  };
  void CommitAll();

  const std::function<void(std::span<CommitJob* const>)> commit_;
  Mutex mutex_;
  ConditionVariable changed_;
  std::vector<Caller*> waiting_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace allot

#endif  // ALLOT_LIB_STORE_COMMIT_QUEUE_H_
