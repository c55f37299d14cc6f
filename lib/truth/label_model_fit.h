// SPDX-License-Identifier: Apache-2.0
// Fits a LabelModel to a history of answers: hierarchical.h with the gold as
// evidence, then a calibration map from the gold.
//
// Calibration. A gold task must not judge a model that it helped to fit. The
// gold tasks are dealt into four hands; the model is fitted again without the
// tasks of a hand, answers and all, and then says how sure it is of them: what
// it will say of tasks it has not seen. The map is fitted on these outcomes.
// Without gold it is the map of calibration.h for no gold.
//
// Groups. Answers of one correlation group to one task that agree are copies:
// one of them counts, the members taking turns. Without this three copies of a
// model would be a majority of their own making.
//
// Second opinion. The draws of confusion_sampler.h on the same answers.
//
// Planning. Channels come from a Dawid-Skene fit to the same answers
// (answer_channel.h says why not from the models that judge).
//
// Cost     5 fits with gold, 1 without; each O((15 * 5 + 2 * 60) K answers).
// Threads  Deterministic: the same bits on any number of threads.
// Errors   kInvalidArgument: as AnswerSet::Build(), IndexGold().
#ifndef ALLOT_LIB_TRUTH_LABEL_MODEL_FIT_H_
#define ALLOT_LIB_TRUTH_LABEL_MODEL_FIT_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/truth/answer_set.h"
#include "lib/truth/label_model.h"

namespace allot {

struct LabelModelInput {
  int32_t num_tasks = 0;
  int32_t num_slots = 0;
  int32_t num_classes = 2;
  std::span<const LabelAnswer> answers;  // `labeler` is a slot of the model
  std::span<const int32_t> group;        // [answers], -1 = alone; or empty
  std::span<const GoldLabel> gold;  // tasks without answers are passed over
  int64_t version = 0;              // of the calibration map
  int threads = 1;
};

struct LabelModelFit {
  LabelModel model;
  // On the gold tasks with answers, each judged by a model that had not seen
  // it, and a map that had not either.
  int64_t gold_tasks = 0;
  double ece_before = 0;  // of the model
  double ece_after = 0;   // with the map
  int iterations = 0;
};

absl::StatusOr<LabelModelFit> FitLabelModel(const LabelModelInput& input);

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_LABEL_MODEL_FIT_H_
