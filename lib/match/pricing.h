// SPDX-License-Identifier: Apache-2.0
// A proven optimum over every pair of tasks and labelers, without ever holding
// the matrix of their utilities: candidate generation by dual prices.
//
// Solve on each task's few best labelers; then scan all pairs once for those
// whose utility beats the labeler's price by more than the task's own price.
// Only such pairs can improve the plan: add them, solve again from the prices
// at hand, and repeat until a scan finds none. The same scan yields the upper
// bound over all pairs, so every round has a certificate.
//
// The caller owns the utilities. It gives a function that scans a block of
// tasks against all labelers:
//
//   MatchDense(problem, [&](const ScanRequest& request, ScanSink& sink) {
//     for each block of labelers:
//       compute utilities w of tasks [task_begin, task_end) (one product of
//       matrices) and subtract request.price: a vector compare against
//       sink.threshold(task) discards nearly everything;
//       sink.Add(task, labeler, w) for what is left.
//   }, options);
//
// What a scan left out of a task's list is bounded by the least that the list
// kept. Only tasks for which that bound does not settle the question are
// scanned again, so that a batch over which nobody fights is scanned once.
//
// Cost     rounds x one scan of T x L pairs at most, plus the sparse solves.
// Memory   O(candidates): nothing is held for a labeler whom no task considers.
// Result   Deterministic on any number of threads.
//
// The pricing step of column generation: Dantzig and Wolfe (1960),
// doi:10.1287/opre.8.1.101.
#ifndef ALLOT_LIB_MATCH_PRICING_H_
#define ALLOT_LIB_MATCH_PRICING_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "lib/match/assignment.h"
#include "lib/match/deadline.h"
#include "lib/match/matcher.h"
#include "lib/match/problem.h"

namespace allot {

// As Problem, without the edges. Any pair not ruled out by the scan is allowed.
struct DenseMatchProblem {
  std::span<const int32_t> redundancy;  // [tasks]
  int num_labelers = 0;
  // How many tasks a labeler can take, >= 0: asked only for labelers whom a
  // scan offers, from several threads at once. Should the answer change
  // meanwhile, plan and certificate agree on one of the answers.
  absl::FunctionRef<int32_t(int labeler)> capacity;
  std::span<const double> unfilled_penalty;  // [tasks] or empty for all 0
};

// What each labeler's next slot costs: 0 for nearly everybody.
class LabelerPrices {
 public:
  double operator[](int labeler) const {
    if (labeler_.empty()) return 0;
    const auto at = std::lower_bound(labeler_.begin(), labeler_.end(), labeler);
    return at == labeler_.end() || *at != labeler
               ? 0
               : price_[static_cast<size_t>(at - labeler_.begin())];
  }
  // The least price of the labelers [begin, end).
  double Least(int begin, int end) const;
  // Labelers in rising order. A price that is not positive is left out.
  void Set(int labeler, double price) {
    if (!(price > 0)) return;
    labeler_.push_back(labeler);
    price_.push_back(price);
  }
  std::span<const int32_t> labelers() const { return labeler_; }
  std::span<const double> prices() const { return price_; }

 private:
  std::vector<int32_t> labeler_;  // ascending
  std::vector<double> price_;     // > 0
};

struct ScanRequest {
  int task_begin = 0;  // tasks [task_begin, task_end)
  int task_end = 0;
  // A task whose threshold is infinite needs no look.
  const LabelerPrices& price;
  // A scan that takes long should look at it now and then, and when it has
  // passed say so to the sink and return.
  const Deadline& deadline;
};

// Collects, for each task of one block, the pairs that matter.
class ScanSink {
 public:
  // Offers a pair. The same utility must be given each time the pair is
  // scanned. Pairs at or below the threshold, of labelers without capacity, and
  // already known ones are ignored, so a scan may offer too many (a comparison
  // in single precision should err that way) but not too few. Not finite or
  // beyond kMaxUtility: reported as an error by MatchDense.
  void Add(int task, int labeler, double utility);

  // A pair matters only if utility - price[labeler] > threshold(task). Rises
  // while pairs are added; reading it once per block of labelers will do.
  double threshold(int task) const { return tasks_[task - begin_].threshold; }
  // The scan was given up half-way.
  void GiveUp() { gave_up_ = true; }
  // Pairs that can still be added before each takes the place of another, and
  // the threshold rises: the best ones had better be offered first.
  int64_t room(int task) const {
    const Best& best = tasks_[task - begin_];
    return static_cast<int64_t>(best.limit) -
           static_cast<int64_t>(best.heap.size());
  }

 private:
  friend class DensePricer;

  struct Pair {
    double reduced;  // utility - price
    double utility;
    int32_t labeler;
  };
  struct Best {
    double threshold = 0;
    double first_threshold = 0;  // before any pair was added
    size_t limit = 0;
    std::vector<Pair> heap;          // the least of the best on top
    std::span<const int32_t> known;  // ascending
  };

  int begin_ = 0;
  const LabelerPrices* price_ = nullptr;
  const DenseMatchProblem* problem_ = nullptr;
  std::vector<Best> tasks_;
  int64_t bad_task_ = -1, bad_labeler_ = -1;
  bool gave_up_ = false;
};

using ScanFunction =
    absl::FunctionRef<void(const ScanRequest& request, ScanSink& sink)>;

struct PricingOptions {
  // warm_price [num_labelers], deadline, gap_tolerance and threads as in
  // MatchOptions; threads also share the scans, so the scan function is called
  // from several threads at once, each time for other tasks.
  MatchOptions match;
  // Candidates taken per task by the first scan; 0: chosen by redundancy and
  // the number of slots that may compete.
  int candidates_per_task = 0;
  // Tasks a call of the scan function; the split of the work, so the answer's
  // bits may depend on it only through the scan function's own arithmetic.
  int tasks_per_block = 32;
};

struct DenseMatchResult {
  // The labelers that any round found worth considering, ascending. In
  // `candidates` and `assignment` a labeler is her place in this list; to
  // others there is no candidate, and their price is 0.
  std::vector<int32_t> labelers;
  // Every pair that any round found worth considering, by task, labelers
  // ascending; `assignment` refers to its edges.
  Problem candidates;
  // Objective, bound and gap over all pairs, not only the candidates. `exact`:
  // no pair is left that could improve the plan by more than a quantum. Without
  // time for one whole scan the bound is infinite and the gap 1.
  Assignment assignment;
};

// kInvalidArgument: a wrong size or number, naming it.
absl::StatusOr<DenseMatchResult> MatchDense(const DenseMatchProblem& problem,
                                            ScanFunction scan,
                                            const PricingOptions& options);

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_PRICING_H_
