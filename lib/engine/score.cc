// SPDX-License-Identifier: Apache-2.0
// Score: how sure are we, and what to do about it.
#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/engine/engine_impl.h"
#include "lib/engine/evidence.h"
#include "lib/skill/response.h"
#include "lib/truth/tempering.h"

namespace allot {
namespace {

// The labeler who would come next, as far as one can tell: the model's mean
// labeler, or a newcomer's skill, at the mean price of those who answered.
StopRule RuleFor(const PoolView& view, const SpaceModel* model,
                 const ScoreCall& call, const Task& task,
                 std::span<const RecordedAnswer> answers) {
  double mean = 0, variance = 0;
  for (const SkillWeight& weight : task.loading) {
    const SkillBelief& skill = (*view.newcomer)[weight.skill];
    const double a = weight.weight;
    mean += a * skill.mean;
    variance += a * a * skill.variance;
  }
  double price = 0;
  for (const RecordedAnswer& answer : answers) {
    const RosterBlock& block = view.roster->block_of(answer.labeler);
    const int lane = Roster::lane(answer.labeler);
    price += block.price_per_answer[lane] + block.price_per_second[lane] *
                                                task.base_seconds *
                                                block.time_factor[lane];
  }
  if (!answers.empty()) price /= static_cast<double>(answers.size());
  const ObjectiveWeights& weights = call.policy.weights;
  const ConfidenceRule& rule = call.policy.confidence;
  StopRule stop;
  stop.target = rule.target_confidence;
  stop.answers_left = std::max<int64_t>(
      0, rule.max_answers - static_cast<int64_t>(answers.size()));
  stop.expected_accuracy =
      model != nullptr ? std::clamp(model->mean_accuracy, 0.0, 1 - 1e-9)
                       : ExpectedAccuracy(mean, variance, task.difficulty,
                                          static_cast<int>(task.num_classes));
  stop.evidence_weight = NextAnswerWeight(static_cast<int64_t>(answers.size()));
  stop.price = weights.cost * price;
  stop.value_per_bit = weights.must_fill ? 0 : weights.quality * task.value;
  return stop;
}

TaskConfidence Summarise(const Task& task,
                         std::span<const RecordedAnswer> answers,
                         const TaskPosterior& posterior,
                         const Decision& decision) {
  TaskConfidence result;
  result.task = task.id;
  result.label_set = task.label_set;
  result.label = posterior.label;
  result.confidence = posterior.confidence;
  result.posterior = posterior.probability;
  result.entropy_bits = posterior.entropy_bits;
  result.verdict = decision.verdict;
  result.reason = decision.reason;
  if (decision.verdict == Verdict::kCollect) {
    result.more_answers = static_cast<int32_t>(decision.answers);
  }
  result.answers = static_cast<int32_t>(answers.size());
  return result;
}

}  // namespace

absl::StatusOr<ScoreSheet> Engine::Impl::Score(const PoolEntry& entry,
                                               const ScoreCall& call) const {
  const std::shared_lock<std::shared_mutex> lock(entry.state_mutex);
  const std::shared_ptr<const PoolView> view = entry.View();
  const Roster& roster = *view->roster;
  Evidence evidence(*view);
  ScoreSheet sheet;
  sheet.roster_version = roster.version();
  std::vector<RecordedAnswer> given;
  std::vector<absl::string_view> ids;
  std::vector<int32_t> rows;
  for (size_t i = 0; i < call.items.size(); ++i) {
    if (i % 16 == 0) {
      if (call.cancelled != nullptr && *call.cancelled) {
        return absl::CancelledError("nobody waits for the scores any more");
      }
      if (call.deadline_nanos &&
          clock_.MonotonicNanos() >= *call.deadline_nanos) {
        return absl::DeadlineExceededError(
            absl::StrCat("the deadline passed after ", i, " of ",
                         call.items.size(), " items"));
      }
    }
    const ScoreItem& item = call.items[i];
    const TaskRecord* record = entry.state.FindTask(item.task.id);
    if (record == nullptr && !item.answers) {
      return absl::NotFoundError(absl::StrCat(
          "items[", i, "].task.task_id: no answer to task \"", item.task.id,
          "\" was reported to pool \"", entry.id,
          "\"; report some or send them in items[", i, "].answers"));
    }
    const Task& task = record != nullptr ? record->spec : item.task;
    std::span<const RecordedAnswer> answers;
    if (item.answers) {
      given.clear();
      ids.clear();
      for (const Answer& answer : *item.answers) ids.push_back(answer.labeler);
      rows.resize(ids.size());
      roster.Find(ids, rows);
      for (size_t a = 0; a < item.answers->size(); ++a) {
        const Answer& answer = (*item.answers)[a];
        if (rows[a] < 0) {
          return absl::NotFoundError(
              absl::StrCat("items[", i, "].answers[", a,
                           "].labeler_id: there is no labeler \"",
                           answer.labeler, "\" in pool \"", entry.id, "\""));
        }
        if (answer.label < 0 || answer.label >= task.num_classes) {
          return absl::InvalidArgumentError(absl::StrCat(
              "items[", i, "].answers[", a, "].label: must be in [0, ",
              task.num_classes, "), got ", answer.label));
        }
        RecordedAnswer& one = given.emplace_back();
        one.labeler = rows[a];
        one.label = answer.label;
        if (record == nullptr) continue;
        for (const RecordedAnswer& learned : record->answers) {
          if (learned.labeler == rows[a] && learned.label == answer.label) {
            one.site = learned.site;
          }
        }
      }
      answers = given;
    } else {
      answers = record->answers;
    }
    ALLOT_ASSIGN_OR_RETURN(const TaskPosterior posterior,
                           evidence.Score(task, answers, call.explain));
    const SpaceModel* model = evidence.model();
    StopRule rule = RuleFor(*view, model, call, task, answers);
    if (record != nullptr && record->withdrawn) rule.answers_left = 0;
    ALLOT_ASSIGN_OR_RETURN(
        const Decision decision,
        Decide(evidence.raw(), evidence.calibration(), rule));
    TaskConfidence& result =
        sheet.tasks.emplace_back(Summarise(task, answers, posterior, decision));
    if (model != nullptr) {
      result.model_version = view->model->version;
      result.gold_tasks = model->gold_tasks;
    }
    if (!call.explain) continue;
    for (size_t a = 0; a < answers.size(); ++a) {
      result.contributions.push_back(
          {.labeler = roster.profile(answers[a].labeler).id,
           .label = answers[a].label,
           .expected_accuracy = evidence.expected_accuracy()[a],
           .bits = posterior.contribution_bits[a]});
    }
  }
  return sheet;
}

}  // namespace allot
