// SPDX-License-Identifier: Apache-2.0
#include "server/convert_pool.h"

#include <utility>

#include "server/checks.h"
#include "server/grpc_status.h"

namespace allot {
namespace {

constexpr double kMaxWeight = 1e6;
constexpr int64_t kMostFairAnswers = 1'000'000;

Skill ToSkill(const FieldPath& path, const v1::Skill& in, Violations& found) {
  Skill out;
  CheckId(path.Field("name"), in.name(), found);
  out.name = in.name();
  if (in.has_prior_mean() &&
      CheckRange(path.Field("prior_mean"), in.prior_mean(), -20, 20, found)) {
    out.prior_mean = in.prior_mean();
  }
  if (in.has_prior_variance() &&
      CheckRange(path.Field("prior_variance"), in.prior_variance(), 1e-4, 100,
                 found)) {
    out.prior_variance = in.prior_variance();
  }
  return out;
}

LabelSet ToLabelSet(const FieldPath& path, const v1::LabelSet& in,
                    Violations& found) {
  LabelSet out;
  CheckId(path.Field("name"), in.name(), found);
  out.name = in.name();
  const FieldPath labels = path.Field("labels");
  if (!CheckSize(labels, in.labels_size(), 2, 1000, found)) return out;
  DistinctNames distinct(labels, "");
  for (int i = 0; i < in.labels_size(); ++i) {
    if (CheckId(labels.At(i), in.labels(i), found)) {
      distinct.Check(i, in.labels(i), found);
    }
  }
  out.labels.assign(in.labels().begin(), in.labels().end());
  return out;
}

}  // namespace

int32_t PoolNames::FindSkill(absl::string_view name) const {
  if (skills_.empty()) {
    skills_.reserve(pool_.skills.size());
    for (size_t i = 0; i < pool_.skills.size(); ++i) {
      skills_.emplace(pool_.skills[i].name, static_cast<int32_t>(i));
    }
  }
  const auto it = skills_.find(name);
  return it == skills_.end() ? -1 : it->second;
}

const LabelSet* PoolNames::FindLabelSet(absl::string_view name) const {
  for (const LabelSet& set : pool_.label_sets) {
    if (name == set.name) return &set;
  }
  return nullptr;
}

Policy ToPolicy(const FieldPath& path, const v1::Policy& in,
                Violations& found) {
  Policy out;
  out.name = in.name();
  const auto weight = [&](absl::string_view name, bool has, double value,
                          double* to) {
    if (has && CheckRange(path.Field(name), value, 0, kMaxWeight, found)) {
      *to = value;
    }
  };
  weight("quality", in.has_quality(), in.quality(), &out.weights.quality);
  weight("cost", in.has_cost(), in.cost(), &out.weights.cost);
  weight("time", in.has_time(), in.time(), &out.weights.time);
  weight("explore", in.has_explore(), in.explore(), &out.weights.explore);
  weight("balance", in.has_balance(), in.balance(), &out.weights.balance);
  weight("fairness", in.has_fairness(), in.fairness(), &out.weights.fairness);
  if (in.has_fair_answers() &&
      CheckRange(path.Field("fair_answers"), int64_t{in.fair_answers()}, 1,
                 kMostFairAnswers, found)) {
    out.weights.fair_answers = in.fair_answers();
  }
  if (in.has_must_fill()) out.weights.must_fill = in.must_fill();
  if (in.has_min_expected_accuracy() &&
      CheckRange(path.Field("min_expected_accuracy"),
                 in.min_expected_accuracy(), 0, 1, found, Ends::kOpenHigh)) {
    out.weights.min_expected_accuracy = in.min_expected_accuracy();
  }
  if (in.has_max_share() && CheckRange(path.Field("max_share"), in.max_share(),
                                       0, 1, found, Ends::kOpenLow)) {
    out.weights.max_labeler_share = in.max_share();
  }
  if (in.has_target_confidence() &&
      CheckRange(path.Field("target_confidence"), in.target_confidence(), 0.5,
                 1, found, Ends::kOpenHigh)) {
    out.confidence.target_confidence = in.target_confidence();
  }
  if (in.has_max_answers() &&
      CheckRange(path.Field("max_answers"), int64_t{in.max_answers()}, 1, 64,
                 found)) {
    out.confidence.max_answers = in.max_answers();
  }
  return out;
}

absl::StatusOr<Pool> ToPool(const v1::Pool& in) {
  Violations found;
  const FieldPath root;
  const FieldPath path = root.Field("pool");
  Pool out;
  CheckId(path.Field("pool_id"), in.pool_id(), found);
  out.id = in.pool_id();

  const FieldPath skills = path.Field("skills");
  if (CheckSize(skills, in.skills_size(), 1, 256, found)) {
    DistinctNames distinct(skills, "name");
    for (int i = 0; i < in.skills_size(); ++i) {
      out.skills.push_back(ToSkill(skills.At(i), in.skills(i), found));
      distinct.Check(i, in.skills(i).name(), found);
    }
  }
  const FieldPath label_sets = path.Field("label_sets");
  if (CheckSize(label_sets, in.label_sets_size(), 0, 64, found)) {
    DistinctNames distinct(label_sets, "name");
    for (int i = 0; i < in.label_sets_size(); ++i) {
      out.label_sets.push_back(
          ToLabelSet(label_sets.At(i), in.label_sets(i), found));
      distinct.Check(i, in.label_sets(i).name(), found);
    }
  }
  const FieldPath policies = path.Field("policies");
  if (CheckSize(policies, in.policies_size(), 0, 64, found)) {
    DistinctNames distinct(policies, "name");
    for (int i = 0; i < in.policies_size(); ++i) {
      const FieldPath policy = policies.At(i);
      CheckId(policy.Field("name"), in.policies(i).name(), found);
      distinct.Check(i, in.policies(i).name(), found);
      out.policies.push_back(ToPolicy(policy, in.policies(i), found));
    }
  }
  const v1::Learning& learning = in.learning();
  const FieldPath learning_path = path.Field("learning");
  if (learning.has_learn_prior()) {
    out.learning.learn_prior = learning.learn_prior();
  }
  if (learning.has_drift_per_day() &&
      CheckRange(learning_path.Field("drift_per_day"), learning.drift_per_day(),
                 0, 10, found)) {
    out.learning.drift_per_day = learning.drift_per_day();
  }
  if (learning.has_difficulty_variance() &&
      CheckRange(learning_path.Field("difficulty_variance"),
                 learning.difficulty_variance(), 0, 10, found)) {
    out.learning.difficulty_variance = learning.difficulty_variance();
  }
  if (!found.empty()) return found.ToStatus();
  return out;
}

absl::StatusOr<Policy> FindPolicy(absl::string_view name, const Pool& pool) {
  for (const Policy& policy : pool.policies) {
    if (name == policy.name) return policy;
  }
  return WithReason(
      absl::NotFoundError(absl::StrCat("policy_name: pool ", Quote(pool.id),
                                       " has no policy ", Quote(name))),
      "POLICY_NOT_FOUND", {{"pool_id", pool.id}, {"policy_name", name}});
}

Policy DefaultPolicy(const Pool& pool) {
  return pool.policies.empty() ? Policy() : pool.policies.front();
}

absl::Status CheckPoolId(absl::string_view id) {
  Violations found;
  const FieldPath root;
  CheckId(root.Field("pool_id"), id, found);
  return found.ToStatus();
}

void ToProto(const Policy& in, v1::Policy* out) {
  out->set_name(in.name);
  out->set_quality(in.weights.quality);
  out->set_cost(in.weights.cost);
  out->set_time(in.weights.time);
  out->set_explore(in.weights.explore);
  out->set_balance(in.weights.balance);
  out->set_fairness(in.weights.fairness);
  out->set_fair_answers(in.weights.fair_answers);
  out->set_must_fill(in.weights.must_fill);
  out->set_min_expected_accuracy(in.weights.min_expected_accuracy);
  out->set_max_share(in.weights.max_labeler_share);
  out->set_target_confidence(in.confidence.target_confidence);
  out->set_max_answers(in.confidence.max_answers);
}

void ToProto(const Pool& in, v1::Pool* out) {
  out->set_pool_id(in.id);
  for (const Skill& skill : in.skills) {
    v1::Skill* to = out->add_skills();
    to->set_name(skill.name);
    to->set_prior_mean(skill.prior_mean);
    to->set_prior_variance(skill.prior_variance);
  }
  for (const LabelSet& set : in.label_sets) {
    v1::LabelSet* to = out->add_label_sets();
    to->set_name(set.name);
    for (const std::string& label : set.labels) to->add_labels(label);
  }
  for (const Policy& policy : in.policies) {
    ToProto(policy, out->add_policies());
  }
  v1::Learning* learning = out->mutable_learning();
  learning->set_learn_prior(in.learning.learn_prior);
  learning->set_drift_per_day(in.learning.drift_per_day);
  learning->set_difficulty_variance(in.learning.difficulty_variance);
}

void ToProto(const PoolStats& in, const Pool& pool, v1::PoolStats* out) {
  out->set_labelers(in.labelers);
  out->set_tasks(in.tasks);
  out->set_answers(in.answers);
  out->set_open_leases(in.open_leases);
  out->set_roster_version(in.roster_version);
  for (size_t i = 0; i < in.newcomer_prior.size() && i < pool.skills.size();
       ++i) {
    v1::SkillEstimate* to = out->add_newcomer_prior();
    to->set_skill(pool.skills[i].name);
    to->set_mean(in.newcomer_prior[i].mean);
    to->set_variance(in.newcomer_prior[i].variance);
  }
  v1::RefitStats* refit = out->mutable_refit();
  refit->set_version(in.refit.version);
  refit->set_pending(in.refit.pending);
  refit->set_answers(in.refit.answers);
  refit->set_gold_tasks(in.refit.gold_tasks);
  refit->set_ece_before(in.refit.ece_before);
  refit->set_ece_after(in.refit.ece_after);
  refit->set_changed_labels(in.refit.changed_labels);
  refit->set_changed_confidence(in.refit.changed_confidence);
  refit->set_seconds(in.refit.seconds);
}

}  // namespace allot
