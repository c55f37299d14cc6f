// SPDX-License-Identifier: Apache-2.0
// The answers of an AnswerSet seen from their labelers.
#ifndef ALLOT_LIB_TRUTH_ANSWERS_BY_LABELER_H_
#define ALLOT_LIB_TRUTH_ANSWERS_BY_LABELER_H_

#include <cstdint>
#include <span>
#include <vector>

namespace allot {

// answer[begin[l] .. begin[l + 1]) are the rows, in ascending order, of the
// answers of labeler l.
struct AnswersByLabeler {
  std::vector<int64_t> begin;   // [labelers + 1]
  std::vector<int64_t> answer;  // [answers]

  std::span<const int64_t> Of(int32_t labeler) const {
    return {answer.data() + begin[labeler], answer.data() + begin[labeler + 1]};
  }
};

// `labeler` [answers] in [0, num_labelers). O(answers + labelers).
inline AnswersByLabeler GroupByLabeler(std::span<const int32_t> labeler,
                                       int32_t num_labelers) {
  AnswersByLabeler group;
  group.begin.assign(static_cast<size_t>(num_labelers) + 1, 0);
  for (const int32_t l : labeler) ++group.begin[l + 1];
  for (int32_t l = 0; l < num_labelers; ++l) {
    group.begin[l + 1] += group.begin[l];
  }
  group.answer.resize(labeler.size());
  std::vector<int64_t> next(group.begin.begin(), group.begin.end() - 1);
  for (size_t a = 0; a < labeler.size(); ++a) {
    group.answer[next[labeler[a]]++] = static_cast<int64_t>(a);
  }
  return group;
}

// The task of each answer of a set grouped by task.
inline std::vector<int32_t> TaskOfAnswer(std::span<const int64_t> task_begin) {
  std::vector<int32_t> task(task_begin.back());
  for (size_t t = 0; t + 1 < task_begin.size(); ++t) {
    for (int64_t a = task_begin[t]; a < task_begin[t + 1]; ++a) {
      task[a] = static_cast<int32_t>(t);
    }
  }
  return task;
}

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_ANSWERS_BY_LABELER_H_
