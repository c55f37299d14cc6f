// SPDX-License-Identifier: Apache-2.0
// The walks of checkpoint.cc over what re-fits look at and lead to.
#ifndef ALLOT_LIB_ENGINE_CHECKPOINT_REFIT_H_
#define ALLOT_LIB_ENGINE_CHECKPOINT_REFIT_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "lib/engine/checkpoint_archive.h"
#include "lib/engine/pool_model.h"
#include "lib/engine/refit_inputs.h"

namespace allot {

template <typename A>
bool WalkPart(A& a, WindowAnswer& answer) {
  return a(answer.task) && a(answer.labeler) && a(answer.group) &&
         a(answer.label) && a(answer.space);
}

template <typename A>
bool WalkSpaces(A& a, std::vector<LabelSpace>& spaces) {
  return Items(a, spaces, [](A& b, LabelSpace& space) {
    return b(space.label_set) && b(space.num_classes) && b(space.answers) &&
           Plain(b, space.loading_sum) && b(space.difficulty_sum);
  });
}

template <typename A>
bool WalkGold(A& a, std::vector<WindowGold>& gold) {
  return Items(a, gold, [](A& b, WindowGold& label) {
    return b(label.task) && b(label.label);
  });
}

// `chunks` holds `in_window` answers.
template <typename A, typename Chunks>
bool WalkWindow(A& a, Chunks& chunks, int64_t& in_window) {
  if (!a(in_window) || in_window < 0) return false;
  for (int64_t i = 0; i < in_window; ++i) {
    const auto at = static_cast<size_t>(i) % RefitCut::kChunk;
    if constexpr (A::kReading) {
      if (at == 0) chunks.push_back(std::make_shared<RefitCut::Chunk>());
      if (!WalkPart(a, (*chunks.back())[at])) return false;
    } else {
      WindowAnswer copy =
          (*chunks[static_cast<size_t>(i) / RefitCut::kChunk])[at];
      if (!WalkPart(a, copy)) return false;
    }
  }
  return true;
}

template <typename A>
bool WalkPart(A& a, CalibrationMap& map) {
  int64_t version = map.version();
  double temperature = map.temperature();
  std::vector<double> knots = map.knots();
  if (!(a(version) && a(temperature) && Plain(a, knots))) return false;
  if constexpr (A::kReading) {
    auto restored =
        CalibrationMap::Restore(version, temperature, std::move(knots));
    if (!restored) return false;
    map = *std::move(restored);
  }
  return true;
}

template <typename A>
bool WalkPart(A& a, LabelModel& model) {
  for (double& weight : model.level_weight) {
    if (!a(weight)) return false;
  }
  if (!(a(model.num_classes) && a(model.has_matrices) &&
        Plain(a, model.class_prior) && Plain(a, model.knowing) &&
        Plain(a, model.accuracy) && Plain(a, model.habit) &&
        Plain(a, model.matrix) && a(model.mean_knowing) &&
        Plain(a, model.guess) && Plain(a, model.mean_habit) &&
        WalkPart(a, model.calibration))) {
    return false;
  }
  std::vector<float> channels = model.channels.table();
  if (!(Plain(a, channels) && Plain(a, model.second_prior) &&
        Plain(a, model.second_matrix))) {
    return false;
  }
  const auto k = static_cast<size_t>(model.num_classes);
  const size_t slots = model.knowing.size();
  const size_t cells = model.has_matrices ? k * k : 0;
  if constexpr (A::kReading) {
    if (!channels.empty()) {
      if (model.num_classes < 2 || channels.size() != (slots + 1) * k * k) {
        return false;
      }
      model.channels = AnswerChannels(model.num_classes, std::move(channels));
    }
  }
  const bool second = !model.second_matrix.empty();
  if (model.second_prior.size() != (second ? k : 0) ||
      (second && model.second_matrix.size() != (slots + 1) * k * k)) {
    return false;
  }
  return model.num_classes >= 2 && model.class_prior.size() == k &&
         model.accuracy.size() == slots && model.habit.size() == slots * k &&
         model.matrix.size() == slots * cells && model.mean_habit.size() == k &&
         model.guess.size() == (model.has_matrices ? cells : k);
}

template <typename A>
bool WalkPart(A& a, SpaceModel& space) {
  if (!(a(space.label_set) && WalkPart(a, space.model) &&
        Plain(a, space.slot_of_row) && Plain(a, space.loading) &&
        a(space.difficulty) && a(space.mean_accuracy) && a(space.answers) &&
        a(space.gold_tasks) && a(space.ece_before) && a(space.ece_after))) {
    return false;
  }
  const auto slots = static_cast<int32_t>(space.model.knowing.size());
  for (const int32_t slot : space.slot_of_row) {
    if (slot < kNoSlot || slot >= slots) return false;
  }
  return true;
}

// Null if there is none.
template <typename A>
bool WalkModel(A& a, std::shared_ptr<const PoolModel>& model) {
  bool present = model != nullptr;
  if (!a(present)) return false;
  if (!present) return true;
  PoolModel copy;
  if constexpr (!A::kReading) copy = *model;
  if (!(a(copy.version) && a(copy.answers) &&
        Items(a, copy.spaces,
              [](A& b, SpaceModel& space) { return WalkPart(b, space); }))) {
    return false;
  }
  if constexpr (A::kReading) {
    model = std::make_shared<const PoolModel>(std::move(copy));
  }
  return true;
}
}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_CHECKPOINT_REFIT_H_
