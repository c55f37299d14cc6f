// SPDX-License-Identifier: Apache-2.0
// std::mutex with Clang's thread-safety annotations. Debian's packaged
// absl::Mutex is not instrumented and gives false ThreadSanitizer reports.
#ifndef ALLOT_LIB_BASE_MUTEX_H_
#define ALLOT_LIB_BASE_MUTEX_H_

#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"

namespace allot {

class ABSL_LOCKABLE Mutex {
 public:
  void lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void unlock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }
  bool try_lock() ABSL_EXCLUSIVE_TRYLOCK_FUNCTION(true) {
    return mutex_.try_lock();
  }

 private:
  std::mutex mutex_;
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex)
      : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Waits with a held Mutex: `condition.wait(mutex, predicate)`.
using ConditionVariable = std::condition_variable_any;

}  // namespace allot

#endif  // ALLOT_LIB_BASE_MUTEX_H_
