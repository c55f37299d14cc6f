// SPDX-License-Identifier: Apache-2.0
#include "server/convert_labeler.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "server/checks.h"

namespace allot {
namespace {

constexpr double kMaxPrice = 1e6;
constexpr absl::string_view kRowToken = "row:";

void ToProto(double seconds, google::protobuf::Duration* out) {
  // A belief may be absurd before it has seen an answer; a duration may not.
  const double bounded = std::min(std::max(seconds, 0.0), 1e9);
  const double whole = std::floor(bounded);
  out->set_seconds(static_cast<int64_t>(whole));
  out->set_nanos(static_cast<int32_t>((bounded - whole) * 1e9));
}

LabelerUpdate ToUpdate(const FieldPath& path, const v1::Labeler& in,
                       const PoolNames& names, Violations& found) {
  LabelerUpdate out;
  CheckId(path.Field("labeler_id"), in.labeler_id(), found);
  out.id = in.labeler_id();
  if (in.has_price()) {
    const FieldPath price = path.Field("price");
    CheckRange(price.Field("per_answer"), in.price().per_answer(), 0, kMaxPrice,
               found);
    CheckRange(price.Field("per_hour"), in.price().per_hour(), 0, kMaxPrice,
               found);
    out.price = Price{in.price().per_answer(), in.price().per_hour()};
  }
  if (in.has_capacity()) {
    CheckRange(path.Field("capacity"), int64_t{in.capacity()}, 0, 1'000'000,
               found);
    out.capacity = in.capacity();
  }
  const FieldPath tags = path.Field("qualifications");
  if (CheckSize(tags, in.qualifications_size(), 0, 64, found) &&
      (in.qualifications_size() > 0 || in.clear_qualifications())) {
    DistinctNames distinct(tags, "");
    for (int i = 0; i < in.qualifications_size(); ++i) {
      if (CheckId(tags.At(i), in.qualifications(i), found)) {
        distinct.Check(i, in.qualifications(i), found);
      }
    }
    out.qualifications.emplace(in.qualifications().begin(),
                               in.qualifications().end());
  }
  const FieldPath skills = path.Field("skills");
  if (CheckSize(skills, in.skills_size(), 0, 256, found)) {
    DistinctNames distinct(skills, "skill");
    for (int i = 0; i < in.skills_size(); ++i) {
      const v1::SkillEstimate& skill = in.skills(i);
      const FieldPath entry = skills.At(i);
      const int32_t row = names.FindSkill(skill.skill());
      if (row < 0) {
        found.Add(
            entry.Field("skill"),
            absl::StrCat("must be a skill of pool ", Quote(names.pool().id),
                         ", got ", Quote(skill.skill())));
      }
      distinct.Check(i, skill.skill(), found);
      CheckRange(entry.Field("mean"), skill.mean(), -20, 20, found);
      CheckRange(entry.Field("variance"), skill.variance(), 1e-4, 100, found);
      out.skills.emplace_back(row, SkillBelief{skill.mean(), skill.variance()});
    }
  }
  if (in.has_correlation_group()) {
    CheckOptionalId(path.Field("correlation_group"), in.correlation_group(),
                    found);
    out.correlation_group = in.correlation_group();
  }
  return out;
}

}  // namespace

absl::StatusOr<std::vector<LabelerUpdate>> ToLabelerUpdates(
    const v1::UpsertLabelersRequest& in, const Pool& pool) {
  Violations found;
  const FieldPath root;
  const FieldPath labelers = root.Field("labelers");
  CheckOptionalId(root.Field("request_id"), in.request_id(), found);
  std::vector<LabelerUpdate> out;
  if (CheckSize(labelers, in.labelers_size(), 1, kMaxBatch, found)) {
    const PoolNames names(pool);
    DistinctNames distinct(labelers, "labeler_id");
    out.reserve(static_cast<size_t>(in.labelers_size()));
    for (int i = 0; i < in.labelers_size(); ++i) {
      out.push_back(ToUpdate(labelers.At(i), in.labelers(i), names, found));
      distinct.Check(i, in.labelers(i).labeler_id(), found);
    }
  }
  if (!found.empty()) return found.ToStatus();
  return out;
}

absl::StatusOr<std::vector<std::string>> ToLabelerIds(
    const v1::DeleteLabelersRequest& in) {
  Violations found;
  const FieldPath root;
  const FieldPath ids = root.Field("labeler_ids");
  CheckOptionalId(root.Field("request_id"), in.request_id(), found);
  if (CheckSize(ids, in.labeler_ids_size(), 1, kMaxBatch, found)) {
    for (int i = 0; i < in.labeler_ids_size(); ++i) {
      CheckId(ids.At(i), in.labeler_ids(i), found);
    }
  }
  if (!found.empty()) return found.ToStatus();
  return std::vector<std::string>(in.labeler_ids().begin(),
                                  in.labeler_ids().end());
}

absl::StatusOr<AnswerReport> ToAnswerReport(const v1::ReportAnswersRequest& in,
                                            const Pool& pool,
                                            int64_t now_unix_micros,
                                            FindClasses remembered) {
  Violations found;
  const FieldPath root;
  const FieldPath tasks = root.Field("tasks");
  const FieldPath answers = root.Field("answers");
  CheckOptionalId(root.Field("request_id"), in.request_id(), found);
  const bool sizes_good =
      CheckSize(tasks, in.tasks_size(), 0, kMaxBatch, found) &&
      CheckSize(answers, in.answers_size(), 0, kMaxBatch, found);
  if (!sizes_good) return found.ToStatus();

  AnswerReport out;
  out.pool = pool.id;
  const PoolNames names(pool);
  absl::flat_hash_map<absl::string_view, TaskClasses> classes;
  DistinctNames distinct(tasks, "task_id");
  bool any_gold = false;
  out.tasks.reserve(static_cast<size_t>(in.tasks_size()));
  for (int i = 0; i < in.tasks_size(); ++i) {
    const v1::Task& task = in.tasks(i);
    distinct.Check(i, task.task_id(), found);
    out.tasks.push_back(ToTask(tasks.At(i), task, names, found));
    any_gold = any_gold || task.has_gold_label();
    classes[task.task_id()] = {out.tasks.back().label_set,
                               out.tasks.back().num_classes};
  }
  if (in.answers_size() == 0 && !any_gold) {
    found.Add(answers, "must not be empty unless tasks has gold labels");
  }
  bool any_lease = false;
  out.answers.reserve(static_cast<size_t>(in.answers_size()));
  for (int i = 0; i < in.answers_size(); ++i) {
    const v1::Answer& answer = in.answers(i);
    const FieldPath path = answers.At(i);
    if (!CheckId(path.Field("task_id"), answer.task_id(), found)) continue;
    CheckId(path.Field("labeler_id"), answer.labeler_id(), found);
    CheckOptionalId(path.Field("lease_id"), answer.lease_id(), found);
    any_lease = any_lease || !answer.lease_id().empty();
    auto [it, is_new] = classes.try_emplace(answer.task_id());
    if (is_new) it->second = remembered(answer.task_id());
    out.answers.push_back(
        ToAnswer(path, answer, it->second, names, now_unix_micros, found));
  }
  if (any_lease) {
    out.lease_ids.reserve(out.answers.size());
    for (const v1::Answer& answer : in.answers()) {
      out.lease_ids.push_back(answer.lease_id());
    }
  }
  if (!found.empty()) return found.ToStatus();
  return out;
}

absl::StatusOr<LabelerPageRequest> ToPageRequest(
    const v1::ListLabelersRequest& in) {
  Violations found;
  const FieldPath root;
  LabelerPageRequest out;
  if (CheckRange(root.Field("page_size"), int64_t{in.page_size()}, 0, 1000,
                 found) &&
      in.page_size() > 0) {
    out.limit = in.page_size();
  }
  std::string token;
  absl::string_view rest;
  if (!in.page_token().empty()) {
    const bool good = absl::WebSafeBase64Unescape(in.page_token(), &token) &&
                      absl::ConsumePrefix(&(rest = token), kRowToken) &&
                      absl::SimpleAtoi(rest, &out.first_row) &&
                      out.first_row >= 0;
    if (!good) {
      found.Add(root.Field("page_token"),
                "must be the next_page_token of a response");
    }
  }
  if (!found.empty()) return found.ToStatus();
  return out;
}

void ToProto(const LabelerInfo& in, const Pool& pool, v1::Labeler* out) {
  const Labeler& labeler = in.labeler;
  out->set_labeler_id(labeler.id);
  out->mutable_price()->set_per_answer(labeler.price.per_answer);
  out->mutable_price()->set_per_hour(labeler.price.per_hour);
  out->set_capacity(labeler.capacity);
  for (const std::string& tag : labeler.qualifications) {
    out->add_qualifications(tag);
  }
  for (size_t i = 0; i < labeler.skills.size() && i < pool.skills.size(); ++i) {
    v1::SkillEstimate* skill = out->add_skills();
    skill->set_skill(pool.skills[i].name);
    skill->set_mean(labeler.skills[i].mean);
    skill->set_variance(labeler.skills[i].variance);
  }
  if (!labeler.correlation_group.empty()) {
    out->set_correlation_group(labeler.correlation_group);
  }
  constexpr double kReferenceSeconds = 30;
  v1::HandlingTime* time = out->mutable_handling_time();
  ToProto(QuantileSeconds(labeler.speed, kReferenceSeconds, 0.5),
          time->mutable_median());
  ToProto(QuantileSeconds(labeler.speed, kReferenceSeconds, 0.95),
          time->mutable_p95());
  out->set_answers(labeler.answers);
  out->set_open_leases(in.open_leases);
  if (labeler.updated_unix_micros != 0) {
    const int64_t micros = labeler.updated_unix_micros;
    out->mutable_last_answer_at()->set_seconds(micros / 1'000'000);
    out->mutable_last_answer_at()->set_nanos(
        static_cast<int32_t>(micros % 1'000'000 * 1000));
  }
}

void ToProto(const LabelerPage& in, const Pool& pool,
             v1::ListLabelersResponse* out) {
  for (const LabelerInfo& labeler : in.labelers) {
    ToProto(labeler, pool, out->add_labelers());
  }
  out->set_total_size(in.total);
  if (in.next_row >= 0) {
    out->set_next_page_token(absl::WebSafeBase64Escape(
        absl::StrCat(std::string(kRowToken), in.next_row)));
  }
}

void ToProto(const AnswerReceipt& in, v1::ReportAnswersResponse* out) {
  for (const AnswerOutcome outcome : in.outcomes) {
    v1::AnswerResult* result = out->add_results();
    switch (outcome) {
      case AnswerOutcome::kRecorded:
        result->set_outcome(v1::AnswerResult::OUTCOME_RECORDED);
        break;
      case AnswerOutcome::kDuplicate:
        result->set_outcome(v1::AnswerResult::OUTCOME_DUPLICATE);
        break;
      case AnswerOutcome::kConflict:
        result->set_outcome(v1::AnswerResult::OUTCOME_CONFLICT);
        break;
      case AnswerOutcome::kRecordedLate:
        result->set_outcome(v1::AnswerResult::OUTCOME_RECORDED_LATE);
        break;
    }
  }
  out->set_roster_version(in.roster_version);
}

}  // namespace allot
