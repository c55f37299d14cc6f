// SPDX-License-Identifier: Apache-2.0
// From answers and a roster to a posterior.
#ifndef ALLOT_LIB_ENGINE_EVIDENCE_H_
#define ALLOT_LIB_ENGINE_EVIDENCE_H_

#include <span>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "lib/engine/pool_entry.h"
#include "lib/engine/task_table.h"
#include "lib/truth/label_model.h"
#include "lib/truth/posterior.h"

namespace allot {

// Not thread-safe: it owns scratch. Borrows the view.
class Evidence {
 public:
  explicit Evidence(const PoolView& view) : view_(view) {}

  // The posterior of a task by these answers of labelers in the roster.
  //
  // With a fitted model of the task's label space (pool_model.h) by that model;
  // skills learned online enter where the task asks for other skills than the
  // fitted tasks did, or where a labeler is not in the fit. Without one, by the
  // skills alone: what an answer taught about its labeler (its site) is left
  // out of judging it, otherwise answers would vouch for themselves.
  //
  // Tempered either way (tempering.h): what misled one labeler may have misled
  // the next. Calibrated by the model's map, or by the map of no gold.
  absl::StatusOr<TaskPosterior> Score(const Task& task,
                                      std::span<const RecordedAnswer> answers,
                                      bool explain = false);

  // Of the last task: its model (null: none), its posterior before
  // calibration and the map from that to what Score() returned.
  const SpaceModel* model() const { return model_; }
  std::span<const double> raw() const { return raw_; }
  const CalibrationMap& calibration() const;
  // [answers] With explain: how probable a right answer was.
  std::span<const double> expected_accuracy() const { return accuracy_; }

 private:
  absl::Status ScoreBySkill(const Task& task,
                            std::span<const RecordedAnswer> answers,
                            bool explain, TaskPosterior* posterior);
  void ScoreByModel(const Task& task, std::span<const RecordedAnswer> answers,
                    bool explain, TaskPosterior* posterior);
  double ShiftOf(const Task& task, const RecordedAnswer& answer,
                 bool fitted) const;
  int32_t GroupOf(const RecordedAnswer& answer);

  const PoolView& view_;
  const SpaceModel* model_ = nullptr;
  PosteriorScorer scorer_;
  LabelModelScorer model_scorer_;
  std::vector<ScoredAnswer> scored_;
  std::vector<ModelAnswer> given_;
  std::vector<double> raw_;
  std::vector<double> accuracy_;
  absl::flat_hash_map<std::string, int32_t> groups_;
};

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_EVIDENCE_H_
