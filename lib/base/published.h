// SPDX-License-Identifier: Apache-2.0
// An immutable value that one writer replaces and many readers take.
//
// What std::atomic<std::shared_ptr> is for; the one in GCC 12's library
// releases its lock bit too weakly after a load (a data race by the letter, and
// ThreadSanitizer says so). The lock is held for a reference count's increment:
// readers never wait for a writer's work, only for each other's few
// nanoseconds.
#ifndef ALLOT_LIB_BASE_PUBLISHED_H_
#define ALLOT_LIB_BASE_PUBLISHED_H_

#include <atomic>
#include <memory>
#include <thread>
#include <utility>

namespace allot {

template <typename T>
class Published {
 public:
  Published() = default;
  explicit Published(std::shared_ptr<const T> value)
      : value_(std::move(value)) {}
  Published(const Published&) = delete;
  Published& operator=(const Published&) = delete;

  std::shared_ptr<const T> Get() const {
    Lock();
    std::shared_ptr<const T> value = value_;
    locked_.clear(std::memory_order_release);
    return value;
  }

  void Set(std::shared_ptr<const T> value) {
    Lock();
    value_.swap(value);
    locked_.clear(std::memory_order_release);
    // The old value, if nobody holds it, is destroyed here, outside the lock.
  }

 private:
  void Lock() const {
    while (locked_.test_and_set(std::memory_order_acquire)) {
      while (locked_.test(std::memory_order_relaxed)) std::this_thread::yield();
    }
  }

  mutable std::atomic_flag locked_;
  std::shared_ptr<const T> value_;
};

}  // namespace allot

#endif  // ALLOT_LIB_BASE_PUBLISHED_H_
