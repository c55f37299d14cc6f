// SPDX-License-Identifier: Apache-2.0
#include "lib/engine/pool_model.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "lib/base/status_macros.h"
#include "lib/truth/label_model_fit.h"

namespace allot {
namespace {

constexpr int64_t kLeastAnswers = 20;

bool Before(const SpaceModel& model, absl::string_view label_set,
            int32_t num_classes) {
  return std::tie(model.model.num_classes, model.label_set) <
         std::make_tuple(num_classes, label_set);
}

// The answers of one space, tasks and labelers renumbered by first appearance.
struct SpaceAnswers {
  std::vector<LabelAnswer> answers;
  std::vector<int32_t> group;
  std::vector<GoldLabel> gold;
  std::vector<int32_t> slot_of_row;
  absl::flat_hash_map<int32_t, int32_t> tasks;
  int32_t num_slots = 0;

  void Add(const WindowAnswer& answer) {
    const auto next = static_cast<int32_t>(tasks.size());
    const int32_t task = tasks.try_emplace(answer.task, next).first->second;
    const auto row = static_cast<size_t>(answer.labeler);
    if (row >= slot_of_row.size()) slot_of_row.resize(row + 1, kNoSlot);
    if (slot_of_row[row] == kNoSlot) slot_of_row[row] = num_slots++;
    answers.push_back({task, slot_of_row[row], answer.label});
    group.push_back(answer.group);
  }
};

absl::StatusOr<SpaceModel> FitSpace(const RefitCut& cut, SpaceAnswers given,
                                    const LabelSpace& space, int threads) {
  // The last word on a task counts.
  constexpr int32_t kUnknown = -1;
  std::vector<int32_t> gold(given.tasks.size(), kUnknown);
  for (const WindowGold& label : cut.gold) {
    const auto task = given.tasks.find(label.task);
    if (task != given.tasks.end() && label.label < space.num_classes) {
      gold[task->second] = label.label;
    }
  }
  for (size_t t = 0; t < gold.size(); ++t) {
    if (gold[t] != kUnknown)
      given.gold.push_back({static_cast<int32_t>(t), gold[t]});
  }
  ALLOT_ASSIGN_OR_RETURN(
      LabelModelFit fit,
      FitLabelModel({.num_tasks = static_cast<int32_t>(given.tasks.size()),
                     .num_slots = given.num_slots,
                     .num_classes = space.num_classes,
                     .answers = given.answers,
                     .group = given.group,
                     .gold = given.gold,
                     .version = cut.version,
                     .threads = threads}));
  SpaceModel result;
  result.label_set = space.label_set;
  result.model = std::move(fit.model);
  result.slot_of_row = std::move(given.slot_of_row);
  const auto count = static_cast<double>(space.answers);
  for (const double sum : space.loading_sum) {
    result.loading.push_back(sum / count);
  }
  result.difficulty = space.difficulty_sum / count;
  for (const float accuracy : result.model.accuracy) {
    result.mean_accuracy +=
        accuracy / static_cast<double>(result.model.accuracy.size());
  }
  result.answers = static_cast<int64_t>(given.answers.size());
  result.gold_tasks = fit.gold_tasks;
  result.ece_before = fit.ece_before;
  result.ece_after = fit.ece_after;
  return result;
}

}  // namespace

bool SpaceModel::Describes(const Task& task) const {
  // Closer than this it is the same but for rounding.
  constexpr double kSame = 1e-3;
  if (model.channels.empty()) return false;
  if (std::abs(task.difficulty - difficulty) > kSame) return false;
  size_t next = 0;
  for (size_t d = 0; d < loading.size(); ++d) {
    double weight = 0;
    if (next < task.loading.size() &&
        task.loading[next].skill == static_cast<int32_t>(d)) {
      weight = task.loading[next++].weight;
    }
    if (std::abs(weight - loading[d]) > kSame) return false;
  }
  return next == task.loading.size();
}

const SpaceModel* PoolModel::Find(absl::string_view label_set,
                                  int32_t num_classes) const {
  const auto at = std::lower_bound(
      spaces.begin(), spaces.end(), label_set,
      [num_classes](const SpaceModel& model, absl::string_view name) {
        return Before(model, name, num_classes);
      });
  if (at == spaces.end() || at->label_set != label_set ||
      at->model.num_classes != num_classes) {
    return nullptr;
  }
  return &*at;
}

absl::StatusOr<PoolModel> FitPoolModel(const RefitCut& cut, int threads) {
  std::vector<SpaceAnswers> of_space(cut.spaces.size());
  for (int64_t i = 0; i < cut.in_window; ++i) {
    of_space[cut.at(i).space].Add(cut.at(i));
  }
  PoolModel model;
  model.version = cut.version;
  model.answers = cut.answers;
  for (size_t s = 0; s < of_space.size(); ++s) {
    if (static_cast<int64_t>(of_space[s].answers.size()) < kLeastAnswers) {
      continue;
    }
    ALLOT_ASSIGN_OR_RETURN(
        SpaceModel space,
        FitSpace(cut, std::move(of_space[s]), cut.spaces[s], threads));
    model.spaces.push_back(std::move(space));
  }
  std::sort(model.spaces.begin(), model.spaces.end(),
            [](const SpaceModel& a, const SpaceModel& b) {
              return Before(a, b.label_set, b.model.num_classes);
            });
  return model;
}

}  // namespace allot
