// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/confusion_sampler.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "lib/base/rng.h"
#include "lib/truth/dawid_skene.h"

namespace allot {
namespace {

struct Crowd {
  std::vector<LabelAnswer> rows;
  std::vector<int32_t> truth;
  std::vector<std::vector<double>> right;  // [labelers][classes] P(right)
};

// Two classes; each labeler is right with a probability of her own per class.
Crowd MakeCrowd(int32_t tasks, int32_t labelers, int32_t answers_per_task,
                uint64_t seed) {
  Rng rng(seed);
  Crowd crowd;
  for (int32_t i = 0; i < labelers; ++i) {
    crowd.right.push_back({rng.Beta(4, 2), rng.Beta(4, 2)});
  }
  for (int32_t t = 0; t < tasks; ++t) {
    const int32_t truth = rng.Bernoulli(0.5) ? 1 : 0;
    crowd.truth.push_back(truth);
    std::vector<int32_t> order(static_cast<size_t>(labelers));
    std::iota(order.begin(), order.end(), 0);
    Shuffle(order, rng);
    for (int32_t a = 0; a < answers_per_task; ++a) {
      const int32_t i = order[static_cast<size_t>(a)];
      const double p =
          crowd.right[static_cast<size_t>(i)][static_cast<size_t>(truth)];
      crowd.rows.push_back({t, i, rng.Bernoulli(p) ? truth : 1 - truth});
    }
  }
  return crowd;
}

AnswerSet Build(const std::vector<LabelAnswer>& rows, int32_t tasks,
                int32_t labelers, int32_t classes) {
  return *AnswerSet::Build(tasks, labelers, classes, rows);
}

ConfusionBelief Sample(const AnswerSet& answers,
                       const std::vector<GoldLabel>& gold = {},
                       const ConfusionSamplerOptions& options = {}) {
  auto belief = SampleConfusions(answers, gold, options);
  EXPECT_TRUE(belief.ok()) << belief.status();
  return belief.ok() ? *std::move(belief) : ConfusionBelief();
}

double Entry(const ConfusionBelief& belief, size_t labeler, size_t truth,
             size_t label) {
  return belief.mean[(labeler * 2 + truth) * 2 + label];
}

double LogRising(double a, int n) {
  return std::lgamma(a + n) - std::lgamma(a);
}

// P(class 1) of each of few tasks of two classes, by the model of the header:
// all classes are enumerated and m is integrated over on a grid.
std::vector<double> Enumerate(const std::vector<LabelAnswer>& rows, int tasks,
                              int labelers) {
  std::vector<double> one(static_cast<size_t>(tasks), 0.0);
  double total = 0;
  for (int classes = 0; classes < 1 << tasks; ++classes) {
    int of_one = 0;
    for (int t = 0; t < tasks; ++t) of_one += classes >> t & 1;
    // [labeler][truth][right]
    std::vector<std::array<std::array<int, 2>, 2>> count(
        static_cast<size_t>(labelers));
    for (const LabelAnswer& row : rows) {
      const int truth = classes >> row.task & 1;
      ++count[static_cast<size_t>(row.labeler)][static_cast<size_t>(truth)]
             [row.label == truth];
    }
    double probability = 0;
    for (int g = 0; g < 13; ++g) {
      const double kappa = std::exp(0.5 * g);
      double of_kappa = 1;
      for (const size_t truth : {0, 1}) {
        constexpr int kPoints = 200;
        double integral = 0;
        for (int x = 0; x < kPoints; ++x) {
          const double m = (x + 0.5) / kPoints;
          double log = 6 * std::log(m) + 2 * std::log(1 - m);  // Beta(7, 3)
          for (const auto& of_labeler : count) {
            const auto [wrong, right] = of_labeler[truth];
            log += LogRising(kappa * m, right) +
                   LogRising(kappa * (1 - m), wrong) -
                   LogRising(kappa, right + wrong);
          }
          integral += std::exp(log) / kPoints;
        }
        of_kappa *= integral;
      }
      probability += of_kappa;
    }
    probability *=
        std::exp(LogRising(10, of_one) + LogRising(10, tasks - of_one));
    total += probability;
    for (int t = 0; t < tasks; ++t) {
      if (classes >> t & 1) one[static_cast<size_t>(t)] += probability;
    }
  }
  for (double& p : one) p /= total;
  return one;
}

TEST(ConfusionSampler, AgreesWithEnumerationOnFewTasks) {
  for (uint64_t seed = 0; seed < 4; ++seed) {
    Rng rng(seed);
    constexpr int kTasks = 6, kLabelers = 3;
    std::vector<LabelAnswer> rows;
    for (int32_t t = 0; t < kTasks; ++t) {
      for (int32_t i = 0; i < kLabelers; ++i) {
        rows.push_back({t, i, rng.Bernoulli(0.75) ? 1 : 0});
      }
    }
    const std::vector<double> exact = Enumerate(rows, kTasks, kLabelers);
    const ConfusionBelief belief =
        Sample(Build(rows, kTasks, kLabelers, 2), {},
               {.chains = 4, .discarded = 100, .kept = 2000});
    for (int32_t t = 0; t < kTasks; ++t) {
      EXPECT_NEAR(belief.posterior(t, 1), exact[static_cast<size_t>(t)], 0.007)
          << "seed " << seed << " task " << t;
    }
  }
}

TEST(ConfusionSampler, EveryRowIsADistribution) {
  const Crowd crowd = MakeCrowd(80, 12, 3, 1);
  const ConfusionBelief belief = Sample(Build(crowd.rows, 80, 13, 2));
  ASSERT_EQ(belief.mean.size(), 14 * 4);
  for (size_t row = 0; row < 28; ++row) {
    EXPECT_GT(belief.mean[row * 2], 0);
    EXPECT_NEAR(belief.mean[row * 2] + belief.mean[row * 2 + 1], 1, 1e-5);
  }
  EXPECT_TRUE(
      ((belief.posterior.rowwise().sum().array() - 1).abs() < 1e-4F).all());
  EXPECT_NEAR(belief.class_prior[0] + belief.class_prior[1], 1, 1e-9);
}

TEST(ConfusionSampler, FindsOutHowLabelersErr) {
  const Crowd crowd = MakeCrowd(600, 10, 6, 2);
  const ConfusionBelief belief = Sample(Build(crowd.rows, 600, 10, 2));
  double error = 0;
  for (size_t i = 0; i < 10; ++i) {
    for (size_t c = 0; c < 2; ++c) {
      error += std::abs(Entry(belief, i, c, c) - crowd.right[i][c]) / 20;
    }
  }
  EXPECT_LT(error, 0.06);
}

TEST(ConfusionSampler, AnAdversaryOnceKnownIsReadBackwards) {
  Rng rng(3);
  std::vector<LabelAnswer> rows;
  for (int32_t t = 0; t < 200; ++t) {
    const int32_t truth = rng.Bernoulli(0.5) ? 1 : 0;
    for (int32_t i = 0; i < 4; ++i) {
      rows.push_back({t, i, rng.Bernoulli(0.85) ? truth : 1 - truth});
    }
    rows.push_back({t, 4, rng.Bernoulli(0.9) ? 1 - truth : truth});
  }
  // One more task, which only the adversary answers.
  rows.push_back({200, 4, 1});
  const ConfusionBelief belief = Sample(Build(rows, 201, 5, 2));
  EXPECT_LT(Entry(belief, 4, 0, 0), 0.25);
  EXPECT_GT(belief.posterior(200, 0), 0.75F);
}

TEST(ConfusionSampler, RenamingTheClassesRenamesTheResult) {
  const Crowd crowd = MakeCrowd(200, 10, 4, 4);
  std::vector<LabelAnswer> renamed = crowd.rows;
  for (LabelAnswer& answer : renamed) answer.label = 1 - answer.label;
  const ConfusionSamplerOptions many{.chains = 4, .kept = 300};
  const ConfusionBelief one = Sample(Build(crowd.rows, 200, 10, 2), {}, many);
  const ConfusionBelief other = Sample(Build(renamed, 200, 10, 2), {}, many);
  for (int32_t t = 0; t < 200; ++t) {
    EXPECT_NEAR(one.posterior(t, 0), other.posterior(t, 1), 0.06) << t;
  }
  for (size_t i = 0; i <= 10; ++i) {
    EXPECT_NEAR(Entry(one, i, 0, 0), Entry(other, i, 1, 1), 0.03);
  }
}

// One answer says as much as the pool may know, not more.
TEST(ConfusionSampler, FewAnswersMakeNobodyCertain) {
  std::vector<LabelAnswer> rows;
  for (int32_t t = 0; t < 30; ++t) rows.push_back({t, t % 15, t % 2});
  const ConfusionBelief belief = Sample(Build(rows, 30, 15, 2));
  for (int32_t t = 0; t < 30; ++t) {
    EXPECT_GT(belief.posterior(t, t % 2), 0.5F);
    EXPECT_LT(belief.posterior(t, t % 2), 0.9F);
  }
}

// Over crowds drawn from the model, what is said with a mean confidence is
// right as often; who knows the matrices is right more often still.
TEST(ConfusionSampler, ConfidenceFromFewAnswersIsHonestAndBelowTheOracles) {
  double right = 0, confident = 0, oracle_right = 0, point_gap = 0;
  int64_t tasks = 0;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    const Crowd crowd = MakeCrowd(60, 20, 3, 100 + seed);
    const AnswerSet answers = Build(crowd.rows, 60, 20, 2);
    const ConfusionBelief belief = Sample(answers);
    const Aggregation point = *FitDawidSkene(answers);
    for (int32_t t = 0; t < 60; ++t) {
      double odds = 0;
      for (int64_t a = answers.task_begin[t]; a < answers.task_begin[t + 1];
           ++a) {
        const auto& p = crowd.right[static_cast<size_t>(answers.labeler[a])];
        odds += answers.label[a] == 1 ? std::log(p[1] / (1 - p[0]))
                                      : std::log((1 - p[1]) / p[0]);
      }
      const int32_t truth = crowd.truth[static_cast<size_t>(t)];
      const bool one = belief.posterior(t, 1) > 0.5F;
      right += one == (truth == 1);
      confident += belief.posterior.row(t).maxCoeff();
      oracle_right += (odds > 0) == (truth == 1);
      point_gap += point.posterior.row(t).maxCoeff() -
                   ((point.posterior(t, 1) > 0.5F) == (truth == 1));
      ++tasks;
    }
  }
  const auto n = static_cast<double>(tasks);
  EXPECT_GT(oracle_right, right);
  EXPECT_LT(confident / n - right / n, 0.06);
  EXPECT_LT(confident - right, 0.5 * point_gap);
}

TEST(ConfusionSampler, GoldIsBelievedBeforeTheMajority) {
  std::vector<LabelAnswer> rows;
  std::vector<GoldLabel> gold;
  for (int32_t t = 0; t < 40; ++t) {
    for (int32_t i = 0; i < 3; ++i) {
      rows.push_back({t, i, i == 0 ? t % 2 : 1 - t % 2});
    }
    gold.push_back({t, t % 2});
  }
  const ConfusionBelief belief = Sample(Build(rows, 40, 3, 2), gold);
  EXPECT_GT(Entry(belief, 0, 0, 0), 0.9);
  EXPECT_LT(Entry(belief, 1, 0, 0), 0.1);
  EXPECT_EQ(belief.posterior(3, 1), 1);
}

TEST(ConfusionSampler, AStrangerIsLikeThePool) {
  for (const double accuracy : {0.6, 0.9}) {
    Rng rng(7);
    std::vector<LabelAnswer> rows;
    for (int32_t t = 0; t < 200; ++t) {
      const int32_t truth = rng.Bernoulli(0.5) ? 1 : 0;
      for (int32_t i = 0; i < 8; ++i) {
        rows.push_back({t, i, rng.Bernoulli(accuracy) ? truth : 1 - truth});
      }
    }
    const ConfusionBelief belief = Sample(Build(rows, 200, 8, 2));
    EXPECT_NEAR(Entry(belief, 8, 0, 0), accuracy, 0.08) << accuracy;
  }
}

TEST(ConfusionSampler, ManyAnswersToATaskDoNotUnderflow) {
  std::vector<LabelAnswer> rows;
  for (int32_t i = 0; i < 10'000; ++i) rows.push_back({0, i, i % 3 == 0});
  rows.push_back({1, 0, 1});
  const ConfusionBelief belief =
      Sample(Build(rows, 3, 10'000, 2), {}, {.chains = 1, .kept = 5});
  EXPECT_NEAR(belief.posterior.row(0).sum(), 1, 1e-5);
  EXPECT_EQ(belief.posterior(2, 0), 0.5F);
}

TEST(ConfusionSampler, IsTheSameOnAnyNumberOfThreads) {
  const Crowd crowd = MakeCrowd(100, 10, 4, 5);
  const AnswerSet answers = Build(crowd.rows, 100, 10, 2);
  const ConfusionBelief one = Sample(answers);
  const ConfusionBelief two = Sample(answers, {}, {.threads = 2});
  EXPECT_EQ(one.mean, two.mean);
  EXPECT_EQ(one.class_prior, two.class_prior);
  EXPECT_TRUE(one.posterior == two.posterior);
}

TEST(ConfusionSampler, RefusesOptionsAndGoldOutOfRange) {
  const AnswerSet answers = Build({{0, 0, 1}}, 1, 1, 2);
  EXPECT_FALSE(SampleConfusions(answers, {}, {.chains = 0}).ok());
  EXPECT_FALSE(SampleConfusions(answers, {}, {.discarded = -1}).ok());
  EXPECT_FALSE(SampleConfusions(answers, {}, {.kept = 0}).ok());
  const std::vector<GoldLabel> gold = {{3, 0}};
  EXPECT_FALSE(SampleConfusions(answers, gold).ok());
}

}  // namespace
}  // namespace allot
