// SPDX-License-Identifier: Apache-2.0
// Who may label what, and what each pair is worth: a sparse b-matching.
//
//   maximise    sum w[e] x[e]  -  sum_t penalty[t] (empty slots of t)
//   subject to  sum_{e of t} x[e] <= redundancy[t]   for every task t,
//               sum_{e of l} x[e] <= capacity[l]     for every labeler l,
//               x[e] in {0, 1}     (nobody answers one task twice)
//
// Edges are stored task by task (CSR): those of task t are
// [offset[t], offset[t + 1]). Tasks and labelers are row numbers; ids belong to
// the caller. A pair that is not listed is never made; nor is one whose utility
// does not exceed -penalty[t], for then the empty slot is at least as good. A
// shortage is an ordinary answer with empty slots, never an error.
#ifndef ALLOT_LIB_MATCH_PROBLEM_H_
#define ALLOT_LIB_MATCH_PROBLEM_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"

namespace allot {

struct Problem {
  std::vector<int32_t> offset = {0};  // [tasks + 1] ascending, from 0 to edges
  std::vector<int32_t> labeler;       // [edges] in [0, labelers)
  std::vector<double> utility;        // [edges] |w| <= kMaxUtility, any unit
  std::vector<int32_t> redundancy;    // [tasks] >= 0 distinct labelers wanted
  std::vector<int32_t> capacity;      // [labelers] >= 0 tasks each can take
  // [tasks], or empty for all 0: what an empty slot of the task costs, in the
  // unit of utility, in [0, kMaxUtility]. Above 0 a slot "must be filled":
  // pairs of negative utility are made where the empty slot would cost more.
  std::vector<double> unfilled_penalty;

  int num_tasks() const { return static_cast<int>(redundancy.size()); }
  int num_labelers() const { return static_cast<int>(capacity.size()); }
  int num_edges() const { return static_cast<int>(labeler.size()); }
  double penalty(int task) const {
    return unfilled_penalty.empty() ? 0 : unfilled_penalty[task];
  }
  int64_t num_slots() const;
};

// Sums over any allowed batch stay finite.
inline constexpr double kMaxUtility = 1e100;

// kInvalidArgument, naming the first wrong element, when sizes disagree, an
// index or number is out of range or not finite, or a task lists a labeler
// twice. O(tasks + labelers + edges).
absl::Status Validate(const Problem& problem);

// Of this, everything but the edges. O(tasks + labelers).
absl::Status ValidateShape(const Problem& problem);

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_PROBLEM_H_
