// SPDX-License-Identifier: Apache-2.0
// What most of the compared policies know of their crowd: a Dawid-Skene fit to
// all answers so far, and each task's posterior under it.
#ifndef ALLOT_LIB_STUDY_CROWD_MODEL_H_
#define ALLOT_LIB_STUDY_CROWD_MODEL_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "lib/study/ask_policy.h"
#include "lib/truth/answer_set.h"

namespace allot {

// Fitted again whenever the answers have grown by a hundredth (by a quarter
// beyond 2000); in between a
// task's posterior follows its answers under the last fit.
class CrowdModel {
 public:
  CrowdModel(int32_t num_classes, int32_t num_labelers, int32_t num_tasks);

  void AddTasks(int32_t count);
  absl::Status Observe(std::span<const StudyAnswer> answers);
  // Observes without a fit.
  void Note(std::span<const StudyAnswer> answers);
  // From now on these parameters are taken for true and nothing is fitted.
  // [L x K x K], rows = truth, and [K].
  void Know(std::vector<double> confusion, std::vector<double> prior);

  int32_t num_classes() const { return num_classes_; }
  // Of a task, so far.
  int32_t num_answers(int32_t task) const {
    return static_cast<int32_t>(by_task_[task].size());
  }
  // P(truth | answers) [K].
  std::span<const double> Posterior(int32_t task) const {
    return {&posterior_[static_cast<size_t>(task) * num_classes_],
            static_cast<size_t>(num_classes_)};
  }
  Judgement Best(int32_t task) const;
  // P(answer = label | truth) of a labeler; of one without answers as for all.
  double Entry(int32_t labeler, int32_t truth, int32_t label) const {
    return confusion_[(static_cast<size_t>(labeler) * num_classes_ + truth) *
                          num_classes_ +
                      label];
  }
  // Bits that her answer would tell of the task's label, and the rise of the
  // expected largest posterior.
  struct Gain {
    double bits = 0;
    double accuracy = 0;
  };
  Gain GainOf(int32_t task, int32_t labeler) const;
  // Final: everything fitted to everything.
  absl::Status Fit();

  struct Given {
    int32_t labeler, label;
  };
  std::span<const Given> answers(int32_t task) const { return by_task_[task]; }

 private:
  void UpdateTask(int32_t task);

  int32_t num_classes_;
  int32_t num_labelers_;
  bool known_ = false;
  int64_t fitted_ = 0;  // answers at the last fit
  int64_t total_ = 0;
  std::vector<std::vector<Given>> by_task_;
  std::vector<double> posterior_;  // [tasks x K]
  std::vector<double> prior_;      // [K]
  std::vector<double> confusion_;  // [labelers x K x K], rows = truth
};

}  // namespace allot

#endif  // ALLOT_LIB_STUDY_CROWD_MODEL_H_
