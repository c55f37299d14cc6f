// SPDX-License-Identifier: Apache-2.0
// The production engine as a policy: Allocate chooses, ReportAnswers learns,
// Score judges. Nothing is re-implemented; the engine runs on a store in memory
// and on the study's clock.
#ifndef ALLOT_LIB_STUDY_ALLOT_POLICY_H_
#define ALLOT_LIB_STUDY_ALLOT_POLICY_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "lib/study/ask_policy.h"

namespace allot {

// What an ablation leaves out, or adds.
struct AllotParts {
  // Off: labelers and tasks are paired at random.
  bool matching = true;
  // Off: what an answer tells is worth nothing; slots are filled all the same.
  bool information = true;
  // Off: an answer's price is none of the plan's business.
  bool price = true;
  // Off: AskPolicyOptions::answers_per_task answers to every task.
  bool adaptive = true;
  // Off: nothing is learned of labelers; all stay newcomers.
  bool learning = true;
  // Off: gold tasks are not told, so that nothing is calibrated on them.
  bool gold = true;
  // In worth of a bit about a label, what a bit about a labeler is worth on top
  // of AskPolicyOptions::weights.
  double explore = 0;
  // The same, the worth of giving work to a labeler who has had none, and after
  // how many answers she has had her turn.
  double fairness = 0;
  int32_t fair_answers = 10;
};

// Errors: the engine's.
absl::StatusOr<std::unique_ptr<AskPolicy>> MakeAllotPolicy(
    const StudySetting& setting, const AskPolicyOptions& options,
    const AllotParts& parts);

}  // namespace allot

#endif  // ALLOT_LIB_STUDY_ALLOT_POLICY_H_
