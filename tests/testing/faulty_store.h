// SPDX-License-Identifier: Apache-2.0
// A store that fails or takes its time on command, around one that works.
#ifndef ALLOT_TESTS_TESTING_FAULTY_STORE_H_
#define ALLOT_TESTS_TESTING_FAULTY_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lib/base/mutex.h"
#include "lib/store/store.h"

namespace allot {

// Passes every call on, but for those told to fail, which never reach the
// store within. Thread-safe.
class FaultyStore final : public Store {
 public:
  explicit FaultyStore(std::unique_ptr<Store> inner)
      : inner_(std::move(inner)) {}

  // The n-th Append() from now on (1: the next) fails with `error`.
  void FailAppend(int64_t n, absl::Status error) {
    MutexLock lock(mutex_);
    failing_append_ = appends_ + n;
    error_ = std::move(error);
  }
  // Happens before every Append() that does not fail; set before it is used.
  void BeforeAppend(std::function<void()> delay) { delay_ = std::move(delay); }
  // All calls that write, and Ping(), fail until Heal(): a full disk.
  void FailAll(absl::Status error) {
    MutexLock lock(mutex_);
    broken_ = true;
    error_ = std::move(error);
  }
  void Heal() {
    MutexLock lock(mutex_);
    broken_ = false;
    failing_append_ = 0;
  }
  // Calls of Append() so far, failed ones included.
  int64_t appends() const {
    MutexLock lock(mutex_);
    return appends_;
  }

  bool shared() const override { return inner_->shared(); }

  absl::StatusOr<int64_t> Append(absl::string_view pool, int64_t after,
                                 std::span<const Event> events,
                                 absl::FunctionRef<void()> meanwhile) override {
    absl::Status error;
    {
      MutexLock lock(mutex_);
      ++appends_;
      if (broken_ || appends_ == failing_append_) error = error_;
    }
    if (!error.ok()) {
      meanwhile();
      return error;
    }
    if (delay_) delay_();
    return inner_->Append(pool, after, events, meanwhile);
  }

  absl::Status Load(absl::string_view pool, int64_t after,
                    EventVisitor visit) override {
    return inner_->Load(pool, after, visit);
  }
  absl::Status LoadAll(const LogPositions& after, EventVisitor visit) override {
    return inner_->LoadAll(after, visit);
  }
  absl::StatusOr<std::vector<LogEnd>> Ends() override { return inner_->Ends(); }

  absl::Status SaveCheckpoints(
      std::span<const Checkpoint> checkpoints) override {
    {
      MutexLock lock(mutex_);
      if (broken_) return error_;
    }
    return inner_->SaveCheckpoints(checkpoints);
  }

  absl::StatusOr<std::vector<Checkpoint>> LoadCheckpoints() override {
    return inner_->LoadCheckpoints();
  }

  absl::StatusOr<std::optional<Checkpoint>> LoadCheckpoint(
      absl::string_view pool) override {
    return inner_->LoadCheckpoint(pool);
  }

  absl::Status Ping() override {
    {
      MutexLock lock(mutex_);
      if (broken_) return error_;
    }
    return inner_->Ping();
  }

 private:
  const std::unique_ptr<Store> inner_;
  std::function<void()> delay_;
  mutable Mutex mutex_;
  int64_t appends_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t failing_append_ ABSL_GUARDED_BY(mutex_) = 0;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status error_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace allot

#endif  // ALLOT_TESTS_TESTING_FAULTY_STORE_H_
