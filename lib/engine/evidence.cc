// SPDX-License-Identifier: Apache-2.0
#include "lib/engine/evidence.h"

#include <cmath>
#include <cstdint>

#include "lib/base/status_macros.h"
#include "lib/engine/learning.h"
#include "lib/truth/tempering.h"

namespace allot {
namespace {

// The map of a pool without a model: what can be claimed without gold.
const CalibrationMap& NoGoldMap() {
  static const CalibrationMap& map =
      *new CalibrationMap(*CalibrationMap::Fit({}, 0));
  return map;
}

// Loadings closer than this are the same but for rounding.
constexpr double kSameLoading = 1e-3;

}  // namespace

const CalibrationMap& Evidence::calibration() const {
  return model_ != nullptr ? model_->model.calibration : NoGoldMap();
}

int32_t Evidence::GroupOf(const RecordedAnswer& answer) {
  const RosterBlock& block = view_.roster->block_of(answer.labeler);
  const int lane = Roster::lane(answer.labeler);
  if (!block.HasGroup(lane)) return -1;
  const auto next = static_cast<int32_t>(groups_.size());
  return groups_.try_emplace(block.profile(lane).correlation_group, next)
      .first->second;
}

absl::Status Evidence::ScoreBySkill(const Task& task,
                                    std::span<const RecordedAnswer> answers,
                                    bool explain, TaskPosterior* posterior) {
  scored_.clear();
  for (const RecordedAnswer& answer : answers) {
    const RosterBlock& block = view_.roster->block_of(answer.labeler);
    const LogitBelief logit =
        CavityLogit(task, block, Roster::lane(answer.labeler), answer);
    ScoredAnswer& scored = scored_.emplace_back();
    scored.label = answer.label;
    scored.logit_mean = logit.mean;
    scored.logit_variance = logit.variance;
    scored.group = GroupOf(answer);
    if (!explain) continue;
    accuracy_.push_back(ExpectedAccuracy(task.num_classes, logit.mean,
                                         logit.variance, task.difficulty));
  }
  ALLOT_RETURN_IF_ERROR(scorer_.Score(
      {.num_classes = task.num_classes,
       .prior = task.prior,
       .difficulty_mean = task.difficulty,
       .difficulty_variance = DifficultyVariance(task, view_.pool->learning)},
      scored_, posterior, explain));
  Temper(task.prior, scorer_.effective_answers(), posterior);
  return absl::OkStatus();
}

// How much better, in logits, the labeler should be on this task than on those
// that were fitted. A labeler outside the fit stands at the mean of the pool,
// where a newcomer's skills are.
double Evidence::ShiftOf(const Task& task, const RecordedAnswer& answer,
                         bool fitted) const {
  const RosterBlock& block = view_.roster->block_of(answer.labeler);
  const auto lane = static_cast<size_t>(Roster::lane(answer.labeler));
  const std::vector<SkillBelief>& newcomer = *view_.newcomer;
  double shift = model_->difficulty - task.difficulty;
  size_t next = 0;
  for (size_t d = 0; d < newcomer.size(); ++d) {
    double weight = 0;
    if (next < task.loading.size() &&
        task.loading[next].skill == static_cast<int32_t>(d)) {
      weight = task.loading[next++].weight;
    }
    const double usual = d < model_->loading.size() ? model_->loading[d] : 0;
    if (weight == 0 && usual == 0) continue;
    const double skill = block.skill_mean[static_cast<Eigen::Index>(
        d * RosterBlock::kLabelers + lane)];
    if (std::abs(weight - usual) > kSameLoading) {
      shift += (weight - usual) * (fitted ? skill : newcomer[d].mean);
    }
    if (!fitted) shift += weight * (skill - newcomer[d].mean);
  }
  return shift;
}

void Evidence::ScoreByModel(const Task& task,
                            std::span<const RecordedAnswer> answers,
                            bool explain, TaskPosterior* posterior) {
  given_.clear();
  for (const RecordedAnswer& answer : answers) {
    const int32_t slot = model_->SlotOf(answer.labeler);
    given_.push_back({.label = answer.label,
                      .slot = slot,
                      .shift = ShiftOf(task, answer, slot != kNoSlot),
                      .group = GroupOf(answer)});
  }
  model_scorer_.Score(model_->model, task.prior, given_, explain, posterior);
  if (explain) {
    const std::span<const double> accuracy = model_scorer_.expected_accuracy();
    accuracy_.assign(accuracy.begin(), accuracy.end());
  }
}

absl::StatusOr<TaskPosterior> Evidence::Score(
    const Task& task, std::span<const RecordedAnswer> answers, bool explain) {
  TaskPosterior posterior;
  accuracy_.clear();
  model_ = view_.model == nullptr
               ? nullptr
               : view_.model->Find(task.label_set, task.num_classes);
  if (model_ != nullptr) {
    ScoreByModel(task, answers, explain, &posterior);
  } else {
    ALLOT_RETURN_IF_ERROR(ScoreBySkill(task, answers, explain, &posterior));
  }
  raw_ = posterior.probability;
  if (!answers.empty()) calibration().Apply(&posterior);
  return posterior;
}

}  // namespace allot
