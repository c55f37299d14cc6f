// SPDX-License-Identifier: Apache-2.0
// The store that forgets when the process ends: for tests, and for services
// that get their labelers anew at every start. It is also the plainest reading
// of the contract in store.h, which other stores are tested against.
#ifndef ALLOT_LIB_STORE_MEMORY_STORE_H_
#define ALLOT_LIB_STORE_MEMORY_STORE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "lib/base/mutex.h"
#include "lib/store/store.h"

namespace allot {

// Never full and never unavailable. Keeps every event: about 200 bytes an
// answer.
class MemoryStore final : public Store {
 public:
  absl::StatusOr<int64_t> Append(absl::string_view pool, int64_t after,
                                 std::span<const Event> events,
                                 absl::FunctionRef<void()>) override;
  absl::Status Load(absl::string_view pool, int64_t after,
                    EventVisitor visit) override;
  absl::Status LoadAll(const LogPositions& after, EventVisitor visit) override;
  absl::StatusOr<std::vector<LogEnd>> Ends() override;
  absl::Status SaveCheckpoints(
      std::span<const Checkpoint> checkpoints) override;
  absl::StatusOr<std::vector<Checkpoint>> LoadCheckpoints() override;
  absl::StatusOr<std::optional<Checkpoint>> LoadCheckpoint(
      absl::string_view pool) override;
  absl::Status Ping() override { return absl::OkStatus(); }

 private:
  using AnswerKey = std::tuple<std::string, std::string, std::string>;

  Mutex mutex_;
  std::deque<Event> log_ ABSL_GUARDED_BY(mutex_);  // [sequence - 1]
  std::map<std::string, int64_t, std::less<>> ends_ ABSL_GUARDED_BY(mutex_);
  // (pool, task, labeler)
  absl::flat_hash_set<AnswerKey> answered_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, Checkpoint, std::less<>> checkpoints_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace allot

#endif  // ALLOT_LIB_STORE_MEMORY_STORE_H_
