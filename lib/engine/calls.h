// SPDX-License-Identifier: Apache-2.0
// What callers ask of the engine and what it answers, in domain words. The
// server turns protos into these and back; it has checked every range that
// docs/api.md states. The engine resolves ids against the pool.
#ifndef ALLOT_LIB_ENGINE_CALLS_H_
#define ALLOT_LIB_ENGINE_CALLS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lib/roster/labeler.h"
#include "lib/roster/pool.h"
#include "lib/roster/task.h"
#include "lib/store/event.h"
#include "lib/truth/decision.h"

namespace allot {

// ---- pools ----

// The last re-fit of a pool.
struct RefitReport {
  int64_t version = 0;     // of the model in use; 0: none
  bool pending = false;    // a newer fit is due or under way
  int64_t answers = 0;     // of the pool, when what was fitted was set aside
  int64_t gold_tasks = 0;  // that the calibration maps rest on
  // Over those: expected calibration error before and after the map.
  double ece_before = 0;
  double ece_after = 0;
  // How the fit and what was learned answer by answer differ: over the last
  // tasks fitted (at most 500), what Score said before the new model and what
  // it says with it.
  double changed_labels = 0;      // share of tasks
  double changed_confidence = 0;  // mean absolute difference
  double seconds = 0;             // of the fit
};

struct PoolStats {
  int64_t labelers = 0;
  int64_t tasks = 0;
  int64_t answers = 0;
  int64_t open_leases = 0;
  int64_t roster_version = 0;
  int64_t kept_responses = 0;  // for retries
  int64_t kept_response_bytes = 0;
  std::vector<SkillBelief> newcomer_prior;  // [D]
  RefitReport refit;
};

struct PoolInfo {
  std::shared_ptr<const Pool> pool;
  PoolStats stats;
};

struct PoolChange {
  std::shared_ptr<const Pool> pool;
  bool created = false;
};

// ---- labelers ----

struct LabelerChange {
  int32_t created = 0;
  int32_t updated = 0;
  int64_t roster_version = 0;
};

struct LabelerDeletion {
  int32_t deleted = 0;
  int64_t roster_version = 0;
};

struct LabelerInfo {
  Labeler labeler;
  int32_t open_leases = 0;
};

struct LabelerPage {
  std::vector<LabelerInfo> labelers;
  int64_t next_row = -1;  // where the next page starts; -1 after the last one
  int64_t total = 0;
};

// ---- answers ----

struct AnswerReport {
  std::string pool;
  std::vector<Task> tasks;  // specifications and late gold labels
  std::vector<Answer> answers;
  // [answers] or empty: the lease each answer names, empty string for none.
  std::vector<std::string> lease_ids;
};

enum class AnswerOutcome { kRecorded, kDuplicate, kConflict, kRecordedLate };

struct AnswerReceipt {
  std::vector<AnswerOutcome> outcomes;  // [answers]
  int64_t roster_version = 0;
};

// ---- allocate ----

inline constexpr int64_t kLeaseByHandlingTime = 0;

struct AllocateCall {
  std::string pool;
  std::vector<Task> tasks;  // distinct ids
  Policy policy;
  std::vector<std::string> labelers;  // empty: the whole roster
  std::optional<double> budget;       // currency, >= 0
  // Best plan by this Clock::MonotonicNanos(); absent: take what it needs.
  std::optional<int64_t> deadline_nanos;
  // Turns true when nobody waits for the plan any more: none is claimed then,
  // and the call ends with kCancelled. Null: never.
  const std::atomic<bool>* cancelled = nullptr;
  double gap_tolerance = 0;  // relative, [0, 1]
  // Absent: nothing is claimed. kLeaseByHandlingTime: each pair for as long as
  // its labeler hardly ever takes.
  std::optional<int64_t> lease_micros;
  bool dry_run = false;
  bool explain = false;
  int64_t seed = 0;
};

struct PlannedPair {
  int32_t task = 0;  // index into AllocateCall::tasks
  std::string labeler;
  double expected_accuracy = 0;
  double bits = 0;
  double cost = 0;
  double seconds = 0;
  double utility = 0;
  std::optional<Lease> lease;
};

enum class UnfilledReason {
  kNoEligibleLabeler,
  kCapacity,
  kBudget,
  kNotWorthItsPrice,
  kTimeLimit,
  kWithdrawn,
};

struct UnfilledTask {
  int32_t task = 0;
  int32_t missing = 0;
  UnfilledReason reason = UnfilledReason::kNoEligibleLabeler;
};

struct PairExplanation {
  double dual_price = 0;
  double reduced_utility = 0;
  std::string runner_up;  // empty: none
  double runner_up_reduced_utility = 0;
  double margin = 0;
};

// What a plan was made of, for whoever makes it again (past_engine.h).
struct PlanBasis {
  int64_t sequence = 0;       // of the last event folded
  int64_t model_version = 0;  // of the pool's fitted models; 0: none
  // The solver kept an eye on the time, or on a caller who might leave: it then
  // takes other steps, though it comes as far.
  bool watched = false;
  // Why the same call on the same state may end in another plan:
  bool time_ran_out = false;
  bool state_moved = false;  // by other calls, while it was planned
  bool claims_lost = false;  // to other calls; what they left was planned again

  bool repeatable() const {
    return !(time_ran_out || state_moved || claims_lost);
  }
};

struct Plan {
  std::vector<PlannedPair> pairs;  // by task, then by falling utility
  std::vector<UnfilledTask> unfilled;
  std::vector<PairExplanation> explanations;  // [pairs] or empty
  double objective = 0;
  double upper_bound = 0;
  double gap = 0;
  std::string solver;
  int32_t slots = 0;
  int32_t filled = 0;
  double bits = 0;
  double cost = 0;
  double seconds = 0;
  int64_t candidates = 0;
  int32_t pricing_rounds = 0;
  double quantum = 0;
  int64_t roster_version = 0;
  PlanBasis basis;
  // Where the time went, nanoseconds.
  int64_t resolve_nanos = 0;
  int64_t score_nanos = 0;
  int64_t solve_nanos = 0;
  int64_t claim_nanos = 0;
  // What became of the claims, for the metrics.
  int32_t claims_granted = 0;
  int32_t claims_lost = 0;
};

// ---- leases ----

struct LeaseResult {
  bool open = false;                // false: there was no such open lease
  int64_t expires_unix_micros = 0;  // after a renewal
};

// ---- score ----

struct ScoreItem {
  Task task;
  bool task_is_id_only = false;  // use the remembered specification
  std::optional<std::vector<Answer>> answers;  // absent: those reported
};

struct ScoreCall {
  std::string pool;
  std::vector<ScoreItem> items;
  Policy policy;
  bool explain = false;
  // Of no use after this Clock::MonotonicNanos(), or once this is true: the
  // call ends with kDeadlineExceeded or kCancelled. Null: never.
  std::optional<int64_t> deadline_nanos;
  const std::atomic<bool>* cancelled = nullptr;
};

struct AnswerContribution {
  std::string labeler;
  int32_t label = 0;
  double expected_accuracy = 0;
  double bits = 0;
};

// How sure we are of one task.
struct TaskConfidence {
  std::string task;
  std::string label_set;
  int32_t label = 0;
  double confidence = 0;
  std::vector<double> posterior;  // [K]
  double entropy_bits = 0;
  Verdict verdict = Verdict::kCollect;
  EscalationReason reason = EscalationReason::kNone;  // with kEscalate
  int32_t more_answers = 0;
  int32_t answers = 0;
  // Of the pool's fitted model, and how many gold tasks the claim rests on; 0
  // without a model, 0 without gold.
  int64_t model_version = 0;
  int64_t gold_tasks = 0;
  std::vector<AnswerContribution> contributions;  // [answers] or empty
};

struct ScoreSheet {
  std::vector<TaskConfidence> tasks;
  int64_t roster_version = 0;
};

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_CALLS_H_
