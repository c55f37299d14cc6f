// SPDX-License-Identifier: Apache-2.0
// Gold labels by task, checked once for every method that takes them.
#ifndef ALLOT_LIB_TRUTH_GOLD_INDEX_H_
#define ALLOT_LIB_TRUTH_GOLD_INDEX_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/truth/answer_set.h"

namespace allot {

inline constexpr int32_t kNoGold = -1;

// [num_tasks]: the known class of each task, or kNoGold.
// Errors: kInvalidArgument names the first gold label whose task or label is
// out of range, or that contradicts an earlier one. O(tasks + gold).
absl::StatusOr<std::vector<int32_t>> IndexGold(const AnswerSet& answers,
                                               std::span<const GoldLabel> gold);

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_GOLD_INDEX_H_
