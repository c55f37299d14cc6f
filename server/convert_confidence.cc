// SPDX-License-Identifier: Apache-2.0
#include "server/convert_confidence.h"

#include <utility>

#include "server/checks.h"
#include "server/convert_pool.h"

namespace allot {
namespace {

ScoreItem ToItem(const FieldPath& path, const v1::ScoreItem& in,
                 const PoolNames& names, int64_t now_unix_micros,
                 FindClasses remembered, Violations& found) {
  ScoreItem out;
  const FieldPath answers = path.Field("answers");
  out.task = ToTask(path.Field("task"), in.task(), names, found);
  out.task_is_id_only = IsIdOnly(in.task());
  if (in.answers_size() == 0 ||
      !CheckSize(answers, in.answers_size(), 0, kMaxBatch, found)) {
    return out;
  }
  const TaskClasses classes =
      out.task_is_id_only
          ? remembered(out.task.id)
          : TaskClasses{out.task.label_set, out.task.num_classes};
  DistinctNames distinct(answers, "labeler_id");
  out.answers.emplace();
  out.answers->reserve(static_cast<size_t>(in.answers_size()));
  for (int i = 0; i < in.answers_size(); ++i) {
    const v1::Answer& answer = in.answers(i);
    const FieldPath entry = answers.At(i);
    if (!answer.task_id().empty() && answer.task_id() != in.task().task_id()) {
      found.Add(entry.Field("task_id"),
                absl::StrCat("must be empty or the item's own task, got ",
                             Quote(answer.task_id())));
    }
    CheckId(entry.Field("labeler_id"), answer.labeler_id(), found);
    distinct.Check(i, answer.labeler_id(), found);
    out.answers->push_back(
        ToAnswer(entry, answer, classes, names, now_unix_micros, found));
    out.answers->back().task = out.task.id;
  }
  return out;
}

v1::ScoreResult::Decision ToProto(Verdict verdict) {
  switch (verdict) {
    case Verdict::kAccept:
      return v1::ScoreResult::DECISION_ACCEPT;
    case Verdict::kCollect:
      return v1::ScoreResult::DECISION_COLLECT;
    case Verdict::kEscalate:
      return v1::ScoreResult::DECISION_ESCALATE;
  }
  return v1::ScoreResult::DECISION_UNSPECIFIED;
}

v1::ScoreResult::EscalationReason ToProto(EscalationReason reason) {
  switch (reason) {
    case EscalationReason::kNone:
      break;
    case EscalationReason::kOutOfReach:
      return v1::ScoreResult::ESCALATION_REASON_OUT_OF_REACH;
    case EscalationReason::kNoAnswersLeft:
      return v1::ScoreResult::ESCALATION_REASON_NO_ANSWERS_LEFT;
    case EscalationReason::kNoBudgetLeft:
      return v1::ScoreResult::ESCALATION_REASON_NO_BUDGET_LEFT;
    case EscalationReason::kNotWorthItsPrice:
      return v1::ScoreResult::ESCALATION_REASON_NOT_WORTH_ITS_PRICE;
    case EscalationReason::kBeyondCalibration:
      return v1::ScoreResult::ESCALATION_REASON_BEYOND_CALIBRATION;
    case EscalationReason::kLabelersOnlyGuess:
      return v1::ScoreResult::ESCALATION_REASON_LABELERS_ONLY_GUESS;
  }
  return v1::ScoreResult::ESCALATION_REASON_UNSPECIFIED;
}

}  // namespace

absl::StatusOr<ScoreCall> ToScoreCall(const v1::ScoreRequest& in,
                                      const Pool& pool, int64_t now_unix_micros,
                                      FindClasses remembered) {
  Violations found;
  const FieldPath root;
  const FieldPath items = root.Field("items");
  ScoreCall out;
  out.pool = pool.id;
  out.explain = in.explain();
  if (CheckSize(items, in.items_size(), 1, kMaxBatch, found)) {
    const PoolNames names(pool);
    out.items.reserve(static_cast<size_t>(in.items_size()));
    for (int i = 0; i < in.items_size(); ++i) {
      out.items.push_back(ToItem(items.At(i), in.items(i), names,
                                 now_unix_micros, remembered, found));
    }
  }
  absl::StatusOr<Policy> policy = ResolvePolicy(in, pool, found);
  if (!found.empty()) return found.ToStatus();
  if (!policy.ok()) return policy.status();
  out.policy = *std::move(policy);
  return out;
}

void ToProto(const ScoreSheet& in, const Pool& pool, v1::ScoreResponse* out) {
  const PoolNames names(pool);
  out->mutable_results()->Reserve(static_cast<int>(in.tasks.size()));
  for (const TaskConfidence& task : in.tasks) {
    v1::ScoreResult* to = out->add_results();
    to->set_task_id(task.task);
    to->set_label(task.label);
    const LabelSet* set = names.FindLabelSet(task.label_set);
    if (set != nullptr &&
        static_cast<size_t>(task.label) < set->labels.size()) {
      to->set_label_name(set->labels[static_cast<size_t>(task.label)]);
    }
    to->set_confidence(task.confidence);
    to->mutable_posterior()->Add(task.posterior.begin(), task.posterior.end());
    to->set_entropy_bits(task.entropy_bits);
    to->set_decision(ToProto(task.verdict));
    to->set_more_answers(task.more_answers);
    to->set_answers(task.answers);
    to->set_escalation_reason(ToProto(task.reason));
    to->set_model_version(task.model_version);
    to->set_gold_tasks(task.gold_tasks);
    for (const AnswerContribution& from : task.contributions) {
      v1::Contribution* contribution = to->add_contributions();
      contribution->set_labeler_id(from.labeler);
      contribution->set_label(from.label);
      contribution->set_expected_accuracy(from.expected_accuracy);
      contribution->set_bits(from.bits);
    }
  }
  out->set_roster_version(in.roster_version);
}

}  // namespace allot
