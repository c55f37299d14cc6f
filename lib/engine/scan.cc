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
constexpr int64_t kSkimBytes = 256 << 10;
constexpr int64_t kMostBlocks = 160;

void Prefetch(const void* at) {
#if defined(__GNUC__)
  __builtin_prefetch(at);
#else
  (void)at;
#endif
}

// The way of tasks through a few blocks.
class BatchScan::Pass {
 public:
  Pass(const BatchScan& scan, ScanSink& sink, int64_t begin, int64_t end)
      : scan_(scan), sink_(sink), begin_(begin), end_(end) {
    for (int64_t b = begin; b < end; ++b) {
      if (b + kAhead < end) {
        Prefetch(&scan.roster_->block(b + kAhead).skim);
      }
      const RosterBlock& block = scan.roster_->block(b);
      blocks_[b - begin] = &block;
      skims_[b - begin] = &block.skim;
      bounds_.Include(block.skim.bounds);
    }
  }

  // At most kSkimTasks of them.
  void Run(std::span<const int> tasks) {
    const int64_t groups = (end_ - begin_) * kSkimGroups;
    const LoadingSkim* loadings[kSkimTasks];
    int16_t* sums[kSkimTasks];
    int16_t* largest[kSkimTasks];
    for (size_t t = 0; t < tasks.size(); ++t) {
      loadings[t] = &scan_.scorers_[tasks[t]].skim();
      sums[t] = sums_[t];
      largest[t] = largest_[t];
      // Groups are looked at sixteen at a time.
      std::fill_n(largest_[t] + groups, -groups & (kSkimGroup - 1), kLeastSum);
    }
    const LoadingSkim::Blocks skims(skims_, static_cast<size_t>(end_ - begin_));
    if (tasks.size() == kSkimTasks) {
      LoadingSkim::Sums(loadings, skims, sums, largest);
    } else {
      for (size_t t = 0; t < tasks.size(); ++t) {
        loadings[t]->Sums(skims, sums[t], largest[t]);
      }
    }
    for (size_t t = 0; t < tasks.size(); ++t) {
      Score(tasks[t], sums_[t], largest_[t]);
    }
  }

 private:
  // A labeler who may matter.
  struct Found {
    float ceiling;
    int32_t block;  // counted from begin_
    int32_t lane;
  };

  void Score(int task, const int16_t* sums, const int16_t* largest) {
    task_ = task;
    SetBar();
    if (sink_.room(task) > 0) {
      const int16_t first = FirstSum(largest);
      Sweep(sums, largest, first, [](const int16_t*) { return 0u; });
      ScoreBestFirst();
      Sweep(sums, largest, kLeastSum,
            [first](const int16_t* group) { return Reaching(group, first); });
    } else {
      Sweep(sums, largest, kLeastSum, [](const int16_t*) { return 0u; });
    }
    ScoreBestFirst();
  }

  // A sum that half as many groups again reach as the sink has room for: the
  // best of their utilities make a threshold that few of the others reach.
  // Groups are counted in bunches, of which the best are seldom two of one
  // bunch.
  int16_t FirstSum(const int16_t* largest) const {
    const int64_t groups = (end_ - begin_) * kSkimGroups;
    const int64_t enough = std::min(sink_.room(task_) * 3 / 2, groups);
    int64_t bunches = kLeastBunches;
    while (bunches < std::min(kBunchesEach * enough, groups)) bunches *= 2;
    int16_t most[kMostBunches];
    std::fill_n(most, bunches, kLeastSum);
    for (int64_t g = 0; g < groups; g += kSkimGroup) {
      KeepLarger(largest + g, most + (g & (bunches - 1)));
    }
    // By halving, since counting has no branch to guess wrong.
    int reached = kLeastSum, missed = kNoSkim + 1;
    while (missed - reached > kCloseEnough) {
      const auto middle = static_cast<int16_t>((reached + missed) / 2);
      int reaching = 0;
      for (int64_t i = 0; i < bunches; i += kSkimGroup) {
        reaching += std::popcount(Reaching(most + i, middle));
      }
      (reaching >= enough ? reached : missed) = middle;
    }
    return static_cast<int16_t>(reached);
  }

  void SetBar() {
    threshold_ = sink_.threshold(task_);
    // Rounded down, so that single precision leaves nobody out.
    bar_ = scan_.scorers_[task_].MakeSkimBar(
        bounds_, std::nextafter(static_cast<float>(threshold_), -HUGE_VALF));
  }

  // Lanes of sums from `from` on, but for those that `done` marks in a group.
  template <typename Done>
  void Sweep(const int16_t* sums, const int16_t* largest, int16_t from,
             const Done& done) {
    const auto groups = static_cast<int>((end_ - begin_) * kSkimGroups);
    // Sixteen groups at a time; few of them hold anybody who matters.
    for (int first = 0; first < groups; first += kSkimGroup) {
      uint32_t some = Reaching(largest + first, std::max(from, bar_.least_sum));
      if (groups - first < kSkimGroup) some &= (1u << (groups - first)) - 1;
      for (; some != 0; some &= some - 1) {
        const int i = first + std::countr_zero(some);
        const int16_t* group = sums + i * kSkimGroup;
        uint32_t left =
            Reaching(group, std::max(from, bar_.least_sum)) & ~done(group);
        for (; left != 0; left &= left - 1) {
          const int l = std::countr_zero(left);
          Look(i / kSkimGroups, i % kSkimGroups * kSkimGroup + l, group[l]);
        }
      }
    }
  }

  void Look(int64_t at, int lane, int16_t sum) {
    const RosterBlock& block = *blocks_[at];
    const int64_t b = begin_ + at;
    const LabelerBlock view = scan_.View(block, b);
    const float ceiling = scan_.scorers_[task_].Ceiling(bar_, view, lane, sum);
    if (ceiling < bar_.bar) return;
    if (!scan_.Eligible(scan_.tasks_[task_], block, b, lane)) return;
    found_[num_found_++] = {ceiling, static_cast<int32_t>(at), lane};
    if (num_found_ == kMostFound) ScoreBestFirst();
  }

  // Those of the highest ceilings first: the threshold that they leave is above
  // the ceilings of most others.
  void ScoreBestFirst() {
    const std::span<Found> found(found_, num_found_);
    num_found_ = 0;
    std::sort(found.begin(), found.end(), [](const Found& x, const Found& y) {
      return x.ceiling > y.ceiling;
    });
    for (size_t from = 0; from < found.size(); from += kChunk) {
      if (found[from].ceiling < bar_.bar) return;
      ScoreChunk(
          found.subspan(from, std::min<size_t>(kChunk, found.size() - from)));
    }
  }

  void ScoreChunk(std::span<const Found> chunk) {
    LabelerLane lanes[kChunk];
    for (size_t i = 0; i < chunk.size(); ++i) {
      lanes[i] = {scan_.View(*blocks_[chunk[i].block], begin_ + chunk[i].block),
                  chunk[i].lane};
    }
    const TaskScorer& scorer = scan_.scorers_[task_];
    const auto count = static_cast<int>(chunk.size());
    scorer.LogitsOf(std::span(lanes, chunk.size()), packed_);
    for (int i = count; i < kChunk; ++i) {
      packed_.logit[i] = packed_.variance[i] = 0;
      packed_.charge[i] = HUGE_VALF;
    }
    scorer.Scores(packed_, count, scores_);
    for (int i = 0; i < count; ++i) {
      if (scores_.utility[i] == -HUGE_VALF) continue;
      const auto row = static_cast<int32_t>(
          (begin_ + chunk[i].block) * kLanes64 + chunk[i].lane);
      sink_.Add(task_, scan_.ColumnOf(row), scores_.utility[i]);
    }
    if (sink_.threshold(task_) != threshold_) SetBar();
  }

  // Scores() works on so many lanes at once.
  static constexpr int kChunk = 16;
  static constexpr int16_t kLeastSum = std::numeric_limits<int16_t>::min();
  static constexpr int kCloseEnough = 32;
  // Blocks lie anywhere in memory: what is known of them is asked for early.
  static constexpr int64_t kAhead = 8;
  static constexpr int64_t kLeastBunches = 64;
  static constexpr int64_t kBunchesEach = 4;
  static constexpr int64_t kMostBunches =
      std::bit_ceil(static_cast<uint64_t>(kMostBlocks * kSkimGroups));
  static constexpr size_t kMostFound = 128;

  const BatchScan& scan_;
  ScanSink& sink_;
  const int64_t begin_, end_;
  SkimBounds bounds_;
  const RosterBlock* blocks_[kMostBlocks];
  const BlockSkim* skims_[kMostBlocks];

  int task_ = 0;
  double threshold_ = 0;
  TaskScorer::SkimBar bar_;
  size_t num_found_ = 0;
  Found found_[kMostFound];
  BlockLogits packed_;
  BlockScores scores_;
  int16_t largest_[kSkimTasks][kMostBlocks * kSkimGroups];
  int16_t sums_[kSkimTasks][kMostBlocks * kLanes64];
};

void BatchScan::Scan(const ScanRequest& request, ScanSink& sink) const {
  const int64_t bytes =
      int64_t{roster_->num_skills() + kSkimFour - 1} * kLanes64;
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
    Pass pass(*this, sink, b, std::min(roster_->num_blocks(), b + step));
    for (size_t t = 0; t < all.size(); t += kSkimTasks) {
      // That was some fifty microseconds of work.
      if ((b > 0 || t > 0) && request.deadline.Passed()) {
        sink.GiveUp();
        return;
      }
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
