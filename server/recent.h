// SPDX-License-Identifier: Apache-2.0
// What happened last, for the status page: a few plans, a few slow calls.
#ifndef ALLOT_SERVER_RECENT_H_
#define ALLOT_SERVER_RECENT_H_

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "lib/base/mutex.h"

namespace allot {

struct PlanNote {
  absl::Time time;
  std::string pool;
  std::string solver;
  int64_t tasks = 0;
  int64_t slots = 0;
  int64_t filled = 0;
  double gap = 0;
  double seconds = 0;
};

struct CallNote {
  absl::Time time;
  std::string method;
  std::string pool;
  std::string code;
  std::string trace_id;
  double seconds = 0;
  double queue_seconds = 0;
};

// Thread-safe. Nobody waits here: a note that comes while another one is being
// written is left out.
template <typename Note>
class Recent {
 public:
  static constexpr size_t kKept = 20;

  void Add(Note note) {
    if (!mutex_.try_lock()) return;
    if (notes_.size() == kKept) notes_.pop_back();
    notes_.push_front(std::move(note));
    mutex_.unlock();
  }
  // Latest first.
  std::vector<Note> List() const {
    MutexLock lock(mutex_);
    return {notes_.begin(), notes_.end()};
  }

 private:
  mutable Mutex mutex_;
  std::deque<Note> notes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace allot

#endif  // ALLOT_SERVER_RECENT_H_
