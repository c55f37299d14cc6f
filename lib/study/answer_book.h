// SPDX-License-Identifier: Apache-2.0
// Real answers, to be revealed one by one: what a labeler said of a task is on
// file, and a policy that asks her is told.
#ifndef ALLOT_LIB_STUDY_ANSWER_BOOK_H_
#define ALLOT_LIB_STUDY_ANSWER_BOOK_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/truth/answer_set.h"

namespace allot {

// Immutable once built. Rows from 0.
class AnswerBook {
 public:
  struct Entry {
    int32_t labeler = 0;
    int32_t label = 0;
  };

  // The first answer of a labeler to a task is the one that counts. Tasks
  // without an entry in `truth` are left out, for nothing can be said of them,
  // and so are tasks without answers; rows are renumbered in their old order.
  // O(answers log answers).
  // Errors: as AnswerSet::Build(); kInvalidArgument if no task is left.
  static absl::StatusOr<AnswerBook> Build(int32_t num_tasks,
                                          int32_t num_labelers,
                                          int32_t num_classes,
                                          std::span<const LabelAnswer> answers,
                                          std::span<const GoldLabel> truth);

  int32_t num_tasks() const { return static_cast<int32_t>(truth_.size()); }
  int32_t num_labelers() const { return num_labelers_; }
  int32_t num_classes() const { return num_classes_; }
  int64_t num_answers() const { return num_answers_; }
  int32_t truth(int32_t task) const { return truth_[task]; }

  // Ascending by labeler.
  std::span<const Entry> answers(int32_t task) const { return entries_[task]; }
  // What she answered, nullopt if she was never asked. O(log answers).
  std::optional<int32_t> Find(int32_t task, int32_t labeler) const;
  // On file, of each labeler.
  const std::vector<int32_t>& answers_of_labeler() const {
    return answers_of_labeler_;
  }

 private:
  int32_t num_labelers_ = 0;
  int32_t num_classes_ = 0;
  int64_t num_answers_ = 0;
  std::vector<int32_t> truth_;               // [tasks]
  std::vector<std::vector<Entry>> entries_;  // [tasks]
  std::vector<int32_t> answers_of_labeler_;  // [labelers]
};

}  // namespace allot

#endif  // ALLOT_LIB_STUDY_ANSWER_BOOK_H_
