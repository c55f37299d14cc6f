// SPDX-License-Identifier: Apache-2.0
// Leases: claims that end by an answer, by release or by time. Exactly k:
// claims of one pool are decided one after another, on a state that nobody else
// moves.
#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/engine/engine_impl.h"

namespace allot {

int64_t Engine::Impl::CollectExpired(const PoolEntry& entry, int64_t now,
                                     std::vector<EventBody>& bodies) const {
  LeasesEnded expired;
  expired.reason = ReleaseReason::kExpired;
  for (const auto& [expires, id] : entry.state.expiries()) {
    if (expires > now) break;
    expired.ids.push_back(id);
  }
  const auto count = static_cast<int64_t>(expired.ids.size());
  if (count > 0) bodies.push_back(std::move(expired));
  return count;
}

absl::StatusOr<int64_t> Engine::Impl::ExpireLeases(PoolEntry& entry) {
  const MutexLock lock(entry.writer);
  const int64_t now = NowMicros();
  std::vector<EventBody> bodies;
  const int64_t ended = CollectExpired(entry, now, bodies);
  ALLOT_RETURN_IF_ERROR(entry.Commit(store_, std::move(bodies), now));
  return ended;
}

absl::StatusOr<std::vector<std::optional<Lease>>> Engine::Impl::Claim(
    PoolEntry& entry, const AllocateCall& call, const Draft& draft) {
  const MutexLock lock(entry.writer);
  const int64_t now = NowMicros();
  {
    std::vector<EventBody> expired;
    CollectExpired(entry, now, expired);
    ALLOT_RETURN_IF_ERROR(entry.Commit(store_, std::move(expired), now));
  }
  const std::shared_ptr<const PoolView> view = entry.View();
  const PoolState& state = entry.state;
  absl::flat_hash_map<int32_t, int32_t> claimed_of_labeler, claimed_of_task;
  absl::flat_hash_set<int32_t> recorded;
  std::vector<std::optional<Lease>> claims(draft.rows.size());
  TasksRecorded tasks;
  LeasesGranted granted;
  for (size_t i = 0; i < draft.rows.size(); ++i) {
    const auto [t, row] = draft.rows[i];
    const Task& task = call.tasks[t];
    const Roster& roster = *view->roster;
    int32_t& of_labeler = claimed_of_labeler[row];
    int32_t& of_task = claimed_of_task[t];
    const TaskRecord* record = state.FindTask(task.id);
    const auto held = record == nullptr
                          ? 0
                          : static_cast<int32_t>(record->answers.size() +
                                                 record->leases.size());
    const bool won = roster.live(row) &&
                     state.loads().Get(row) + of_labeler <
                         roster.block_of(row).capacity[Roster::lane(row)] &&
                     held + of_task < task.redundancy &&
                     (record == nullptr || !record->Involves(row));
    if (!won) continue;
    ++of_labeler;
    ++of_task;
    if (record == nullptr && recorded.insert(t).second) {
      tasks.tasks.push_back(task);
    }
    const int64_t number =
        state.leases_granted() + static_cast<int64_t>(granted.leases.size());
    claims[i] = Lease{absl::StrCat("L", number + 1), task.id,
                      roster.profile(row).id, now + *call.lease_micros};
    granted.leases.push_back(*claims[i]);
  }
  std::vector<EventBody> bodies;
  if (!tasks.tasks.empty()) bodies.push_back(std::move(tasks));
  if (!granted.leases.empty()) bodies.push_back(std::move(granted));
  ALLOT_RETURN_IF_ERROR(entry.Commit(store_, std::move(bodies), now));
  return claims;
}

absl::StatusOr<std::vector<LeaseResult>> Engine::Impl::RenewLeases(
    PoolEntry& entry, std::span<const std::string> ids, int64_t lease_micros) {
  const MutexLock lock(entry.writer);
  const int64_t now = NowMicros();
  std::vector<EventBody> bodies;
  CollectExpired(entry, now, bodies);
  ALLOT_RETURN_IF_ERROR(entry.Commit(store_, std::move(bodies), now));
  LeasesRenewed renewed;
  renewed.expires_unix_micros = now + lease_micros;
  std::vector<LeaseResult> results;
  for (const std::string& id : ids) {
    const bool open = entry.state.FindLease(id) != nullptr;
    results.push_back({open, open ? renewed.expires_unix_micros : 0});
    if (open) renewed.ids.push_back(id);
  }
  bodies.clear();
  if (!renewed.ids.empty()) bodies.push_back(std::move(renewed));
  ALLOT_RETURN_IF_ERROR(entry.Commit(store_, std::move(bodies), now));
  return results;
}

absl::StatusOr<std::vector<LeaseResult>> Engine::Impl::ReleaseLeases(
    PoolEntry& entry, std::span<const std::string> ids, ReleaseReason reason) {
  const MutexLock lock(entry.writer);
  LeasesEnded ended;
  ended.reason = reason;
  std::vector<LeaseResult> results;
  absl::flat_hash_set<std::string> seen;
  for (const std::string& id : ids) {
    const bool open =
        entry.state.FindLease(id) != nullptr && seen.insert(id).second;
    results.push_back({open, 0});
    if (open) ended.ids.push_back(id);
  }
  std::vector<EventBody> bodies;
  if (!ended.ids.empty()) bodies.push_back(std::move(ended));
  ALLOT_RETURN_IF_ERROR(entry.Commit(store_, std::move(bodies), NowMicros()));
  return results;
}

}  // namespace allot
