// SPDX-License-Identifier: Apache-2.0
// Inside of engine.h; its methods are spread by use case over engine.cc,
// report.cc, allocate.cc, leases.cc, score.cc and refit.cc.
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

  absl::StatusOr<PoolChange> UpsertPool(Pool pool,
                                        Request<PoolChange>* request);
  absl::StatusOr<PoolEntry*> Find(absl::string_view pool) const;
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

  absl::Status SaveCheckpoints(int64_t least_answers);

  // Requires that `entry` is not folded meanwhile.
  absl::StatusOr<std::optional<Replay>> FindReplay(const PoolEntry& entry,
                                                   absl::string_view id,
                                                   uint64_t fingerprint) const;

  const EngineOptions& options() const { return options_; }
  int64_t NowMicros() const { return absl::ToUnixMicros(clock_.Now()); }

  Recovery recovery_;

 private:
  // A batch with its ids looked up and its tasks' history taken into account.
  struct Batch {
    std::shared_ptr<const PoolView> view;
    std::vector<BatchTask> tasks;
    std::deque<Task> merged;  // tasks whose remembered specification wins
    std::vector<char> allowed;
  };
  // Claims that are decided and not in the log yet.
  struct PendingClaims {
    absl::flat_hash_map<int32_t, int32_t> of_labeler;  // how many, by row
    absl::flat_hash_map<std::string, std::vector<int32_t>> of_task;  // rows
    TasksRecorded tasks;  // that the claims make known
    LeasesGranted granted;
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
  // Ends leases that are over. Requires entry.writer.
  absl::Status Expire(PoolEntry& entry, int64_t now);

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
  // remembered. Requires entry.writer.
  template <typename Result>
  absl::Status Commit(PoolEntry& entry, std::vector<EventBody> bodies,
                      int64_t now, const Result& result,
                      Request<Result>* request) {
    if (request == nullptr) return entry.Commit(store_, std::move(bodies), now);
    bodies.push_back(RequestAnswered{request->id, request->fingerprint,
                                     request->encode(result)});
    ALLOT_RETURN_IF_ERROR(entry.Commit(store_, std::move(bodies), now));
    request->sequence = entry.state.sequence();
    return absl::OkStatus();
  }
  // Appends to `bodies` the end of every lease that is over.
  int64_t CollectExpired(const PoolEntry& entry, int64_t now,
                         std::vector<EventBody>& bodies) const;

  Store& store_;
  const Clock& clock_;
  const EngineOptions options_;
  Mutex creation_;  // one new pool at a time
  mutable std::shared_mutex pools_mutex_;
  std::map<std::string, std::unique_ptr<PoolEntry>, std::less<>> pools_;
};

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_ENGINE_IMPL_H_
