// SPDX-License-Identifier: Apache-2.0
// How PoolState learns from answers: worked out ahead, where the events to come
// are known, and folded when they are there.
#include <algorithm>
#include <utility>
#include <variant>

#include "absl/container/flat_hash_map.h"
#include "lib/engine/block_beliefs.h"
#include "lib/engine/pool_state.h"
#include "lib/skill/drift.h"
#include "lib/skill/speed.h"

namespace allot {

void PoolState::Anticipate(std::span<const Event> events,
                           std::span<const int32_t> labelers) {
  // Edits that are not published cannot be told from those made here.
  if (anticipated_ || changed_) return;
  std::span<const Task> coming;
  for (const Event& event : events) {
    if (const auto* tasks = std::get_if<TasksRecorded>(&event.body)) {
      coming = tasks->tasks;
      // To learn that a known task is gold comes first.
      for (const Task& task : coming) {
        if (task.gold_label && FindTask(task.id) != nullptr) return;
      }
    } else if (const auto* body = std::get_if<AnswersRecorded>(&event.body)) {
      labelers_ = labelers;
      anticipated_ = Learn(event, *body, coming);
      editor_.Skim();
      return;
    } else {
      return;
    }
  }
}

void PoolState::Forget() {
  if (!anticipated_) return;
  anticipated_.reset();
  editor_ = RosterEditor(*published_);
}

std::vector<PoolState::Lesson> PoolState::Learn(const Event& event,
                                                const AnswersRecorded& body,
                                                std::span<const Task> coming) {
  absl::flat_hash_map<absl::string_view, const Task*> specs;
  specs.reserve(coming.size());
  for (const Task& task : coming) specs.emplace(task.id, &task);
  absl::flat_hash_map<absl::string_view, size_t> lesson_of;
  std::vector<Lesson> lessons;
  size_t current = 0;
  for (size_t i = 0; i < body.answers.size(); ++i) {
    const Answer& answer = body.answers[i];
    // Answers mostly come by task.
    if (i == 0 || answer.task != body.answers[i - 1].task) {
      const auto [known, added] =
          lesson_of.try_emplace(answer.task, lessons.size());
      current = known->second;
      if (added) {
        Lesson& lesson = lessons.emplace_back();
        lesson.first = i;
        if (const TaskRecord* record = FindTask(answer.task)) {
          lesson.task = &record->spec;
          lesson.answers.reserve(record->answers.size() + 1);
          lesson.answers = record->answers;
        } else {
          lesson.task = specs.find(answer.task)->second;
        }
      }
    }
    Lesson& lesson = lessons[current];
    const int32_t row = RowOf(i, answer.labeler);
    RosterBlock& block = editor_.Edit(row);
    const int lane = Roster::lane(row);
    Observe(event, *lesson.task, answer, block, lane);
    ++block.answers[lane];
    RecordedAnswer& recorded = lesson.answers.emplace_back();
    recorded.labeler = row;
    recorded.label = answer.label;
  }
  // Once for each task: what an answer teaches depends on what is believed
  // without it, so what it would have taught in between leaves no trace.
  for (Lesson& lesson : lessons) {
    learner_.Revise(pool_->learning, *lesson.task, lesson.answers, editor_);
  }
  return lessons;
}

void PoolState::Fold(const Event& event, const AnswersRecorded& body) {
  std::vector<Lesson> lessons = anticipated_
                                    ? *std::exchange(anticipated_, std::nullopt)
                                    : Learn(event, body, {});
  TaskRecord* task = nullptr;
  for (size_t i = 0; i < body.answers.size(); ++i) {
    const Answer& answer = body.answers[i];
    if (i == 0 || answer.task != body.answers[i - 1].task) {
      task = tasks_.find(answer.task)->second.get();
    }
    const int32_t row = RowOf(i, answer.labeler);
    for (size_t held = 0; held < task->leases.size(); ++held) {
      if (task->leases[held].labeler == row) {
        CloseLease(*task, held);
        break;
      }
    }
    const RosterBlock& block = editor_.Read(row);
    const int lane = Roster::lane(row);
    const int32_t group =
        block.HasGroup(lane)
            ? inputs_.GroupOf(block.profile(lane).correlation_group)
            : -1;
    inputs_.AddAnswer(task->spec, task->ordinal, row, group, answer.label);
    ++num_answers_;
  }
  for (Lesson& lesson : lessons) {
    tasks_.find(body.answers[lesson.first].task)->second->answers =
        std::move(lesson.answers);
  }
  if (num_answers_ >= next_estimate_) EstimatePrior();
  inputs_.EndEvent(event.unix_micros, num_answers_);
  changed_ = true;
}

void PoolState::Observe(const Event& event, const Task& task,
                        const Answer& answer, RosterBlock& block, int lane) {
  const int64_t now = answer.answered_unix_micros != 0
                          ? answer.answered_unix_micros
                          : event.unix_micros;
  int64_t& last = block.updated_unix_micros[lane];
  const DriftOptions drift{.variance_per_day = pool_->learning.drift_per_day};
  if (last != 0 && now > last && drift.variance_per_day > 0) {
    const double seconds = static_cast<double>(now - last) / 1e6;
    for (size_t d = 0; d < pool_->skills.size(); ++d) {
      SkillBelief belief = GetSkill(block, lane, d);
      belief.variance = DriftedVariance(belief.variance, seconds,
                                        (*newcomer_prior_)[d].variance, drift);
      SetSkill(block, lane, d, belief);
    }
  }
  last = std::max(last, now);
  if (answer.handling_seconds) {
    SetSpeed(block, lane,
             ObserveTime(block.speed[lane], *answer.handling_seconds,
                         task.base_seconds));
  }
}

}  // namespace allot
