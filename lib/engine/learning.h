// SPDX-License-Identifier: Apache-2.0
// How answers become skill.
//
// Each answer carries a site: what it says about its labeler's skills, given
// how believable it is by all the *other* answers to its task. When answers
// arrive, the belief in every answer of their task moves, and those that moved
// noticeably are revised: taken out, made again, put back. So an early answer
// earns its credit from later ones, each answer counts exactly once, and no
// belief ever rests on itself. A site depends on what is believed without it,
// and not on what it was before: so answers that arrive together are learned
// from at one go.
#ifndef ALLOT_LIB_ENGINE_LEARNING_H_
#define ALLOT_LIB_ENGINE_LEARNING_H_

#include <span>
#include <vector>

#include "lib/engine/task_table.h"
#include "lib/roster/roster.h"
#include "lib/skill/update.h"
#include "lib/truth/leave_one_out.h"

namespace allot {

using Beliefs = absl::InlinedVector<SkillBelief, 16>;

// The beliefs about the loaded skills of one labeler.
Beliefs LoadedBeliefs(const RosterBlock& block, int lane, const Task& task);

// A labeler's logit on a task, difficulty not taken off.
struct LogitBelief {
  double mean = 0;
  double variance = 0;
};
LogitBelief TaskLogit(const Task& task, std::span<const SkillBelief> beliefs);

// The same without what `answer`, one of hers to this task, taught about her.
LogitBelief CavityLogit(const Task& task, const RosterBlock& block, int lane,
                        const RecordedAnswer& answer);

// Of a task that states none, the pool's.
double DifficultyVariance(const Task& task, const LearningRule& rule);

// Not thread-safe: it owns scratch. Deterministic in the order of calls.
class Learner {
 public:
  // Revises what `answers`, all of the task's, say of their labelers. To be
  // called after new answers, and when a gold label becomes known.
  // O(answers * (nodes + loaded skills)).
  void Revise(const LearningRule& rule, const Task& task,
              std::span<RecordedAnswer> answers, RosterEditor& roster);

 private:
  LeaveOneOut leave_one_out_;
  std::vector<BelievedAnswer> believed_;
  std::vector<double> belief_;
};

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_LEARNING_H_
