// SPDX-License-Identifier: Apache-2.0
#include "lib/engine/evidence.h"

#include "lib/base/status_macros.h"
#include "lib/engine/learning.h"
#include "lib/truth/tempering.h"

namespace allot {

absl::StatusOr<TaskPosterior> Evidence::Score(
    const Task& task, std::span<const RecordedAnswer> answers) {
  scored_.clear();
  for (const RecordedAnswer& answer : answers) {
    const RosterBlock& block = view_.roster->block_of(answer.labeler);
    const int lane = Roster::lane(answer.labeler);
    const LogitBelief logit = CavityLogit(task, block, lane, answer);
    ScoredAnswer& scored = scored_.emplace_back();
    scored.label = answer.label;
    scored.logit_mean = logit.mean;
    scored.logit_variance = logit.variance;
    const std::string& group = block.profile[lane]->correlation_group;
    if (!group.empty()) {
      const auto next = static_cast<int32_t>(groups_.size());
      scored.group = groups_.try_emplace(group, next).first->second;
    }
  }
  TaskPosterior posterior;
  ALLOT_RETURN_IF_ERROR(scorer_.Score(
      {.num_classes = task.num_classes,
       .prior = task.prior,
       .difficulty_mean = task.difficulty,
       .difficulty_variance = DifficultyVariance(task, view_.pool->learning)},
      scored_, &posterior));
  Temper(task.prior, static_cast<int64_t>(answers.size()), &posterior);
  return posterior;
}

}  // namespace allot
