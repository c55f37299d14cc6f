// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/gold_index.h"

#include "absl/strings/str_cat.h"

namespace allot {

absl::StatusOr<std::vector<int32_t>> IndexGold(
    const AnswerSet& answers, std::span<const GoldLabel> gold) {
  std::vector<int32_t> gold_of_task(answers.num_tasks, kNoGold);
  for (size_t i = 0; i < gold.size(); ++i) {
    const auto [task, label] = gold[i];
    if (task < 0 || task >= answers.num_tasks) {
      return absl::InvalidArgumentError(
          absl::StrCat("gold[", i, "].task: must be in [0, ", answers.num_tasks,
                       "), got ", task));
    }
    if (label < 0 || label >= answers.num_classes) {
      return absl::InvalidArgumentError(
          absl::StrCat("gold[", i, "].label: must be in [0, ",
                       answers.num_classes, "), got ", label));
    }
    int32_t& known = gold_of_task[task];
    if (known != kNoGold && known != label) {
      return absl::InvalidArgumentError(
          absl::StrCat("gold[", i, "]: task ", task, " is already known to be ",
                       known, ", got ", label));
    }
    known = label;
  }
  return gold_of_task;
}

}  // namespace allot
