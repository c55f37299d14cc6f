// SPDX-License-Identifier: Apache-2.0
// Replay on real answers: a policy chooses whom to ask, and the answer that is
// on file is revealed.
//
// Budget    At every arrival `free_labelers` labelers, drawn evenly from those
//           with an answer left, are free; the policy makes up to
//           `tasks_per_arrival` pairs among them and all tasks. The labels are
//           judged whenever the answers reach one of `checkpoints`, in answers
//           a task. Nothing is known of the labelers at the start. Every answer
//           that was revealed counts, gold or not.
// Reveal    The policy has no choice: the answers of a task come in random
//           order, and all it decides is when to stop (RevealUntilDone).
#ifndef ALLOT_LIB_STUDY_REPLAY_H_
#define ALLOT_LIB_STUDY_REPLAY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/study/answer_book.h"
#include "lib/study/ask_policy.h"

namespace allot {

struct ReplayOptions {
  int32_t free_labelers = 5;
  int32_t tasks_per_arrival = 4;
  std::vector<double> checkpoints = {1, 2, 3, 4, 5, 6, 7, 8};  // ascending
  // Per answer, in the policies' eyes. So little that no answer is refused for
  // its price: the budget is what is given.
  double price = 0.001;
  AskPolicyOptions policy;
  // Share of the tasks whose truth is told at the start, drawn by the seed.
  double gold_share = 0;
};

struct ReplayPoint {
  double answers_per_task = 0;
  double accuracy = 0;    // over the tasks that were not told
  double confidence = 0;  // the policy's own, in the mean
};

struct ReplayRun {
  // One a checkpoint. A policy that finds nobody worth asking any more stops
  // short of the rest with the answers it has.
  std::vector<ReplayPoint> points;
  std::vector<int32_t> answers_of_labeler;
};

// `policy` names one of AskPolicies(), or "oracle": the information policy that
// knows the confusion matrices of the whole file. Deterministic in the seed.
absl::StatusOr<ReplayRun> ReplayBudget(const AnswerBook& book,
                                       absl::string_view policy,
                                       const ReplayOptions& options,
                                       uint64_t seed);

struct RevealOptions {
  double gold_share = 0;
  double price = 0.05;  // per answer, in worth of a bit
  AskPolicyOptions policy;
};

struct RevealRun {
  int64_t tasks = 0;    // judged: all but the gold
  int64_t answers = 0;  // bought, those to gold tasks among them
  int64_t on_file = 0;  // to all tasks
  double accuracy = 0;  // at the stop
  double majority = 0;  // of all answers on file, ties shared
  int64_t accepted = 0;
  int64_t accepted_right = 0;
};

// Gold tasks are asked about first, all their answers are bought. The others
// come in rounds in which each open task gets its next answers, until the
// policy accepts or escalates it or no answer is left.
absl::StatusOr<RevealRun> RevealUntilDone(const AnswerBook& book,
                                          absl::string_view policy,
                                          const RevealOptions& options,
                                          uint64_t seed);

}  // namespace allot

#endif  // ALLOT_LIB_STUDY_REPLAY_H_
