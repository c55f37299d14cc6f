// SPDX-License-Identifier: Apache-2.0
#include "lib/engine/engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/engine/checkpoint.h"
#include "lib/engine/engine_impl.h"

namespace allot {
namespace {

absl::Status UnknownLabeler(absl::string_view pool, absl::string_view labeler) {
  return absl::NotFoundError(absl::StrCat("labeler_id: there is no labeler \"",
                                          labeler, "\" in pool \"", pool,
                                          "\""));
}

// Learned skill vectors depend on the order of the skills.
absl::Status CheckSkillsKept(const Pool& before, const Pool& after) {
  for (size_t d = 0; d < before.skills.size(); ++d) {
    if (d < after.skills.size() &&
        after.skills[d].name == before.skills[d].name) {
      continue;
    }
    return absl::FailedPreconditionError(
        absl::StrCat("pool.skills: skill ", d, " of pool \"", before.id,
                     "\" is \"", before.skills[d].name,
                     "\" and must stay so: skills may only be appended"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Engine::Impl::Recover() {
  const int64_t looked = HereMicros();
  // Other replicas may trim a log between its checkpoint and its tail.
  absl::Status status = Fold();
  for (int tries = 1; absl::IsOutOfRange(status) && tries < 5; ++tries) {
    status = Fold();
  }
  ALLOT_RETURN_IF_ERROR(status);
  for (const auto& [id, entry] : pools_) {
    // Alone there is nobody else to end leases on time: the clock is believed.
    // Of a shared store's leases others know when they end.
    entry->state.RestartLeases(
        store_.shared() ? std::nullopt : std::optional<int64_t>(NowMicros()),
        HereMicros());
    entry->complete_micros = looked;
    entry->Publish();
    ALLOT_RETURN_IF_ERROR(Refit(*entry).status());
    recovery_.labelers += entry->View()->roster->num_labelers();
    recovery_.answers += entry->state.num_answers();
  }
  recovery_.pools = static_cast<int64_t>(pools_.size());
  return absl::OkStatus();
}

absl::Status Engine::Impl::Fold() {
  pools_.clear();
  recovery_ = Recovery();
  ALLOT_ASSIGN_OR_RETURN(const std::vector<Checkpoint> checkpoints,
                         store_.LoadCheckpoints());
  LogPositions known;
  for (const Checkpoint& checkpoint : checkpoints) {
    PoolEntry& entry = FindOrAdd(checkpoint.pool);
    // A checkpoint of another version is no error while the log has it all.
    if (!RestoreCheckpoint(checkpoint.bytes, entry.state).ok()) continue;
    ++recovery_.checkpoints_used;
    entry.checkpoint_sequence = checkpoint.sequence;
    entry.checkpoint_answers = entry.state.num_answers();
    known[checkpoint.pool] = checkpoint.sequence;
  }
  return store_.LoadAll(known, [&](int64_t sequence, Event&& event) {
    PoolEntry& entry = FindOrAdd(event.pool);
    entry.state.Apply(sequence, std::move(event), 0);
    ++entry.events_since_checkpoint;
    ++recovery_.events_replayed;
    return absl::OkStatus();
  });
}

PoolEntry* Engine::Impl::FindHere(absl::string_view pool) const {
  const std::shared_lock<std::shared_mutex> lock(pools_mutex_);
  const auto found = pools_.find(pool);
  return found == pools_.end() ? nullptr : found->second.get();
}

PoolEntry& Engine::Impl::FindOrAdd(const std::string& pool) {
  const std::unique_lock<std::shared_mutex> lock(pools_mutex_);
  std::unique_ptr<PoolEntry>& entry = pools_[pool];
  if (entry == nullptr) {
    entry = std::make_unique<PoolEntry>();
    entry->id = pool;
  }
  return *entry;
}

absl::StatusOr<PoolEntry*> Engine::Impl::Find(absl::string_view pool) const {
  if (PoolEntry* entry = FindHere(pool)) return entry;
  if (store_.shared()) {
    ALLOT_ASSIGN_OR_RETURN(PoolEntry* const entry, Discover(pool));
    if (entry != nullptr) return entry;
  }
  return absl::NotFoundError(
      absl::StrCat("pool_id: there is no pool \"", pool,
                   "\"; create it with PoolService.UpsertPool"));
}

std::vector<PoolEntry*> Engine::Impl::Pools() const {
  const std::shared_lock<std::shared_mutex> lock(pools_mutex_);
  std::vector<PoolEntry*> entries;
  for (const auto& [id, entry] : pools_) entries.push_back(entry.get());
  return entries;
}

absl::StatusOr<std::optional<Replay>> Engine::Impl::FindReplay(
    const PoolEntry& entry, absl::string_view id, uint64_t fingerprint) const {
  const RequestTable::Entry* known =
      entry.state.requests().Find(id, NowMicros());
  if (known == nullptr) return std::nullopt;
  if (known->request.fingerprint != fingerprint) {
    return absl::InvalidArgumentError(
        "request_id: was used before with another request");
  }
  return Replay{known->request.response, known->sequence};
}

absl::StatusOr<PoolChange> Engine::Impl::UpsertPool(
    Pool pool, Request<PoolChange>* request) {
  const absl::StatusOr<PoolEntry*> known = Find(pool.id);
  if (!known.ok()) {
    if (!absl::IsNotFound(known.status())) return known.status();
    absl::StatusOr<PoolChange> created = CreatePool(pool, request);
    // kAborted: another call, or another replica, was faster.
    if (!absl::IsAborted(created.status())) return created;
  }
  ALLOT_ASSIGN_OR_RETURN(PoolEntry* const entry, Find(pool.id));
  return Change(*entry, [&]() -> absl::StatusOr<PoolChange> {
    ALLOT_ASSIGN_OR_RETURN(const bool replay, IsReplay(*entry, request));
    if (replay) return PoolChange();
    ALLOT_RETURN_IF_ERROR(CheckSkillsKept(*entry->state.pool(), pool));
    const PoolChange change{std::make_shared<const Pool>(pool), false};
    ALLOT_RETURN_IF_ERROR(
        Commit(*entry, {PoolUpserted{pool}}, Now(), change, request));
    return change;
  });
}

absl::StatusOr<PoolChange> Engine::Impl::CreatePool(
    const Pool& pool, Request<PoolChange>* request) {
  const MutexLock creation(creation_);
  if (FindHere(pool.id) != nullptr) return absl::AbortedError("it is there");
  auto entry = std::make_unique<PoolEntry>();
  entry->id = pool.id;
  const PoolChange change{std::make_shared<const Pool>(pool), true};
  {
    const MutexLock lock(entry->writer);
    ALLOT_RETURN_IF_ERROR(
        Commit(*entry, {PoolUpserted{pool}}, Now(), change, request));
  }
  const std::unique_lock<std::shared_mutex> lock(pools_mutex_);
  pools_[pool.id] = std::move(entry);
  return change;
}

PoolInfo Engine::Impl::Describe(const PoolEntry& entry) const {
  const std::shared_lock<std::shared_mutex> lock(entry.state_mutex);
  const std::shared_ptr<const PoolView> view = entry.View();
  PoolInfo info;
  info.pool = view->pool;
  info.stats.labelers = view->roster->num_labelers();
  info.stats.tasks = static_cast<int64_t>(entry.state.tasks().size());
  info.stats.answers = entry.state.num_answers();
  info.stats.open_leases = entry.state.num_leases();
  info.stats.roster_version = view->roster->version();
  info.stats.kept_responses =
      static_cast<int64_t>(entry.state.requests().by_age().size());
  info.stats.kept_response_bytes =
      static_cast<int64_t>(entry.state.requests().bytes());
  info.stats.refit = DescribeRefit(entry);
  info.stats.newcomer_prior = entry.state.newcomer_prior();
  return info;
}

absl::StatusOr<LabelerChange> Engine::Impl::UpsertLabelers(
    PoolEntry& entry, std::vector<LabelerUpdate> labelers,
    Request<LabelerChange>* request) {
  return Change(entry, [&]() -> absl::StatusOr<LabelerChange> {
    LabelerChange change;
    ALLOT_ASSIGN_OR_RETURN(const bool replay, IsReplay(entry, request));
    if (replay) return change;
    const std::shared_ptr<const PoolView> before = entry.View();
    for (const LabelerUpdate& labeler : labelers) {
      ++(before->roster->Find(labeler.id) ? change.updated : change.created);
    }
    // Decided again if another replica is faster: the labelers must stay.
    LabelersUpserted upserted;
    if (store_.shared()) {
      upserted.labelers = labelers;
    } else {
      upserted.labelers = std::move(labelers);
    }
    ALLOT_RETURN_IF_ERROR(
        Commit(entry, {std::move(upserted)}, Now(), change, request));
    change.roster_version = entry.View()->roster->version();
    return change;
  });
}

absl::StatusOr<LabelerDeletion> Engine::Impl::DeleteLabelers(
    PoolEntry& entry, std::vector<std::string> ids,
    Request<LabelerDeletion>* request) {
  return Change(entry, [&]() -> absl::StatusOr<LabelerDeletion> {
    LabelerDeletion result;
    ALLOT_ASSIGN_OR_RETURN(const bool replay, IsReplay(entry, request));
    if (replay) return result;
    const std::shared_ptr<const PoolView> before = entry.View();
    LabelersDeleted deleted;
    absl::flat_hash_set<int32_t> rows;
    for (const std::string& id : ids) {
      const std::optional<int32_t> row = before->roster->Find(id);
      if (row && rows.insert(*row).second) deleted.ids.push_back(id);
    }
    result.deleted = static_cast<int32_t>(deleted.ids.size());
    // Her leases go back to the tasks they were on.
    LeasesEnded ended;
    for (const auto& [id, task] : entry.state.tasks()) {
      for (const OpenLease& lease : task->leases) {
        if (rows.contains(lease.labeler)) ended.ids.push_back(lease.id);
      }
    }
    std::sort(ended.ids.begin(), ended.ids.end());
    result.roster_version = deleted.ids.empty() ? before->roster->version() : 0;
    std::vector<EventBody> bodies;
    if (!ended.ids.empty()) bodies.push_back(std::move(ended));
    if (!deleted.ids.empty()) bodies.push_back(std::move(deleted));
    ALLOT_RETURN_IF_ERROR(
        Commit(entry, std::move(bodies), Now(), result, request));
    result.roster_version = entry.View()->roster->version();
    return result;
  });
}

LabelerInfo Engine::Impl::Describe(const PoolEntry& entry, const Roster& roster,
                                   int32_t row) const {
  return {roster.Describe(row), entry.state.loads().Get(row)};
}

absl::Status Engine::Impl::SaveCheckpoints(bool due_only) {
  for (PoolEntry* entry : Pools()) {
    const MutexLock lock(entry->writer);
    const PoolState& state = entry->state;
    const int64_t gained = state.num_answers() - entry->checkpoint_answers;
    if (state.sequence() == entry->checkpoint_sequence) continue;
    if (due_only && gained < options_.checkpoint_answers &&
        entry->events_since_checkpoint < options_.checkpoint_events) {
      continue;
    }
    Checkpoint checkpoint{entry->id, state.sequence(), SaveCheckpoint(state)};
    ALLOT_RETURN_IF_ERROR(store_.SaveCheckpoints({&checkpoint, 1}));
    entry->CheckpointSaved(checkpoint.sequence);
  }
  return absl::OkStatus();
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::~Engine() = default;

absl::StatusOr<std::unique_ptr<Engine>> Engine::Open(Store* store,
                                                     const Clock* clock,
                                                     EngineOptions options) {
  auto impl = std::make_unique<Impl>(store, clock, options);
  ALLOT_RETURN_IF_ERROR(impl->Recover());
  return std::unique_ptr<Engine>(new Engine(std::move(impl)));
}

const Recovery& Engine::recovery() const { return impl_->recovery_; }

absl::StatusOr<std::optional<Replay>> Engine::FindReplay(
    absl::string_view pool, absl::string_view id, uint64_t fingerprint) const {
  const PoolEntry* entry = impl_->FindHere(pool);
  if (entry == nullptr) return std::nullopt;
  const std::shared_lock<std::shared_mutex> lock(entry->state_mutex);
  return impl_->FindReplay(*entry, id, fingerprint);
}

absl::StatusOr<PoolChange> Engine::UpsertPool(Pool pool,
                                              Request<PoolChange>* request) {
  return impl_->UpsertPool(std::move(pool), request);
}

absl::StatusOr<std::shared_ptr<const Pool>> Engine::FindPool(
    absl::string_view pool) const {
  ALLOT_ASSIGN_OR_RETURN(const PoolEntry* entry, impl_->Find(pool));
  return entry->View()->pool;
}

absl::StatusOr<PoolInfo> Engine::GetPool(absl::string_view pool) const {
  ALLOT_ASSIGN_OR_RETURN(const PoolEntry* entry, impl_->Find(pool));
  return impl_->Describe(*entry);
}

std::vector<PoolInfo> Engine::ListPools() const {
  std::vector<PoolInfo> infos;
  for (const PoolEntry* entry : impl_->Pools()) {
    infos.push_back(impl_->Describe(*entry));
  }
  return infos;
}

absl::StatusOr<LabelerChange> Engine::UpsertLabelers(
    absl::string_view pool, std::vector<LabelerUpdate> labelers,
    Request<LabelerChange>* request) {
  ALLOT_ASSIGN_OR_RETURN(PoolEntry * entry, impl_->Find(pool));
  return impl_->UpsertLabelers(*entry, std::move(labelers), request);
}

absl::StatusOr<LabelerInfo> Engine::GetLabeler(
    absl::string_view pool, absl::string_view labeler) const {
  ALLOT_ASSIGN_OR_RETURN(PoolEntry * entry, impl_->Find(pool));
  return impl_->Fresh(*entry, [&]() -> absl::StatusOr<LabelerInfo> {
    const std::shared_lock<std::shared_mutex> lock(entry->state_mutex);
    const std::shared_ptr<const PoolView> view = entry->View();
    const std::optional<int32_t> row = view->roster->Find(labeler);
    if (!row) return UnknownLabeler(pool, labeler);
    return impl_->Describe(*entry, *view->roster, *row);
  });
}

absl::StatusOr<std::optional<Task>> Engine::FindTask(
    absl::string_view pool, absl::string_view task) const {
  ALLOT_ASSIGN_OR_RETURN(const PoolEntry* entry, impl_->Find(pool));
  const std::shared_lock<std::shared_mutex> lock(entry->state_mutex);
  const TaskRecord* record = entry->state.FindTask(task);
  if (record == nullptr) return std::nullopt;
  return record->spec;
}

absl::StatusOr<LabelerPage> Engine::ListLabelers(absl::string_view pool,
                                                 int64_t first_row,
                                                 int32_t limit) const {
  ALLOT_ASSIGN_OR_RETURN(const PoolEntry* entry, impl_->Find(pool));
  const std::shared_lock<std::shared_mutex> lock(entry->state_mutex);
  const std::shared_ptr<const PoolView> view = entry->View();
  const Roster& roster = *view->roster;
  LabelerPage page;
  page.total = roster.num_labelers();
  for (int64_t row = std::max<int64_t>(first_row, 0); row < roster.num_rows();
       ++row) {
    const auto at = static_cast<int32_t>(row);
    if (!roster.live(at)) continue;
    if (static_cast<int32_t>(page.labelers.size()) == limit) {
      page.next_row = row;
      break;
    }
    page.labelers.push_back(impl_->Describe(*entry, roster, at));
  }
  return page;
}

absl::StatusOr<LabelerDeletion> Engine::DeleteLabelers(
    absl::string_view pool, std::vector<std::string> labelers,
    Request<LabelerDeletion>* request) {
  ALLOT_ASSIGN_OR_RETURN(PoolEntry * entry, impl_->Find(pool));
  return impl_->DeleteLabelers(*entry, std::move(labelers), request);
}

absl::StatusOr<AnswerReceipt> Engine::ReportAnswers(
    AnswerReport report, Request<AnswerReceipt>* request) {
  ALLOT_ASSIGN_OR_RETURN(PoolEntry * entry, impl_->Find(report.pool));
  return impl_->ReportAnswers(*entry, std::move(report), request);
}

absl::StatusOr<Plan> Engine::Allocate(const AllocateCall& call,
                                      Request<Plan>* request) {
  ALLOT_ASSIGN_OR_RETURN(PoolEntry * entry, impl_->Find(call.pool));
  return impl_->Allocate(*entry, call, request);
}

absl::StatusOr<std::vector<LeaseResult>> Engine::RenewLeases(
    absl::string_view pool, std::span<const std::string> leases,
    int64_t lease_micros, Request<std::vector<LeaseResult>>* request) {
  ALLOT_ASSIGN_OR_RETURN(PoolEntry * entry, impl_->Find(pool));
  return impl_->RenewLeases(*entry, leases, lease_micros, request);
}

absl::StatusOr<std::vector<LeaseResult>> Engine::ReleaseLeases(
    absl::string_view pool, std::span<const std::string> leases,
    ReleaseReason reason, Request<std::vector<LeaseResult>>* request) {
  ALLOT_ASSIGN_OR_RETURN(PoolEntry * entry, impl_->Find(pool));
  return impl_->ReleaseLeases(*entry, leases, reason, request);
}

absl::StatusOr<int64_t> Engine::ExpireLeases() {
  int64_t ended = 0;
  for (PoolEntry* entry : impl_->Pools()) {
    ALLOT_ASSIGN_OR_RETURN(const int64_t here, impl_->ExpireLeases(*entry));
    ended += here;
  }
  return ended;
}

absl::StatusOr<ScoreSheet> Engine::Score(const ScoreCall& call) const {
  ALLOT_ASSIGN_OR_RETURN(PoolEntry * entry, impl_->Find(call.pool));
  return impl_->Fresh(*entry, [&] { return impl_->Score(*entry, call); });
}

absl::StatusOr<RefitReport> Engine::Refit(absl::string_view pool) {
  ALLOT_ASSIGN_OR_RETURN(PoolEntry * entry, impl_->Find(pool));
  ALLOT_RETURN_IF_ERROR(impl_->Refit(*entry).status());
  return impl_->Describe(*entry).stats.refit;
}

absl::StatusOr<int64_t> Engine::RefitDue() {
  int64_t fitted = 0;
  for (PoolEntry* entry : impl_->Pools()) {
    ALLOT_ASSIGN_OR_RETURN(const bool done, impl_->Refit(*entry));
    fitted += done ? 1 : 0;
  }
  return fitted;
}

absl::Status Engine::SaveCheckpoints() {
  return impl_->SaveCheckpoints(/*due_only=*/false);
}

absl::Status Engine::SaveDueCheckpoints() {
  return impl_->SaveCheckpoints(/*due_only=*/true);
}

absl::Status Engine::CatchUp() { return impl_->CatchUpAll(); }

absl::Status Engine::CatchUp(absl::string_view pool) {
  ALLOT_ASSIGN_OR_RETURN(PoolEntry * entry, impl_->Find(pool));
  return impl_->CatchUpOne(*entry);
}

ReplicaStats Engine::replica_stats() const { return impl_->replica_stats(); }

}  // namespace allot
