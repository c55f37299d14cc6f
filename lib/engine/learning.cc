// SPDX-License-Identifier: Apache-2.0
#include "lib/engine/learning.h"

#include <cmath>

#include "lib/engine/block_beliefs.h"

namespace allot {
namespace {

// A belief that moved less than this is not worth a revision.
constexpr double kNoticeable = 0.01;
// Beyond this many answers to a task a further one does not change what is
// believed of the earlier ones enough to pay for revising them all.
constexpr size_t kMostRevised = 32;

constexpr SkillUpdateOptions kUpdate;

void ReviseOne(const LearningRule& rule, const Task& task,
               RecordedAnswer& answer, double belief, RosterEditor& roster) {
  RosterBlock& block = roster.Edit(answer.labeler);
  const int lane = Roster::lane(answer.labeler);
  Beliefs beliefs = LoadedBeliefs(block, lane, task);
  answer.site.resize(task.loading.size());
  const AnswerEvidence evidence{
      .loading = task.loading,
      .difficulty = task.difficulty,
      .difficulty_variance = DifficultyVariance(task, rule),
      .classes = task.num_classes,
      .belief = belief};
  ReviseAnswer(evidence, kUpdate, beliefs, answer.site);
  answer.belief = static_cast<float>(belief);
  for (size_t t = 0; t < task.loading.size(); ++t) {
    SetSkill(block, lane, static_cast<size_t>(task.loading[t].skill),
             beliefs[t]);
  }
}

}  // namespace

Beliefs LoadedBeliefs(const RosterBlock& block, int lane, const Task& task) {
  Beliefs beliefs(task.loading.size());
  for (size_t t = 0; t < task.loading.size(); ++t) {
    beliefs[t] =
        GetSkill(block, lane, static_cast<size_t>(task.loading[t].skill));
  }
  return beliefs;
}

LogitBelief TaskLogit(const Task& task, std::span<const SkillBelief> beliefs) {
  LogitBelief logit;
  for (size_t t = 0; t < task.loading.size(); ++t) {
    const double a = task.loading[t].weight;
    logit.mean += a * beliefs[t].mean;
    logit.variance += a * a * beliefs[t].variance;
  }
  return logit;
}

LogitBelief CavityLogit(const Task& task, const RosterBlock& block, int lane,
                        const RecordedAnswer& answer) {
  Beliefs beliefs = LoadedBeliefs(block, lane, task);
  if (!answer.site.empty()) {
    RemoveSite(answer.site, kUpdate, beliefs);
  }
  return TaskLogit(task, beliefs);
}

double DifficultyVariance(const Task& task, const LearningRule& rule) {
  return task.difficulty_variance.value_or(rule.difficulty_variance);
}

void Learner::Revise(const LearningRule& rule, const Task& task,
                     std::span<RecordedAnswer> answers, RosterEditor& roster) {
  const size_t n = answers.size();
  belief_.resize(n);
  if (task.gold_label) {
    for (size_t i = 0; i < n; ++i) {
      belief_[i] = answers[i].label == *task.gold_label ? 1 : 0;
    }
  } else {
    believed_.resize(n);
    for (size_t i = 0; i < n; ++i) {
      const RecordedAnswer& answer = answers[i];
      const LogitBelief logit =
          CavityLogit(task, roster.Read(answer.labeler),
                      Roster::lane(answer.labeler), answer);
      believed_[i] = {answer.label, logit.mean, logit.variance};
    }
    leave_one_out_.Beliefs(task.num_classes, task.prior, task.difficulty,
                           DifficultyVariance(task, rule), believed_, belief_);
  }
  for (size_t i = 0; i < n; ++i) {
    RecordedAnswer& answer = answers[i];
    const bool fresh = answer.belief < 0;
    if (!fresh && !task.gold_label && n > kMostRevised) continue;
    if (fresh || std::abs(belief_[i] - answer.belief) > kNoticeable) {
      ReviseOne(rule, task, answer, belief_[i], roster);
    }
  }
}

}  // namespace allot
