// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/numeric_answer_set.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace allot {

absl::StatusOr<NumericAnswerSet> NumericAnswerSet::Build(
    int32_t num_tasks, int32_t num_labelers,
    std::span<const NumericAnswer> answers) {
  if (num_tasks < 0 || num_labelers < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "an answer set needs num_tasks >= 0 and num_labelers >= 0, got ",
        num_tasks, ", ", num_labelers));
  }
  NumericAnswerSet set;
  set.num_tasks = num_tasks;
  set.num_labelers = num_labelers;
  set.task_begin.assign(static_cast<size_t>(num_tasks) + 1, 0);
  for (size_t i = 0; i < answers.size(); ++i) {
    const NumericAnswer& answer = answers[i];
    if (answer.task < 0 || answer.task >= num_tasks) {
      return absl::InvalidArgumentError(
          absl::StrCat("answers[", i, "].task: must be in [0, ", num_tasks,
                       "), got ", answer.task));
    }
    if (answer.labeler < 0 || answer.labeler >= num_labelers) {
      return absl::InvalidArgumentError(
          absl::StrCat("answers[", i, "].labeler: must be in [0, ",
                       num_labelers, "), got ", answer.labeler));
    }
    if (!std::isfinite(answer.value)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "answers[", i, "].value: must be finite, got ", answer.value));
    }
    ++set.task_begin[answer.task + 1];
  }
  for (int32_t t = 0; t < num_tasks; ++t) {
    set.task_begin[t + 1] += set.task_begin[t];
  }
  set.labeler.resize(answers.size());
  set.value.resize(answers.size());
  std::vector<int64_t> next(set.task_begin.begin(), set.task_begin.end() - 1);
  for (const NumericAnswer& answer : answers) {
    const int64_t at = next[answer.task]++;
    set.labeler[at] = answer.labeler;
    set.value[at] = answer.value;
  }
  return set;
}

}  // namespace allot
