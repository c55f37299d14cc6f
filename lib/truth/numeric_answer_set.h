// SPDX-License-Identifier: Apache-2.0
// Answers that are quantities, grouped by task: the numeric twin of AnswerSet.
#ifndef ALLOT_LIB_TRUTH_NUMERIC_ANSWER_SET_H_
#define ALLOT_LIB_TRUTH_NUMERIC_ANSWER_SET_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace allot {

// One labeler's numeric answer to one task. Row indices, from 0.
struct NumericAnswer {
  int32_t task = 0;
  int32_t labeler = 0;
  double value = 0;
};

// A task whose true value is known.
struct NumericGold {
  int32_t task = 0;
  double value = 0;
};

// The answers of task t are [task_begin[t], task_begin[t + 1]), in the order
// they were given. 12 bytes an answer.
struct NumericAnswerSet {
  int32_t num_tasks = 0;
  int32_t num_labelers = 0;
  std::vector<int64_t> task_begin;  // [num_tasks + 1]
  std::vector<int32_t> labeler;     // [answers]
  std::vector<double> value;        // [answers], finite

  int64_t size() const { return static_cast<int64_t>(value.size()); }

  // O(answers + tasks). Errors: kInvalidArgument names the first answer whose
  // task or labeler is out of range or whose value is not finite.
  static absl::StatusOr<NumericAnswerSet> Build(
      int32_t num_tasks, int32_t num_labelers,
      std::span<const NumericAnswer> answers);
};

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_NUMERIC_ANSWER_SET_H_
