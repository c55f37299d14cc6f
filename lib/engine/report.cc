// SPDX-License-Identifier: Apache-2.0
// ReportAnswers: decide what is new, make it durable, learn from it.
#include <deque>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/engine/engine_impl.h"

namespace allot {
namespace {

absl::Status BadLabel(size_t i, const Answer& answer, const Task& task) {
  return absl::InvalidArgumentError(
      absl::StrCat("answers[", i, "].label: must be in [0, ", task.num_classes,
                   ") for task \"", answer.task, "\", got ", answer.label));
}

// The first answer of (task, labeler) already on record, if any.
const RecordedAnswer* FindAnswer(const TaskRecord* task, int32_t labeler) {
  if (task == nullptr) return nullptr;
  for (const RecordedAnswer& answer : task->answers) {
    if (answer.labeler == labeler) return &answer;
  }
  return nullptr;
}

bool HoldsLease(const TaskRecord* task, int32_t labeler) {
  if (task == nullptr) return false;
  for (const OpenLease& lease : task->leases) {
    if (lease.labeler == labeler) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<AnswerReceipt> Engine::Impl::ReportAnswers(
    PoolEntry& entry, AnswerReport report, Request<AnswerReceipt>* request) {
  return Change(entry, [&] { return DecideAnswers(entry, report, request); });
}

absl::StatusOr<AnswerReceipt> Engine::Impl::DecideAnswers(
    PoolEntry& entry, AnswerReport& report, Request<AnswerReceipt>* request) {
  AnswerReceipt receipt;
  ALLOT_ASSIGN_OR_RETURN(const bool replay, IsReplay(entry, request));
  if (replay) return receipt;
  const Moment now = Now();
  const Pool& pool = *entry.state.pool();
  const std::shared_ptr<const PoolView> view = entry.View();

  // Specifications by id, and the tasks that become known, or known to be gold,
  // with this report.
  absl::flat_hash_map<std::string, const Task*> given;
  std::deque<Task> defaults;  // does not move what `given` points to
  TasksRecorded tasks;
  bool new_roster = false;
  for (const Task& task : report.tasks) {
    const TaskRecord* record = entry.state.FindTask(task.id);
    given[task.id] = record == nullptr ? &task : &record->spec;
    const bool late_gold = record != nullptr && task.gold_label &&
                           record->spec.gold_label != task.gold_label;
    if (late_gold && *task.gold_label >= record->spec.num_classes) {
      return absl::InvalidArgumentError(absl::StrCat(
          "tasks: gold_label of task \"", task.id, "\" must be in [0, ",
          record->spec.num_classes, "), got ", *task.gold_label));
    }
    new_roster = new_roster || late_gold;
    if (record == nullptr || late_gold) tasks.tasks.push_back(task);
  }

  AnswersRecorded recorded;
  std::vector<int32_t> labelers;  // rows
  absl::flat_hash_map<std::pair<std::string, int32_t>, int32_t> fresh;
  for (size_t i = 0; i < report.answers.size(); ++i) {
    Answer& answer = report.answers[i];
    const std::optional<int32_t> labeler = view->roster->Find(answer.labeler);
    if (!labeler) {
      return absl::NotFoundError(
          absl::StrCat("answers[", i, "].labeler_id: there is no labeler \"",
                       answer.labeler, "\" in pool \"", entry.id,
                       "\"; add her with LabelerService.UpsertLabelers"));
    }
    const TaskRecord* record = entry.state.FindTask(answer.task);
    const Task*& spec = given[answer.task];
    if (spec == nullptr && record != nullptr) spec = &record->spec;
    if (spec == nullptr) {
      spec = &defaults.emplace_back(DefaultTask(pool, answer.task));
      tasks.tasks.push_back(*spec);
    }
    if (answer.label < 0 || answer.label >= spec->num_classes) {
      return BadLabel(i, answer, *spec);
    }
    const std::pair<std::string, int32_t> key(answer.task, *labeler);
    const RecordedAnswer* before = FindAnswer(record, *labeler);
    const auto same_call = fresh.find(key);
    if (before != nullptr || same_call != fresh.end()) {
      const int32_t label =
          before != nullptr ? before->label : same_call->second;
      receipt.outcomes.push_back(label == answer.label
                                     ? AnswerOutcome::kDuplicate
                                     : AnswerOutcome::kConflict);
      continue;
    }
    fresh[key] = answer.label;
    labelers.push_back(*labeler);
    const bool named_lease =
        i < report.lease_ids.size() && !report.lease_ids[i].empty();
    const bool late = named_lease && !HoldsLease(record, *labeler);
    receipt.outcomes.push_back(late ? AnswerOutcome::kRecordedLate
                                    : AnswerOutcome::kRecorded);
    // Decided again if another replica is faster: the report must stay.
    if (store_.shared()) {
      recorded.answers.push_back(answer);
    } else {
      recorded.answers.push_back(std::move(answer));
    }
    int64_t& answered = recorded.answers.back().answered_unix_micros;
    if (answered == 0) answered = now.unix_micros;
  }

  new_roster = new_roster || !recorded.answers.empty();
  receipt.roster_version = new_roster ? 0 : view->roster->version();
  std::vector<EventBody> bodies;
  if (!tasks.tasks.empty()) bodies.push_back(std::move(tasks));
  if (!recorded.answers.empty()) bodies.push_back(std::move(recorded));
  ALLOT_RETURN_IF_ERROR(
      Commit(entry, std::move(bodies), now, receipt, request, labelers));
  receipt.roster_version = entry.View()->roster->version();
  return receipt;
}

}  // namespace allot
