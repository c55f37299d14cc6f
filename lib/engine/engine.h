// SPDX-License-Identifier: Apache-2.0
// The use cases: everything allot does, without a wire. The server, the
// simulator and the tests all call this one class.
//
// Threads  Every method may be called from any thread. Plans and scores read
//          an immutable snapshot and never wait for writers; changes to one
//          pool are made one after another.
// Errors   kNotFound names an unknown pool, labeler, task or policy by field
//          path and value; kFailedPrecondition for a change that the pool's
//          history forbids; kResourceExhausted, kUnavailable and
//          kFailedPrecondition from the store pass through, and then nothing
//          was changed. kInvalidArgument "request_id: was used before ..." for
//          an id that belongs to another request.
// Replicas Several engines, in as many processes, may use a store that is
//          shared(). Each decides on its own fold of the log, and the store
//          takes a decision only while that fold is up to date; else the engine
//          catches up and decides again, within the call. kUnavailable then
//          leaves open whether something was changed: a retry, with the same
//          request id where that matters, finds out.
// Retries  A method that changes something takes a Request (request.h), null
//          for none.
#ifndef ALLOT_LIB_ENGINE_ENGINE_H_
#define ALLOT_LIB_ENGINE_ENGINE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/base/clock.h"
#include "lib/engine/calls.h"
#include "lib/engine/request.h"
#include "lib/store/store.h"

namespace allot {

struct EngineOptions {
  // Answers between two checkpoints of a pool; a restart replays at most about
  // this many.
  int64_t checkpoint_answers = 200'000;
  // The same for events of any kind: leases come and go without answers.
  int64_t checkpoint_events = 200'000;
  // Threads that one large plan may use.
  int solver_threads = 1;
  // Threads that one re-fit may use.
  int refit_threads = 1;
};

// How one of several replicas stands to the log they share. All 0 where the
// store is not shared.
struct ReplicaStats {
  int64_t lag_events = 0;    // in the log and not here, when last looked
  int64_t folded = 0;        // events of others, so far
  int64_t conflicts = 0;     // decisions that another replica was faster than
  int64_t lost = 0;          // events that were in the log and are not any more
  int64_t looked_nanos = 0;  // Clock::MonotonicNanos() of the last good look
};

// How the state came back at start.
struct Recovery {
  int64_t pools = 0;
  int64_t labelers = 0;
  int64_t answers = 0;
  int64_t events_replayed = 0;
  int64_t checkpoints_used = 0;
};

class Engine {
 public:
  // Folds the store's log into memory. `store` and `clock` must outlive the
  // engine.
  static absl::StatusOr<std::unique_ptr<Engine>> Open(Store* store,
                                                      const Clock* clock,
                                                      EngineOptions options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  const Recovery& recovery() const;

  // The first response of a request, if the pool remembers it: what a retry
  // should be answered before anything else is looked at. Unknown pools
  // remember nothing.
  absl::StatusOr<std::optional<Replay>> FindReplay(absl::string_view pool,
                                                   absl::string_view id,
                                                   uint64_t fingerprint) const;

  absl::StatusOr<PoolChange> UpsertPool(Pool pool,
                                        Request<PoolChange>* request = nullptr);
  // The configuration alone: cheap, for resolving names.
  absl::StatusOr<std::shared_ptr<const Pool>> FindPool(
      absl::string_view pool) const;
  absl::StatusOr<PoolInfo> GetPool(absl::string_view pool) const;
  // Ascending by id.
  std::vector<PoolInfo> ListPools() const;

  absl::StatusOr<LabelerChange> UpsertLabelers(
      absl::string_view pool, std::vector<LabelerUpdate> labelers,
      Request<LabelerChange>* request = nullptr);
  absl::StatusOr<LabelerInfo> GetLabeler(absl::string_view pool,
                                         absl::string_view labeler) const;
  // Labelers from roster row `first_row` on, at most `limit`.
  absl::StatusOr<LabelerPage> ListLabelers(absl::string_view pool,
                                           int64_t first_row,
                                           int32_t limit) const;
  absl::StatusOr<LabelerDeletion> DeleteLabelers(
      absl::string_view pool, std::vector<std::string> labelers,
      Request<LabelerDeletion>* request = nullptr);

  // The specification that the pool remembers of a task, nullopt if it knows
  // none of that id: what the labels of an answer mean depends on it.
  absl::StatusOr<std::optional<Task>> FindTask(absl::string_view pool,
                                               absl::string_view task) const;

  absl::StatusOr<AnswerReceipt> ReportAnswers(
      AnswerReport report, Request<AnswerReceipt>* request = nullptr);

  // A plan that claims nothing changes nothing: `request` is then not used.
  absl::StatusOr<Plan> Allocate(const AllocateCall& call,
                                Request<Plan>* request = nullptr);

  absl::StatusOr<std::vector<LeaseResult>> RenewLeases(
      absl::string_view pool, std::span<const std::string> leases,
      int64_t lease_micros,
      Request<std::vector<LeaseResult>>* request = nullptr);
  absl::StatusOr<std::vector<LeaseResult>> ReleaseLeases(
      absl::string_view pool, std::span<const std::string> leases,
      ReleaseReason reason,
      Request<std::vector<LeaseResult>>* request = nullptr);
  // Ends every lease whose time is over; returns how many. Called every second
  // by the server.
  absl::StatusOr<int64_t> ExpireLeases();

  absl::StatusOr<ScoreSheet> Score(const ScoreCall& call) const;

  // Fits the pool's label models to what its history has set aside since the
  // last fit (refit_inputs.h says when that is), and lets Score use them from
  // its next call on. Nothing is pending: nothing is done. Seconds of work for
  // a full window; the pool's readers and writers go on meanwhile.
  //
  // A model is a function of the log alone. Open() fits what is pending, so
  // that a restarted engine scores as one that had been idle, bit for bit.
  absl::StatusOr<RefitReport> Refit(absl::string_view pool);
  // Refit() for each pool for which something is pending; returns how many were
  // fitted. Called over and over by a thread of the server.
  absl::StatusOr<int64_t> RefitDue();

  // In a shared store: folds what other replicas appended, to all pools or to
  // one, and finds their new pools. Called over and over by a thread of the
  // server; calls that change something do it by themselves where they must.
  // kDataLoss: the store lost events it had acknowledged; what it has left was
  // folded anew, if there is anything.
  absl::Status CatchUp();
  absl::Status CatchUp(absl::string_view pool);
  ReplicaStats replica_stats() const;

  // Writes a checkpoint of each pool that moved on since its last one: at
  // shutdown, so that the next start has nothing to replay. A pool's changes
  // wait meanwhile, its readers do not.
  absl::Status SaveCheckpoints();
  // The same for pools that learned EngineOptions::checkpoint_answers, or
  // folded checkpoint_events, since then. Called every second by the server.
  absl::Status SaveDueCheckpoints();

 private:
  friend class PastEngine;
  class Impl;
  explicit Engine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_ENGINE_H_
