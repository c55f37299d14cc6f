// SPDX-License-Identifier: Apache-2.0
#include "lib/match/pricing.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "lib/base/parallel.h"
#include "lib/base/status_macros.h"
#include "lib/match/certificate.h"

namespace allot {

double LabelerPrices::Least(int begin, int end) const {
  const auto first = std::lower_bound(labeler_.begin(), labeler_.end(), begin);
  const auto last = std::lower_bound(first, labeler_.end(), end);
  if (last - first < end - begin) return 0;  // somebody is free
  const auto at = price_.begin() + (first - labeler_.begin());
  return end <= begin ? 0 : *std::min_element(at, at + (last - first));
}

void ScanSink::Add(int task, int labeler, double utility) {
  Best& best = tasks_[task - begin_];
  const double reduced = utility - (*price_)[labeler];
  if (reduced <= best.threshold) return;
  if (problem_->capacity(labeler) == 0) return;
  if (!(std::abs(utility) <= kMaxUtility)) {
    bad_task_ = task;
    bad_labeler_ = labeler;
    return;
  }
  if (std::binary_search(best.known.begin(), best.known.end(), labeler)) return;
  // Among equals the lower labeler is better, whatever the order of scanning.
  const auto better = [](const Pair& x, const Pair& y) {
    return x.reduced != y.reduced ? x.reduced > y.reduced
                                  : x.labeler < y.labeler;
  };
  best.heap.push_back({reduced, utility, labeler});
  std::push_heap(best.heap.begin(), best.heap.end(), better);
  if (best.heap.size() > best.limit) {
    std::pop_heap(best.heap.begin(), best.heap.end(), better);
    best.heap.pop_back();
  }
  if (best.heap.size() == best.limit) {
    // Just below the least kept, so that its equals are still offered and the
    // tie goes by labeler.
    best.threshold =
        std::max(best.threshold,
                 std::nextafter(best.heap.front().reduced,
                                -std::numeric_limits<double>::infinity()));
  }
}

// One call of MatchDense. A class only for the state that the rounds share.
class DensePricer {
 public:
  DensePricer(const DenseMatchProblem& problem, ScanFunction scan,
              const PricingOptions& options)
      : problem_(problem), scan_(scan), options_(options) {}

  absl::StatusOr<DenseMatchResult> Run();

 private:
  enum class Scanned { kNothingNew, kFoundMore, kDeadline };

  absl::Status CheckSizes() const;
  int32_t CapacityOf(int32_t labeler) const;
  absl::StatusOr<Scanned> Scan();
  // What the round's prices leave of a task's candidates.
  struct Known {
    double sum = 0;   // of its k largest positive reduced values
    double last = 0;  // the k-th of them, 0 if there are fewer
  };
  Known BestKnown(int task, const ScanSink::Best* found) const;
  bool Settled(int task) const;
  void Price(const Assignment& assignment);
  void AddCandidates();

  const DenseMatchProblem& problem_;
  ScanFunction scan_;
  const PricingOptions& options_;

  std::vector<int32_t> labelers_;  // ascending; candidates_ counts these
  Problem candidates_;
  std::vector<int32_t> columns_;  // [candidates_.edges]: labelers_ of each
  std::vector<ScanSink> sinks_;   // of the last scan
  LabelerPrices price_;           // at which the next scan is made
  std::vector<double> task_price_;
  // [tasks]: no pair that is no candidate has a larger reduced value.
  std::vector<double> left_out_;
  double tolerance_ = 0;
  int growth_ = 1;

  double best_bound_ = std::numeric_limits<double>::infinity();
  LabelerPrices best_price_;
};

absl::Status DensePricer::CheckSizes() const {
  const size_t num_labelers = static_cast<size_t>(problem_.num_labelers);
  const size_t num_warm = options_.match.warm_price.size();
  if (num_warm != 0 && num_warm != num_labelers) {
    return absl::InvalidArgumentError(absl::StrCat(
        "warm_price: want ", num_labelers, " entries, got ", num_warm));
  }
  if (!(options_.match.gap_tolerance >= 0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "gap_tolerance: want >= 0, got ", options_.match.gap_tolerance));
  }
  if (options_.tasks_per_block < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "tasks_per_block: want >= 1, got ", options_.tasks_per_block));
  }
  if (options_.candidates_per_task < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "candidates_per_task: want >= 0, got ", options_.candidates_per_task));
  }
  return Validate(candidates_);
}

// The capacity is asked for once: what it says of a labeler may change while we
// plan, and plan and bound must be of one and the same problem.
int32_t DensePricer::CapacityOf(int32_t labeler) const {
  const auto at = std::lower_bound(labelers_.begin(), labelers_.end(), labeler);
  return at != labelers_.end() && *at == labeler
             ? candidates_.capacity[static_cast<size_t>(at - labelers_.begin())]
             : problem_.capacity(labeler);
}

// Over the candidates that the task had and what the scan found beyond them.
// What the scan left out is no better than k of these.
DensePricer::Known DensePricer::BestKnown(int task,
                                          const ScanSink::Best* found) const {
  const size_t k = candidates_.redundancy[task];
  const double penalty = candidates_.penalty(task);
  absl::InlinedVector<double, 32> best;
  if (found != nullptr) {
    for (const ScanSink::Pair& pair : found->heap) {
      best.push_back(pair.reduced + penalty);
    }
  }
  for (int e = candidates_.offset[task]; e < candidates_.offset[task + 1];
       ++e) {
    const double reduced =
        candidates_.utility[e] + penalty - price_[columns_[e]];
    if (reduced > 0) best.push_back(reduced);
  }
  const size_t kept = std::min(k, best.size());
  std::partial_sort(best.begin(), best.begin() + kept, best.end(),
                    std::greater<>());
  Known known;
  for (size_t i = 0; i < kept; ++i) known.sum += best[i];
  known.sum -= static_cast<double>(k) * penalty;
  if (k > 0 && kept == k) known.last = best[k - 1];
  return known;
}

// Whether no pair beyond the task's candidates can improve the plan, nor the
// bound.
bool DensePricer::Settled(int task) const {
  if (candidates_.redundancy[task] == 0) return true;
  const double penalty = candidates_.penalty(task);
  const double left = left_out_[task] + penalty;
  return left <= task_price_[task] + tolerance_ &&
         left <= BestKnown(task, nullptr).last;
}

// Takes over the prices of a solve.
void DensePricer::Price(const Assignment& assignment) {
  LabelerPrices next;
  for (size_t l = 0; l < labelers_.size(); ++l) {
    next.Set(labelers_[l], assignment.labeler_price[l]);
  }
  // Where a price falls, pairs that were left out at the old one may rise.
  double fall = 0;
  for (size_t i = 0; i < price_.labelers().size(); ++i) {
    fall = std::max(fall, price_.prices()[i] - next[price_.labelers()[i]]);
  }
  for (double& left_out : left_out_) left_out += fall;
  price_ = std::move(next);
  task_price_ = assignment.task_price;
  tolerance_ = assignment.quantum;
}

// Adds what the last scan found.
void DensePricer::AddCandidates() {
  Problem merged;
  merged.redundancy = candidates_.redundancy;
  merged.unfilled_penalty = candidates_.unfilled_penalty;
  std::vector<int32_t> columns;
  std::vector<std::pair<int32_t, double>> row;
  for (int t = 0; t < merged.num_tasks(); ++t) {
    row.clear();
    for (int e = candidates_.offset[t]; e < candidates_.offset[t + 1]; ++e) {
      row.emplace_back(columns_[e], candidates_.utility[e]);
    }
    // A block that the deadline cut off has no tasks.
    const ScanSink& sink = sinks_[t / options_.tasks_per_block];
    if (!sink.tasks_.empty()) {
      for (const ScanSink::Pair& pair : sink.tasks_[t - sink.begin_].heap) {
        row.emplace_back(pair.labeler, pair.utility);
      }
    }
    std::sort(row.begin(), row.end());
    for (const auto& [labeler, utility] : row) {
      columns.push_back(labeler);
      merged.utility.push_back(utility);
    }
    merged.offset.push_back(static_cast<int32_t>(columns.size()));
  }
  std::vector<int32_t> labelers = columns;
  for (const LabelerPrices* prices : {&price_, &best_price_}) {
    labelers.insert(labelers.end(), prices->labelers().begin(),
                    prices->labelers().end());
  }
  std::sort(labelers.begin(), labelers.end());
  labelers.erase(std::unique(labelers.begin(), labelers.end()), labelers.end());
  for (const int32_t labeler : labelers) {
    merged.capacity.push_back(CapacityOf(labeler));
  }
  labelers_ = std::move(labelers);
  merged.labeler.reserve(columns.size());
  for (const int32_t column : columns) {
    merged.labeler.push_back(static_cast<int32_t>(
        std::lower_bound(labelers_.begin(), labelers_.end(), column) -
        labelers_.begin()));
  }
  candidates_ = std::move(merged);
  columns_ = std::move(columns);
}

// Scans all pairs that are not settled at price_, and improves the bound.
absl::StatusOr<DensePricer::Scanned> DensePricer::Scan() {
  const int num_tasks = candidates_.num_tasks();
  const int block = options_.tasks_per_block;
  const int64_t num_blocks =
      (static_cast<int64_t>(num_tasks) + block - 1) / block;
  // No task needs more labelers to choose from than there are slots that might
  // take them away; a few more say how good the next would have been.
  const int64_t enough_for_all = candidates_.num_slots() + 4;
  sinks_.assign(num_blocks, ScanSink());
  std::vector<double> bounds(num_blocks, 0);
  std::atomic<bool> out_of_time{false}, found_more{false};
  ParallelFor(options_.match.threads, num_blocks, [&](int64_t i) {
    if (out_of_time) return;
    if (options_.match.deadline.Passed()) {
      out_of_time = true;
      return;
    }
    ScanSink& sink = sinks_[i];
    sink.begin_ = static_cast<int>(i * block);
    sink.price_ = &price_;
    sink.problem_ = &problem_;
    const int end = std::min(num_tasks, sink.begin_ + block);
    sink.tasks_.resize(end - sink.begin_);
    bool unsettled = false;
    for (int t = sink.begin_; t < end; ++t) {
      ScanSink::Best& best = sink.tasks_[t - sink.begin_];
      if (Settled(t)) {
        best.threshold = std::numeric_limits<double>::infinity();
        continue;
      }
      unsettled = true;
      const int32_t k = candidates_.redundancy[t];
      const int64_t first =
          options_.candidates_per_task > 0
              ? options_.candidates_per_task
              : std::min<int64_t>(std::max(12, k + 8), enough_for_all);
      best.limit = std::max<int64_t>(k, first * growth_);
      best.heap.reserve(std::min<size_t>(best.limit, 1024) + 1);
      best.threshold = best.first_threshold =
          task_price_[t] - candidates_.penalty(t);
      best.known = std::span<const int32_t>(columns_).subspan(
          candidates_.offset[t],
          candidates_.offset[t + 1] - candidates_.offset[t]);
    }
    if (unsettled) {
      scan_({sink.begin_, end, price_, options_.match.deadline}, sink);
    }
    if (sink.gave_up_) {
      out_of_time = true;
      return;
    }
    for (int t = sink.begin_; t < end; ++t) {
      const ScanSink::Best& best = sink.tasks_[t - sink.begin_];
      bounds[i] += BestKnown(t, &best).sum;
      if (best.limit > 0) {
        left_out_[t] = best.heap.size() == best.limit
                           ? best.heap.front().reduced
                           : best.first_threshold;
      }
      const double enough =
          task_price_[t] - candidates_.penalty(t) + tolerance_;
      for (const ScanSink::Pair& pair : best.heap) {
        if (pair.reduced > enough) found_more = true;
      }
    }
  });
  for (const ScanSink& sink : sinks_) {
    if (sink.bad_task_ >= 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "utility of task ", sink.bad_task_, " and labeler ",
          sink.bad_labeler_, ": want a number within ", kMaxUtility));
    }
  }
  if (out_of_time) return Scanned::kDeadline;
  double bound = 0;
  for (size_t i = 0; i < price_.labelers().size(); ++i) {
    bound += std::min(CapacityOf(price_.labelers()[i]), num_tasks) *
             price_.prices()[i];
  }
  for (const double part : bounds) bound += part;
  if (bound < best_bound_) {
    best_bound_ = bound;
    best_price_ = price_;
  }
  return found_more ? Scanned::kFoundMore : Scanned::kNothingNew;
}

absl::StatusOr<DenseMatchResult> DensePricer::Run() {
  candidates_.redundancy.assign(problem_.redundancy.begin(),
                                problem_.redundancy.end());
  candidates_.unfilled_penalty.assign(problem_.unfilled_penalty.begin(),
                                      problem_.unfilled_penalty.end());
  candidates_.offset.assign(problem_.redundancy.size() + 1, 0);
  ALLOT_RETURN_IF_ERROR(CheckSizes());
  for (size_t l = 0; l < options_.match.warm_price.size(); ++l) {
    const double warm = options_.match.warm_price[l];
    if (warm <= kMaxUtility) price_.Set(static_cast<int>(l), warm);
  }
  task_price_.assign(problem_.redundancy.size(), 0);
  left_out_.assign(problem_.redundancy.size(),
                   std::numeric_limits<double>::infinity());

  ALLOT_ASSIGN_OR_RETURN(Scanned scanned, Scan());
  AddCandidates();
  DenseMatchResult result;
  SolveStats total;
  std::vector<double> warm;
  for (;;) {
    MatchOptions match = options_.match;
    warm.assign(labelers_.size(), 0);
    for (size_t l = 0; l < labelers_.size(); ++l)
      warm[l] = price_[labelers_[l]];
    match.warm_price = warm;
    ALLOT_ASSIGN_OR_RETURN(result.assignment, Match(candidates_, match));
    total.bids += result.assignment.stats.bids;
    total.augmentations += result.assignment.stats.augmentations;
    total.scanned += result.assignment.stats.scanned;
    ++total.pricing_rounds;
    if (scanned == Scanned::kDeadline) break;
    Price(result.assignment);
    ALLOT_ASSIGN_OR_RETURN(scanned, Scan());
    const bool close = RelativeGap(result.assignment.objective, best_bound_) <=
                       options_.match.gap_tolerance;
    if (scanned != Scanned::kFoundMore || close) break;
    AddCandidates();
    growth_ = std::min(2 * growth_, 1 << 10);
  }
  Assignment& a = result.assignment;
  a.exact = a.exact && scanned == Scanned::kNothingNew;
  a.deadline_reached = a.deadline_reached || scanned == Scanned::kDeadline;
  a.upper_bound = best_bound_;
  a.gap = RelativeGap(a.objective, best_bound_);
  if (std::isfinite(best_bound_)) {
    for (size_t l = 0; l < labelers_.size(); ++l) {
      a.labeler_price[l] = best_price_[labelers_[l]];
    }
  }
  a.stats = total;
  result.labelers = std::move(labelers_);
  result.candidates = std::move(candidates_);
  return result;
}

absl::StatusOr<DenseMatchResult> MatchDense(const DenseMatchProblem& problem,
                                            ScanFunction scan,
                                            const PricingOptions& options) {
  return DensePricer(problem, scan, options).Run();
}

}  // namespace allot
