// SPDX-License-Identifier: Apache-2.0
#include "lib/match/auction.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "lib/match/auction_phase.h"
#include "lib/match/certificate.h"
#include "lib/match/flow.h"
#include "lib/match/incumbent.h"
#include "lib/match/kernels.h"
#include "lib/match/reading.h"
#include "lib/match/shortest_path.h"

namespace allot {
namespace {

// As shares of the spread of values, measured on the families of tests/bench. A
// small first epsilon is a price war without end where labelers are scarce;
// below the last one, the only one where prices are at hand, shortest paths are
// quicker. Each epsilon is a fraction of the one before.
constexpr double kFirstEpsilon = 0.006;
constexpr double kFirstEpsilonScarce = 0.3;
constexpr double kLastEpsilon = 3e-5;
constexpr double kShrink = 4;
constexpr double kShrinkScarce = 7;
// Before each phase prices step back by so many of its epsilons, nearly twice
// the one before, which they may have overshot by: rising again costs less than
// coming down by reverse.
constexpr double kStepBack = 7;
// Contested slots, as a share of all and at least so many, up to which shortest
// paths alone are quicker than an auction.
constexpr double kFewContested = 0.1;
constexpr int32_t kAlwaysFew = 200;
// Contested slots beyond which raising prices one by one is no help.
constexpr double kHopeless = 0.5;
// Searches that expand each labeler so often were a wrong turn.
constexpr int64_t kMostScans = 16;
constexpr int64_t kMostScansWarm = 4;
// Demand beyond this share of the capacity counts as scarce.
constexpr double kScarce = 0.85;
// Listing the edges by labeler takes so many times as long as reading them.
constexpr int64_t kIndexPerReading = 3;
// Warm prices of less capacity than this share of the slots are ignored.
constexpr double kUncontested = 0.35;

// Whether so few slots went to labelers with a price that starting anew is
// quicker: prices that have to come down need the edges by labeler.
bool Uncontested(const Problem& problem, std::span<const double> price) {
  int64_t priced = 0;
  for (size_t l = 0; l < price.size(); ++l) {
    if (price[l] > 0)
      priced += std::min(problem.capacity[l], problem.num_tasks());
  }
  return static_cast<double>(priced) <
         kUncontested * static_cast<double>(problem.num_slots());
}

template <typename V>
bool Scarce(const Flow<V>& flow) {
  int64_t capacity = 0;
  for (const int32_t c : flow.problem->capacity) {
    capacity += std::min(c, flow.num_tasks());
  }
  return static_cast<double>(flow.slot_begin.back()) >
         kScarce * static_cast<double>(capacity);
}

// Where the slots outnumber the places, the one price for all labelers at which
// as many slots are worth filling as there are places, less a fifth: near where
// a price war from 0 would end, and below, for coming down takes longer than
// rising. Otherwise 0. Of a task's slots, at most kMostTop count.
template <typename V>
V ClearingPrice(const Flow<V>& flow) {
  const Problem& problem = *flow.problem;
  int64_t places = 0;
  for (const int32_t c : problem.capacity) {
    places += std::min(c, flow.num_tasks());
  }
  if (flow.slot_begin.back() <= places) return 0;
  std::vector<V> worth;
  for (int t = 0; t < flow.num_tasks(); ++t) {
    const int32_t k =
        std::min(flow.slot_begin[t + 1] - flow.slot_begin[t], kMostTop);
    if (k == 0) continue;
    const int32_t begin = problem.offset[t];
    Top<V> top;
    TopReduced(flow.labeler + begin, flow.value.data() + begin,
               static_cast<const V*>(nullptr), problem.offset[t + 1] - begin, k,
               top);
    worth.insert(worth.end(), top.reduced, top.reduced + k);
  }
  if (static_cast<int64_t>(worth.size()) <= places) return 0;
  std::nth_element(worth.begin(), worth.begin() + places, worth.end(),
                   std::greater<>());
  return std::max(V{0}, worth[places] - worth[places] / 5);
}

template <typename V>
V ToEpsilon(double share, V spread) {
  return std::max(V{1}, static_cast<V>(share * static_cast<double>(spread)));
}

template <typename V>
Assignment Solve(const Problem& problem, Reading& reading,
                 const AuctionOptions& options, int64_t start_nanos) {
  Flow<V> flow = MakeFlow<V>(problem, reading);
  const int64_t reading_nanos = options.deadline.NowNanos() - start_nanos;
  const bool warm =
      !options.warm_price.empty() &&
      !(options.try_repair_first && Uncontested(problem, options.warm_price));
  if (warm) SetPrices(options.warm_price, flow);
  LabelerIndex<V> index;
  SolveStats stats;
  Repair<V> repair(flow, index);
  Incumbent<V> incumbent(flow, options.deadline, options.gap_tolerance,
                         reading_nanos);
  const auto finish = [&] {
    Assignment assignment = incumbent.Take();
    assignment.solver = Solver::kAuction;
    assignment.stats = stats;
    return assignment;
  };
  if (options.try_repair_first) {
    // Often nothing, or little, is contested, or the prices are good already.
    RepairLimits limits{incumbent.deadline()};
    limits.most_excess =
        std::max(kAlwaysFew,
                 static_cast<int32_t>(kFewContested * flow.slot_begin.back()));
    limits.hopeless_excess = std::max(
        kAlwaysFew, static_cast<int32_t>(kHopeless * flow.slot_begin.back()));
    limits.most_scans =
        (warm ? kMostScansWarm : kMostScans) * problem.num_labelers() + 1000;
    const RepairResult result = repair.Run(limits, stats);
    if (result != RepairResult::kCapped) {
      incumbent.Offer(result == RepairResult::kOptimal);
      Assignment assignment = finish();
      assignment.solver = Solver::kHungarian;
      return assignment;
    }
  }
  const V spread = flow.largest - flow.least;
  const bool scarce = Scarce(flow);
  const V last = ToEpsilon(kLastEpsilon, spread);
  V epsilon = last;
  if (!warm) {
    epsilon = ToEpsilon(scarce ? kFirstEpsilonScarce : kFirstEpsilon, spread);
    const V clearing = ClearingPrice(flow);
    for (V& p : flow.price) p = std::max(p, clearing);
  }
  AuctionPhase<V> phase(flow, index);
  // Whatever was under way at the deadline is worth less than the last phase
  // that ended.
  const auto cut_short = [&] {
    phase.Restore();
    FillFree(flow);
    incumbent.Offer(false);
    return finish();
  };
  PhaseLimits phase_limits = {
      incumbent.deadline(), kIndexPerReading * reading_nanos,
      kRowsPerMove * reading_nanos / std::max(1, flow.num_tasks()),
      incumbent.wanted()};
  for (bool first = true;; first = false) {
    epsilon = std::max(epsilon, last);
    if (!first) {
      const double back = kStepBack * static_cast<double>(epsilon);
      for (V& p : flow.price) {
        p = static_cast<V>(std::max(0.0, static_cast<double>(p) - back));
      }
    }
    if (!phase.Run(epsilon, phase_limits, stats)) return cut_short();
    // From now on cutting short means going back to what was saved.
    if (first) phase_limits.deadline.at_nanos -= reading_nanos / 2;
    if (incumbent.has_tolerance()) {
      phase.Finish();
      FillFree(flow);
      phase.SwapPrices();
      incumbent.Offer(false);
      phase.SwapPrices();
      if (incumbent.good_enough()) return finish();
    }
    if (epsilon == last) break;
    epsilon = static_cast<V>(static_cast<double>(epsilon) /
                             (scarce ? kShrinkScarce : kShrink));
  }
  phase.Finish();
  RepairLimits limits{phase_limits.deadline};
  limits.cut_back = false;
  if (repair.Run(limits, stats) != RepairResult::kOptimal) return cut_short();
  incumbent.Offer(true);
  return finish();
}

}  // namespace

Assignment SolveAuction(const Problem& problem, Reading& reading,
                        int64_t start_nanos, const AuctionOptions& options) {
  return FitsInt32(reading)
             ? Solve<int32_t>(problem, reading, options, start_nanos)
             : Solve<int64_t>(problem, reading, options, start_nanos);
}

}  // namespace allot
