// SPDX-License-Identifier: Apache-2.0
#include "lib/match/pricing.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/parallel.h"
#include "lib/base/status_macros.h"
#include "lib/match/certificate.h"

namespace allot {

void ScanSink::Add(int task, int labeler, double utility) {
  Best& best = tasks_[task - begin_];
  const double reduced = utility - price_[labeler];
  if (reduced <= best.threshold) return;
  if (capacity_[labeler] == 0) return;
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
  absl::StatusOr<Scanned> Scan();
  double PairBound(int task, const ScanSink::Best& found) const;
  void AddCandidates(const std::vector<ScanSink>& sinks);

  const DenseMatchProblem& problem_;
  ScanFunction scan_;
  const PricingOptions& options_;

  Problem candidates_;
  std::vector<double> price_;  // at which the next scan is made
  std::vector<double> task_price_;
  double tolerance_ = 0;
  int growth_ = 1;

  double best_bound_ = std::numeric_limits<double>::infinity();
  std::vector<double> best_price_;
};

absl::Status DensePricer::CheckSizes() const {
  const size_t num_labelers = problem_.capacity.size();
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

// The sum of the k largest positive reduced values of the task, over the
// candidates it had and what the scan found beyond them. What the scan left out
// is no better than the task's own k-th candidate, or than k pairs it found.
double DensePricer::PairBound(int task, const ScanSink::Best& found) const {
  const size_t k = candidates_.redundancy[task];
  const double penalty = candidates_.penalty(task);
  std::vector<double> best;
  for (const ScanSink::Pair& pair : found.heap) {
    best.push_back(pair.reduced + penalty);
  }
  for (int e = candidates_.offset[task]; e < candidates_.offset[task + 1];
       ++e) {
    const double reduced =
        candidates_.utility[e] + penalty - price_[candidates_.labeler[e]];
    if (reduced > 0) best.push_back(reduced);
  }
  std::sort(best.begin(), best.end(), std::greater<>());
  if (best.size() > k) best.resize(k);
  double sum = 0;
  for (const double reduced : best) sum += reduced;
  return sum - static_cast<double>(k) * penalty;
}

void DensePricer::AddCandidates(const std::vector<ScanSink>& sinks) {
  Problem merged;
  merged.redundancy = std::move(candidates_.redundancy);
  merged.capacity = std::move(candidates_.capacity);
  merged.unfilled_penalty = std::move(candidates_.unfilled_penalty);
  std::vector<std::pair<int32_t, double>> row;
  for (int t = 0; t < merged.num_tasks(); ++t) {
    row.clear();
    for (int e = candidates_.offset[t]; e < candidates_.offset[t + 1]; ++e) {
      row.emplace_back(candidates_.labeler[e], candidates_.utility[e]);
    }
    // A block that the deadline cut off has no tasks.
    const ScanSink& sink = sinks[t / options_.tasks_per_block];
    if (!sink.tasks_.empty()) {
      for (const ScanSink::Pair& pair : sink.tasks_[t - sink.begin_].heap) {
        row.emplace_back(pair.labeler, pair.utility);
      }
    }
    std::sort(row.begin(), row.end());
    for (const auto& [labeler, utility] : row) {
      merged.labeler.push_back(labeler);
      merged.utility.push_back(utility);
    }
    merged.offset.push_back(static_cast<int32_t>(merged.labeler.size()));
  }
  candidates_ = std::move(merged);
}

// Scans all pairs at price_: improves the bound, adds what it found.
absl::StatusOr<DensePricer::Scanned> DensePricer::Scan() {
  const int num_tasks = candidates_.num_tasks();
  const int block = options_.tasks_per_block;
  const int64_t num_blocks =
      (static_cast<int64_t>(num_tasks) + block - 1) / block;
  std::vector<ScanSink> sinks(num_blocks);
  std::vector<double> bounds(num_blocks, 0);
  std::atomic<bool> out_of_time{false}, found_more{false};
  ParallelFor(options_.match.threads, num_blocks, [&](int64_t i) {
    if (out_of_time) return;
    if (options_.match.deadline.Passed()) {
      out_of_time = true;
      return;
    }
    ScanSink& sink = sinks[i];
    sink.begin_ = static_cast<int>(i * block);
    sink.price_ = price_;
    sink.capacity_ = candidates_.capacity;
    const int end = std::min(num_tasks, sink.begin_ + block);
    sink.tasks_.resize(end - sink.begin_);
    for (int t = sink.begin_; t < end; ++t) {
      ScanSink::Best& best = sink.tasks_[t - sink.begin_];
      const int32_t k = candidates_.redundancy[t];
      const int first = options_.candidates_per_task > 0
                            ? options_.candidates_per_task
                            : std::max(24, k + 8);
      best.limit = std::max<int64_t>(k, int64_t{first} * growth_);
      best.threshold = task_price_[t] - candidates_.penalty(t);
      if (k == 0) best.threshold = std::numeric_limits<double>::infinity();
      best.known =
          std::span<const int32_t>(candidates_.labeler)
              .subspan(candidates_.offset[t],
                       candidates_.offset[t + 1] - candidates_.offset[t]);
    }
    scan_({sink.begin_, end, price_}, sink);
    for (int t = sink.begin_; t < end; ++t) {
      const ScanSink::Best& best = sink.tasks_[t - sink.begin_];
      bounds[i] += PairBound(t, best);
      const double enough =
          task_price_[t] - candidates_.penalty(t) + tolerance_;
      for (const ScanSink::Pair& pair : best.heap) {
        if (pair.reduced > enough) found_more = true;
      }
    }
  });
  for (const ScanSink& sink : sinks) {
    if (sink.bad_task_ >= 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "utility of task ", sink.bad_task_, " and labeler ",
          sink.bad_labeler_, ": want a number within ", kMaxUtility));
    }
  }
  AddCandidates(sinks);
  if (out_of_time) return Scanned::kDeadline;
  double bound = 0;
  for (int l = 0; l < candidates_.num_labelers(); ++l) {
    bound += std::min(candidates_.capacity[l], num_tasks) * price_[l];
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
  candidates_.capacity.assign(problem_.capacity.begin(),
                              problem_.capacity.end());
  candidates_.unfilled_penalty.assign(problem_.unfilled_penalty.begin(),
                                      problem_.unfilled_penalty.end());
  candidates_.offset.assign(problem_.redundancy.size() + 1, 0);
  ALLOT_RETURN_IF_ERROR(CheckSizes());
  price_.assign(problem_.capacity.size(), 0);
  for (size_t l = 0; l < options_.match.warm_price.size(); ++l) {
    const double warm = options_.match.warm_price[l];
    if (warm > 0 && warm <= kMaxUtility) price_[l] = warm;
  }
  task_price_.assign(problem_.redundancy.size(), 0);

  ALLOT_ASSIGN_OR_RETURN(Scanned scanned, Scan());
  DenseMatchResult result;
  SolveStats total;
  for (;;) {
    MatchOptions match = options_.match;
    match.warm_price = price_;
    ALLOT_ASSIGN_OR_RETURN(result.assignment, Match(candidates_, match));
    total.bids += result.assignment.stats.bids;
    total.augmentations += result.assignment.stats.augmentations;
    total.scanned += result.assignment.stats.scanned;
    ++total.pricing_rounds;
    if (scanned == Scanned::kDeadline) break;
    price_ = result.assignment.labeler_price;
    task_price_ = result.assignment.task_price;
    tolerance_ = result.assignment.quantum;
    const Problem solved = candidates_;
    ALLOT_ASSIGN_OR_RETURN(scanned, Scan());
    const bool close = RelativeGap(result.assignment.objective, best_bound_) <=
                       options_.match.gap_tolerance;
    if (scanned != Scanned::kFoundMore || close) {
      candidates_ = solved;
      break;
    }
    growth_ = std::min(2 * growth_, 1 << 10);
  }
  Assignment& a = result.assignment;
  a.exact = a.exact && scanned == Scanned::kNothingNew;
  a.deadline_reached = a.deadline_reached || scanned == Scanned::kDeadline;
  a.upper_bound = best_bound_;
  a.gap = RelativeGap(a.objective, best_bound_);
  if (!best_price_.empty()) a.labeler_price = best_price_;
  a.stats = total;
  result.candidates = std::move(candidates_);
  return result;
}

absl::StatusOr<DenseMatchResult> MatchDense(const DenseMatchProblem& problem,
                                            ScanFunction scan,
                                            const PricingOptions& options) {
  return DensePricer(problem, scan, options).Run();
}

}  // namespace allot
