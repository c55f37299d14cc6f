// SPDX-License-Identifier: Apache-2.0
// The learning loop on real answers, through the API of a running server.
//
// The tasks of a data set are shuffled and cut where half of the answers lie
// on either side. The server learns from the first half (no truth is told),
// and is then judged on tasks of the second half whose truth is known:
//
//   majority  vote shares over all answers on file
//   served    Score over all answers on file, labelers learned from the first
//             half
//   planned   Allocate chooses labelers among those whose answer is on file,
//             the answers are reported, Score says whether to go on: rounds
//             until every task is accepted, escalated, or out of answers
//
// With a gold share, the truth of so many of the tasks with a known truth is
// told with their answers; they are of the first half, so that the same tasks
// are judged with gold and without. Before each Score the server is given the
// time to finish its re-fit, so that results do not depend on its speed.
#ifndef ALLOT_TESTS_EVAL_ONLINE_H_
#define ALLOT_TESTS_EVAL_ONLINE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "cli/client.h"
#include "cli/data_folder.h"
#include "lib/truth/scoring_rules.h"

namespace allot {

struct MethodResult {
  ScoringRules rules;
  // What the ECE would be, in the mean, were every confidence the probability
  // of being right: what so few tasks cannot tell from 0.
  double ece_floor = 0;
  double answers_per_task = 0;
};

struct OnlineResult {
  int64_t judged_tasks = 0;
  MethodResult majority;
  MethodResult served;
  MethodResult planned;
  double bits_per_answer = 0;  // expected by the plans
  double cost_per_task = 0;    // of the plans, one unit an answer
  // Of the judged tasks, after planning: accepted at 0.95, and right of those.
  int64_t accepted = 0;
  int64_t accepted_right = 0;
  int64_t gold_tasks = 0;
  double seconds = 0;
};

struct OnlineOptions {
  uint64_t seed = 1;
  size_t max_judged = 500;  // tasks of the second half that are judged
  double gold_share = 0;    // of the tasks whose truth is known
};

// Uses a pool of its own. Errors: the server's, kInvalidArgument if the set
// has no tasks to judge.
absl::StatusOr<OnlineResult> EvaluateOnline(Client& client,
                                            const std::string& pool_id,
                                            const DataFolder& data,
                                            const OnlineOptions& options);

}  // namespace allot

#endif  // ALLOT_TESTS_EVAL_ONLINE_H_
