// SPDX-License-Identifier: Apache-2.0
// ReportAnswers: decide what is new, make it durable, learn from it.
#include <deque>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lib/base/status_macros.h"
#include "lib/engine/engine_impl.h"

namespace allot {
namespace {

absl::Status BadLabel(size_t i, const Answer& answer, const Task& task) {
  return absl::InvalidArgumentError(
      absl::StrCat("answers[", i, "].label: must be in [0, ", task.num_classes,
                   ") for task \"", answer.task, "\", got ", answer.label));
}

// A task that a report names, and what is known of it so far.
struct Reported {
  const TaskRecord* record = nullptr;  // null: new with this report
  const Task* spec = nullptr;
  // Labelers' rows and labels that this report adds.
  absl::InlinedVector<std::pair<int32_t, int32_t>, 4> fresh;

  // The label that she has given it already, if any.
  std::optional<int32_t> LabelOf(int32_t labeler) const {
    if (record != nullptr) {
      for (const RecordedAnswer& answer : record->answers) {
        if (answer.labeler == labeler) return answer.label;
      }
    }
    for (const auto& [row, label] : fresh) {
      if (row == labeler) return label;
    }
    return std::nullopt;
  }
};

bool HoldsLease(const TaskRecord* task, int32_t labeler) {
  if (task == nullptr) return false;
  for (const OpenLease& lease : task->leases) {
    if (lease.labeler == labeler) return true;
  }
  return false;
}

using ReportedTasks = absl::flat_hash_map<absl::string_view, Reported>;

// The task that an answer is to. One that nobody has specified is added to
// `defaults`. What was returned before is not valid any more.
Reported& Lookup(const PoolState& state, const Pool& pool,
                 const std::string& id, std::deque<Task>& defaults,
                 ReportedTasks& reported) {
  if (const auto known = reported.find(id); known != reported.end()) {
    return known->second;
  }
  const TaskRecord* record = state.FindTask(id);
  const Task& spec = record != nullptr
                         ? record->spec
                         : defaults.emplace_back(DefaultTask(pool, id));
  return reported[spec.id] = {record, &spec, {}};
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

  // By id, which lives in the specification; and the tasks that become known,
  // or known to be gold, with this report.
  ReportedTasks reported;
  std::deque<Task> defaults;  // does not move what `reported` points to
  TasksRecorded tasks;
  bool new_roster = false;
  for (const Task& task : report.tasks) {
    const TaskRecord* record = entry.state.FindTask(task.id);
    const Task& spec = record == nullptr ? task : record->spec;
    reported[spec.id] = {record, &spec, {}};
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
  recorded.answers.reserve(report.answers.size());
  receipt.outcomes.reserve(report.answers.size());
  std::vector<int32_t> labelers;  // rows
  labelers.reserve(report.answers.size());
  std::vector<absl::string_view> ids;
  ids.reserve(report.answers.size());
  for (const Answer& answer : report.answers) ids.push_back(answer.labeler);
  std::vector<int32_t> rows(ids.size());
  view->roster->Find(ids, rows);
  Reported* last = nullptr;  // answers mostly come by task
  for (size_t i = 0; i < report.answers.size(); ++i) {
    Answer& answer = report.answers[i];
    const int32_t labeler = rows[i];
    if (labeler < 0) {
      return absl::NotFoundError(
          absl::StrCat("answers[", i, "].labeler_id: there is no labeler \"",
                       answer.labeler, "\" in pool \"", entry.id,
                       "\"; add her with LabelerService.UpsertLabelers"));
    }
    if (last == nullptr || last->spec->id != answer.task) {
      last = &Lookup(entry.state, pool, answer.task, defaults, reported);
    }
    if (answer.label < 0 || answer.label >= last->spec->num_classes) {
      return BadLabel(i, answer, *last->spec);
    }
    if (const auto before = last->LabelOf(labeler)) {
      receipt.outcomes.push_back(*before == answer.label
                                     ? AnswerOutcome::kDuplicate
                                     : AnswerOutcome::kConflict);
      continue;
    }
    last->fresh.emplace_back(labeler, answer.label);
    labelers.push_back(labeler);
    const bool named_lease =
        i < report.lease_ids.size() && !report.lease_ids[i].empty();
    const bool late = named_lease && !HoldsLease(last->record, labeler);
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

  for (Task& task : defaults) tasks.tasks.push_back(std::move(task));

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
