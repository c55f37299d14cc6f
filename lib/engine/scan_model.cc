// SPDX-License-Identifier: Apache-2.0
// Scanning for tasks whose labelers are known by a fitted model: what an answer
// tells follows from the labeler's confusion matrix, not from her skills.
#include <algorithm>
#include <cmath>

#include "lib/engine/scan.h"

namespace allot {
namespace {

constexpr int kLanes64 = RosterBlock::kLabelers;

}  // namespace

int32_t BatchScan::ChannelOf(const SpaceModel& model, int64_t b,
                             int lane) const {
  return model.model.channels.ChannelOf(
      model.SlotOf(static_cast<int32_t>(b * kLanes64 + lane)));
}

int BatchScan::SurvivorsByModel(int task, int64_t b, const BlockLogits& logits,
                                float bar, uint8_t* lanes) const {
  const BatchTask& batch_task = tasks_[task];
  // A skill bit is at most 0.73 (response.h).
  const double worth = batch_task.task->value * quality_;
  const double extra = 0.74 * explore_ + 1e-5 * (1 + std::abs(bar));
  int count = 0;
  for (int lane = 0; lane < kLanes64; ++lane) {
    if (logits.charge[lane] == HUGE_VALF) continue;
    const int32_t channel = ChannelOf(*batch_task.model, b, lane);
    const double ceiling =
        worth * batch_task.model->model.channels.bound(channel) + extra;
    if (ceiling - logits.charge[lane] > bar) {
      lanes[count++] = static_cast<uint8_t>(lane);
    }
  }
  return count;
}

void BatchScan::ApplyModel(int task, int64_t b, int lane, float& accuracy,
                           float& bits, float& utility) const {
  const BatchTask& batch_task = tasks_[task];
  const SpaceModel& space = *batch_task.model;
  const auto told = static_cast<float>(space.model.channels.Bits(
      ChannelOf(space, b, lane), batch_task.posterior));
  utility +=
      static_cast<float>(batch_task.task->value * quality_) * (told - bits);
  bits = told;
  accuracy = space.AccuracyOf(static_cast<int32_t>(b * kLanes64 + lane));
  if (accuracy < static_cast<float>(least_accuracy_)) utility = -HUGE_VALF;
}

void BatchScan::ScoreLanes(int task, int64_t b, const BlockLogits& logits,
                           const uint8_t* lanes, int count,
                           BlockScores& scores) const {
  BlockLogits packed;
  PackLanes(logits, lanes, count, packed);
  scorers_[task].Scores(packed, count, scores);
  if (tasks_[task].model == nullptr) return;
  for (int s = 0; s < count; ++s) {
    ApplyModel(task, b, lanes[s], scores.accuracy[s], scores.bits[s],
               scores.utility[s]);
  }
}

bool BatchScan::ScanByModel(std::span<const int> tasks,
                            const Deadline& deadline, ScanSink& sink) const {
  BlockLogits logits;
  BlockScores scores;
  uint8_t survivors[kLanes64];
  // A block of labelers against 32 tasks takes some ten microseconds.
  constexpr int64_t kBlocksALook = 16;
  for (int64_t b = 0; b < roster_->num_blocks(); ++b) {
    if (b > 0 && b % kBlocksALook == 0 && deadline.Passed()) return false;
    const RosterBlock& block = roster_->block(b);
    if (block.live == 0) continue;
    const LabelerBlock view = View(b);
    for (const int j : tasks) {
      scorers_[j].Logits(view, logits);
      // Rounded down, so that single precision leaves nobody out.
      const auto bar =
          std::nextafter(static_cast<float>(sink.threshold(j)), -HUGE_VALF);
      const int n = SurvivorsByModel(j, b, logits, bar, survivors);
      int kept = 0;
      for (int s = 0; s < n; ++s) {
        if (Eligible(tasks_[j], block, b, survivors[s])) {
          survivors[kept++] = survivors[s];
        }
      }
      if (kept == 0) continue;
      ScoreLanes(j, b, logits, survivors, kept, scores);
      for (int s = 0; s < kept; ++s) {
        if (scores.utility[s] == -HUGE_VALF) continue;
        const auto row = static_cast<int32_t>(b * kLanes64 + survivors[s]);
        sink.Add(j, ColumnOf(row), scores.utility[s]);
      }
    }
  }
  return true;
}

}  // namespace allot
