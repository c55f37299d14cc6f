// SPDX-License-Identifier: Apache-2.0
// What a plan is worth: the weights of the one objective, in one currency.
//
//   utility(labeler, task) = value * quality * bits
//                          - cost * price - time * seconds
//                          + explore * skill_bits - balance * load
//                          + fairness * (1 - turn)
//
// The unit of utility is the pool's currency (whatever `price` is quoted in).
#ifndef ALLOT_LIB_SKILL_POLICY_H_
#define ALLOT_LIB_SKILL_POLICY_H_

#include <cstdint>

#include "absl/status/status.h"

namespace allot {

struct ObjectiveWeights {
  // Currency per bit about the label of a task of value 1. 0 or more.
  double quality = 1;
  // Currency lost per currency unit paid: 1 counts money at par, 0 makes
  // labelers free. 0 or more.
  double cost = 1;
  // Currency per second of expected handling time. 0 or more.
  double time = 0;
  // Currency per bit learned about the labeler's skill. 0 or more.
  double explore = 0;
  // Currency lost per unit of load (share of capacity in use, usually in
  // [0, 1]). 0 or more.
  double balance = 0;
  // Currency gained by giving work to a labeler who has had none yet, less to
  // one who has had a part of her turn = min(1, (answers + open leases) /
  // fair_answers). 0 or more.
  double fairness = 0;
  // 1 or more.
  int32_t fair_answers = 10;
  // Fill slots even by pairs that are worth less than nothing. The hard limits
  // below still hold.
  bool must_fill = false;
  // Pairs expected to be right less often are never made. In [0, 1].
  double min_expected_accuracy = 0;
  // The largest share of a batch's slots that one labeler may take. In (0, 1].
  double max_labeler_share = 1;
};

// kInvalidArgument naming the field, what it must be and what it was.
absl::Status ValidateObjectiveWeights(const ObjectiveWeights& weights);

}  // namespace allot

#endif  // ALLOT_LIB_SKILL_POLICY_H_
