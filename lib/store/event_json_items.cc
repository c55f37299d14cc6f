// SPDX-License-Identifier: Apache-2.0
// What events list: labelers, tasks, answers, leases.
#include "lib/store/event_json_values.h"

namespace allot {

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

}  // namespace allot
