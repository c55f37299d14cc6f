// SPDX-License-Identifier: Apache-2.0
// Leases: claims that end by an answer, by release or by time. Exactly k:
// claims of one pool are decided one after another, on a state that nobody else
// moves, or the store refuses them (store.h).
//
// A lease lasts for as long as it was granted for, on each replica's steady
// clock, from when the replica granted it or, at the latest, folded it. How
// much earlier than folded it was granted, its wall clock tells, but wall
// clocks jump and differ: it is believed back to when the replica last saw all
// of the log, usually some 50 ms. The first replica to see the lease end says
// so in the log.
#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/engine/engine_impl.h"
#include "lib/skill/speed.h"

namespace allot {
namespace {

// A lease whose length the caller left open: she takes longer once in a hundred
// times. She works on what she holds one after another.
constexpr double kLeaseQuantile = 0.99;
constexpr double kLeastLeaseSeconds = 60;
constexpr double kMostLeaseSeconds = 7 * 24 * 3600;

int64_t LeaseByHandlingTime(const SpeedBelief& speed, const Task& task,
                            int32_t held) {
  const double one = QuantileSeconds(speed, task.base_seconds, kLeaseQuantile);
  const double seconds =
      std::clamp(one * (1 + held), kLeastLeaseSeconds, kMostLeaseSeconds);
  return static_cast<int64_t>(1e6 * seconds);
}

}  // namespace

int64_t Engine::Impl::CollectExpired(const PoolEntry& entry,
                                     std::vector<EventBody>& bodies) const {
  LeasesEnded expired;
  expired.reason = ReleaseReason::kExpired;
  expired.ids = entry.state.expiries().EndedBy(HereMicros());
  const auto count = static_cast<int64_t>(expired.ids.size());
  if (count > 0) bodies.push_back(std::move(expired));
  return count;
}

absl::StatusOr<int64_t> Engine::Impl::ExpireLeases(PoolEntry& entry) {
  // Every replica does; the log takes it from one.
  return Change(entry, [&]() -> absl::StatusOr<int64_t> {
    std::vector<EventBody> bodies;
    const int64_t ended = CollectExpired(entry, bodies);
    ALLOT_RETURN_IF_ERROR(entry.Commit(store_, std::move(bodies), Now()));
    return ended;
  });
}

absl::Status Engine::Impl::Expire(PoolEntry& entry, const Moment& now) {
  std::vector<EventBody> expired;
  CollectExpired(entry, expired);
  return entry.Commit(store_, std::move(expired), now);
}

std::vector<std::optional<Lease>> Engine::Impl::Claim(
    const PoolEntry& entry, const AllocateCall& call, const Draft& draft,
    int64_t now, PendingClaims& pending) const {
  const std::shared_ptr<const PoolView> view = entry.View();
  const Roster& roster = *view->roster;
  const PoolState& state = entry.state;
  std::vector<std::optional<Lease>> claims(draft.rows.size());
  pending.tasks.tasks.reserve(call.tasks.size());
  pending.granted.leases.reserve(pending.granted.leases.size() +
                                 draft.rows.size());
  // Pairs come by task.
  int32_t looked_up = -1;
  const TaskRecord* record = nullptr;
  absl::InlinedVector<int32_t, 4>* claimed = nullptr;
  for (size_t i = 0; i < draft.rows.size(); ++i) {
    const auto [t, row] = draft.rows[i];
    const Task& task = call.tasks[t];
    if (t != looked_up) {
      record = state.FindTask(task.id);
      claimed = &pending.of_task[task.id];
      looked_up = t;
    }
    absl::InlinedVector<int32_t, 4>& of_task = *claimed;
    int32_t& of_labeler = pending.of_labeler[row];
    const size_t held =
        of_task.size() + (record == nullptr
                              ? 0
                              : record->answers.size() + record->leases.size());
    const RosterBlock& block = roster.block_of(row);
    const int lane = Roster::lane(row);
    const int32_t load = state.loads().Get(row) + of_labeler;
    const bool won =
        roster.live(row) && load < block.capacity[lane] &&
        held < static_cast<size_t>(task.redundancy) &&
        std::ranges::find(of_task, row) == of_task.end() &&
        (record == nullptr || (!record->withdrawn && !record->Involves(row)));
    if (!won) continue;
    if (record == nullptr && of_task.empty()) {
      pending.tasks.tasks.push_back(task);
    }
    ++of_labeler;
    of_task.push_back(row);
    const int64_t number = state.leases_granted() + 1 +
                           static_cast<int64_t>(pending.granted.leases.size());
    const int64_t lease_micros =
        *call.lease_micros == kLeaseByHandlingTime
            ? LeaseByHandlingTime(block.speed[lane], task, load)
            : *call.lease_micros;
    claims[i] = Lease{absl::StrCat("L", number), task.id,
                      roster.profile(row).id, now + lease_micros};
    pending.granted.leases.push_back(*claims[i]);
    pending.labelers.push_back(row);
  }
  return claims;
}

absl::StatusOr<std::vector<LeaseResult>> Engine::Impl::RenewLeases(
    PoolEntry& entry, std::span<const std::string> ids, int64_t lease_micros,
    Request<std::vector<LeaseResult>>* request) {
  return Change(entry, [&]() -> absl::StatusOr<std::vector<LeaseResult>> {
    std::vector<LeaseResult> results;
    ALLOT_ASSIGN_OR_RETURN(const bool replay, IsReplay(entry, request));
    if (replay) return results;
    const Moment now = Now();
    ALLOT_RETURN_IF_ERROR(Expire(entry, now));
    LeasesRenewed renewed;
    renewed.expires_unix_micros = now.unix_micros + lease_micros;
    for (const std::string& id : ids) {
      const bool open = entry.state.FindLease(id) != nullptr;
      results.push_back({open, open ? renewed.expires_unix_micros : 0});
      if (open) renewed.ids.push_back(id);
    }
    std::vector<EventBody> bodies;
    if (!renewed.ids.empty()) bodies.push_back(std::move(renewed));
    ALLOT_RETURN_IF_ERROR(
        Commit(entry, std::move(bodies), now, results, request));
    return results;
  });
}

absl::StatusOr<std::vector<LeaseResult>> Engine::Impl::ReleaseLeases(
    PoolEntry& entry, std::span<const std::string> ids, ReleaseReason reason,
    Request<std::vector<LeaseResult>>* request) {
  return Change(entry, [&]() -> absl::StatusOr<std::vector<LeaseResult>> {
    std::vector<LeaseResult> results;
    ALLOT_ASSIGN_OR_RETURN(const bool replay, IsReplay(entry, request));
    if (replay) return results;
    LeasesEnded ended;
    ended.reason = reason;
    absl::flat_hash_set<std::string> seen;
    for (const std::string& id : ids) {
      const bool open =
          entry.state.FindLease(id) != nullptr && seen.insert(id).second;
      results.push_back({open, 0});
      if (open) ended.ids.push_back(id);
    }
    std::vector<EventBody> bodies;
    if (!ended.ids.empty()) bodies.push_back(std::move(ended));
    ALLOT_RETURN_IF_ERROR(
        Commit(entry, std::move(bodies), Now(), results, request));
    return results;
  });
}

}  // namespace allot
