// SPDX-License-Identifier: Apache-2.0
#include "lib/study/answer_book.h"

#include <algorithm>

#include "lib/base/status_macros.h"

namespace allot {

absl::StatusOr<AnswerBook> AnswerBook::Build(
    int32_t num_tasks, int32_t num_labelers, int32_t num_classes,
    std::span<const LabelAnswer> answers, std::span<const GoldLabel> truth) {
  ALLOT_ASSIGN_OR_RETURN(
      const AnswerSet set,
      AnswerSet::Build(num_tasks, num_labelers, num_classes, answers));
  std::vector<int32_t> known(static_cast<size_t>(num_tasks), -1);
  for (const GoldLabel& label : truth) {
    if (label.task < 0 || label.task >= num_tasks || label.label < 0 ||
        label.label >= num_classes) {
      return absl::InvalidArgumentError("truth: task or label out of range");
    }
    known[label.task] = label.label;
  }
  AnswerBook book;
  book.num_labelers_ = num_labelers;
  book.num_classes_ = num_classes;
  book.answers_of_labeler_.assign(static_cast<size_t>(num_labelers), 0);
  for (int32_t t = 0; t < num_tasks; ++t) {
    const int64_t begin = set.task_begin[t], end = set.task_begin[t + 1];
    if (known[t] < 0 || begin == end) continue;
    std::vector<Entry> entries;
    for (int64_t a = begin; a < end; ++a) {
      entries.push_back({set.labeler[a], set.label[a]});
    }
    std::stable_sort(
        entries.begin(), entries.end(),
        [](const Entry& x, const Entry& y) { return x.labeler < y.labeler; });
    entries.erase(std::unique(entries.begin(), entries.end(),
                              [](const Entry& x, const Entry& y) {
                                return x.labeler == y.labeler;
                              }),
                  entries.end());
    for (const Entry& entry : entries) {
      ++book.answers_of_labeler_[entry.labeler];
    }
    book.num_answers_ += static_cast<int64_t>(entries.size());
    book.truth_.push_back(known[t]);
    book.entries_.push_back(std::move(entries));
  }
  if (book.truth_.empty()) {
    return absl::InvalidArgumentError("no task with a known truth has answers");
  }
  return book;
}

std::optional<int32_t> AnswerBook::Find(int32_t task, int32_t labeler) const {
  const std::vector<Entry>& entries = entries_[task];
  const auto at = std::lower_bound(entries.begin(), entries.end(), labeler,
                                   [](const Entry& entry, int32_t wanted) {
                                     return entry.labeler < wanted;
                                   });
  if (at == entries.end() || at->labeler != labeler) return std::nullopt;
  return at->label;
}

}  // namespace allot
