// SPDX-License-Identifier: Apache-2.0
// Single-task allocations that come at about the same time, solved as one
// batch: the joint plan is at least as good as one after the other, because
// nobody is spent on the first task who would have been better for the second,
// and the pool's labelers are scored in one pass.
//
// Joined are unary calls of one task, equal in all but that task and the
// request id, without a budget or named labelers, that have time to wait. (With
// claims to be made once, hence a request id, a call stays alone.) Each
// caller gets the part of the plan that is about its task, and a bound that
// leaves as much open as the whole plan's does.
#ifndef ALLOT_SERVER_MICRO_BATCHER_H_
#define ALLOT_SERVER_MICRO_BATCHER_H_

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "allot/v1/allocation.pb.h"
#include "lib/base/mutex.h"
#include "lib/engine/calls.h"
#include "server/core.h"

namespace allot {

// The part of a joint plan that is about one of its tasks.
Plan PartOf(const Plan& joint, int32_t task);

// Thread-safe.
class MicroBatcher {
 public:
  static constexpr size_t kMostTasks = 64;

  struct Member {
    AllocateCall call;  // of one task
    // What it was made of, where that is logged; else null.
    std::shared_ptr<const v1::AllocateRequest> asked;
    // Called once, from a worker.
    std::function<void(absl::StatusOr<Plan>)> done;
  };

  using Planned = std::function<void(const AllocateCall& call,
                                     const std::vector<Member*>& members,
                                     const Plan& plan)>;

  // `window` > 0. `core` must outlive it. `planned` hears of every plan.
  MicroBatcher(const ServerCore* core, absl::Duration window, Planned planned);
  // Solves what still waits; the workers must be there for that.
  ~MicroBatcher();
  MicroBatcher(const MicroBatcher&) = delete;
  MicroBatcher& operator=(const MicroBatcher&) = delete;

  // Whether a call may wait for others at all.
  bool Suits(const AllocateCall& call) const;
  // Takes the member over, to be solved with those of the same `key`; false if
  // it is better solved alone, now.
  bool Add(const std::string& key, Member& member);

 private:
  class Group;

  void Watch();
  void Send(std::unique_ptr<Group> group);
  void Solve(std::vector<Member>& members) const;

  const ServerCore& core_;
  const int64_t window_nanos_;
  const Planned planned_;
  Mutex mutex_;
  ConditionVariable wake_;
  // Members taken over and not solved yet.
  int pending_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<std::string, std::unique_ptr<Group>> open_
      ABSL_GUARDED_BY(mutex_);
  // When each group is due, with its key; the earliest first.
  struct Due {
    int64_t nanos;
    std::string key;
    const Group* group;
  };
  std::deque<Due> due_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread watcher_;
};

}  // namespace allot

#endif  // ALLOT_SERVER_MICRO_BATCHER_H_
