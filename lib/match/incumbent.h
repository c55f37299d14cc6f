// SPDX-License-Identifier: Apache-2.0
// The best assignment and the best bound so far, from whichever step of a
// solver each came. Internal to lib/match.
#ifndef ALLOT_LIB_MATCH_INCUMBENT_H_
#define ALLOT_LIB_MATCH_INCUMBENT_H_

#include "lib/match/assignment.h"
#include "lib/match/deadline.h"
#include "lib/match/flow.h"

namespace allot {

template <typename V>
class Incumbent {
 public:
  // Keeps a reference. How long reading the problem into the flow took tells
  // what FillFree() and Offer() take, which is kept back from the deadline.
  Incumbent(const Flow<V>& flow, const Deadline& deadline, double gap_tolerance,
            int64_t reading_nanos);

  // When the solver must stop for Offer() still to be in time.
  const Deadline& deadline() const { return deadline_; }
  // Whether anybody needs an answer before the last one.
  bool wanted() const { return has_deadline() || has_tolerance(); }
  bool has_deadline() const { return deadline_.clock != nullptr; }
  bool has_tolerance() const { return gap_tolerance_ > 0; }

  // Takes the flow's slots if they are better than the best, its prices if
  // their bound is. `solved`: the solver ran to its end.
  void Offer(bool solved);
  bool good_enough() const { return best_.gap <= gap_tolerance_; }
  Assignment Take();

 private:
  const Flow<V>& flow_;
  Deadline deadline_;
  double gap_tolerance_;
  bool any_ = false, solved_ = false;
  Assignment best_;
};

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_INCUMBENT_H_
