// SPDX-License-Identifier: Apache-2.0
// What a pool's history says of its labelers, in the form the request path
// wants: the fitted model of hierarchical.h, frozen, with a calibration map.
//
//   P(z = c | answers)  is proportional to
//     [ prior(c) sum_b level(b) prod_a P(l_a | c, b, i_a)^w_a ]^power
//   P(l | c, b, i) = s_i(b) M_i(c, l) + (1 - s_i(b)) habit_i(l)
//
// with letters as in hierarchical.h: the sum over five levels is the integral
// over the task's difficulty, M_i a confusion matrix where the labeler's
// history supports one (else nearer to the pool's), power the discount of
// tempering.h for what misled several labelers at once. The calibration map is
// for the caller to apply last.
//
// Second opinion. Most pools' first answers are few: five a task, ten a
// labeler. The model above then has to take labelers for more alike than they
// are (one number each), and to guess which tasks are hard. The model of
// confusion_sampler.h knows neither shortcut and averages over what it does not
// know; by itself it is no better over many pools, but it errs elsewhere, and
// the geometric mean of the two is better than either. So in brackets stands,
// with w of the second opinion
//
//     [prior sum_b ...]^(1 - w) [prior2(c) prod_a E M_i(c, l_a)^w_a]^w,
//     w = 0.6 / K, from four answers on falling to 0 at twelve:
//
// less where matrices have more numbers to be learned, and none where there are
// so many answers to a task that its difficulty shows, which the second knows
// nothing of.
//
// A labeler outside the fit answers like the pool's mean labeler. A shift in
// logits, of the answer, says how much better or worse than in the fit the
// labeler is on this very task (another mix of skills, a harder task, a skill
// the caller vouches for): it moves know_i, and with it M_i and s_i.
//
// Answers of one correlation group share their weight: n of them weigh
// w = 1 / (1 + 0.8 (n - 1)) each, as in posterior.h.
#ifndef ALLOT_LIB_TRUTH_LABEL_MODEL_H_
#define ALLOT_LIB_TRUTH_LABEL_MODEL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "lib/truth/answer_channel.h"
#include "lib/truth/calibration.h"
#include "lib/truth/group_weights.h"
#include "lib/truth/hierarchical_labelers.h"
#include "lib/truth/posterior.h"

namespace allot {

// Immutable once fitted (label_model_fit.h). Memory 4 (K^2 + K + 2) bytes a
// labeler with matrices, as much again for each of the second opinion and the
// channel; 4 (K + 2) without.
struct LabelModel {
  int32_t num_classes = 0;
  bool has_matrices = false;
  std::vector<double> class_prior;  // [K], sums to 1
  std::array<double, kNumLevels> level_weight{};

  // By slot, a labeler of the fit.
  std::vector<float> knowing;   // [slots] know_i, in (0, 1)
  std::vector<float> accuracy;  // [slots] over the pool's tasks
  std::vector<float> habit;     // [slots x K]
  std::vector<float> matrix;    // [slots x K x K] by label, then truth

  // The mean labeler.
  double mean_knowing = 0.5;
  std::vector<float> guess;       // G: [K x K] by label, then truth; or [K]
  std::vector<float> mean_habit;  // [K]

  CalibrationMap calibration;

  // The second opinion. Empty without matrices, or beyond kMostSecondClasses.
  std::vector<double> second_prior;  // [K], sums to 1
  // [slots + 1 x K x K] by truth, then label; the last is a stranger's.
  std::vector<float> second_matrix;

  // What planning expects of each slot's answers, and, last, of a stranger's.
  // Empty without matrices, or beyond kMostChannelClasses.
  AnswerChannels channels;
};

inline constexpr int32_t kNoSlot = -1;

// Of more classes, the second opinion would weigh next to nothing.
inline constexpr int32_t kMostSecondClasses = 16;

struct ModelAnswer {
  int32_t label = 0;
  int32_t slot = kNoSlot;
  double shift = 0;    // logits
  int32_t group = -1;  // answers of the same group >= 0 are correlated
};

// Not thread-safe: it owns the scratch. One for each thread.
class LabelModelScorer {
 public:
  // The posterior before calibration. `prior` is [K] on any positive scale, or
  // empty: the model's own class prior. A given prior is not tempered; the
  // model's own is, as part of the evidence. With `explain` the contributions
  // are filled, as posterior.h defines them, and expected_accuracy(). No
  // answers: the prior.
  //
  // Requires labels in [0, K) and slots of this model. O(levels K answers).
  void Score(const LabelModel& model, std::span<const double> prior,
             std::span<const ModelAnswer> answers, bool explain,
             TaskPosterior* result);

  // [answers] Of the last Score() with `explain`: the probability that the
  // labeler is right on such a task, before it is answered.
  std::span<const double> expected_accuracy() const { return accuracy_; }

 private:
  struct Person;
  static Person PersonOf(const LabelModel& model, const ModelAnswer& answer);
  static double Shifted(const Person& person, double entry, bool right);
  static double Entry(const LabelModel& model, const Person& person,
                      size_t label, size_t c);
  static double Habit(const LabelModel& model, const Person& person,
                      size_t label);
  static double Kept(const Person& person, size_t level);
  // P(label | c, b, i) [levels x K].
  static void Likelihood(const LabelModel& model, const ModelAnswer& answer,
                         double* out);
  static double ExpectedAccuracy(const LabelModel& model,
                                 const ModelAnswer& answer);

  void ClassEvidence(const LabelModel& model, std::span<const double> prior,
                     std::span<const ModelAnswer> answers);
  void SumLevels(const std::vector<double>& cells);
  void SecondEvidence(const LabelModel& model, std::span<const double> prior,
                      std::span<const ModelAnswer> answers);
  void MixSecond(size_t but_answer);
  void Explain(const LabelModel& model, std::span<const ModelAnswer> answers,
               double power, TaskPosterior* result);

  std::vector<double> weight_;      // [answers]
  std::vector<double> likelihood_;  // [levels x K]
  std::vector<double> product_;     // [levels x K]
  std::vector<double> evidence_;    // [K]
  double second_weight_ = 0;        // w
  std::vector<double> second_;      // [K] ln evidence of the second opinion
  std::vector<double> second_log_;  // [answers x K], its parts
  std::vector<double> accuracy_;    // [answers]
  GroupWeights groups_;
};

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_LABEL_MODEL_H_
