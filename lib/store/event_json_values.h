// SPDX-License-Identifier: Apache-2.0
// The structs of events as JSON values. Internal to event_json*.cc. The writers
// take structs apart by structured binding: a field that is added to the struct
// and forgotten there does not compile. The readers throw Json::exception; a
// key that is absent leaves the field at its default, but for the few without
// which an item is none.
#ifndef ALLOT_LIB_STORE_EVENT_JSON_VALUES_H_
#define ALLOT_LIB_STORE_EVENT_JSON_VALUES_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "lib/store/event.h"

namespace allot {

using Json = nlohmann::ordered_json;

// event_json_pool.cc
Json ToValue(const Skill& skill);
Json ToValue(const LabelSet& label_set);
Json ToValue(const Policy& policy);
Json ToValue(const Pool& pool);
void Read(const Json& object, Skill& skill);
void Read(const Json& object, LabelSet& label_set);
void Read(const Json& object, ObjectiveWeights& weights);
void Read(const Json& object, ConfidenceRule& rule);
void Read(const Json& object, Policy& policy);
void Read(const Json& object, LearningRule& rule);
void Read(const Json& object, Pool& pool);

// event_json_items.cc
Json ToValue(const LabelerUpdate& update);
Json ToValue(const Task& task);
Json ToValue(const Answer& answer);
Json ToValue(const Lease& lease);
void Read(const Json& value, LabelerUpdate& update);
void Read(const Json& value, Task& task);
void Read(const Json& value, Answer& answer);
void Read(const Json& value, Lease& lease);

template <typename T>
Json ToValue(const std::vector<T>& items) {
  Json array = Json::array();
  for (const T& item : items) array.push_back(ToValue(item));
  return array;
}

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

template <typename T>
void Take(const Json& object, const char* key, T& field) {
  if (const auto found = object.find(key); found != object.end()) {
    found->get_to(field);
  }
}

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

}  // namespace allot

#endif  // ALLOT_LIB_STORE_EVENT_JSON_VALUES_H_
