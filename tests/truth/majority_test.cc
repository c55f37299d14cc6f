// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/majority.h"

#include <gtest/gtest.h>

#include "tests/truth/simulated_pool.h"

namespace allot {
namespace {

TEST(Majority, PosteriorIsTheShareOfAnswers) {
  const AnswerSet answers =
      BuildOrDie(2, 3, 3, {{0, 0, 1}, {0, 1, 1}, {0, 2, 2}, {1, 0, 0}});
  const auto fit = FitMajority(answers);
  ASSERT_TRUE(fit.ok());
  EXPECT_FLOAT_EQ(fit->posterior(0, 0), 0);
  EXPECT_FLOAT_EQ(fit->posterior(0, 1), 2.0f / 3);
  EXPECT_FLOAT_EQ(fit->posterior(0, 2), 1.0f / 3);
  EXPECT_FLOAT_EQ(fit->posterior(1, 0), 1);
  EXPECT_NEAR(fit->class_prior.sum(), 1, 1e-6);
  EXPECT_NEAR(fit->class_prior[1], 1.0 / 3, 1e-6);
}

TEST(Majority, LabelersAreCreditedForAgreeingWithTheWinner) {
  const AnswerSet answers =
      BuildOrDie(1, 4, 2, {{0, 0, 1}, {0, 1, 1}, {0, 2, 0}});
  const auto fit = FitMajority(answers);
  ASSERT_TRUE(fit.ok());
  EXPECT_DOUBLE_EQ(fit->labeler_accuracy[0], 1);
  EXPECT_DOUBLE_EQ(fit->labeler_accuracy[2], 0);
  // Labeler 3 gave no answer: the mean of the pool.
  EXPECT_DOUBLE_EQ(fit->labeler_accuracy[3], 2.0 / 3);
}

TEST(Majority, ATieStaysATieAndSharesCredit) {
  const AnswerSet answers = BuildOrDie(1, 2, 3, {{0, 0, 0}, {0, 1, 2}});
  const auto fit = FitMajority(answers);
  ASSERT_TRUE(fit.ok());
  EXPECT_FLOAT_EQ(fit->posterior(0, 0), fit->posterior(0, 2));
  EXPECT_DOUBLE_EQ(fit->labeler_accuracy[0], 0.5);
}

TEST(Majority, GoldOutvotesEveryone) {
  const AnswerSet answers = BuildOrDie(1, 2, 2, {{0, 0, 1}, {0, 1, 1}});
  const std::vector<GoldLabel> gold = {{0, 0}};
  const auto fit = FitMajority(answers, gold);
  ASSERT_TRUE(fit.ok());
  EXPECT_FLOAT_EQ(fit->posterior(0, 0), 1);
  EXPECT_DOUBLE_EQ(fit->labeler_accuracy[0], 0);
}

TEST(Majority, ATaskWithoutAnswersIsUniformAndLeavesThePriorAlone) {
  const AnswerSet answers = BuildOrDie(2, 1, 2, {{0, 0, 1}});
  const auto fit = FitMajority(answers);
  ASSERT_TRUE(fit.ok());
  EXPECT_FLOAT_EQ(fit->posterior(1, 0), 0.5f);
  EXPECT_DOUBLE_EQ(fit->class_prior[1], 1);
}

TEST(Majority, AnEmptySetIsNotAnError) {
  const auto fit = FitMajority(BuildOrDie(0, 0, 2, {}));
  ASSERT_TRUE(fit.ok());
  EXPECT_EQ(fit->posterior.rows(), 0);
}

TEST(Majority, ContradictingGoldIsNamed) {
  const AnswerSet answers = BuildOrDie(1, 1, 2, {{0, 0, 1}});
  const std::vector<GoldLabel> gold = {{0, 0}, {0, 1}};
  const auto fit = FitMajority(answers, gold);
  EXPECT_EQ(fit.status().message(),
            "gold[1]: task 0 is already known to be 0, got 1");
}

TEST(Majority, GoldOutOfRangeIsNamed) {
  const AnswerSet answers = BuildOrDie(1, 1, 2, {{0, 0, 1}});
  const std::vector<GoldLabel> gold = {{0, 2}};
  EXPECT_EQ(FitMajority(answers, gold).status().message(),
            "gold[0].label: must be in [0, 2), got 2");
}

}  // namespace
}  // namespace allot
