// SPDX-License-Identifier: Apache-2.0
// A store as it was at a moment of its past: the log up to then, to be read
// only. An engine on it believes what it believed then.
#ifndef ALLOT_LIB_STORE_PAST_STORE_H_
#define ALLOT_LIB_STORE_PAST_STORE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lib/store/store.h"

namespace allot {

class PastStore final : public Store {
 public:
  // One pool of `store`, which must outlive this object: its events that the
  // service accepted up to `unix_micros`.
  PastStore(Store* store, std::string pool, int64_t unix_micros)
      : store_(*store), pool_(std::move(pool)), until_(unix_micros) {}

  bool read_only() const override { return true; }
  absl::StatusOr<int64_t> Append(absl::string_view, int64_t,
                                 std::span<const Event>,
                                 absl::FunctionRef<void()>) override;
  absl::Status Load(absl::string_view pool, int64_t after,
                    EventVisitor visit) override;
  absl::Status LoadAll(const LogPositions& after, EventVisitor visit) override;
  absl::StatusOr<std::vector<LogEnd>> Ends() override { return store_.Ends(); }
  absl::Status SaveCheckpoints(std::span<const Checkpoint>) override;
  // None: they may be of a later moment.
  absl::StatusOr<std::vector<Checkpoint>> LoadCheckpoints() override {
    return std::vector<Checkpoint>();
  }
  absl::StatusOr<std::optional<Checkpoint>> LoadCheckpoint(
      absl::string_view) override {
    return std::nullopt;
  }
  absl::Status Ping() override { return store_.Ping(); }

 private:
  Store& store_;
  const std::string pool_;
  const int64_t until_;
};

}  // namespace allot

#endif  // ALLOT_LIB_STORE_PAST_STORE_H_
