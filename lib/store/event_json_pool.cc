// SPDX-License-Identifier: Apache-2.0
// A pool's configuration.
#include "lib/store/event_json_values.h"

namespace allot {
namespace {

Json ToValue(const ObjectiveWeights& weights) {
  const auto& [quality, cost, time, explore, balance, fairness, fair_answers,
               must_fill, min_expected_accuracy, max_labeler_share] = weights;
  return {{"quality", quality},
          {"cost", cost},
          {"time", time},
          {"explore", explore},
          {"balance", balance},
          {"fairness", fairness},
          {"fair_answers", fair_answers},
          {"must_fill", must_fill},
          {"min_expected_accuracy", min_expected_accuracy},
          {"max_labeler_share", max_labeler_share}};
}

Json ToValue(const ConfidenceRule& rule) {
  const auto& [target_confidence, max_answers] = rule;
  return {{"target_confidence", target_confidence},
          {"max_answers", max_answers}};
}

Json ToValue(const LearningRule& rule) {
  const auto& [learn_prior, drift_per_day, difficulty_variance] = rule;
  return {{"learn_prior", learn_prior},
          {"drift_per_day", drift_per_day},
          {"difficulty_variance", difficulty_variance}};
}

}  // namespace

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

Json ToValue(const Policy& policy) {
  const auto& [name, weights, confidence] = policy;
  return {{"name", name},
          {"weights", ToValue(weights)},
          {"confidence", ToValue(confidence)}};
}

Json ToValue(const Pool& pool) {
  const auto& [id, skills, label_sets, policies, learning] = pool;
  return {{"id", id},
          {"skills", ToValue(skills)},
          {"label_sets", ToValue(label_sets)},
          {"policies", ToValue(policies)},
          {"learning", ToValue(learning)}};
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
  Take(object, "fairness", weights.fairness);
  Take(object, "fair_answers", weights.fair_answers);
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

}  // namespace allot
