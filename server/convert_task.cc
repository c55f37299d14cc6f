// SPDX-License-Identifier: Apache-2.0
#include "server/convert_task.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "server/checks.h"

namespace allot {
namespace {

constexpr double kSecondsPerDay = 24 * 3600;

// Sums |weight| to 1, or reports a loading that is 0 everywhere.
void Normalise(const FieldPath& path, Task* out, Violations& found) {
  double sum = 0;
  for (const SkillWeight& entry : out->loading) {
    sum += std::abs(double{entry.weight});
  }
  if (!(sum > 0)) {
    found.Add(path, "must not be 0 for every skill");
    return;
  }
  for (SkillWeight& entry : out->loading) {
    entry.weight = static_cast<float>(entry.weight / sum);
  }
}

void ToLoading(const FieldPath& path, const v1::Task& in,
               const PoolNames& names, Task* out, Violations& found) {
  const auto num_skills = static_cast<int32_t>(names.pool().skills.size());
  // Of most tasks all of them.
  if (in.loading_size() == 0) out->loading.reserve(names.pool().skills.size());
  const FieldPath dense = path.Field("loading_vector");
  const FieldPath sparse = path.Field("loading");
  if (in.loading_vector_size() > 0) {
    if (in.loading_size() > 0) {
      found.Add(dense, "must be empty when loading is set");
      return;
    }
    if (in.loading_vector_size() != num_skills) {
      found.Add(dense,
                absl::StrCat("must have one weight per skill of the pool (",
                             num_skills, "), got ", in.loading_vector_size()));
      return;
    }
    bool good = true;
    for (int32_t row = 0; row < num_skills; ++row) {
      const float weight = in.loading_vector(row);
      good = CheckRange(dense.At(row), weight, -100, 100, found) && good;
      if (weight != 0) out->loading.push_back({row, weight});
    }
    if (good) Normalise(dense, out, found);
  } else if (in.loading_size() > 0) {
    // A map has no order of its own; violations should have one.
    std::vector<std::pair<absl::string_view, float>> entries(
        in.loading().begin(), in.loading().end());
    std::sort(entries.begin(), entries.end());
    bool good = true;
    for (const auto& [skill, weight] : entries) {
      const FieldPath entry = sparse.Key(skill);
      const int32_t row = names.FindSkill(skill);
      if (row < 0) {
        found.Add(entry, absl::StrCat("must be a skill of pool ",
                                      Quote(names.pool().id)));
        good = false;
        continue;
      }
      good = CheckRange(entry, weight, -100, 100, found) && good;
      if (weight != 0) out->loading.push_back({row, weight});
    }
    std::ranges::sort(out->loading, {}, &SkillWeight::skill);
    if (good) Normalise(sparse, out, found);
  } else {
    for (int32_t row = 0; row < num_skills; ++row) {
      out->loading.push_back({row, 1.0f / static_cast<float>(num_skills)});
    }
  }
}

void ToClasses(const FieldPath& path, const v1::Task& in,
               const PoolNames& names, Task* out, Violations& found) {
  if (in.has_num_classes() &&
      !CheckRange(path.Field("num_classes"), int64_t{in.num_classes()}, 2, 1000,
                  found)) {
    return;
  }
  if (!in.label_set().empty()) {
    const LabelSet* set = names.FindLabelSet(in.label_set());
    if (set == nullptr) {
      found.Add(
          path.Field("label_set"),
          absl::StrCat("must be a label set of pool ", Quote(names.pool().id),
                       ", got ", Quote(in.label_set())));
      return;
    }
    out->label_set = set->name;
    out->num_classes = static_cast<int32_t>(set->labels.size());
    if (in.has_num_classes() && in.num_classes() != out->num_classes) {
      found.Add(path.Field("num_classes"),
                absl::StrCat("must be ", out->num_classes, " as in label set ",
                             Quote(set->name), ", got ", in.num_classes()));
    }
  } else if (in.has_num_classes()) {
    out->num_classes = in.num_classes();
  } else {
    TaskClasses classes = DefaultClasses(names.pool());
    out->label_set = std::move(classes.label_set);
    out->num_classes = classes.num_classes;
  }
}

void ToPrior(const FieldPath& path, const v1::Task& in, Task* out,
             Violations& found) {
  if (in.prior_size() == 0) return;
  if (in.prior_size() != out->num_classes) {
    found.Add(path, absl::StrCat("must have one entry per class (",
                                 out->num_classes, "), got ", in.prior_size()));
    return;
  }
  double sum = 0;
  bool good = true;
  for (int k = 0; k < in.prior_size(); ++k) {
    good = CheckRange(path.At(k), in.prior(k), 0, 1, found) && good;
    sum += in.prior(k);
  }
  if (!good) return;
  if (std::abs(sum - 1) > 1e-3) {
    found.Add(path, absl::StrCat("must sum to 1 within 0.001, got ", sum));
    return;
  }
  for (const double p : in.prior()) out->prior.push_back(p / sum);
}

}  // namespace

TaskClasses DefaultClasses(const Pool& pool) {
  if (pool.label_sets.empty()) return {};
  const LabelSet& first = pool.label_sets.front();
  return {first.name, static_cast<int32_t>(first.labels.size())};
}

Task ToTask(const FieldPath& path, const v1::Task& in, const PoolNames& names,
            Violations& found) {
  Task out;
  CheckId(path.Field("task_id"), in.task_id(), found);
  out.id = in.task_id();
  ToLoading(path, in, names, &out, found);
  const int64_t before_classes = found.count();
  ToClasses(path, in, names, &out, found);
  const bool classes_known = found.count() == before_classes;
  if (in.has_difficulty() &&
      CheckRange(path.Field("difficulty"), in.difficulty(), -20, 20, found)) {
    out.difficulty = in.difficulty();
  }
  if (in.has_difficulty_variance() &&
      CheckRange(path.Field("difficulty_variance"), in.difficulty_variance(), 0,
                 100, found)) {
    out.difficulty_variance = in.difficulty_variance();
  }
  if (classes_known) ToPrior(path.Field("prior"), in, &out, found);
  if (in.has_base_handling_time()) {
    const auto seconds =
        CheckDuration(path.Field("base_handling_time"), in.base_handling_time(),
                      kSecondsPerDay, found);
    if (seconds) out.base_seconds = *seconds;
  }
  if (in.has_redundancy() &&
      CheckRange(path.Field("redundancy"), int64_t{in.redundancy()}, 1, 64,
                 found)) {
    out.redundancy = in.redundancy();
  }
  if (in.has_value() &&
      CheckRange(path.Field("value"), in.value(), 0, 1e6, found)) {
    out.value = in.value();
  }
  const FieldPath tags = path.Field("required_qualifications");
  if (CheckSize(tags, in.required_qualifications_size(), 0, 64, found)) {
    for (int i = 0; i < in.required_qualifications_size(); ++i) {
      CheckId(tags.At(i), in.required_qualifications(i), found);
      out.required_qualifications.push_back(in.required_qualifications(i));
    }
  }
  const FieldPath excluded = path.Field("excluded_labelers");
  if (CheckSize(excluded, in.excluded_labelers_size(), 0, 10'000, found)) {
    for (int i = 0; i < in.excluded_labelers_size(); ++i) {
      CheckId(excluded.At(i), in.excluded_labelers(i), found);
      out.excluded_labelers.push_back(in.excluded_labelers(i));
    }
  }
  if (in.has_gold_label() && classes_known &&
      CheckRange(path.Field("gold_label"), int64_t{in.gold_label()}, 0,
                 out.num_classes - 1, found)) {
    out.gold_label = in.gold_label();
  }
  return out;
}

bool IsIdOnly(const v1::Task& in) {
  return in.loading_size() == 0 && in.loading_vector_size() == 0 &&
         in.label_set().empty() && !in.has_num_classes() &&
         !in.has_difficulty() && !in.has_difficulty_variance() &&
         in.prior_size() == 0 && !in.has_base_handling_time() &&
         !in.has_redundancy() && !in.has_value() &&
         in.required_qualifications_size() == 0 &&
         in.excluded_labelers_size() == 0 && !in.has_gold_label();
}

Answer ToAnswer(const FieldPath& path, const v1::Answer& in,
                const TaskClasses& classes, const PoolNames& names,
                int64_t now_unix_micros, Violations& found) {
  Answer out;
  out.task = in.task_id();
  out.labeler = in.labeler_id();
  out.answered_unix_micros = now_unix_micros;
  switch (in.value_case()) {
    case v1::Answer::kLabel:
      if (CheckRange(path.Field("label"), int64_t{in.label()}, 0,
                     classes.num_classes - 1, found)) {
        out.label = in.label();
      }
      break;
    case v1::Answer::kLabelName: {
      const FieldPath field = path.Field("label_name");
      const LabelSet* set = names.FindLabelSet(classes.label_set);
      if (set == nullptr) {
        found.Add(field, "must be absent: the task has no label set");
        break;
      }
      const auto it =
          std::find(set->labels.begin(), set->labels.end(), in.label_name());
      if (it == set->labels.end()) {
        found.Add(field, absl::StrCat("must be a label of label set ",
                                      Quote(set->name), ", got ",
                                      Quote(in.label_name())));
        break;
      }
      out.label = static_cast<int32_t>(it - set->labels.begin());
      break;
    }
    case v1::Answer::VALUE_NOT_SET:
      found.Add(path.Field("label"), "must be set, or label_name");
      break;
  }
  if (in.has_handling_time()) {
    out.handling_seconds = CheckDuration(
        path.Field("handling_time"), in.handling_time(), kSecondsPerDay, found);
  }
  if (in.has_answered_at()) {
    const auto micros =
        CheckTimestamp(path.Field("answered_at"), in.answered_at(), found);
    if (micros) out.answered_unix_micros = *micros;
  }
  return out;
}

}  // namespace allot
