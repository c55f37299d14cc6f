// SPDX-License-Identifier: Apache-2.0
// The fitted label models of a pool: what Score adds to the skills that are
// learned answer by answer.
#ifndef ALLOT_LIB_ENGINE_POOL_MODEL_H_
#define ALLOT_LIB_ENGINE_POOL_MODEL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/engine/refit_inputs.h"
#include "lib/truth/label_model.h"

namespace allot {

// The model of one label space.
struct SpaceModel {
  std::string label_set;
  LabelModel model;
  std::vector<int32_t> slot_of_row;  // by roster row; beyond the end: none
  // What its tasks asked for in the mean: a task that asks for something else
  // shifts what is expected of a labeler by the skills learned online.
  std::vector<double> loading;  // [skills seen]
  double difficulty = 0;
  double mean_accuracy = 0;  // of the labelers
  int64_t answers = 0;       // fitted
  int64_t gold_tasks = 0;    // that the calibration map rests on
  double ece_before = 0;     // on them, of the model; see label_model_fit.h
  double ece_after = 0;      // with the map

  // Whether the task asks for what the fitted tasks asked for in the mean:
  // then its channels say what to expect of an answer to it.
  bool Describes(const Task& task) const;

  // How often the labeler of a row is right on this space's tasks: the fitted
  // belief, drawn to the mean where she gave few answers.
  float AccuracyOf(int32_t row) const {
    const int32_t slot = SlotOf(row);
    return slot != kNoSlot ? model.accuracy[slot]
                           : static_cast<float>(mean_accuracy);
  }
  int32_t SlotOf(int32_t row) const {
    const auto at = static_cast<size_t>(row);
    return at < slot_of_row.size() ? slot_of_row[at] : kNoSlot;
  }
};

// Immutable.
struct PoolModel {
  int64_t version = 0;             // of the cut it was fitted to
  int64_t answers = 0;             // of the pool when that cut was made
  std::vector<SpaceModel> spaces;  // ascending by (num_classes, label_set)

  // Null if there is none.
  const SpaceModel* Find(absl::string_view label_set,
                         int32_t num_classes) const;
};

// Spaces with fewer than 20 answers in the window get no model. Deterministic:
// a function of the cut alone. About 1 microsecond an answer at K = 4 without
// gold, five times that with.
absl::StatusOr<PoolModel> FitPoolModel(const RefitCut& cut, int threads);

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_POOL_MODEL_H_
