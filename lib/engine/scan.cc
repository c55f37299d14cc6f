// SPDX-License-Identifier: Apache-2.0
#include "lib/engine/scan.h"

#include <algorithm>
#include <cmath>
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
    : roster_(&roster),
      tasks_(tasks),
      loads_(loads),
      allowed_(allowed),
      quality_(weights.quality),
      explore_(weights.explore),
      least_accuracy_(weights.min_expected_accuracy) {
  // Where a model says how accurate an answer is, the skills do not forbid it.
  ObjectiveWeights of_models = weights;
  of_models.min_expected_accuracy = 0;
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
    scorers_.emplace_back(
        terms, batch_task.model != nullptr ? of_models : weights, extra_cost);
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
  // Profiles lie far apart in memory: look only where something is asked for.
  if (task.task->required_qualifications.empty()) return true;
  const std::vector<std::string>& has = block.profile[lane]->qualifications;
  return std::ranges::all_of(
      task.task->required_qualifications, [&](const std::string& wanted) {
        return std::binary_search(has.begin(), has.end(), wanted);
      });
}

int32_t BatchScan::ChannelOf(const SpaceModel& model, int64_t b,
                             int lane) const {
  const int32_t slot = model.SlotOf(static_cast<int32_t>(b * kLanes64 + lane));
  // The last channel is the mean labeler's.
  return slot != kNoSlot ? slot : model.model.channels.size() - 1;
}

int BatchScan::Survivors(int task, int64_t b, const BlockLogits& logits,
                         float bar, uint8_t* lanes) const {
  const BatchTask& batch_task = tasks_[task];
  if (batch_task.model == nullptr) {
    return scorers_[task].Survivors(logits, bar, lanes);
  }
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
  const AnswerChannels::Worth worth = batch_task.model->model.channels.Of(
      ChannelOf(*batch_task.model, b, lane), batch_task.posterior);
  const auto told = static_cast<float>(worth.bits);
  utility +=
      static_cast<float>(batch_task.task->value * quality_) * (told - bits);
  bits = told;
  accuracy = static_cast<float>(worth.accuracy);
  if (worth.accuracy < least_accuracy_) utility = -HUGE_VALF;
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

void BatchScan::Scan(const ScanRequest& request, ScanSink& sink) const {
  const int tasks = request.task_end - request.task_begin;
  BlockLogits logits;
  BlockScores scores;
  uint8_t survivors[kLanes64];
  for (int64_t b = 0; b < roster_->num_blocks(); ++b) {
    const RosterBlock& block = roster_->block(b);
    if (block.live == 0) continue;
    const LabelerBlock view = View(b);
    double least_price = std::numeric_limits<double>::infinity();
    for (int lane = 0; lane < view.lanes; ++lane) {
      const auto row = static_cast<int32_t>(b * kLanes64 + lane);
      least_price = std::min(least_price, request.price[ColumnOf(row)]);
    }
    for (int t = 0; t < tasks; ++t) {
      const int j = request.task_begin + t;
      if (tasks_[j].wanted <= 0) continue;
      const TaskScorer& scorer = scorers_[j];
      scorer.Logits(view, logits);
      // Rounded down, so that single precision leaves nobody out.
      const auto bar = std::nextafter(
          static_cast<float>(sink.threshold(j) + least_price), -HUGE_VALF);
      const int n = Survivors(j, b, logits, bar, survivors);
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
}

PairScore BatchScan::Score(int task, int32_t row) const {
  PairScore score =
      scorers_[task].ScorePair(View(row / kLanes64), Roster::lane(row));
  if (tasks_[task].model != nullptr) {
    ApplyModel(task, row / kLanes64, Roster::lane(row), score.accuracy,
               score.bits, score.utility);
  }
  return score;
}

BatchScan::Leftover BatchScan::LeftOver(int task,
                                        std::span<const int32_t> taken) const {
  Leftover left;
  left.best_utility = -std::numeric_limits<double>::infinity();
  BlockLogits logits;
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
    ScoreLanes(task, b, logits, lanes, kept, scores);
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
