// SPDX-License-Identifier: Apache-2.0
// Inside of engine.h; its methods are spread by use case over engine.cc,
// report.cc, allocate.cc, leases.cc, score.cc and refit.cc.
#ifndef ALLOT_LIB_ENGINE_ENGINE_IMPL_H_
#define ALLOT_LIB_ENGINE_ENGINE_IMPL_H_

#include <deque>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "lib/engine/engine.h"
#include "lib/engine/planner.h"
#include "lib/engine/pool_entry.h"

namespace allot {

class Engine::Impl {
 public:
  Impl(Store* store, const Clock* clock, EngineOptions options)
      : store_(*store), clock_(*clock), options_(options) {}

  absl::Status Recover();

  absl::StatusOr<PoolChange> UpsertPool(Pool pool);
  absl::StatusOr<PoolEntry*> Find(absl::string_view pool) const;
  std::vector<PoolEntry*> Pools() const;
  PoolInfo Describe(const PoolEntry& entry) const;

  absl::StatusOr<LabelerChange> UpsertLabelers(
      PoolEntry& entry, std::vector<LabelerUpdate> labelers);
  absl::StatusOr<LabelerDeletion> DeleteLabelers(PoolEntry& entry,
                                                 std::vector<std::string> ids);
  LabelerInfo Describe(const PoolEntry& entry, const Roster& roster,
                       int32_t row) const;

  absl::StatusOr<AnswerReceipt> ReportAnswers(PoolEntry& entry,
                                              AnswerReport report);

  absl::StatusOr<Plan> Allocate(PoolEntry& entry, const AllocateCall& call);

  absl::StatusOr<std::vector<LeaseResult>> RenewLeases(
      PoolEntry& entry, std::span<const std::string> ids, int64_t lease_micros);
  absl::StatusOr<std::vector<LeaseResult>> ReleaseLeases(
      PoolEntry& entry, std::span<const std::string> ids, ReleaseReason reason);
  absl::StatusOr<int64_t> ExpireLeases(PoolEntry& entry);

  absl::StatusOr<ScoreSheet> Score(const PoolEntry& entry,
                                   const ScoreCall& call) const;

  // Fits what is pending; false if nothing was.
  absl::StatusOr<bool> Refit(PoolEntry& entry);
  // Requires that `entry` is not folded meanwhile.
  RefitReport DescribeRefit(const PoolEntry& entry) const;

  absl::Status SaveCheckpoints(int64_t least_answers);

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
  absl::StatusOr<Batch> Resolve(const PoolEntry& entry,
                                const AllocateCall& call) const;
  // The pairs of the draft that were claimed, as leases; absent where lost.
  absl::StatusOr<std::vector<std::optional<Lease>>> Claim(
      PoolEntry& entry, const AllocateCall& call, const Draft& draft);
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
