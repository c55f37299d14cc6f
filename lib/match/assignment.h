// SPDX-License-Identifier: Apache-2.0
// What a solver answers: the pairs it made, and the proof of how good they are.
#ifndef ALLOT_LIB_MATCH_ASSIGNMENT_H_
#define ALLOT_LIB_MATCH_ASSIGNMENT_H_

#include <cstdint>
#include <span>
#include <vector>

namespace allot {

enum class Solver {
  kAuto,       // only as a wish: see matcher.h
  kHungarian,  // exact; see hungarian.h
  kAuction,    // exact, given time; see auction.h
  kGreedy,     // one pass; see greedy.h
};

inline const char* SolverName(Solver solver) {
  switch (solver) {
    case Solver::kAuto:
      return "auto";
    case Solver::kHungarian:
      return "hungarian";
    case Solver::kAuction:
      return "auction";
    case Solver::kGreedy:
      return "greedy";
  }
  return "unknown";
}

struct SolveStats {
  int64_t bids = 0;           // of the auction
  int64_t augmentations = 0;  // shortest paths followed to their end
  int64_t scanned = 0;        // labelers expanded by shortest-path searches
  int32_t scaling_phases = 0;
  int32_t pricing_rounds = 0;  // see pricing.h
};

struct Assignment {
  // The pairs made: those of task t are edge[offset[t] .. offset[t + 1]),
  // indices into Problem's edges, ascending.
  std::vector<int32_t> offset = {0};
  std::vector<int32_t> edge;

  // The proof. labeler_price[l] >= 0 is what l's next slot is worth elsewhere,
  // 0 if l has room; UpperBound() turns the prices into a bound that no
  // assignment exceeds. task_price[t] >= 0 is the reduced utility of t's last
  // slot: an unlisted labeler would have to offer more to be taken.
  std::vector<double> labeler_price;
  std::vector<double> task_price;

  double objective = 0;    // includes the penalties of empty slots
  double upper_bound = 0;  // at least as large, up to rounding
  double gap = 0;          // RelativeGap(objective, upper_bound), >= 0
  // Utilities were rounded to multiples of this before solving. `exact` says
  // that the rounded problem is solved to proven optimality; then what is left
  // of upper_bound - objective is at most 2 * quantum a slot.
  double quantum = 0;
  bool exact = false;
  bool deadline_reached = false;  // cut short: best found in the time
  Solver solver = Solver::kAuto;
  SolveStats stats;

  std::span<const int32_t> edges(int task) const {
    return std::span<const int32_t>(edge).subspan(
        offset[task], offset[task + 1] - offset[task]);
  }
  // Slots of the task that are filled.
  int filled(int task) const { return offset[task + 1] - offset[task]; }
  int64_t num_filled() const { return static_cast<int64_t>(edge.size()); }
};

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_ASSIGNMENT_H_
