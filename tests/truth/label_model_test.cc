// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lib/base/rng.h"
#include "lib/truth/label_model_fit.h"
#include "lib/truth/tempering.h"
#include "tests/truth/simulated_pool.h"

namespace allot {
namespace {

LabelModelFit MustFit(const LabelModelInput& input) {
  auto fit = FitLabelModel(input);
  EXPECT_TRUE(fit.ok()) << fit.status();
  return fit.ok() ? *std::move(fit) : LabelModelFit();
}

// Three classes; labeler 0 takes every 1 for a 2, the others err evenly.
struct HabitualPool {
  std::vector<LabelAnswer> rows;
  std::vector<int32_t> truth;
};
HabitualPool MakeHabitualPool(int32_t tasks, uint64_t seed) {
  Rng rng(seed);
  HabitualPool pool;
  for (int32_t t = 0; t < tasks; ++t) {
    const auto truth = static_cast<int32_t>(rng.Below(3));
    pool.truth.push_back(truth);
    for (int32_t i = 0; i < 6; ++i) {
      int32_t label = truth;
      if (i == 0) {
        if (truth == 1) label = 2;
      } else if (!rng.Bernoulli(0.8)) {
        label = static_cast<int32_t>(rng.Below(3));
      }
      pool.rows.push_back({t, i, label});
    }
  }
  return pool;
}

double ConfidenceIn(const LabelModel& model, int32_t label,
                    const std::vector<ModelAnswer>& answers) {
  LabelModelScorer scorer;
  TaskPosterior posterior;
  scorer.Score(model, {}, answers, false, &posterior);
  return posterior.probability[static_cast<size_t>(label)];
}

LabelModel FitHabitualPool(int32_t tasks, uint64_t seed) {
  const HabitualPool pool = MakeHabitualPool(tasks, seed);
  return MustFit({.num_tasks = tasks,
                  .num_slots = 6,
                  .num_classes = 3,
                  .answers = pool.rows})
      .model;
}

TEST(LabelModel, RecoversTheConfusionOfALabelerWithAHabit) {
  const LabelModel model = FitHabitualPool(600, 1);
  ASSERT_TRUE(model.has_matrices);
  const auto entry = [&](size_t slot, size_t truth, size_t label) {
    return model.matrix[(slot * 3 + label) * 3 + truth];
  };
  EXPECT_GT(entry(0, 1, 2), 0.9);
  EXPECT_LT(entry(0, 1, 1), 0.05);
  EXPECT_GT(entry(1, 1, 1), 0.7);
  // Their 2 may be a 1; another's hardly.
  EXPECT_GT(ConfidenceIn(model, 1, {{.label = 2, .slot = 0}}),
            2 * ConfidenceIn(model, 1, {{.label = 2, .slot = 1}}));
}

TEST(LabelModel, PlanningReadsLabelersOffTheirAnswersAndAssumesStrangers) {
  const LabelModel model = FitHabitualPool(600, 1);
  ASSERT_EQ(model.channels.size(), 7);
  const auto entry = [&](int32_t slot, size_t truth, size_t label) {
    return model.channels.rows(
        model.channels.ChannelOf(slot))[truth * 3 + label];
  };
  EXPECT_GT(entry(0, 1, 2), 0.95F);
  EXPECT_NEAR(entry(1, 1, 1), 0.87, 0.06);
  EXPECT_NEAR(entry(kNoSlot, 1, 1), kStrangerAccuracy, 1e-6);
  EXPECT_NEAR(entry(kNoSlot, 1, 2), (1 - kStrangerAccuracy) / 2, 1e-6);
}

TEST(LabelModel, PlanningBelievesGoldBeforeTheMajority) {
  std::vector<LabelAnswer> rows;
  std::vector<GoldLabel> gold;
  for (int32_t t = 0; t < 40; ++t) {
    for (int32_t i = 0; i < 3; ++i) {
      rows.push_back({t, i, i == 0 ? t % 2 : 1 - t % 2});
    }
    gold.push_back({t, t % 2});
  }
  const LabelModel model = MustFit({.num_tasks = 40,
                                    .num_slots = 3,
                                    .num_classes = 2,
                                    .answers = rows,
                                    .gold = gold})
                               .model;
  EXPECT_GT(model.channels.rows(0)[0], 0.99F);
  EXPECT_LT(model.channels.rows(1)[0], 0.01F);
}

TEST(LabelModel, AShiftMovesWhatALabelerIsWorthAndAStrangerIsAverage) {
  const LabelModel model = FitHabitualPool(300, 2);
  for (const int32_t slot : {1, kNoSlot}) {
    const double plain = ConfidenceIn(model, 0, {{.label = 0, .slot = slot}});
    EXPECT_GT(ConfidenceIn(model, 0, {{.label = 0, .slot = slot, .shift = 2}}),
              plain);
    EXPECT_LT(ConfidenceIn(model, 0, {{.label = 0, .slot = slot, .shift = -2}}),
              plain);
  }
}

TEST(LabelModel, CopiesCountLessThanWitnesses) {
  const LabelModel model = FitHabitualPool(300, 2);
  std::vector<ModelAnswer> answers = {{.label = 0, .slot = 1},
                                      {.label = 0, .slot = 2},
                                      {.label = 0, .slot = 3}};
  const double witnesses = ConfidenceIn(model, 0, answers);
  for (ModelAnswer& answer : answers) answer.group = 7;
  const double copies = ConfidenceIn(model, 0, answers);
  EXPECT_LT(copies, witnesses - 0.02);
  EXPECT_GE(copies, ConfidenceIn(model, 0, {answers[0]}) - 0.02);
}

TEST(LabelModel, AGroupOfCopiesIsNoMajorityOfItsOwnMaking) {
  // Three copies of a bad model against two good labelers.
  Rng rng(5);
  std::vector<LabelAnswer> rows;
  std::vector<int32_t> group;
  for (int32_t t = 0; t < 400; ++t) {
    const auto truth = static_cast<int32_t>(rng.Below(2));
    const int32_t copied = rng.Bernoulli(0.55) ? truth : 1 - truth;
    for (int32_t i = 0; i < 5; ++i) {
      const bool copy = i < 3;
      rows.push_back(
          {t, i, copy ? copied : (rng.Bernoulli(0.85) ? truth : 1 - truth)});
      group.push_back(copy ? 0 : -1);
    }
  }
  const LabelModelInput input{.num_tasks = 400,
                              .num_slots = 5,
                              .num_classes = 2,
                              .answers = rows,
                              .group = group};
  const LabelModel model = MustFit(input).model;
  for (const size_t copy : {0, 1, 2}) {
    EXPECT_LT(model.accuracy[copy], model.accuracy[3]);
    EXPECT_LT(model.accuracy[copy], model.accuracy[4]);
  }
}

TEST(LabelModel, ContributionsAreTheOddsLostWithoutTheAnswer) {
  const LabelModel model = FitHabitualPool(200, 4);
  const std::vector<ModelAnswer> answers = {{.label = 0, .slot = 1},
                                            {.label = 0, .slot = 0},
                                            {.label = 2, .slot = 4}};
  LabelModelScorer scorer;
  TaskPosterior posterior;
  scorer.Score(model, {}, answers, true, &posterior);
  ASSERT_EQ(posterior.contribution_bits.size(), 3);
  EXPECT_EQ(posterior.label, 0);
  EXPECT_GT(posterior.contribution_bits[0], 0);
  EXPECT_GT(posterior.contribution_bits[1], 0);
  EXPECT_LT(posterior.contribution_bits[2], 0);
  for (const double accuracy : scorer.expected_accuracy()) {
    EXPECT_GT(accuracy, 0.3);
    EXPECT_LT(accuracy, 1);
  }
}

LabelModel FitTwoClasses() {
  Rng rng(6);
  std::vector<LabelAnswer> rows;
  for (int32_t t = 0; t < 300; ++t) {
    const int32_t truth = rng.Bernoulli(0.7) ? 1 : 0;
    rows.push_back({t, 0, 1});  // a habit, no knowledge
    for (int32_t i = 1; i < 5; ++i) {
      rows.push_back({t, i, rng.Bernoulli(0.75) ? truth : 1 - truth});
    }
  }
  return MustFit({.num_tasks = 300,
                  .num_slots = 5,
                  .num_classes = 2,
                  .answers = rows})
      .model;
}

// Of two classes, the likelihood of either label follows from what a posterior
// makes of it, since the two likelihoods of a class sum to 1.
TEST(LabelModel, ExpectedAccuracyIsTheChanceOfTheRightLabel) {
  LabelModel model = FitTwoClasses();
  model.second_matrix.clear();  // the first opinion alone
  LabelModelScorer scorer;
  TaskPosterior posterior;
  for (const int32_t slot : {0, 1, kNoSlot}) {
    double ratio[2];  // P(label | 0) / P(label | 1)
    for (const int32_t label : {0, 1}) {
      const std::vector<ModelAnswer> answer = {{.label = label, .slot = slot}};
      scorer.Score(model, {}, answer, true, &posterior);
      ratio[label] =
          std::pow(posterior.probability[0] / posterior.probability[1],
                   1 / EvidencePower(1)) *
          model.class_prior[1] / model.class_prior[0];
    }
    const double zero_given_one = (1 - ratio[1]) / (ratio[0] - ratio[1]);
    EXPECT_NEAR(scorer.expected_accuracy()[0],
                model.class_prior[0] * ratio[0] * zero_given_one +
                    model.class_prior[1] * (1 - zero_given_one),
                1e-3)
        << slot;
  }
}

// What the scorer says with and without the second opinion.
struct Opinions {
  TaskPosterior first, both;
};
Opinions OpinionsOf(LabelModel model, const std::vector<ModelAnswer>& answers) {
  Opinions opinions;
  LabelModelScorer scorer;
  scorer.Score(model, {}, answers, true, &opinions.both);
  model.second_matrix.clear();
  scorer.Score(model, {}, answers, true, &opinions.first);
  return opinions;
}

TEST(LabelModel, TheSecondOpinionIsAGeometricMeanByClassesAndAnswers) {
  const LabelModel model = FitHabitualPool(300, 4);
  for (const size_t n : {1, 5, 8, 16}) {
    std::vector<ModelAnswer> answers;
    for (size_t i = 0; i < n; ++i) {
      answers.push_back({.label = static_cast<int32_t>(i % 2),
                         .slot = static_cast<int32_t>(i % 6)});
    }
    const Opinions opinions = OpinionsOf(model, answers);
    // Odds of 0 against 1, of the second opinion by hand.
    double second = std::log(model.second_prior[0] / model.second_prior[1]);
    for (const ModelAnswer& answer : answers) {
      const float* rows =
          &model.second_matrix[static_cast<size_t>(answer.slot) * 9];
      second += std::log(rows[static_cast<size_t>(answer.label)] /
                         rows[3 + static_cast<size_t>(answer.label)]);
    }
    const auto odds = [](const TaskPosterior& posterior) {
      return std::log(posterior.probability[0] / posterior.probability[1]);
    };
    const double weight =
        0.2 * std::clamp((12 - static_cast<double>(n)) / 8, 0.0, 1.0);
    const double power = EvidencePower(static_cast<int64_t>(n));
    EXPECT_NEAR(odds(opinions.both),
                (1 - weight) * odds(opinions.first) + weight * power * second,
                1e-5)
        << n;
  }
}

// Of two classes the odds, and so what an answer adds to them, mix like the
// opinions.
TEST(LabelModel, AContributionIsWhatBothOpinionsLoseWithoutTheAnswer) {
  const LabelModel model = FitTwoClasses();
  const std::vector<ModelAnswer> answers = {{.label = 1, .slot = 1},
                                            {.label = 1, .slot = 2},
                                            {.label = 0, .slot = 3}};
  const Opinions opinions = OpinionsOf(model, answers);
  ASSERT_EQ(opinions.both.label, 1);
  ASSERT_EQ(opinions.first.label, 1);
  constexpr double kWeight = 0.3;
  for (size_t i = 0; i < answers.size(); ++i) {
    const float* rows =
        &model.second_matrix[static_cast<size_t>(answers[i].slot) * 4];
    const auto label = static_cast<size_t>(answers[i].label);
    const double second = std::log2(rows[2 + label] / rows[label]);
    EXPECT_NEAR(opinions.both.contribution_bits[i],
                (1 - kWeight) * opinions.first.contribution_bits[i] +
                    kWeight * EvidencePower(3) * second,
                1e-4)
        << i;
  }
}

TEST(LabelModel, ManyAnswersNeitherUnderflowNorCostTheDistribution) {
  const LabelModel model = FitHabitualPool(200, 4);
  std::vector<ModelAnswer> answers;
  for (int i = 0; i < 10'000; ++i) {
    answers.push_back({.label = i % 3 == 0 ? 0 : 1, .slot = 1 + i % 5});
  }
  LabelModelScorer scorer;
  TaskPosterior posterior;
  scorer.Score(model, {}, answers, true, &posterior);
  EXPECT_EQ(posterior.label, 1);
  EXPECT_NEAR(std::accumulate(posterior.probability.begin(),
                              posterior.probability.end(), 0.0),
              1, 1e-9);
  for (const double bits : posterior.contribution_bits) {
    ASSERT_TRUE(std::isfinite(bits));
  }
}

TEST(LabelModel, WithoutAnswersThePriorIsTheAnswer) {
  const LabelModel model = FitHabitualPool(200, 4);
  LabelModelScorer scorer;
  TaskPosterior posterior;
  scorer.Score(model, {}, {}, false, &posterior);
  EXPECT_NEAR(posterior.probability[1], model.class_prior[1], 1e-12);
  const std::vector<double> prior = {1, 2, 7};
  scorer.Score(model, prior, {}, false, &posterior);
  EXPECT_NEAR(posterior.probability[2], 0.7, 1e-12);
}

// Half of the tasks mislead almost everybody: agreement that is worth little.
TEST(LabelModel, GoldUnmasksSharedErrors) {
  Rng rng(8);
  std::vector<LabelAnswer> rows;
  std::vector<GoldLabel> gold;
  std::vector<int32_t> truths;
  for (int32_t t = 0; t < 400; ++t) {
    const auto truth = static_cast<int32_t>(rng.Below(2));
    const int32_t seen = rng.Bernoulli(0.35) ? 1 - truth : truth;
    for (int32_t i = 0; i < 5; ++i) {
      rows.push_back({t, i, rng.Bernoulli(0.95) ? seen : 1 - seen});
    }
    truths.push_back(truth);
    if (t % 4 == 0) gold.push_back({t, truth});
  }
  LabelModelInput input{.num_tasks = 400,
                        .num_slots = 5,
                        .num_classes = 2,
                        .answers = rows,
                        .version = 9};
  const auto claim = [&](const LabelModel& model) {
    LabelModelScorer scorer;
    TaskPosterior posterior;
    std::vector<ModelAnswer> answers;
    for (int32_t i = 0; i < 5; ++i) answers.push_back({.label = 1, .slot = i});
    scorer.Score(model, {}, answers, false, &posterior);
    model.calibration.Apply(&posterior);
    return posterior.confidence;
  };
  EXPECT_GT(claim(MustFit(input).model), 0.85);
  input.gold = gold;
  const LabelModelFit fit = MustFit(input);
  EXPECT_EQ(fit.gold_tasks, 100);
  EXPECT_EQ(fit.model.calibration.version(), 9);
  EXPECT_LT(claim(fit.model), 0.82);  // 0.65 is the truth
  EXPECT_GT(claim(fit.model), 0.6);
  EXPECT_LT(fit.ece_after, fit.ece_before);
}

TEST(LabelModel, IsTheSameOnAnyNumberOfThreads) {
  const HabitualPool pool = MakeHabitualPool(300, 6);
  LabelModelInput input{
      .num_tasks = 300, .num_slots = 6, .num_classes = 3, .answers = pool.rows};
  const LabelModel one = MustFit(input).model;
  input.threads = 3;
  const LabelModel three = MustFit(input).model;
  EXPECT_EQ(one.matrix, three.matrix);
  EXPECT_EQ(one.class_prior, three.class_prior);
  EXPECT_EQ(one.second_matrix, three.second_matrix);
  EXPECT_EQ(one.second_prior, three.second_prior);
}

TEST(LabelModel, RefusesGoldAndAnswersOutOfRange) {
  const std::vector<LabelAnswer> rows = {{0, 0, 5}};
  EXPECT_FALSE(
      FitLabelModel(
          {.num_tasks = 1, .num_slots = 1, .num_classes = 2, .answers = rows})
          .ok());
  const std::vector<LabelAnswer> good = {{0, 0, 1}};
  const std::vector<GoldLabel> gold = {{3, 0}};
  EXPECT_FALSE(FitLabelModel({.num_tasks = 1,
                              .num_slots = 1,
                              .num_classes = 2,
                              .answers = good,
                              .gold = gold})
                   .ok());
}

}  // namespace
}  // namespace allot
