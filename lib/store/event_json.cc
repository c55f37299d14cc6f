// SPDX-License-Identifier: Apache-2.0
#include "lib/store/event_json.h"

#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/store/sqlite_event_kinds.h"

namespace allot {
namespace {

using Json = nlohmann::ordered_json;

constexpr absl::string_view kReasons[] = {"released", "not_again_to_her",
                                          "expired"};

// The writers take structs apart by structured binding: a field that is added
// to the struct and forgotten here does not compile.

Json ToValue(const Skill& skill) {
  const auto& [name, prior_mean, prior_variance] = skill;
  return {{"name", name},
          {"prior_mean", prior_mean},
          {"prior_variance", prior_variance}};
}

Json ToValue(const LabelSet& label_set) {
  const auto& [name, labels] = label_set;
  return {{"name", name}, {"labels", labels}};
}

Json ToValue(const ObjectiveWeights& weights) {
  const auto& [quality, cost, time, explore, balance, must_fill,
               min_expected_accuracy, max_labeler_share] = weights;
  return {{"quality", quality},
          {"cost", cost},
          {"time", time},
          {"explore", explore},
          {"balance", balance},
          {"must_fill", must_fill},
          {"min_expected_accuracy", min_expected_accuracy},
          {"max_labeler_share", max_labeler_share}};
}

Json ToValue(const ConfidenceRule& rule) {
  const auto& [target_confidence, max_answers] = rule;
  return {{"target_confidence", target_confidence},
          {"max_answers", max_answers}};
}

Json ToValue(const Policy& policy) {
  const auto& [name, weights, confidence] = policy;
  return {{"name", name},
          {"weights", ToValue(weights)},
          {"confidence", ToValue(confidence)}};
}

Json ToValue(const LearningRule& rule) {
  const auto& [learn_prior, drift_per_day, difficulty_variance] = rule;
  return {{"learn_prior", learn_prior},
          {"drift_per_day", drift_per_day},
          {"difficulty_variance", difficulty_variance}};
}

Json ToValue(const LabelerUpdate& update);
Json ToValue(const Task& task);
Json ToValue(const Answer& answer);
Json ToValue(const Lease& lease);

template <typename T>
Json ToValue(const std::vector<T>& items) {
  Json array = Json::array();
  for (const T& item : items) array.push_back(ToValue(item));
  return array;
}

// The readers: a key that is absent leaves the field at its default.

template <typename T>
void Take(const Json& object, const char* key, T& field) {
  if (const auto found = object.find(key); found != object.end()) {
    found->get_to(field);
  }
}

void Read(const Json& object, Skill& skill);
void Read(const Json& object, LabelSet& label_set);
void Read(const Json& object, ObjectiveWeights& weights);
void Read(const Json& object, ConfidenceRule& rule);
void Read(const Json& object, Policy& policy);
void Read(const Json& object, LearningRule& rule);
void Read(const Json& object, LabelerUpdate& update);
void Read(const Json& object, Task& task);
void Read(const Json& object, Answer& answer);
void Read(const Json& object, Lease& lease);
void Read(const Json& object, Event& event);

template <typename T>
void TakeStruct(const Json& object, const char* key, T& field) {
  if (const auto found = object.find(key); found != object.end()) {
    Read(*found, field);
  }
}

template <typename T>
void TakeStructs(const Json& object, const char* key, std::vector<T>& fields) {
  if (const auto found = object.find(key); found != object.end()) {
    for (const Json& item : *found) {
      fields.emplace_back();
      Read(item, fields.back());
    }
  }
}

void Read(const Json& object, Skill& skill) {
  Take(object, "name", skill.name);
  Take(object, "prior_mean", skill.prior_mean);
  Take(object, "prior_variance", skill.prior_variance);
}

void Read(const Json& object, LabelSet& label_set) {
  Take(object, "name", label_set.name);
  Take(object, "labels", label_set.labels);
}

void Read(const Json& object, ObjectiveWeights& weights) {
  Take(object, "quality", weights.quality);
  Take(object, "cost", weights.cost);
  Take(object, "time", weights.time);
  Take(object, "explore", weights.explore);
  Take(object, "balance", weights.balance);
  Take(object, "must_fill", weights.must_fill);
  Take(object, "min_expected_accuracy", weights.min_expected_accuracy);
  Take(object, "max_labeler_share", weights.max_labeler_share);
}

void Read(const Json& object, ConfidenceRule& rule) {
  Take(object, "target_confidence", rule.target_confidence);
  Take(object, "max_answers", rule.max_answers);
}

void Read(const Json& object, Policy& policy) {
  Take(object, "name", policy.name);
  TakeStruct(object, "weights", policy.weights);
  TakeStruct(object, "confidence", policy.confidence);
}

void Read(const Json& object, LearningRule& rule) {
  Take(object, "learn_prior", rule.learn_prior);
  Take(object, "drift_per_day", rule.drift_per_day);
  Take(object, "difficulty_variance", rule.difficulty_variance);
}

void Read(const Json& object, Pool& pool) {
  Take(object, "id", pool.id);
  TakeStructs(object, "skills", pool.skills);
  TakeStructs(object, "label_sets", pool.label_sets);
  TakeStructs(object, "policies", pool.policies);
  TakeStruct(object, "learning", pool.learning);
}

void Read(const Json& object, LeasesRenewed& renewed) {
  object.at("ids").get_to(renewed.ids);
  object.at("expires_unix_micros").get_to(renewed.expires_unix_micros);
}

struct LeasesEndedText {
  std::vector<std::string> ids;
  std::string reason;
};

void Read(const Json& object, LeasesEndedText& ended) {
  object.at("ids").get_to(ended.ids);
  object.at("reason").get_to(ended.reason);
}

void Read(const Json& array, std::vector<std::string>& strings) {
  array.get_to(strings);
}

bool IsFinite(const Json& value) {
  if (value.is_number_float()) return std::isfinite(value.get<double>());
  if (!value.is_structured()) return true;
  for (const Json& item : value) {
    if (!IsFinite(item)) return false;
  }
  return true;
}

absl::StatusOr<std::string> Dump(const Json& value) {
  if (!IsFinite(value)) {
    return absl::InvalidArgumentError("a number is not finite");
  }
  try {
    return value.dump();
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(error.what());  // not UTF-8
  }
}

template <typename T>
absl::StatusOr<T> Parse(absl::string_view text) {
  try {
    T result;
    Read(Json::parse(text.begin(), text.end()), result);
    return result;
  } catch (const Json::exception& error) {
    return absl::DataLossError(
        absl::StrCat(error.what(), " in: ", text.substr(0, 100)));
  }
}

}  // namespace

absl::StatusOr<std::string> ToJson(const Pool& pool) {
  const auto& [id, skills, label_sets, policies, learning] = pool;
  return Dump({{"id", id},
               {"skills", ToValue(skills)},
               {"label_sets", ToValue(label_sets)},
               {"policies", ToValue(policies)},
               {"learning", ToValue(learning)}});
}

absl::StatusOr<Pool> ParsePool(absl::string_view text) {
  return Parse<Pool>(text);
}

absl::StatusOr<std::string> ToJson(const std::vector<std::string>& strings) {
  return Dump(Json(strings));
}

absl::StatusOr<std::vector<std::string>> ParseStrings(absl::string_view text) {
  return Parse<std::vector<std::string>>(text);
}

absl::StatusOr<std::string> ToJson(const LeasesRenewed& renewed) {
  const auto& [ids, expires_unix_micros] = renewed;
  return Dump({{"ids", ids}, {"expires_unix_micros", expires_unix_micros}});
}

absl::StatusOr<LeasesRenewed> ParseLeasesRenewed(absl::string_view text) {
  return Parse<LeasesRenewed>(text);
}

absl::StatusOr<std::string> ToJson(const LeasesEnded& ended) {
  const auto& [ids, reason] = ended;
  return Dump({{"ids", ids},
               {"reason", std::string(kReasons[static_cast<size_t>(reason)])}});
}

absl::StatusOr<LeasesEnded> ParseLeasesEnded(absl::string_view text) {
  ALLOT_ASSIGN_OR_RETURN(LeasesEndedText ended, Parse<LeasesEndedText>(text));
  for (size_t i = 0; i < std::size(kReasons); ++i) {
    if (ended.reason == kReasons[i]) {
      return LeasesEnded{std::move(ended.ids), static_cast<ReleaseReason>(i)};
    }
  }
  return absl::DataLossError(
      absl::StrCat("unknown reason in: ", text.substr(0, 100)));
}

namespace {

template <typename T>
void PutOptional(Json& object, const char* key, const std::optional<T>& value) {
  if (value) object[key] = *value;
}
template <typename T>
void TakeOptional(const Json& object, const char* key,
                  std::optional<T>& field) {
  if (const auto found = object.find(key); found != object.end()) {
    field = found->get<T>();
  }
}

Json ToValue(const LabelerUpdate& update) {
  const auto& [id, price, capacity, qualifications, skills, group] = update;
  Json value = {{"id", id}};
  if (price) {
    value["price_per_answer"] = price->per_answer;
    value["price_per_hour"] = price->per_hour;
  }
  PutOptional(value, "capacity", capacity);
  PutOptional(value, "qualifications", qualifications);
  for (const auto& [skill, belief] : skills) {
    value["skills"].push_back({skill, belief.mean, belief.variance});
  }
  PutOptional(value, "correlation_group", group);
  return value;
}

void Read(const Json& value, LabelerUpdate& update) {
  value.at("id").get_to(update.id);
  if (value.contains("price_per_answer")) {
    update.price = Price{value.at("price_per_answer").get<double>(),
                         value.at("price_per_hour").get<double>()};
  }
  TakeOptional(value, "capacity", update.capacity);
  TakeOptional(value, "qualifications", update.qualifications);
  if (const auto skills = value.find("skills"); skills != value.end()) {
    for (const Json& entry : *skills) {
      auto& [skill, belief] = update.skills.emplace_back();
      entry.at(0).get_to(skill);
      entry.at(1).get_to(belief.mean);
      entry.at(2).get_to(belief.variance);
    }
  }
  TakeOptional(value, "correlation_group", update.correlation_group);
}

Json ToValue(const Task& task) {
  const auto& [id, loading, num_classes, label_set, difficulty,
               difficulty_variance, prior, base_seconds, redundancy, value,
               required_qualifications, excluded_labelers, gold_label] = task;
  Json out = {{"id", id},
              {"num_classes", num_classes},
              {"label_set", label_set},
              {"difficulty", difficulty},
              {"base_seconds", base_seconds},
              {"redundancy", redundancy},
              {"value", value}};
  for (const auto& [skill, weight] : loading) {
    out["loading"].push_back({skill, double{weight}});
  }
  PutOptional(out, "difficulty_variance", difficulty_variance);
  if (!prior.empty()) out["prior"] = prior;
  if (!required_qualifications.empty()) {
    out["required_qualifications"] = required_qualifications;
  }
  if (!excluded_labelers.empty()) out["excluded_labelers"] = excluded_labelers;
  PutOptional(out, "gold_label", gold_label);
  return out;
}

void Read(const Json& value, Task& task) {
  value.at("id").get_to(task.id);
  Take(value, "num_classes", task.num_classes);
  Take(value, "label_set", task.label_set);
  Take(value, "difficulty", task.difficulty);
  Take(value, "base_seconds", task.base_seconds);
  Take(value, "redundancy", task.redundancy);
  Take(value, "value", task.value);
  if (const auto loading = value.find("loading"); loading != value.end()) {
    for (const Json& entry : *loading) {
      auto& [skill, weight] = task.loading.emplace_back();
      entry.at(0).get_to(skill);
      weight = static_cast<float>(entry.at(1).get<double>());
    }
  }
  TakeOptional(value, "difficulty_variance", task.difficulty_variance);
  Take(value, "prior", task.prior);
  Take(value, "required_qualifications", task.required_qualifications);
  Take(value, "excluded_labelers", task.excluded_labelers);
  TakeOptional(value, "gold_label", task.gold_label);
}

Json ToValue(const Answer& answer) {
  const auto& [task, labeler, label, seconds, answered] = answer;
  Json value = {{"task", task}, {"labeler", labeler}, {"label", label}};
  PutOptional(value, "handling_seconds", seconds);
  value["answered_unix_micros"] = answered;
  return value;
}

void Read(const Json& value, Answer& answer) {
  value.at("task").get_to(answer.task);
  value.at("labeler").get_to(answer.labeler);
  value.at("label").get_to(answer.label);
  TakeOptional(value, "handling_seconds", answer.handling_seconds);
  Take(value, "answered_unix_micros", answer.answered_unix_micros);
}

Json ToValue(const Lease& lease) {
  const auto& [id, task, labeler, expires] = lease;
  return {{"id", id},
          {"task", task},
          {"labeler", labeler},
          {"expires_unix_micros", expires}};
}

void Read(const Json& value, Lease& lease) {
  value.at("id").get_to(lease.id);
  value.at("task").get_to(lease.task);
  value.at("labeler").get_to(lease.labeler);
  value.at("expires_unix_micros").get_to(lease.expires_unix_micros);
}

struct PutBody {
  Json& line;
  absl::Status operator()(const PoolUpserted& e) const {
    ALLOT_ASSIGN_OR_RETURN(const std::string pool, ToJson(e.pool));
    line["pool"] = Json::parse(pool);
    return absl::OkStatus();
  }
  absl::Status operator()(const LabelersUpserted& e) const {
    line["labelers"] = ToValue(e.labelers);
    return absl::OkStatus();
  }
  absl::Status operator()(const LabelersDeleted& e) const {
    line["ids"] = e.ids;
    return absl::OkStatus();
  }
  absl::Status operator()(const TasksRecorded& e) const {
    line["tasks"] = ToValue(e.tasks);
    return absl::OkStatus();
  }
  absl::Status operator()(const AnswersRecorded& e) const {
    line["answers"] = ToValue(e.answers);
    return absl::OkStatus();
  }
  absl::Status operator()(const LeasesGranted& e) const {
    line["leases"] = ToValue(e.leases);
    return absl::OkStatus();
  }
  absl::Status operator()(const LeasesRenewed& e) const {
    line["ids"] = e.ids;
    line["expires_unix_micros"] = e.expires_unix_micros;
    return absl::OkStatus();
  }
  absl::Status operator()(const LeasesEnded& e) const {
    line["ids"] = e.ids;
    line["reason"] = std::string(kReasons[static_cast<size_t>(e.reason)]);
    return absl::OkStatus();
  }
  absl::Status operator()(const RequestAnswered& e) const {
    line["id"] = e.id;
    line["fingerprint"] = e.fingerprint;
    line["response"] = absl::Base64Escape(e.response);
    return absl::OkStatus();
  }
};

void Read(const Json& line, Event& event) {
  line.at("unix_micros").get_to(event.unix_micros);
  const auto kind = line.at("kind").get<std::string>();
  const auto is = [&](size_t index) { return kind == kEventKinds[index]; };
  if (is(0)) {
    Read(line.at("pool"), event.body.emplace<PoolUpserted>().pool);
  } else if (is(1)) {
    TakeStructs(line, "labelers",
                event.body.emplace<LabelersUpserted>().labelers);
  } else if (is(2)) {
    line.at("ids").get_to(event.body.emplace<LabelersDeleted>().ids);
  } else if (is(3)) {
    TakeStructs(line, "tasks", event.body.emplace<TasksRecorded>().tasks);
  } else if (is(4)) {
    TakeStructs(line, "answers", event.body.emplace<AnswersRecorded>().answers);
  } else if (is(5)) {
    TakeStructs(line, "leases", event.body.emplace<LeasesGranted>().leases);
  } else if (is(6)) {
    Read(line, event.body.emplace<LeasesRenewed>());
  } else if (is(7)) {
    auto& ended = event.body.emplace<LeasesEnded>();
    line.at("ids").get_to(ended.ids);
    const auto reason = line.at("reason").get<std::string>();
    ended.reason = reason == kReasons[1]   ? ReleaseReason::kNotAgainToHer
                   : reason == kReasons[2] ? ReleaseReason::kExpired
                                           : ReleaseReason::kReleased;
  } else if (is(8)) {
    auto& answered = event.body.emplace<RequestAnswered>();
    line.at("id").get_to(answered.id);
    line.at("fingerprint").get_to(answered.fingerprint);
    if (!absl::Base64Unescape(line.at("response").get<std::string>(),
                              &answered.response)) {
      throw Json::other_error::create(501, "response is not base64", &line);
    }
  } else {
    throw Json::other_error::create(501, "unknown kind " + kind, &line);
  }
}

}  // namespace

absl::StatusOr<std::string> ToJsonLine(const Event& event) {
  Json line = {{"unix_micros", event.unix_micros},
               {"kind", std::string(kEventKinds[event.body.index()])}};
  ALLOT_RETURN_IF_ERROR(std::visit(PutBody{line}, event.body));
  return Dump(line);
}

absl::StatusOr<Event> ParseJsonLine(absl::string_view pool,
                                    absl::string_view text) {
  ALLOT_ASSIGN_OR_RETURN(Event event, Parse<Event>(text));
  event.pool = std::string(pool);
  return event;
}

}  // namespace allot
