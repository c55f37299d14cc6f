// SPDX-License-Identifier: Apache-2.0
// Replicas: folding what others append to a log that is shared.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/engine/checkpoint.h"
#include "lib/engine/engine_impl.h"

namespace allot {
namespace {

// Readers see the state between two portions of this many events.
constexpr size_t kPortion = 64;
constexpr int kMostReloads = 5;

}  // namespace

absl::StatusOr<int64_t> Engine::Impl::CatchUp(PoolEntry& entry) {
  const int64_t looked = HereMicros();
  const int64_t before = entry.state.sequence();
  int64_t folded = 0;
  std::vector<std::pair<int64_t, Event>> missed;
  const auto fold = [&] {
    if (missed.empty()) return;
    const std::unique_lock<std::shared_mutex> lock(entry.state_mutex);
    const int64_t here = HereMicros(), now = NowMicros();
    for (auto& [sequence, event] : missed) {
      // How long ago it was, as far as a wall clock may be believed: not before
      // the last look.
      const int64_t ago = std::clamp<int64_t>(now - event.unix_micros, 0,
                                              here - entry.complete_micros);
      entry.state.Apply(sequence, std::move(event), here - ago);
    }
    entry.Publish();
    entry.events_since_checkpoint += static_cast<int64_t>(missed.size());
    folded += static_cast<int64_t>(missed.size());
    missed.clear();
  };
  const absl::Status status =
      store_.Load(entry.id, before, [&](int64_t sequence, Event&& event) {
        missed.emplace_back(sequence, std::move(event));
        if (missed.size() == kPortion) fold();
        return absl::OkStatus();
      });
  fold();
  const bool lost = absl::IsDataLoss(status);
  if (lost || absl::IsOutOfRange(status)) {
    const absl::Status reloaded = Reload(entry);
    const int64_t moved = entry.state.sequence() - before;
    if (lost) {
      // Others may stand where the lost ones were: one at least is gone. Where
      // nothing is left that could be folded anew, this is seen at every look.
      const int64_t known = entry.lost_at == before ? 1 : 0;
      entry.lost_at = reloaded.ok() ? -1 : before;
      const MutexLock lock(stats_mutex_);
      stats_.lost += std::max<int64_t>(-moved, 1) - known;
    }
    if (!reloaded.ok()) return lost ? status : reloaded;
    folded = std::max<int64_t>(moved, 1);
  } else if (!status.ok()) {
    return status;
  }
  entry.complete_micros = looked;
  const MutexLock lock(stats_mutex_);
  stats_.folded += folded;
  return folded;
}

absl::Status Engine::Impl::Reload(PoolEntry& entry) {
  absl::Status status;
  for (int tries = 0; tries < kMostReloads; ++tries) {
    PoolState fresh;
    int64_t after = 0;
    ALLOT_ASSIGN_OR_RETURN(const std::optional<Checkpoint> checkpoint,
                           store_.LoadCheckpoint(entry.id));
    if (checkpoint && RestoreCheckpoint(checkpoint->bytes, fresh).ok()) {
      after = checkpoint->sequence;
    }
    int64_t events = 0;
    status = store_.Load(entry.id, after, [&](int64_t sequence, Event&& event) {
      fresh.Apply(sequence, std::move(event), 0);
      ++events;
      return absl::OkStatus();
    });
    // The log was trimmed behind a newer checkpoint meanwhile.
    if (absl::IsOutOfRange(status)) continue;
    ALLOT_RETURN_IF_ERROR(status);
    if (fresh.pool() == nullptr) {
      return absl::NotFoundError(
          absl::StrCat("the log of pool \"", entry.id, "\" is empty"));
    }
    entry.complete_micros = HereMicros();
    fresh.RestartLeases(std::nullopt, entry.complete_micros);
    const std::unique_lock<std::shared_mutex> lock(entry.state_mutex);
    entry.state = std::move(fresh);
    ++entry.reloads;
    entry.Publish();
    entry.CheckpointSaved(after);
    entry.events_since_checkpoint = events;
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat(
      "pool \"", entry.id,
      "\" cannot be read: its log begins after its checkpoint, or that was "
      "written by another version (",
      status.message(), ")"));
}

absl::StatusOr<PoolEntry*> Engine::Impl::Discover(
    absl::string_view pool) const {
  const MutexLock creation(creation_);
  if (PoolEntry* entry = FindHere(pool)) return entry;
  auto entry = std::make_unique<PoolEntry>();
  entry->id = std::string(pool);
  // What is already in the log is there for readers, too.
  const absl::Status loaded = const_cast<Impl*>(this)->Reload(*entry);
  if (absl::IsNotFound(loaded)) return nullptr;
  ALLOT_RETURN_IF_ERROR(loaded);
  const std::unique_lock<std::shared_mutex> lock(pools_mutex_);
  std::unique_ptr<PoolEntry>& place = pools_[entry->id];
  place = std::move(entry);
  return place.get();
}

int64_t Engine::Impl::SequenceOf(const PoolEntry& entry) const {
  const std::shared_lock<std::shared_mutex> lock(entry.state_mutex);
  return entry.state.sequence();
}

absl::Status Engine::Impl::CatchUpOne(PoolEntry& entry) {
  if (!store_.shared()) return absl::OkStatus();
  const MutexLock lock(entry.writer);
  return CatchUp(entry).status();
}

absl::Status Engine::Impl::CatchUpAll() {
  if (!store_.shared()) return absl::OkStatus();
  const int64_t looked = clock_.MonotonicNanos();
  const int64_t lost_before = replica_stats().lost;
  ALLOT_ASSIGN_OR_RETURN(const std::vector<LogEnd> ends, store_.Ends());
  absl::Status first_error;
  int64_t lag = 0;
  std::vector<PoolEntry*> gone = Pools();
  for (const LogEnd& end : ends) {
    PoolEntry* entry = FindHere(end.pool);
    if (entry == nullptr) {
      lag += end.sequence;
      first_error.Update(Discover(end.pool).status());
      continue;
    }
    std::erase(gone, entry);
    const int64_t behind = end.sequence - SequenceOf(*entry);
    lag += std::max<int64_t>(behind, 0);
    if (behind != 0) first_error.Update(CatchUpOne(*entry));
    const MutexLock lock(entry->writer);
    if (behind == 0) {
      entry->complete_micros = std::max(entry->complete_micros, looked / 1000);
    }
    if (end.checkpoint > entry->checkpoint_sequence &&
        end.checkpoint <= entry->state.sequence()) {
      entry->CheckpointSaved(end.checkpoint);
    }
  }
  // Logs that are not there at all any more.
  for (PoolEntry* entry : gone) first_error.Update(CatchUpOne(*entry));
  const MutexLock lock(stats_mutex_);
  stats_.lag_events = lag;
  if (first_error.ok()) stats_.looked_nanos = looked;
  if (first_error.ok() && stats_.lost > lost_before) {
    return absl::DataLossError(absl::StrCat(
        "the store lost at least ", stats_.lost - lost_before,
        " events that it had acknowledged; what it has left was folded anew"));
  }
  return first_error;
}

ReplicaStats Engine::Impl::replica_stats() const {
  const MutexLock lock(stats_mutex_);
  return stats_;
}

}  // namespace allot
