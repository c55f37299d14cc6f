// SPDX-License-Identifier: Apache-2.0
#include "lib/study/replay.h"

#include <gtest/gtest.h>

#include "lib/study/compare_replay.h"
#include "tests/study/crowds.h"

namespace allot {
namespace {

// Four who know, twelve who guess.
AnswerBook MixedBook(int32_t tasks = 80) {
  std::vector<double> accuracy(16, 0.55);
  for (const size_t expert : {1, 5, 9, 13}) accuracy[expert] = 0.95;
  return FullBook(tasks, accuracy);
}

ReplayOptions At(std::vector<double> checkpoints) {
  ReplayOptions options;
  options.checkpoints = std::move(checkpoints);
  return options;
}

double MeanAccuracy(const AnswerBook& book, const std::string& policy,
                    int seeds = 3) {
  const auto curves =
      CompareReplay(book, {policy}, At({4}), {.seeds = seeds, .threads = 2});
  EXPECT_TRUE(curves.ok()) << curves.status();
  return curves.ok() ? (*curves)[0].points.at(0).accuracy.mean : 0;
}

TEST(ReplayTest, BuysExactlyTheBudgetAndRevealsWhatIsOnFile) {
  const AnswerBook book = MixedBook(20);
  const auto run = ReplayBudget(book, "random", At({1, 2.5}), 3);
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_EQ(run->points.size(), 2u);
  EXPECT_DOUBLE_EQ(run->points[1].answers_per_task, 2.5);
  int64_t answers = 0;
  for (const int32_t count : run->answers_of_labeler) answers += count;
  EXPECT_EQ(answers, 50);
}

TEST(ReplayTest, StopsWhereTheFileEnds) {
  const AnswerBook book = FullBook(10, {0.9, 0.9});
  const auto run = ReplayBudget(book, "random", At({1, 5, 9}), 3);
  ASSERT_TRUE(run.ok()) << run.status();
  ASSERT_EQ(run->points.size(), 2u);
  EXPECT_DOUBLE_EQ(run->points[1].answers_per_task, 2);
}

TEST(ReplayTest, IsAFunctionOfTheSeed) {
  const AnswerBook book = MixedBook(30);
  for (const char* policy : {"thompson", "allot"}) {
    const auto first = ReplayBudget(book, policy, At({3}), 5);
    const auto again = ReplayBudget(book, policy, At({3}), 5);
    const auto other = ReplayBudget(book, policy, At({3}), 6);
    ASSERT_TRUE(first.ok() && again.ok() && other.ok());
    EXPECT_EQ(first->answers_of_labeler, again->answers_of_labeler);
    EXPECT_NE(first->answers_of_labeler, other->answers_of_labeler);
  }
}

TEST(ReplayTest, KnowingTheCrowdIsWorthMoreThanLearningItAndThatThanChance) {
  const AnswerBook book = MixedBook();
  const double random = MeanAccuracy(book, "random");
  const double allot = MeanAccuracy(book, "allot");
  const double oracle = MeanAccuracy(book, "oracle");
  EXPECT_GT(allot, random + 0.03);
  EXPECT_GT(oracle, allot);
}

TEST(ReplayTest, ChoosingWhomToAskEarnsAgainstChance) {
  EXPECT_GT(MeanAccuracy(MixedBook(), "allot"),
            MeanAccuracy(MixedBook(), "allot-unmatched") + 0.02);
}

TEST(ReplayTest, TheSameBytesOnOneAndTwoThreads) {
  const AnswerBook book = MixedBook(30);
  const std::vector<std::string> policies = {"random", "allot"};
  const auto one =
      CompareReplay(book, policies, At({2, 3}), {.seeds = 4, .threads = 1});
  const auto two =
      CompareReplay(book, policies, At({2, 3}), {.seeds = 4, .threads = 2});
  ASSERT_TRUE(one.ok() && two.ok());
  for (size_t p = 0; p < policies.size(); ++p) {
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_EQ((*one)[p].points[i].accuracy.mean,
                (*two)[p].points[i].accuracy.mean);
      EXPECT_EQ((*one)[p].points[i].confidence.error,
                (*two)[p].points[i].confidence.error);
    }
    EXPECT_EQ((*one)[p].lorenz, (*two)[p].lorenz);
  }
}

TEST(RevealTest, CountsGoldAnswersAndStopsEarlierAtALowerTarget) {
  const AnswerBook book = FullBook(200, std::vector<double>(12, 0.8));
  RevealOptions options;
  options.gold_share = 0.2;
  options.policy.confidence.max_answers = 64;
  options.policy.confidence.target_confidence = 0.9;
  const auto strict = RevealUntilDone(book, "allot", options, 1);
  options.policy.confidence.target_confidence = 0.7;
  const auto loose = RevealUntilDone(book, "allot", options, 1);
  ASSERT_TRUE(strict.ok() && loose.ok());
  EXPECT_EQ(strict->tasks, 160);
  EXPECT_GE(loose->answers, 40 * 12 + 160 * 2);
  EXPECT_LT(loose->answers, strict->answers);
  EXPECT_LT(strict->answers, strict->on_file);
  EXPECT_GT(strict->accuracy, 0.9);
  EXPECT_GT(loose->accepted, 0);
}

TEST(RevealTest, FixedPoliciesBuyTheirFixedNumber) {
  const AnswerBook book = FullBook(50, std::vector<double>(9, 0.8));
  const auto run = RevealUntilDone(book, "majority", {}, 1);
  ASSERT_TRUE(run.ok()) << run.status();
  EXPECT_EQ(run->answers, 150);
  EXPECT_EQ(run->accepted, 50);
}

}  // namespace
}  // namespace allot
