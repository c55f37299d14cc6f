// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/answer_set.h"

#include "absl/strings/str_cat.h"

namespace allot {
namespace {

absl::Status CheckRange(size_t row, const char* field, int32_t value,
                        int32_t bound) {
  if (value >= 0 && value < bound) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("answers[", row, "].", field,
                                                 ": must be in [0, ", bound,
                                                 "), got ", value));
}

}  // namespace

absl::StatusOr<AnswerSet> AnswerSet::Build(
    int32_t num_tasks, int32_t num_labelers, int32_t num_classes,
    std::span<const LabelAnswer> answers) {
  if (num_tasks < 0 || num_labelers < 0 || num_classes < 2) {
    return absl::InvalidArgumentError(absl::StrCat(
        "an answer set needs num_tasks >= 0, num_labelers >= 0 and "
        "num_classes >= 2, got ",
        num_tasks, ", ", num_labelers, ", ", num_classes));
  }
  AnswerSet set;
  set.num_tasks = num_tasks;
  set.num_labelers = num_labelers;
  set.num_classes = num_classes;
  set.task_begin.assign(static_cast<size_t>(num_tasks) + 1, 0);
  for (size_t i = 0; i < answers.size(); ++i) {
    const LabelAnswer& answer = answers[i];
    for (const absl::Status& status :
         {CheckRange(i, "task", answer.task, num_tasks),
          CheckRange(i, "labeler", answer.labeler, num_labelers),
          CheckRange(i, "label", answer.label, num_classes)}) {
      if (!status.ok()) return status;
    }
    ++set.task_begin[answer.task + 1];
  }
  for (int32_t t = 0; t < num_tasks; ++t) {
    set.task_begin[t + 1] += set.task_begin[t];
  }
  set.labeler.resize(answers.size());
  set.label.resize(answers.size());
  std::vector<int64_t> next(set.task_begin.begin(), set.task_begin.end() - 1);
  for (const LabelAnswer& answer : answers) {
    const int64_t at = next[answer.task]++;
    set.labeler[at] = answer.labeler;
    set.label[at] = answer.label;
  }
  return set;
}

}  // namespace allot
