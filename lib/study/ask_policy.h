// SPDX-License-Identifier: Apache-2.0
// Whom to ask what, and when to stop: the interface of everything that is
// compared, in replay on real answers (replay.h) and in the simulated market
// (market.h). The service itself is one of them (allot_policy.h).
//
// A policy is told of tasks and labelers by row. It sees no truth but that of
// gold tasks that it was told.
#ifndef ALLOT_LIB_STUDY_ASK_POLICY_H_
#define ALLOT_LIB_STUDY_ASK_POLICY_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/roster/pool.h"
#include "lib/truth/decision.h"

namespace allot {

// What a study says of a task before it is asked about.
struct StudyTask {
  int32_t domain = 0;  // [0, StudySetting::num_domains)
  double value = 1;
  double base_seconds = 30;
};

struct StudyLabeler {
  double price = 0;  // per answer
  int32_t capacity = 1;
};

// All that a policy knows at the start. Rows of tasks may be added later.
struct StudySetting {
  int32_t num_classes = 2;
  int32_t num_domains = 1;
  std::vector<StudyLabeler> labelers;
  std::vector<StudyTask> tasks;
  uint64_t seed = 1;  // of the policy's own draws
};

struct OfferedLabeler {
  int32_t labeler = 0;
  int32_t room = 1;  // answers that she can give now
};

struct OfferedTask {
  int32_t task = 0;
  int32_t slots = 1;  // answers that may be asked for now
};

// Labelers that are free, tasks that are open, and how many pairs may be made.
struct Offer {
  int64_t now_micros = 0;
  std::span<const OfferedLabeler> labelers;
  std::span<const OfferedTask> tasks;
  int32_t most = std::numeric_limits<int32_t>::max();
  // Whether this pair may be made: she has not been asked, and where answers
  // are revealed, hers is on file.
  absl::FunctionRef<bool(int32_t task, int32_t labeler)> allowed;
  // False: pairs that the policy chose before are the only ones not allowed.
  bool restricted = true;
};

struct Ask {
  int32_t task = 0;
  int32_t labeler = 0;
};

struct StudyAnswer {
  int32_t task = 0;
  int32_t labeler = 0;
  int32_t label = 0;
  int64_t now_micros = 0;
  double seconds = 0;  // it took; 0: unknown
};

// What a policy makes of a task now.
struct Judgement {
  int32_t label = 0;
  double confidence = 0;
  Verdict verdict = Verdict::kCollect;
  int32_t more = 1;  // kCollect: answers to ask for next
};

// Not thread-safe: one for each replication. Deterministic given its setting
// and the calls made.
class AskPolicy {
 public:
  virtual ~AskPolicy() = default;

  // Pairs to ask now: at most offer.most, no labeler beyond her room, no task
  // beyond its slots, each pair allowed and at most once.
  virtual absl::StatusOr<std::vector<Ask>> Choose(const Offer& offer) = 0;
  // Of the tasks of the last offer, those for which nobody is worth asking any
  // more: they may be closed as they are.
  virtual std::span<const int32_t> GivenUp() const { return {}; }
  virtual absl::Status Observe(std::span<const StudyAnswer> answers) = 0;
  // A pair that was chosen comes to nothing: she left.
  virtual absl::Status Abandon(std::span<const Ask> /*asks*/,
                               int64_t /*now_micros*/) {
    return absl::OkStatus();
  }
  virtual absl::Status AddTasks(std::span<const StudyTask> /*tasks*/) {
    return absl::OkStatus();
  }
  // The truth of a task that is open to all. Policies without a use for it pass
  // it over.
  virtual absl::Status TellGold(int32_t /*task*/, int32_t /*label*/) {
    return absl::OkStatus();
  }
  // One judgement for each task asked for.
  virtual absl::StatusOr<std::vector<Judgement>> Judge(
      std::span<const int32_t> tasks) = 0;
  // Time passes without an event: leases run out, models are fitted.
  virtual absl::Status Tick(int64_t /*now_micros*/) { return absl::OkStatus(); }
};

struct AskPolicyOptions {
  // When a task is done. Policies without a confidence of their own ask
  // `answers_per_task` labelers and accept.
  int32_t answers_per_task = 3;
  ConfidenceRule confidence;  // of those that have one
  // Of allot: the objective, and what is left out for an ablation.
  ObjectiveWeights weights;
  int64_t lease_micros = 0;  // 0: no leases
};

struct AskPolicyInfo {
  std::string name;
  std::string summary;  // a line
};

// In the order of docs/simulation.md.
std::span<const AskPolicyInfo> AskPolicies();

// kInvalidArgument for a name that AskPolicies() does not list.
absl::StatusOr<std::unique_ptr<AskPolicy>> MakeAskPolicy(
    absl::string_view name, const StudySetting& setting,
    const AskPolicyOptions& options);

}  // namespace allot

#endif  // ALLOT_LIB_STUDY_ASK_POLICY_H_
