// SPDX-License-Identifier: Apache-2.0
#include "lib/store/past_store.h"

#include <utility>

#include "lib/store/copy_pool.h"

namespace allot {
namespace {

absl::Status Refuse() {
  return absl::FailedPreconditionError("the past cannot be changed");
}

}  // namespace

absl::StatusOr<int64_t> PastStore::Append(absl::string_view, int64_t,
                                          std::span<const Event>,
                                          absl::FunctionRef<void()>) {
  return Refuse();
}

absl::Status PastStore::SaveCheckpoints(std::span<const Checkpoint>) {
  return Refuse();
}

absl::Status PastStore::Load(absl::string_view pool, int64_t after,
                             EventVisitor visit) {
  if (pool != pool_) return absl::OkStatus();
  // Times may go back a little where replicas share a log: what came after the
  // first later event is later too.
  bool over = false;
  return ReadPool(store_, pool, [&](int64_t sequence, Event&& event) {
    over = over || event.unix_micros > until_;
    if (over || sequence <= after) return absl::OkStatus();
    return visit(sequence, std::move(event));
  });
}

absl::Status PastStore::LoadAll(const LogPositions& after, EventVisitor visit) {
  const auto known = after.find(pool_);
  return Load(pool_, known == after.end() ? 0 : known->second, visit);
}

}  // namespace allot
