// SPDX-License-Identifier: Apache-2.0
// Scores the pairs of a batch against a roster, block by block, for
// lib/match/pricing.h: the dense matrix of utilities is never held.
//
// What an answer is worth follows from how the pool's fitted model says that
// its labeler errs (lib/truth/answer_channel.h) where there is such a model of
// the task, and from the skills learned online (lib/skill/scoring.h) elsewhere.
//
// Columns of the matching problem are roster rows turned by `shift`, so that
// ties do not always fall to the same labelers.
#ifndef ALLOT_LIB_ENGINE_SCAN_H_
#define ALLOT_LIB_ENGINE_SCAN_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lib/engine/calls.h"
#include "lib/engine/pool_model.h"
#include "lib/match/pricing.h"
#include "lib/roster/roster.h"
#include "lib/skill/scoring.h"

namespace allot {

// One task of a batch, with all ids looked up.
struct BatchTask {
  const Task* task = nullptr;
  int32_t wanted = 0;           // slots still open
  bool withdrawn = false;       // nobody may get it
  std::vector<int32_t> barred;  // rows that may not get it, ascending
  uint64_t qualification_filter = 0;
  double difficulty_variance = 0;
  std::vector<float> posterior;  // [K], or empty: uniform
  // Null: planned by the skills learned online. `posterior` is given with it.
  const SpaceModel* model = nullptr;
};

class BatchScan {
 public:
  // `loads` is [rows]: share of capacity in use, or empty if the policy does
  // not balance. `allowed` is [rows], or empty for everybody. All borrowed.
  BatchScan(const Roster& roster, std::span<const BatchTask> tasks,
            const ObjectiveWeights& weights, std::span<const float> loads,
            std::span<const char> allowed, double extra_cost, int64_t seed);

  int32_t ColumnOf(int32_t row) const;
  int32_t RowOf(int32_t column) const;

  // For MatchDense().
  void Scan(const ScanRequest& request, ScanSink& sink) const;

  // Everything a plan reports of one pair.
  PairScore Score(int task, int32_t row) const;

  // Of the labelers who may get the task and are not in `taken` (ascending
  // rows): is there one at all, and the best utility among them, capacity or
  // not.
  struct Leftover {
    bool anybody = false;
    double best_utility = 0;
  };
  Leftover LeftOver(int task, std::span<const int32_t> taken) const;

 private:
  class Pass;
  LabelerBlock View(int64_t block) const;
  LabelerBlock View(const RosterBlock& block, int64_t block_index) const;
  // The scan of tasks with a model (scan_model.cc); false if the deadline
  // passed meanwhile.
  bool ScanByModel(std::span<const int> tasks, const Deadline& deadline,
                   ScanSink& sink) const;
  // Writes to `lanes` those that may be worth more than `bar`.
  int SurvivorsByModel(int task, int64_t block, const BlockLogits& logits,
                       float bar, uint8_t* lanes) const;
  // Accuracy, bits and utility of the first `count` of `lanes`.
  void ScoreLanes(int task, int64_t block, const BlockLogits& logits,
                  const uint8_t* lanes, int count, BlockScores& scores) const;
  void ApplyModel(int task, int64_t block, int lane, float& accuracy,
                  float& bits, float& utility) const;
  int32_t ChannelOf(const SpaceModel& model, int64_t block, int lane) const;
  bool Eligible(const BatchTask& task, const RosterBlock& block,
                int64_t block_index, int lane) const;

  const Roster* roster_;
  std::span<const BatchTask> tasks_;
  std::span<const float> loads_;
  std::span<const char> allowed_;
  double quality_;
  double explore_;
  double least_accuracy_;
  int32_t shift_ = 0;
  std::vector<TaskScorer> scorers_;
};

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_SCAN_H_
