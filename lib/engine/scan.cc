// SPDX-License-Identifier: Apache-2.0
#include "lib/engine/scan.h"

#include <algorithm>
#include <cmath>
#include <functional>
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

// A few blocks at a time, so that their skims stay in the cache while the tasks
// pass over them.
constexpr int64_t kSkimBytes = 256 << 10;
constexpr int64_t kMostBlocks = 128;

// One task's way through a few blocks.
class BatchScan::Pass {
 public:
  Pass(const BatchScan& scan, ScanSink& sink, int64_t begin, int64_t end)
      : scan_(scan), sink_(sink), begin_(begin), end_(end) {
    for (int64_t b = begin; b < end; ++b) {
      bounds_.Include(scan.roster_->block(b).skim.bounds);
    }
  }

  void Run(int task) {
    task_ = task;
    const TaskScorer& scorer = scan_.scorers_[task];
    for (int64_t b = begin_; b < end_; ++b) {
      const int64_t i = b - begin_;
      scorer.skim().Sums(scan_.roster_->block(b).skim, sums_ + i * kLanes64,
                         largest_ + i * kSkimGroups);
    }
    least_ = std::numeric_limits<int32_t>::min();
    const int32_t first = FirstSum();
    Sweep(first, int64_t{std::numeric_limits<int32_t>::max()} + 1);
    SetBar();
    Sweep(std::numeric_limits<int32_t>::min(), first);
  }

 private:
  // So many of the best sums as the sink has room for, about: their utilities
  // make a threshold that few of the others reach.
  int32_t FirstSum() {
    const int64_t groups = (end_ - begin_) * kSkimGroups;
    const int64_t room = std::clamp<int64_t>(sink_.room(task_), 0, groups - 1);
    if (room == 0) return std::numeric_limits<int32_t>::max();
    std::copy_n(largest_, groups, order_);
    std::nth_element(order_, order_ + (room - 1), order_ + groups,
                     std::greater<>());
    return order_[room - 1];
  }

  void SetBar() {
    if (sink_.threshold(task_) == threshold_ && least_task_ == task_) return;
    threshold_ = sink_.threshold(task_);
    least_task_ = task_;
    // Rounded down, so that single precision leaves nobody out.
    bar_ = std::nextafter(static_cast<float>(threshold_), -HUGE_VALF);
    least_ = scan_.scorers_[task_].LeastSum(bounds_, bar_);
  }

  // Lanes of sums in [from, below).
  void Sweep(int64_t from, int64_t below) {
    SetBar();
    for (int64_t i = 0; i < (end_ - begin_) * kSkimGroups; ++i) {
      if (largest_[i] < from || largest_[i] < least_) continue;
      const int64_t b = begin_ + i / kSkimGroups;
      const int first = static_cast<int>(i % kSkimGroups) * kSkimGroup;
      const int32_t* sums = sums_ + i * kSkimGroup;
      for (int l = 0; l < kSkimGroup; ++l) {
        if (sums[l] < from || sums[l] >= below || sums[l] < least_) continue;
        Look(b, first + l, sums[l]);
      }
    }
    Flush();
  }

  void Look(int64_t b, int lane, int32_t sum) {
    const RosterBlock& block = scan_.roster_->block(b);
    if (!scan_.Eligible(scan_.tasks_[task_], block, b, lane)) return;
    const LabelerBlock view = scan_.View(b);
    const TaskScorer& scorer = scan_.scorers_[task_];
    if (!scorer.MayExceed(bounds_, view, lane, sum, bar_)) return;
    rows_[pending_] = static_cast<int32_t>(b * kLanes64 + lane);
    scorer.LogitsOf(view, lane, packed_, pending_);
    if (++pending_ == kChunk) {
      Flush();
      SetBar();
    }
  }

  void Flush() {
    if (pending_ == 0) return;
    for (int i = pending_; i < kChunk; ++i) {
      packed_.logit[i] = packed_.variance[i] = 0;
      packed_.charge[i] = HUGE_VALF;
    }
    scan_.scorers_[task_].Scores(packed_, pending_, scores_);
    for (int i = 0; i < pending_; ++i) {
      if (scores_.utility[i] == -HUGE_VALF) continue;
      sink_.Add(task_, scan_.ColumnOf(rows_[i]), scores_.utility[i]);
    }
    pending_ = 0;
  }

  // Scores() works on so many lanes at once.
  static constexpr int kChunk = 16;

  const BatchScan& scan_;
  ScanSink& sink_;
  const int64_t begin_, end_;
  SkimBounds bounds_;

  int task_ = 0;
  double threshold_ = 0;
  int least_task_ = -1;
  float bar_ = 0;
  int32_t least_ = 0;
  int pending_ = 0;
  int32_t rows_[kChunk];
  BlockLogits packed_;
  BlockScores scores_;
  int32_t largest_[kMostBlocks * kSkimGroups];
  int32_t order_[kMostBlocks * kSkimGroups];
  int32_t sums_[kMostBlocks * kLanes64];
};

void BatchScan::Scan(const ScanRequest& request, ScanSink& sink) const {
  const int64_t bytes = int64_t{roster_->num_skills() + 1} * 2 * kLanes64;
  const int64_t step = std::clamp<int64_t>(kSkimBytes / bytes, 1, kMostBlocks);
  for (int64_t b = 0; b < roster_->num_blocks(); b += step) {
    Pass pass(*this, sink, b, std::min(roster_->num_blocks(), b + step));
    for (int j = request.task_begin; j < request.task_end; ++j) {
      if (sink.threshold(j) != std::numeric_limits<double>::infinity()) {
        pass.Run(j);
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
