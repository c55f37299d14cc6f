// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/label_model_fit.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <tuple>
#include <utility>

#include "lib/base/status_macros.h"
#include "lib/truth/confusion_sampler.h"
#include "lib/truth/dawid_skene.h"
#include "lib/truth/gold_index.h"
#include "lib/truth/hierarchical.h"

namespace allot {
namespace {

constexpr int32_t kHands = 4;

// The answers that count: of the copies in a task one, by turns.
std::vector<LabelAnswer> DropCopies(const LabelModelInput& input) {
  std::vector<LabelAnswer> kept;
  kept.reserve(input.answers.size());
  // (task, group, label, place)
  std::vector<std::tuple<int32_t, int32_t, int32_t, size_t>> copies;
  for (size_t i = 0; i < input.answers.size(); ++i) {
    const LabelAnswer& answer = input.answers[i];
    if (input.group.empty() || input.group[i] < 0) {
      kept.push_back(answer);
    } else {
      copies.emplace_back(answer.task, input.group[i], answer.label, i);
    }
  }
  std::sort(copies.begin(), copies.end());
  for (size_t begin = 0, end = 0; begin < copies.size(); begin = end) {
    const auto [task, group, label, place] = copies[begin];
    while (end < copies.size() && std::get<0>(copies[end]) == task &&
           std::get<1>(copies[end]) == group &&
           std::get<2>(copies[end]) == label) {
      ++end;
    }
    const size_t turn = begin + static_cast<size_t>(task) % (end - begin);
    kept.push_back(input.answers[std::get<3>(copies[turn])]);
  }
  return kept;
}

LabelModel Freeze(const HierarchicalFit& fit, int32_t slots, int32_t classes) {
  const HierarchicalLabelers& labelers = *fit.labelers;
  const auto k = static_cast<size_t>(classes);
  LabelModel model;
  model.num_classes = classes;
  model.has_matrices = labelers.has_matrices();
  const VectorD& prior = fit.aggregation.class_prior;
  model.class_prior.assign(prior.data(), prior.data() + prior.size());
  std::copy(fit.level_weight.begin(), fit.level_weight.end(),
            model.level_weight.begin());
  model.mean_knowing = labelers.MeanKnowing();
  for (int32_t l = 0; l < classes; ++l) {
    if (model.has_matrices) {
      for (int32_t c = 0; c < classes; ++c) {
        model.guess.push_back(static_cast<float>(labelers.PoolGuess(c, l)));
      }
    } else {
      model.guess.push_back(static_cast<float>(labelers.PoolGuess(0, l)));
    }
  }
  model.mean_habit.assign(k, 0.0F);
  std::vector<float> scratch(k);
  for (int32_t i = 0; i < slots; ++i) {
    model.knowing.push_back(static_cast<float>(labelers.Knowing(i)));
    model.accuracy.push_back(
        static_cast<float>(fit.aggregation.labeler_accuracy[i]));
    for (int32_t l = 0; l < classes; ++l) {
      model.habit.push_back(labelers.Habit(i, l));
      model.mean_habit[l] += labelers.Habit(i, l) / static_cast<float>(slots);
      if (!model.has_matrices) continue;
      const float* column = labelers.Column(i, l, scratch.data());
      model.matrix.insert(model.matrix.end(), column, column + k);
    }
  }
  if (slots == 0) {
    std::fill(model.mean_habit.begin(), model.mean_habit.end(),
              1.0F / static_cast<float>(classes));
  }
  return model;
}

// The channels of planning, the stranger's last.
absl::StatusOr<AnswerChannels> FitChannels(const LabelModelInput& input,
                                           std::span<const LabelAnswer> answers,
                                           std::span<const GoldLabel> gold,
                                           const LabelModel& model) {
  if (!model.has_matrices || model.num_classes > kMostChannelClasses) {
    return AnswerChannels();
  }
  const auto k = static_cast<size_t>(model.num_classes);
  ALLOT_ASSIGN_OR_RETURN(const AnswerSet set,
                         AnswerSet::Build(input.num_tasks, input.num_slots,
                                          input.num_classes, answers));
  ALLOT_ASSIGN_OR_RETURN(
      const Aggregation fit,
      FitDawidSkene(set, gold,
                    {.max_iterations = 50, .threads = input.threads}));
  // Certain of nothing.
  constexpr float kLeast = 1e-6F;
  std::vector<float> rows;
  rows.reserve(fit.confusion.size() + k * k);
  for (const auto p : fit.confusion) {
    rows.push_back(std::max(kLeast, static_cast<float>(p)));
  }
  for (size_t c = 0; c < k; ++c) {
    for (size_t l = 0; l < k; ++l) {
      rows.push_back(static_cast<float>(
          c == l ? kStrangerAccuracy
                 : (1 - kStrangerAccuracy) / static_cast<double>(k - 1)));
    }
  }
  return AnswerChannels(model.num_classes, std::move(rows));
}

// The second opinion (label_model.h), if the labels are few enough classes.
absl::Status AddSecondOpinion(const AnswerSet& answers,
                              std::span<const GoldLabel> gold, int threads,
                              LabelModel& model) {
  if (!model.has_matrices || model.num_classes > kMostSecondClasses) {
    return absl::OkStatus();
  }
  ALLOT_ASSIGN_OR_RETURN(ConfusionBelief belief,
                         SampleConfusions(answers, gold, {.threads = threads}));
  model.second_prior = std::move(belief.class_prior);
  model.second_matrix = std::move(belief.mean);
  return absl::OkStatus();
}

class ModelFitter {
 public:
  ModelFitter(const LabelModelInput& input, std::vector<LabelAnswer> answers)
      : input_(input), answers_(std::move(answers)) {
    std::vector<char> answered(input.num_tasks, 0);
    for (const LabelAnswer& answer : answers_) answered[answer.task] = 1;
    for (const GoldLabel& gold : input.gold) {
      if (answered[gold.task]) gold_.push_back(gold);
    }
    std::sort(
        gold_.begin(), gold_.end(),
        [](const GoldLabel& a, const GoldLabel& b) { return a.task < b.task; });
  }

  absl::StatusOr<LabelModelFit> Run() {
    LabelModelFit result;
    ALLOT_ASSIGN_OR_RETURN(result.model, Fit(kHands, &result.iterations));
    ALLOT_ASSIGN_OR_RETURN(result.model.channels,
                           FitChannels(input_, answers_, gold_, result.model));
    ALLOT_RETURN_IF_ERROR(Calibrate(result));
    return result;
  }

 private:
  // In one of the four hands, dealt by turns; kHands is nobody's.
  int32_t HandOf(size_t gold) const {
    return static_cast<int32_t>(gold % kHands);
  }

  // Without the gold tasks of `hand`.
  absl::StatusOr<LabelModel> Fit(int32_t hand, int* iterations) const {
    std::vector<char> dropped(input_.num_tasks, 0);
    std::vector<GoldLabel> gold;
    for (size_t g = 0; g < gold_.size(); ++g) {
      if (HandOf(g) == hand) {
        dropped[gold_[g].task] = 1;
      } else {
        gold.push_back(gold_[g]);
      }
    }
    std::vector<LabelAnswer> kept;
    kept.reserve(answers_.size());
    for (const LabelAnswer& answer : answers_) {
      if (!dropped[answer.task]) kept.push_back(answer);
    }
    ALLOT_ASSIGN_OR_RETURN(const AnswerSet set,
                           AnswerSet::Build(input_.num_tasks, input_.num_slots,
                                            input_.num_classes, kept));
    HierarchicalOptions options;
    options.keep_confusion = false;
    options.keep_labelers = true;
    options.threads = input_.threads;
    const absl::StatusOr<HierarchicalFit> fit =
        FitHierarchical(set, gold, options);
    ALLOT_RETURN_IF_ERROR(fit.status());
    *iterations = fit->aggregation.iterations;
    LabelModel model = Freeze(*fit, input_.num_slots, input_.num_classes);
    ALLOT_RETURN_IF_ERROR(AddSecondOpinion(set, gold, input_.threads, model));
    return model;
  }

  absl::Status Calibrate(LabelModelFit& result) const {
    ALLOT_ASSIGN_OR_RETURN(const AnswerSet all,
                           AnswerSet::Build(input_.num_tasks, input_.num_slots,
                                            input_.num_classes, answers_));
    std::vector<GoldOutcome> outcomes(gold_.size());
    LabelModelScorer scorer;
    TaskPosterior posterior;
    std::vector<ModelAnswer> given;
    const int32_t hands = std::min(kHands, static_cast<int32_t>(gold_.size()));
    for (int32_t hand = 0; hand < hands; ++hand) {
      int iterations = 0;
      ALLOT_ASSIGN_OR_RETURN(const LabelModel model, Fit(hand, &iterations));
      for (size_t g = hand; g < gold_.size(); g += kHands) {
        const GoldLabel& gold = gold_[g];
        given.clear();
        for (int64_t a = all.task_begin[gold.task];
             a < all.task_begin[gold.task + 1]; ++a) {
          given.push_back({.label = all.label[a], .slot = all.labeler[a]});
        }
        scorer.Score(model, {}, given, /*explain=*/false, &posterior);
        outcomes[g] = {posterior.confidence, posterior.label == gold.label};
      }
    }
    result.gold_tasks = static_cast<int64_t>(gold_.size());
    result.ece_before = ExpectedCalibrationError(outcomes);
    ALLOT_ASSIGN_OR_RETURN(result.model.calibration,
                           CalibrationMap::Fit(outcomes, input_.version));
    ALLOT_ASSIGN_OR_RETURN(result.ece_after, EceOfMapsNotSeen(outcomes));
    return absl::OkStatus();
  }

  // Each outcome under the map of the other hands.
  absl::StatusOr<double> EceOfMapsNotSeen(
      const std::vector<GoldOutcome>& outcomes) const {
    std::vector<GoldOutcome> mapped = outcomes;
    for (int32_t hand = 0; hand < kHands; ++hand) {
      std::vector<GoldOutcome> others;
      for (size_t g = 0; g < outcomes.size(); ++g) {
        if (HandOf(g) != hand) others.push_back(outcomes[g]);
      }
      ALLOT_ASSIGN_OR_RETURN(const CalibrationMap map,
                             CalibrationMap::Fit(others, input_.version));
      for (size_t g = hand; g < outcomes.size(); g += kHands) {
        mapped[g].confidence = map.Apply(mapped[g].confidence);
      }
    }
    return ExpectedCalibrationError(mapped);
  }

  const LabelModelInput& input_;
  const std::vector<LabelAnswer> answers_;
  std::vector<GoldLabel> gold_;  // with answers, ascending by task
};

}  // namespace

absl::StatusOr<LabelModelFit> FitLabelModel(const LabelModelInput& input) {
  // Checks every index once, before they are used to look things up.
  ALLOT_ASSIGN_OR_RETURN(const AnswerSet all,
                         AnswerSet::Build(input.num_tasks, input.num_slots,
                                          input.num_classes, input.answers));
  ALLOT_RETURN_IF_ERROR(IndexGold(all, input.gold).status());
  return ModelFitter(input, DropCopies(input)).Run();
}

}  // namespace allot
