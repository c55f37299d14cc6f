// SPDX-License-Identifier: Apache-2.0
// Inside of engine.h; its methods are spread by use case over engine.cc,
// report.cc, allocate.cc, leases.cc, score.cc, refit.cc and replica.cc.
#ifndef ALLOT_LIB_ENGINE_ENGINE_IMPL_H_
#define ALLOT_LIB_ENGINE_ENGINE_IMPL_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "lib/base/status_macros.h"
#include "lib/engine/engine.h"
#include "lib/engine/planner.h"
#include "lib/engine/pool_entry.h"

namespace allot {

class Engine::Impl {
 public:
  Impl(Store* store, const Clock* clock, EngineOptions options)
      : store_(*store), clock_(*clock), options_(options) {}

  absl::Status Recover();
  // Runs `read`, and again if it ends in an error that may come of a state that
  // is behind a shared log.
  template <typename Read>
  auto Fresh(PoolEntry& entry, const Read& read) -> decltype(read());

  absl::StatusOr<PoolChange> UpsertPool(Pool pool,
                                        Request<PoolChange>* request);
  // Looks into a shared store for a pool that is not known here.
  absl::StatusOr<PoolEntry*> Find(absl::string_view pool) const;
  // Here only: null if it is not known.
  PoolEntry* FindHere(absl::string_view pool) const;
  // One without events, if there is none yet.
  PoolEntry& FindOrAdd(const std::string& pool);
  std::vector<PoolEntry*> Pools() const;
  PoolInfo Describe(const PoolEntry& entry) const;

  absl::StatusOr<LabelerChange> UpsertLabelers(
      PoolEntry& entry, std::vector<LabelerUpdate> labelers,
      Request<LabelerChange>* request);
  absl::StatusOr<LabelerDeletion> DeleteLabelers(
      PoolEntry& entry, std::vector<std::string> ids,
      Request<LabelerDeletion>* request);
  LabelerInfo Describe(const PoolEntry& entry, const Roster& roster,
                       int32_t row) const;

  absl::StatusOr<AnswerReceipt> ReportAnswers(PoolEntry& entry,
                                              AnswerReport report,
                                              Request<AnswerReceipt>* request);

  absl::StatusOr<Plan> Allocate(PoolEntry& entry, const AllocateCall& call,
                                Request<Plan>* request);

  absl::StatusOr<std::vector<LeaseResult>> RenewLeases(
      PoolEntry& entry, std::span<const std::string> ids, int64_t lease_micros,
      Request<std::vector<LeaseResult>>* request);
  absl::StatusOr<std::vector<LeaseResult>> ReleaseLeases(
      PoolEntry& entry, std::span<const std::string> ids, ReleaseReason reason,
      Request<std::vector<LeaseResult>>* request);
  absl::StatusOr<int64_t> ExpireLeases(PoolEntry& entry);

  absl::StatusOr<ScoreSheet> Score(const PoolEntry& entry,
                                   const ScoreCall& call) const;

  // Fits what is pending; false if nothing was.
  absl::StatusOr<bool> Refit(PoolEntry& entry);
  // Requires that `entry` is not folded meanwhile.
  RefitReport DescribeRefit(const PoolEntry& entry) const;

  absl::Status SaveCheckpoints(bool due_only);

  // Requires that `entry` is not folded meanwhile.
  absl::StatusOr<std::optional<Replay>> FindReplay(const PoolEntry& entry,
                                                   absl::string_view id,
                                                   uint64_t fingerprint) const;

  const EngineOptions& options() const { return options_; }
  int64_t NowMicros() const { return absl::ToUnixMicros(clock_.Now()); }
  int64_t HereMicros() const { return clock_.MonotonicNanos() / 1000; }
  // What a change is dated by. Read once: a change may wait long for the store.
  Moment Now() const {
    return {.here_micros = HereMicros(), .unix_micros = NowMicros()};
  }

  // Folds what other replicas appended to any pool.
  absl::Status CatchUpAll();
  absl::Status CatchUpOne(PoolEntry& entry);
  ReplicaStats replica_stats() const;

  Recovery recovery_;

 private:
  // A batch with its ids looked up and its tasks' history taken into account.
  struct Batch {
    std::shared_ptr<const PoolView> view;
    std::shared_ptr<const LoadTable> loads;
    std::vector<BatchTask> tasks;
    std::deque<Task> merged;  // tasks whose remembered specification wins
    std::vector<char> allowed;
    int64_t sequence = 0;  // of the state
  };
  // Claims that are decided and not in the log yet.
  struct PendingClaims {
    absl::flat_hash_map<int32_t, int32_t> of_labeler;  // how many, by row
    absl::flat_hash_map<std::string, absl::InlinedVector<int32_t, 4>>
        of_task;          // rows
    TasksRecorded tasks;  // that the claims make known
    LeasesGranted granted;
    std::vector<int32_t> labelers;  // rows of `granted`
  };
  // `pending` counts as if it were in the state; null for none.
  absl::StatusOr<Batch> Resolve(const PoolEntry& entry,
                                const AllocateCall& call,
                                const PendingClaims* pending) const;
  struct PlannedBatch {
    Batch batch;
    Draft draft;
    int64_t resolve_nanos = 0;
  };
  absl::StatusOr<PlannedBatch> PlanBatch(const PoolEntry& entry,
                                         const AllocateCall& call,
                                         const PendingClaims* pending) const;
  // Adds what can be claimed of the draft to `pending`. The pairs that were, as
  // leases; absent where somebody was faster. Requires entry.writer.
  std::vector<std::optional<Lease>> Claim(const PoolEntry& entry,
                                          const AllocateCall& call,
                                          const Draft& draft, int64_t now,
                                          PendingClaims& pending) const;
  // Plans the tasks that lost a claim once more and adds what that brings to
  // `plan` and `pending`. Requires entry.writer.
  absl::Status FillLost(PoolEntry& entry, const AllocateCall& call,
                        const std::vector<int32_t>& lost, int64_t now,
                        PendingClaims& pending, Plan& plan) const;
  // What is new in a report. Requires entry.writer. In a store that is not
  // shared it may use the report up.
  absl::StatusOr<AnswerReceipt> DecideAnswers(PoolEntry& entry,
                                              AnswerReport& report,
                                              Request<AnswerReceipt>* request);
  struct ClaimAttempt {
    int64_t start_nanos = 0;
    int32_t claims_lost_before = 0;
    bool last = false;  // a fresh plan is out of the question
    int32_t claims_lost = 0;
  };
  // Claims what a plan asks for, or says that too much was lost and a fresh
  // plan is called for: absent. Requires entry.writer. In a store that is not
  // shared it may use the plan up.
  absl::StatusOr<std::optional<Plan>> ClaimPlan(PoolEntry& entry,
                                                const AllocateCall& call,
                                                PlannedBatch& planned,
                                                ClaimAttempt& attempt,
                                                Request<Plan>* request);
  // Ends leases that are over. Requires entry.writer.
  absl::Status Expire(PoolEntry& entry, const Moment& now);

  // Whether the call was answered before; its replay is then set. Requires
  // entry.writer.
  template <typename Result>
  absl::StatusOr<bool> IsReplay(const PoolEntry& entry,
                                Request<Result>* request) const {
    if (request == nullptr) return false;
    ALLOT_ASSIGN_OR_RETURN(
        request->replay, FindReplay(entry, request->id, request->fingerprint));
    return request->replay.has_value();
  }
  // Commits what a call changes, together with its response if that is to be
  // remembered. `labelers` is as in PoolState::Apply(). Requires entry.writer.
  template <typename Result>
  absl::Status Commit(PoolEntry& entry, std::vector<EventBody> bodies,
                      const Moment& now, const Result& result,
                      Request<Result>* request,
                      std::span<const int32_t> labelers = {}) {
    if (request == nullptr) {
      if (bodies.empty()) return entry.CheckUpToDate(store_);
      return entry.Commit(store_, std::move(bodies), now, labelers);
    }
    bodies.push_back(RequestAnswered{request->id, request->fingerprint,
                                     request->encode(result)});
    ALLOT_RETURN_IF_ERROR(
        entry.Commit(store_, std::move(bodies), now, labelers));
    request->sequence = entry.state.sequence();
    return absl::OkStatus();
  }
  // Appends to `bodies` the end of every lease that is over.
  int64_t CollectExpired(const PoolEntry& entry,
                         std::vector<EventBody>& bodies) const;

  // Makes a change: runs `decide` on the entry's state, with entry.writer held,
  // until it says something that holds. What does not: kAborted, when another
  // replica was faster; then what that one did is folded first. An error, which
  // may come of a state that is behind; it is looked at again once if there was
  // something to fold.
  template <typename Decide>
  auto Change(PoolEntry& entry, const Decide& decide) -> decltype(decide());
  // Folds what others appended; returns how many events. Requires entry.writer.
  absl::StatusOr<int64_t> CatchUp(PoolEntry& entry);
  // Folds checkpoints and logs of all pools.
  absl::Status Fold();
  // kAborted: there is such a pool.
  absl::StatusOr<PoolChange> CreatePool(const Pool& pool,
                                        Request<PoolChange>* request);
  // Folds the checkpoint and the log anew. Requires entry.writer.
  absl::Status Reload(PoolEntry& entry);
  int64_t SequenceOf(const PoolEntry& entry) const;
  // A pool that another replica has created; null if there is none.
  absl::StatusOr<PoolEntry*> Discover(absl::string_view pool) const;

  Store& store_;
  const Clock& clock_;
  const EngineOptions options_;
  // A shared store may show new pools to anybody who asks.
  mutable Mutex creation_;  // one new pool at a time
  mutable std::shared_mutex pools_mutex_;
  mutable std::map<std::string, std::unique_ptr<PoolEntry>, std::less<>> pools_;

  mutable Mutex stats_mutex_;
  ReplicaStats stats_ ABSL_GUARDED_BY(stats_mutex_);
};

inline const absl::Status& StatusOf(const absl::Status& status) {
  return status;
}
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

template <typename Decide>
auto Engine::Impl::Change(PoolEntry& entry, const Decide& decide)
    -> decltype(decide()) {
  // Of many replicas that race, one gets in at each try; so many lost in a row
  // are as good as impossible.
  constexpr int kMostTries = 64;
  const MutexLock lock(entry.writer);
  bool looked_again = false;
  for (int tries = 1;; ++tries) {
    auto result = decide();
    const absl::Status& status = StatusOf(result);
    if (status.ok() || !store_.shared() || absl::IsUnavailable(status)) {
      return result;
    }
    const bool behind = absl::IsAborted(status) || absl::IsDataLoss(status);
    if (behind ? tries == kMostTries : looked_again) return result;
    if (absl::IsAborted(status)) {
      const MutexLock stats_lock(stats_mutex_);
      ++stats_.conflicts;
    }
    looked_again = looked_again || !behind;
    const absl::StatusOr<int64_t> folded = CatchUp(entry);
    if (behind && !folded.ok()) return folded.status();
    if (!behind && folded.value_or(0) == 0) return result;
  }
}

template <typename Read>
auto Engine::Impl::Fresh(PoolEntry& entry, const Read& read)
    -> decltype(read()) {
  auto result = read();
  if (StatusOf(result).ok() || !store_.shared()) return result;
  {
    const MutexLock lock(entry.writer);
    if (CatchUp(entry).value_or(0) == 0) return result;
  }
  return read();
}

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_ENGINE_IMPL_H_
