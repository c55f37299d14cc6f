// SPDX-License-Identifier: Apache-2.0
#include "lib/store/event_json.h"

#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"

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

}  // namespace allot
