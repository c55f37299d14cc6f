// SPDX-License-Identifier: Apache-2.0
// All answers to a set of tasks, as numbers: the input of every aggregation.
#ifndef ALLOT_LIB_TRUTH_ANSWER_SET_H_
#define ALLOT_LIB_TRUTH_ANSWER_SET_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace allot {

// One labeler's categorical answer to one task. Row indices, from 0.
struct LabelAnswer {
  int32_t task = 0;
  int32_t labeler = 0;
  int32_t label = 0;  // class, in [0, num_classes)
};

// A task whose true class is known.
struct GoldLabel {
  int32_t task = 0;
  int32_t label = 0;
};

// Answers grouped by task; within a task in the order they were given. The
// answers of task t are [task_begin[t], task_begin[t + 1]). A labeler may have
// answered one task more than once; every answer counts.
//
// Memory: 8 bytes an answer and 8 bytes a task.
struct AnswerSet {
  int32_t num_tasks = 0;
  int32_t num_labelers = 0;
  int32_t num_classes = 0;
  std::vector<int64_t> task_begin;  // [num_tasks + 1]
  std::vector<int32_t> labeler;     // [answers]
  std::vector<int32_t> label;       // [answers]

  int64_t size() const { return static_cast<int64_t>(label.size()); }

  // Groups `answers` by task. O(answers + tasks).
  // Errors: kInvalidArgument names the first answer whose task, labeler or
  // label is out of range, or a count that is negative (num_classes < 2).
  static absl::StatusOr<AnswerSet> Build(int32_t num_tasks,
                                         int32_t num_labelers,
                                         int32_t num_classes,
                                         std::span<const LabelAnswer> answers);
};

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_ANSWER_SET_H_
