// SPDX-License-Identifier: Apache-2.0
#include "lib/engine/scan.h"

#include <algorithm>
#include <limits>

namespace allot {
namespace {

constexpr int kLanes64 = RosterBlock::kLabelers;
static_assert(kLanes64 == kLanes);

constexpr float kNoLoad[kLanes64] = {};

}  // namespace

BatchScan::BatchScan(const Roster& roster, std::span<const BatchTask> tasks,
                     const ObjectiveWeights& weights,
                     std::span<const float> loads,
                     std::span<const char> allowed, double extra_cost,
                     int64_t seed)
    : roster_(&roster), tasks_(tasks), loads_(loads), allowed_(allowed) {
  if (roster.num_rows() > 0) {
    shift_ = static_cast<int32_t>(static_cast<uint64_t>(seed) %
                                  static_cast<uint64_t>(roster.num_rows()));
  }
  scorers_.reserve(tasks.size());
  for (const BatchTask& batch_task : tasks) {
    const Task& task = *batch_task.task;
    const TaskTerms terms{.loading = task.loading,
                          .difficulty = static_cast<float>(task.difficulty),
                          .difficulty_variance = static_cast<float>(
                              batch_task.difficulty_variance),
                          .classes = task.num_classes,
                          .base_seconds = static_cast<float>(task.base_seconds),
                          .value = static_cast<float>(task.value),
                          .posterior = batch_task.posterior};
    scorers_.emplace_back(terms, weights, extra_cost);
  }
}

int32_t BatchScan::ColumnOf(int32_t row) const {
  const int64_t column = int64_t{row} + shift_;
  return static_cast<int32_t>(
      column < roster_->num_rows() ? column : column - roster_->num_rows());
}

int32_t BatchScan::RowOf(int32_t column) const {
  const int64_t row = int64_t{column} - shift_;
  return static_cast<int32_t>(row >= 0 ? row : row + roster_->num_rows());
}

LabelerBlock BatchScan::View(int64_t b) const {
  const RosterBlock& block = roster_->block(b);
  return {.mean = block.skill_mean.data(),
          .variance = block.skill_variance.data(),
          .price_per_answer = block.price_per_answer.data(),
          .price_per_second = block.price_per_second.data(),
          .time_factor = block.time_factor.data(),
          .load = loads_.empty() ? kNoLoad : loads_.data() + b * kLanes64,
          .lanes = static_cast<int>(
              std::min<int64_t>(kLanes64, roster_->num_rows() - b * kLanes64))};
}

bool BatchScan::Eligible(const BatchTask& task, const RosterBlock& block,
                         int64_t b, int lane) const {
  if (((block.live >> lane) & 1) == 0) return false;
  const auto row = static_cast<int32_t>(b * kLanes64 + lane);
  if (!allowed_.empty() && !allowed_[row]) return false;
  if (std::binary_search(task.barred.begin(), task.barred.end(), row)) {
    return false;
  }
  if ((task.qualification_filter & ~block.qualification_filter[lane]) != 0) {
    return false;
  }
  const std::vector<std::string>& has = block.profile[lane]->qualifications;
  return std::ranges::all_of(
      task.task->required_qualifications, [&](const std::string& wanted) {
        return std::binary_search(has.begin(), has.end(), wanted);
      });
}

void BatchScan::Scan(const ScanRequest& request, ScanSink& sink) const {
  const int tasks = request.task_end - request.task_begin;
  BlockLogits logits, packed;
  BlockScores scores;
  uint8_t survivors[kLanes64];
  for (int64_t b = 0; b < roster_->num_blocks(); ++b) {
    const RosterBlock& block = roster_->block(b);
    if (block.live == 0) continue;
    const LabelerBlock view = View(b);
    const int32_t begin = ColumnOf(static_cast<int32_t>(b * kLanes64));
    // A block that the turn cuts in two has two stretches of columns; 0 is a
    // bound there, too.
    const double least_price =
        begin + view.lanes <= roster_->num_rows()
            ? request.price.Least(begin, begin + view.lanes)
            : 0;
    for (int t = 0; t < tasks; ++t) {
      const int j = request.task_begin + t;
      if (sink.threshold(j) == std::numeric_limits<double>::infinity())
        continue;
      const TaskScorer& scorer = scorers_[j];
      scorer.Logits(view, logits);
      // Rounded down, so that single precision leaves nobody out.
      const auto bar = std::nextafter(
          static_cast<float>(sink.threshold(j) + least_price), -HUGE_VALF);
      int n = scorer.Survivors(logits, bar, survivors);
      int kept = 0;
      for (int s = 0; s < n; ++s) {
        if (Eligible(tasks_[j], block, b, survivors[s])) {
          survivors[kept++] = survivors[s];
        }
      }
      if (kept == 0) continue;
      PackLanes(logits, survivors, kept, packed);
      scorer.Scores(packed, kept, scores);
      for (int s = 0; s < kept; ++s) {
        if (scores.utility[s] == -HUGE_VALF) continue;
        const auto row = static_cast<int32_t>(b * kLanes64 + survivors[s]);
        sink.Add(j, ColumnOf(row), scores.utility[s]);
      }
    }
  }
}

PairScore BatchScan::Score(int task, int32_t row) const {
  return scorers_[task].ScorePair(View(row / kLanes64), Roster::lane(row));
}

BatchScan::Leftover BatchScan::LeftOver(int task,
                                        std::span<const int32_t> taken) const {
  Leftover left;
  left.best_utility = -std::numeric_limits<double>::infinity();
  BlockLogits logits, packed;
  BlockScores scores;
  uint8_t lanes[kLanes64];
  for (int64_t b = 0; b < roster_->num_blocks(); ++b) {
    const RosterBlock& block = roster_->block(b);
    const LabelerBlock view = View(b);
    int kept = 0;
    for (int lane = 0; lane < view.lanes; ++lane) {
      const auto row = static_cast<int32_t>(b * kLanes64 + lane);
      if (!Eligible(tasks_[task], block, b, lane)) continue;
      if (std::ranges::binary_search(taken, row)) continue;
      lanes[kept++] = static_cast<uint8_t>(lane);
    }
    if (kept == 0) continue;
    scorers_[task].Logits(view, logits);
    PackLanes(logits, lanes, kept, packed);
    scorers_[task].Scores(packed, kept, scores);
    for (int s = 0; s < kept; ++s) {
      if (scores.utility[s] == -HUGE_VALF) continue;
      left.anybody = true;
      left.best_utility =
          std::max(left.best_utility, double{scores.utility[s]});
    }
  }
  return left;
}

}  // namespace allot
