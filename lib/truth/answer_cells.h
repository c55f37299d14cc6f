// SPDX-License-Identifier: Apache-2.0
// The distinct (labeler, label) pairs of an answer set, numbered. A confusion
// matrix needs a column only for labels that its labeler ever gave, which is
// what keeps a thousand classes affordable.
#ifndef ALLOT_LIB_TRUTH_ANSWER_CELLS_H_
#define ALLOT_LIB_TRUTH_ANSWER_CELLS_H_

#include <cstdint>
#include <vector>

#include "lib/truth/answer_set.h"

namespace allot {

struct AnswerCells {
  std::vector<int32_t> cell;   // [answers], the pair of each answer
  std::vector<int32_t> label;  // [cells]
  std::vector<int32_t> begin;  // [labelers + 1], cells are grouped by labeler

  int32_t size() const { return static_cast<int32_t>(label.size()); }
};

// O(answers + labelers + classes).
AnswerCells NumberCells(const AnswerSet& answers);

// Tasks cut into contiguous ranges of about equally many answers, at most
// `parts` of them: [parts + 1] task indices.
std::vector<int32_t> CutTasks(const AnswerSet& answers, int parts);

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_ANSWER_CELLS_H_
