// SPDX-License-Identifier: Apache-2.0
#include "lib/engine/scan.h"

#include <algorithm>
#include <bit>
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
  return View(roster_->block(b), b);
}

LabelerBlock BatchScan::View(const RosterBlock& block, int64_t b) const {
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
  const std::vector<std::string>& has = block.profile(lane).qualifications;
  return std::ranges::all_of(
      task.task->required_qualifications, [&](const std::string& wanted) {
        return std::binary_search(has.begin(), has.end(), wanted);
      });
}

// A few blocks at a time, so that their skims stay in the cache while the tasks
// pass over them.
constexpr int64_t kSkimBytes = 128 << 10;
constexpr int64_t kMostBlocks = 64;

// The way of tasks through a few blocks.
class BatchScan::Pass {
 public:
  Pass(const BatchScan& scan, ScanSink& sink, int64_t begin, int64_t end)
      : scan_(scan), sink_(sink), begin_(begin), end_(end) {
    for (int64_t b = begin; b < end; ++b) {
      blocks_[b - begin] = &scan.roster_->block(b);
      bounds_.Include(blocks_[b - begin]->skim.bounds);
    }
  }

  // At most kSkimTasks of them.
  void Run(std::span<const int> tasks) {
    if (tasks.size() == kSkimTasks) {
      SumsTogether(tasks);
    } else {
      for (size_t t = 0; t < tasks.size(); ++t) {
        const LoadingSkim& loading = scan_.scorers_[tasks[t]].skim();
        for (int64_t i = 0; i < end_ - begin_; ++i) {
          loading.Sums(blocks_[i]->skim, sums_[t] + i * kLanes64,
                       largest_[t] + i * kSkimGroups);
        }
      }
    }
    for (size_t t = 0; t < tasks.size(); ++t) {
      Score(tasks[t], sums_[t], largest_[t]);
    }
  }

 private:
  void SumsTogether(std::span<const int> tasks) {
    const LoadingSkim* loadings[kSkimTasks];
    for (size_t t = 0; t < kSkimTasks; ++t) {
      loadings[t] = &scan_.scorers_[tasks[t]].skim();
    }
    for (int64_t i = 0; i < end_ - begin_; ++i) {
      int32_t* sums[kSkimTasks];
      int32_t* largest[kSkimTasks];
      for (int t = 0; t < kSkimTasks; ++t) {
        sums[t] = sums_[t] + i * kLanes64;
        largest[t] = largest_[t] + i * kSkimGroups;
      }
      LoadingSkim::Sums(loadings, blocks_[i]->skim, sums, largest);
    }
  }

  void Score(int task, const int32_t* sums, const int32_t* largest) {
    task_ = task;
    SetBar();
    const auto nobody = [](const int32_t*) { return 0u; };
    constexpr int32_t kLeast = std::numeric_limits<int32_t>::min();
    if (sink_.room(task) <= 0) {
      Sweep(sums, largest, kLeast, nobody);
      return;
    }
    const int32_t first = FirstSum(largest);
    Sweep(sums, largest, first, nobody);
    Sweep(sums, largest, kLeast,
          [first](const int32_t* group) { return Reaching(group, first); });
  }

  // A sum that about as many groups reach as the sink has room for: their
  // utilities make a threshold that few of the others reach. By halving, since
  // counting has no branch to guess wrong.
  int32_t FirstSum(const int32_t* largest) {
    const int64_t groups =
        std::min(kGroupsLookedAt, (end_ - begin_) * kSkimGroups);
    const int64_t room = std::min(sink_.room(task_), groups);
    const auto [least, most] = std::minmax_element(largest, largest + groups);
    int64_t reached = *least, missed = int64_t{*most} + 1;
    for (int step = 0; step < kHalvings && missed - reached > 1; ++step) {
      const auto middle = static_cast<int32_t>((reached + missed) / 2);
      const auto enough = [middle](int32_t sum) { return sum >= middle; };
      (std::count_if(largest, largest + groups, enough) >= room ? reached
                                                                : missed) =
          middle;
    }
    return static_cast<int32_t>(reached);
  }

  void SetBar() {
    threshold_ = sink_.threshold(task_);
    // Rounded down, so that single precision leaves nobody out.
    bar_ = scan_.scorers_[task_].MakeSkimBar(
        bounds_, std::nextafter(static_cast<float>(threshold_), -HUGE_VALF));
  }

  // Lanes of sums from `from` on, but for those that `done` marks in a group.
  template <typename Done>
  void Sweep(const int32_t* sums, const int32_t* largest, int32_t from,
             const Done& done) {
    const auto groups = static_cast<int>((end_ - begin_) * kSkimGroups);
    // Sixteen groups at a time; few of them hold anybody who matters.
    for (int first = 0; first < groups; first += kSkimGroup) {
      uint32_t some = Reaching(largest + first, std::max(from, bar_.least_sum));
      if (groups - first < kSkimGroup) some &= (1u << (groups - first)) - 1;
      for (; some != 0; some &= some - 1) {
        const int i = first + std::countr_zero(some);
        const int32_t* group = sums + i * kSkimGroup;
        uint32_t left =
            Reaching(group, std::max(from, bar_.least_sum)) & ~done(group);
        for (; left != 0; left &= left - 1) {
          const int l = std::countr_zero(left);
          Look(i / kSkimGroups, i % kSkimGroups * kSkimGroup + l, group[l]);
        }
      }
    }
    Flush();
  }

  void Look(int64_t at, int lane, int32_t sum) {
    const RosterBlock& block = *blocks_[at];
    const int64_t b = begin_ + at;
    const LabelerBlock view = scan_.View(block, b);
    const TaskScorer& scorer = scan_.scorers_[task_];
    if (!scorer.MayExceed(bar_, view, lane, sum)) return;
    if (!scan_.Eligible(scan_.tasks_[task_], block, b, lane)) return;
    rows_[pending_] = static_cast<int32_t>(b * kLanes64 + lane);
    lanes_[pending_] = {view, lane};
    if (++pending_ == kChunk) Flush();
  }

  void Flush() {
    if (pending_ == 0) return;
    const TaskScorer& scorer = scan_.scorers_[task_];
    scorer.LogitsOf(std::span(lanes_, static_cast<size_t>(pending_)), packed_);
    for (int i = pending_; i < kChunk; ++i) {
      packed_.logit[i] = packed_.variance[i] = 0;
      packed_.charge[i] = HUGE_VALF;
    }
    scorer.Scores(packed_, pending_, scores_);
    for (int i = 0; i < pending_; ++i) {
      if (scores_.utility[i] == -HUGE_VALF) continue;
      sink_.Add(task_, scan_.ColumnOf(rows_[i]), scores_.utility[i]);
    }
    pending_ = 0;
    if (sink_.threshold(task_) != threshold_) SetBar();
  }

  // Scores() works on so many lanes at once.
  static constexpr int kChunk = 16;
  // Enough of them to find a good start, at little cost.
  static constexpr int64_t kGroupsLookedAt = 128;
  static constexpr int kHalvings = 10;

  const BatchScan& scan_;
  ScanSink& sink_;
  const int64_t begin_, end_;
  SkimBounds bounds_;
  const RosterBlock* blocks_[kMostBlocks];

  int task_ = 0;
  double threshold_ = 0;
  TaskScorer::SkimBar bar_;
  int pending_ = 0;
  int32_t rows_[kChunk];
  LabelerLane lanes_[kChunk];
  BlockLogits packed_;
  BlockScores scores_;
  int32_t largest_[kSkimTasks][kMostBlocks * kSkimGroups];
  int32_t sums_[kSkimTasks][kMostBlocks * kLanes64];
};

void BatchScan::Scan(const ScanRequest& request, ScanSink& sink) const {
  const int64_t bytes = int64_t{roster_->num_skills() + 1} * 2 * kLanes64;
  const int64_t step = std::clamp<int64_t>(kSkimBytes / bytes, 1, kMostBlocks);
  std::vector<int> tasks, modelled;
  for (int j = request.task_begin; j < request.task_end; ++j) {
    if (sink.threshold(j) == std::numeric_limits<double>::infinity()) continue;
    (tasks_[j].model == nullptr ? tasks : modelled).push_back(j);
  }
  if (!modelled.empty() && !ScanByModel(modelled, request.deadline, sink)) {
    sink.GiveUp();
    return;
  }
  if (tasks.empty()) return;
  const std::span<const int> all = tasks;
  for (int64_t b = 0; b < roster_->num_blocks(); b += step) {
    if (b > 0 && request.deadline.Passed()) {
      sink.GiveUp();
      return;
    }
    Pass pass(*this, sink, b, std::min(roster_->num_blocks(), b + step));
    for (size_t t = 0; t < all.size(); t += kSkimTasks) {
      pass.Run(all.subspan(t, std::min<size_t>(kSkimTasks, all.size() - t)));
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
