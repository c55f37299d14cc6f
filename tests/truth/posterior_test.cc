// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/posterior.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "lib/base/rng.h"

namespace allot {
namespace {

using ::testing::DoubleNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

ScoredAnswer Answer(int32_t label, double logit_mean,
                    double logit_variance = 0) {
  ScoredAnswer answer;
  answer.label = label;
  answer.logit_mean = logit_mean;
  answer.logit_variance = logit_variance;
  return answer;
}

ScoredTask Task(int32_t num_classes, double difficulty_variance = 0) {
  ScoredTask task;
  task.num_classes = num_classes;
  task.difficulty_variance = difficulty_variance;
  return task;
}

TaskPosterior Score(const ScoredTask& task,
                    const std::vector<ScoredAnswer>& answers) {
  PosteriorScorer scorer;
  TaskPosterior result;
  const absl::Status status = scorer.Score(task, answers, &result);
  EXPECT_TRUE(status.ok()) << status;
  return result;
}

// The header's formula on 20,001 points of b, with nothing clever.
std::vector<double> FineIntegral(const ScoredTask& task,
                                 const std::vector<ScoredAnswer>& answers) {
  const int32_t num_classes = task.num_classes;
  const double spread = std::sqrt(task.difficulty_variance);
  std::vector<double> sum(num_classes, 0.0);
  for (int step = -10000; step <= 10000; ++step) {
    const double x = 8.0 * step / 10000;
    const double b = task.difficulty_mean + spread * x;
    for (int32_t k = 0; k < num_classes; ++k) {
      double likelihood = std::exp(-x * x / 2);
      if (!task.prior.empty()) likelihood *= task.prior[k];
      for (const ScoredAnswer& answer : answers) {
        const double know =
            1 / (1 + std::exp(-(answer.logit_mean - b) /
                              std::sqrt(1 + std::numbers::pi / 8 *
                                                answer.logit_variance)));
        const double guess = answer.guess.empty()
                                 ? 1.0 / num_classes
                                 : answer.guess[k * num_classes + answer.label];
        likelihood *= (answer.label == k ? know : 0) + (1 - know) * guess;
      }
      sum[k] += likelihood;
    }
  }
  const double total = std::accumulate(sum.begin(), sum.end(), 0.0);
  for (double& s : sum) s /= total;
  return sum;
}

class RandomTask : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    Rng rng(GetParam());
    task_.num_classes = static_cast<int32_t>(2 + rng.Below(5));
    task_.difficulty_mean = rng.Normal();
    task_.difficulty_variance = 1;
    for (int32_t k = 0; k < task_.num_classes; ++k) {
      prior_.push_back(rng.Gamma(2));
      for (int32_t l = 0; l < task_.num_classes; ++l) {
        guess_.push_back(static_cast<float>(rng.Gamma(1) + 0.05));
      }
      const auto row = guess_.end() - task_.num_classes;
      const float total = std::accumulate(row, guess_.end(), 0.0F);
      for (auto g = row; g != guess_.end(); ++g) *g /= total;
    }
    task_.prior = prior_;
    const uint64_t n = 1 + rng.Below(6);
    for (uint64_t i = 0; i < n; ++i) {
      answers_.push_back(
          Answer(static_cast<int32_t>(rng.Below(task_.num_classes)),
                 2 * rng.Normal(), rng.Uniform()));
      if (rng.Bernoulli(0.5)) answers_.back().guess = guess_;
      if (rng.Bernoulli(0.4)) answers_.back().group = 7;
    }
  }

  ScoredTask task_;
  std::vector<double> prior_;
  std::vector<float> guess_;
  std::vector<ScoredAnswer> answers_;
};

TEST_P(RandomTask, AgreesWithAFineIntegralOverDifficulty) {
  for (ScoredAnswer& answer : answers_) answer.group = -1;
  EXPECT_THAT(Score(task_, answers_).probability,
              Pointwise(DoubleNear(1e-3), FineIntegral(task_, answers_)));
  task_.difficulty_variance = 4;
  EXPECT_THAT(Score(task_, answers_).probability,
              Pointwise(DoubleNear(1e-2), FineIntegral(task_, answers_)));
}

TEST_P(RandomTask, DoesNotDependOnTheOrderOfTheAnswers) {
  const TaskPosterior straight = Score(task_, answers_);
  std::reverse(answers_.begin(), answers_.end());
  const TaskPosterior reversed = Score(task_, answers_);
  EXPECT_THAT(reversed.probability,
              Pointwise(DoubleNear(1e-12), straight.probability));
  std::vector<double> contribution = reversed.contribution_bits;
  std::reverse(contribution.begin(), contribution.end());
  EXPECT_THAT(contribution,
              Pointwise(DoubleNear(1e-9), straight.contribution_bits));
}

TEST_P(RandomTask, RenamingTheClassesRenamesThePosterior) {
  const int32_t num_classes = task_.num_classes;
  const TaskPosterior before = Score(task_, answers_);
  const auto renamed = [&](int32_t k) { return (k + 1) % num_classes; };
  std::vector<double> prior(num_classes);
  std::vector<float> guess(guess_.size());
  for (int32_t k = 0; k < num_classes; ++k) {
    prior[renamed(k)] = prior_[k];
    for (int32_t l = 0; l < num_classes; ++l) {
      guess[renamed(k) * num_classes + renamed(l)] =
          guess_[k * num_classes + l];
    }
  }
  task_.prior = prior;
  for (ScoredAnswer& answer : answers_) {
    answer.label = renamed(answer.label);
    if (!answer.guess.empty()) answer.guess = guess;
  }
  const TaskPosterior after = Score(task_, answers_);
  for (int32_t k = 0; k < num_classes; ++k) {
    EXPECT_NEAR(after.probability[renamed(k)], before.probability[k], 1e-12);
  }
}

TEST_P(RandomTask, AContributionIsTheOddsLostWithoutTheAnswer) {
  for (ScoredAnswer& answer : answers_) answer.group = -1;
  const TaskPosterior all = Score(task_, answers_);
  const auto odds_bits = [&](const TaskPosterior& posterior) {
    const double p = posterior.probability[all.label];
    return std::log2(p / (1 - p));
  };
  for (size_t i = 0; i < answers_.size(); ++i) {
    std::vector<ScoredAnswer> others = answers_;
    others.erase(others.begin() + static_cast<int64_t>(i));
    PosteriorScorer scorer;
    TaskPosterior without;
    if (others.empty()) {
      without.probability = prior_;
      const double total = std::accumulate(prior_.begin(), prior_.end(), 0.0);
      for (double& p : without.probability) p /= total;
    } else {
      ASSERT_TRUE(scorer.Score(task_, others, &without).ok());
    }
    EXPECT_NEAR(all.contribution_bits[i], odds_bits(all) - odds_bits(without),
                1e-6)
        << "answer " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomTask, ::testing::Range(0, 40));

TEST(Posterior, OneAnswerOfALabelerGivesTheirExpectedAccuracy) {
  for (const int32_t num_classes : {2, 4, 1000}) {
    const TaskPosterior result = Score(Task(num_classes), {Answer(1, 0.7, 2)});
    EXPECT_EQ(result.label, 1);
    EXPECT_NEAR(result.confidence, ExpectedAccuracy(num_classes, 0.7, 2, 0),
                1e-12);
  }
}

TEST(Posterior, WithoutAnswersIsThePrior) {
  ScoredTask task = Task(3, 1);
  const std::vector<double> prior = {1, 5, 4};
  task.prior = prior;
  const TaskPosterior result = Score(task, {});
  EXPECT_THAT(result.probability,
              Pointwise(DoubleNear(1e-12), {0.1, 0.5, 0.4}));
  EXPECT_EQ(result.label, 1);
  EXPECT_EQ(result.difficulty_variance, 1);
  EXPECT_TRUE(result.contribution_bits.empty());
}

TEST(Posterior, TheLowestIndexWinsATie) {
  const TaskPosterior result = Score(Task(4), {Answer(3, 1), Answer(2, 1)});
  EXPECT_EQ(result.label, 2);
  EXPECT_NEAR(result.probability[2], result.probability[3], 1e-15);
}

TEST(Posterior, EntropyIsZeroWhenCertainAndLogKWhenUniform) {
  EXPECT_NEAR(Score(Task(8), {}).entropy_bits, 3, 1e-12);
  EXPECT_NEAR(Score(Task(8), {Answer(0, 100), Answer(0, 100)}).entropy_bits, 0,
              1e-9);
}

TEST(Posterior, DisagreementRaisesTheDifficultyAndTheDoubt) {
  // Same net evidence, two answers ahead; but once amid a quarrel.
  const std::vector<ScoredAnswer> agreed(2, Answer(0, 2));
  std::vector<ScoredAnswer> quarrel(6, Answer(0, 2));
  for (int i = 0; i < 4; ++i) quarrel.push_back(Answer(1, 2));
  const TaskPosterior known_easy = Score(Task(2), quarrel);
  const TaskPosterior easy = Score(Task(2, 4), agreed);
  const TaskPosterior hard = Score(Task(2, 4), quarrel);
  EXPECT_GT(hard.difficulty_mean, easy.difficulty_mean + 1);
  EXPECT_LT(hard.confidence, easy.confidence);
  EXPECT_LT(hard.confidence, known_easy.confidence);
}

TEST(Posterior, TenThousandAnswersDoNotUnderflow) {
  Rng rng(1);
  std::vector<ScoredAnswer> answers;
  for (int i = 0; i < 10000; ++i) {
    const bool right = rng.Bernoulli(0.55);
    answers.push_back(
        Answer(right ? 4 : static_cast<int32_t>(rng.Below(10)), 0, 0.1));
  }
  for (const double difficulty_variance : {0.0, 1.0}) {
    const TaskPosterior result = Score(Task(10, difficulty_variance), answers);
    EXPECT_EQ(result.label, 4);
    EXPECT_NEAR(result.confidence, 1, 1e-12);
    for (const double bits : result.contribution_bits) {
      ASSERT_TRUE(std::isfinite(bits));
    }
  }
  // And a stalemate of ten thousand stays a stalemate, in any order.
  std::vector<ScoredAnswer> stalemate(5000, Answer(0, 3));
  stalemate.resize(10000, Answer(1, 3));
  EXPECT_NEAR(Score(Task(2, 1), stalemate).confidence, 0.5, 1e-6);
}

TEST(Posterior, TakesAThousandClassesWithGuessMatrices) {
  constexpr int32_t kClasses = 1000;
  std::vector<float> guess(kClasses * kClasses, 0.0005F);
  // Class 7 is taken for 8 by those who do not know it.
  for (int32_t k = 0; k < kClasses; ++k) {
    guess[k * kClasses + (k == 7 ? 8 : k)] += 0.5F;
  }
  std::vector<ScoredAnswer> answers = {Answer(8, -1), Answer(7, -1)};
  for (ScoredAnswer& answer : answers) answer.guess = guess;
  const TaskPosterior result = Score(Task(kClasses, 1), answers);
  EXPECT_EQ(result.label, 7);
  EXPECT_NEAR(std::accumulate(result.probability.begin(),
                              result.probability.end(), 0.0),
              1, 1e-9);
}

TEST(Posterior, AnAdversaryGivenTheirHabitIsEvidenceAgainstTheirAnswer) {
  const std::vector<float> liar = {0.1F, 0.9F, 0.9F, 0.1F};
  ScoredAnswer answer = Answer(0, -20);
  answer.guess = liar;
  const TaskPosterior result = Score(Task(2), {answer});
  EXPECT_EQ(result.label, 1);
  EXPECT_NEAR(result.confidence, 0.9, 1e-6);
}

TEST(Posterior, CopiesInOneGroupCountOnceAtFullCorrelation) {
  std::vector<ScoredAnswer> copies(3, Answer(0, 1));
  for (ScoredAnswer& answer : copies) answer.group = 5;
  ScoredTask task = Task(3, 1);
  task.group_correlation = 1;
  const TaskPosterior once = Score(task, {Answer(0, 1)});
  const TaskPosterior thrice = Score(task, copies);
  EXPECT_NEAR(thrice.confidence, once.confidence, 1e-12);
  task.group_correlation = 0;
  const TaskPosterior independent = Score(task, copies);
  task.group_correlation = 0.8;
  const TaskPosterior between = Score(task, copies);
  EXPECT_GT(between.confidence, once.confidence);
  EXPECT_LT(between.confidence, independent.confidence);
  // Two groups of copies do not dampen each other.
  copies[2].group = 6;
  task.group_correlation = 1;
  EXPECT_NEAR(Score(task, copies).confidence,
              Score(task, {Answer(0, 1), Answer(0, 1)}).confidence, 1e-12);
}

TEST(Posterior, ContributionsOfTwoClassesAddUpToTheOddsGained) {
  const std::vector<double> prior = {0.3, 0.7};
  ScoredTask task = Task(2);
  task.prior = prior;
  const TaskPosterior result =
      Score(task, {Answer(0, 1), Answer(0, 2), Answer(1, 0.5)});
  ASSERT_EQ(result.label, 0);
  const double sum = std::accumulate(result.contribution_bits.begin(),
                                     result.contribution_bits.end(), 0.0);
  EXPECT_NEAR(sum,
              std::log2(result.confidence / (1 - result.confidence)) -
                  std::log2(0.3 / 0.7),
              1e-9);
  EXPECT_GT(result.contribution_bits[1], result.contribution_bits[0]);
  EXPECT_LT(result.contribution_bits[2], 0);
}

TEST(Posterior, IsCalibratedOnTasksDrawnFromItsOwnModel) {
  // Of tasks drawn from the model, those scored with confidence in a band are
  // right that often: the very meaning of a posterior.
  Rng rng(11);
  PosteriorScorer scorer;
  TaskPosterior result;
  const ScoredTask task = Task(3, 1);
  double confidence = 0;
  double right = 0;
  constexpr int kTasks = 20000;
  for (int t = 0; t < kTasks; ++t) {
    const double difficulty = rng.Normal();
    std::vector<ScoredAnswer> answers;
    for (int i = 0; i < 5; ++i) {
      const double logit = 1.5 * rng.Normal();
      const bool correct =
          rng.Bernoulli(ExpectedAccuracy(3, logit, 0, difficulty));
      answers.push_back(
          Answer(correct ? 0 : static_cast<int32_t>(1 + rng.Below(2)), logit));
    }
    ASSERT_TRUE(scorer.Score(task, answers, &result).ok());
    confidence += result.confidence;
    right += result.label == 0 ? 1 : 0;
  }
  // Four standard errors of the share that is right.
  EXPECT_NEAR(confidence / kTasks, right / kTasks,
              4 * std::sqrt(0.25 / kTasks));
}

TEST(Posterior, NamesTheFieldThatIsWrong) {
  PosteriorScorer scorer;
  TaskPosterior result;
  const auto message = [&](const ScoredTask& task, const ScoredAnswer& answer) {
    const std::vector<ScoredAnswer> answers = {Answer(0, 1), answer};
    const absl::Status status = scorer.Score(task, answers, &result);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(message(Task(1), Answer(0, 0)), HasSubstr("num_classes"));
  EXPECT_THAT(message(Task(2), Answer(2, 0)), HasSubstr("answers[1].label"));
  EXPECT_THAT(message(Task(2), Answer(-1, 0)), HasSubstr("answers[1].label"));
  EXPECT_THAT(message(Task(2), Answer(0, NAN)), HasSubstr("answers[1]: logit"));
  EXPECT_THAT(message(Task(2), Answer(0, 0, -1)), HasSubstr("variance"));
  EXPECT_THAT(message(Task(2, -1), Answer(0, 0)), HasSubstr("difficulty"));
  ScoredAnswer bad_guess = Answer(0, 0);
  const std::vector<float> guess(3, 0.5F);
  bad_guess.guess = guess;
  EXPECT_THAT(message(Task(2), bad_guess), HasSubstr("answers[1].guess"));
  ScoredTask bad_prior = Task(2);
  const std::vector<double> prior = {0.5, -0.5};
  bad_prior.prior = prior;
  EXPECT_THAT(message(bad_prior, Answer(0, 0)), HasSubstr("prior"));
}

TEST(GuessMatrix, RestoresTheConfusionItCameFrom) {
  const std::vector<float> confusion = {0.7F, 0.2F, 0.1F, 0.1F, 0.8F,
                                        0.1F, 0.3F, 0.1F, 0.6F};
  const double know = 0.5;
  const std::vector<float> guess = GuessMatrix(confusion, 3, know);
  for (int k = 0; k < 3; ++k) {
    for (int l = 0; l < 3; ++l) {
      EXPECT_NEAR((k == l ? know : 0) + (1 - know) * guess[k * 3 + l],
                  confusion[k * 3 + l], 1e-6);
    }
  }
}

}  // namespace
}  // namespace allot
