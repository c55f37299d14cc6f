// SPDX-License-Identifier: Apache-2.0
// Scores the pairs of a batch against a roster, block by block, for
// lib/match/pricing.h: the dense matrix of utilities is never held.
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
#include "lib/match/pricing.h"
#include "lib/roster/roster.h"
#include "lib/skill/scoring.h"

namespace allot {

// One task of a batch, with all ids looked up.
struct BatchTask {
  const Task* task = nullptr;
  int32_t wanted = 0;           // slots still open
  std::vector<int32_t> barred;  // rows that may not get it, ascending
  uint64_t qualification_filter = 0;
  double difficulty_variance = 0;
  std::vector<float> posterior;  // [K], or empty: uniform
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
  bool Eligible(const BatchTask& task, const RosterBlock& block,
                int64_t block_index, int lane) const;

  const Roster* roster_;
  std::span<const BatchTask> tasks_;
  std::span<const float> loads_;
  std::span<const char> allowed_;
  int32_t shift_ = 0;
  std::vector<TaskScorer> scorers_;
};

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_SCAN_H_
