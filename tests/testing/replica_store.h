// SPDX-License-Identifier: Apache-2.0
// One replica's view of a store that several share: calls can be held up, and
// replies lost, as a network does.
#ifndef ALLOT_TESTS_TESTING_REPLICA_STORE_H_
#define ALLOT_TESTS_TESTING_REPLICA_STORE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/store/store.h"

namespace allot {

// For one thread at a time, but for what the inner store allows.
class ReplicaStore final : public Store {
 public:
  // `inner` must outlive this.
  explicit ReplicaStore(Store* inner) : inner_(*inner) {}

  // Called before each call that reads or appends events; its error is the
  // call's.
  std::function<absl::Status()> before = [] { return absl::OkStatus(); };
  // Called after each append with its result, which it may change.
  std::function<void(absl::StatusOr<int64_t>&)> after_append =
      [](absl::StatusOr<int64_t>&) {};
  // By pool: events up to there are gone.
  std::map<std::string, int64_t, std::less<>>* trimmed = nullptr;
  int64_t appends = 0;

  bool shared() const override { return true; }
  absl::StatusOr<int64_t> Append(absl::string_view pool, int64_t after,
                                 std::span<const Event> events,
                                 absl::FunctionRef<void()> meanwhile) override {
    ++appends;
    if (absl::Status status = before(); !status.ok()) return status;
    absl::StatusOr<int64_t> result =
        inner_.Append(pool, after, events, meanwhile);
    after_append(result);
    return result;
  }
  absl::Status Load(absl::string_view pool, int64_t after,
                    EventVisitor visit) override {
    if (absl::Status status = before(); !status.ok()) return status;
    if (trimmed != nullptr) {
      const auto found = trimmed->find(pool);
      if (found != trimmed->end() && after < found->second) {
        return absl::OutOfRangeError("trimmed");
      }
    }
    return inner_.Load(pool, after, visit);
  }
  absl::Status LoadAll(const LogPositions& after, EventVisitor visit) override {
    return inner_.LoadAll(after, visit);
  }
  absl::StatusOr<std::vector<LogEnd>> Ends() override {
    if (absl::Status status = before(); !status.ok()) return status;
    return inner_.Ends();
  }
  absl::Status SaveCheckpoints(
      std::span<const Checkpoint> checkpoints) override {
    return inner_.SaveCheckpoints(checkpoints);
  }
  absl::StatusOr<std::vector<Checkpoint>> LoadCheckpoints() override {
    return inner_.LoadCheckpoints();
  }
  absl::StatusOr<std::optional<Checkpoint>> LoadCheckpoint(
      absl::string_view pool) override {
    return inner_.LoadCheckpoint(pool);
  }
  absl::Status Ping() override { return before(); }

 private:
  Store& inner_;
};

}  // namespace allot

#endif  // ALLOT_TESTS_TESTING_REPLICA_STORE_H_
