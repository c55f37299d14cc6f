// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/hierarchical.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "lib/base/rng.h"
#include "lib/truth/majority.h"
#include "lib/truth/scoring_rules.h"
#include "tests/truth/simulated_pool.h"

namespace allot {
namespace {

HierarchicalFit MustFit(const AnswerSet& answers,
                        const std::vector<GoldLabel>& gold = {},
                        const HierarchicalOptions& options = {}) {
  auto fit = FitHierarchical(answers, gold, options);
  EXPECT_TRUE(fit.ok()) << fit.status();
  return *std::move(fit);
}

// A few experts among many guessers.
SimulatedPool MixedPool(int32_t classes, uint64_t seed) {
  std::vector<double> accuracy(40, 1.2 / classes);
  for (int i = 0; i < 10; ++i) accuracy[i] = 0.95;
  return SimulateOneCoin(600, classes, 6, accuracy, seed);
}

TEST(Hierarchical, FindsTheExpertsWhomTheMajorityOutvotes) {
  for (const int32_t classes : {2, 4, 8}) {
    const SimulatedPool pool = MixedPool(classes, 1);
    const HierarchicalFit fit = MustFit(pool.answers);
    const double majority =
        Accuracy(FitMajority(pool.answers)->posterior, pool.truth);
    EXPECT_GT(Accuracy(fit.aggregation.posterior, pool.truth), majority + 0.03)
        << classes << " classes";
    const VectorD& skill = fit.aggregation.labeler_accuracy;
    EXPECT_GT(skill.head(10).minCoeff(), skill.tail(30).maxCoeff());
  }
}

TEST(Hierarchical, PosteriorsAreDistributionsAndIntervalsHoldTheirCentre) {
  const SimulatedPool pool = MixedPool(3, 2);
  const HierarchicalFit fit = MustFit(pool.answers);
  const MatrixF& posterior = fit.aggregation.posterior;
  EXPECT_GE(posterior.minCoeff(), 0);
  for (Eigen::Index t = 0; t < posterior.rows(); ++t) {
    ASSERT_NEAR(posterior.row(t).sum(), 1, 1e-5);
  }
  EXPECT_NEAR(fit.aggregation.class_prior.sum(), 1, 1e-9);
  for (Eigen::Index i = 0; i < fit.accuracy_low.size(); ++i) {
    EXPECT_LT(fit.accuracy_low[i], fit.aggregation.labeler_accuracy[i]);
    EXPECT_GT(fit.accuracy_high[i], fit.aggregation.labeler_accuracy[i]);
  }
}

TEST(Hierarchical, RenamingTheClassesRenamesThePosterior) {
  const SimulatedPool pool = MixedPool(3, 3);
  const std::vector<int32_t> rename = {2, 0, 1};
  const AnswerSet renamed = BuildOrDie(600, 40, 3, Renamed(pool.rows, rename));
  const MatrixF before = MustFit(pool.answers).aggregation.posterior;
  const MatrixF after = MustFit(renamed).aggregation.posterior;
  for (int32_t c = 0; c < 3; ++c) {
    EXPECT_LT((before.col(c) - after.col(rename[c])).cwiseAbs().maxCoeff(),
              1e-3);
  }
}

TEST(Hierarchical, GivesTheSameBitsOnAnyNumberOfThreads) {
  const SimulatedPool pool = MixedPool(4, 4);
  HierarchicalOptions options;
  const HierarchicalFit one = MustFit(pool.answers, {}, options);
  options.threads = 4;
  const HierarchicalFit four = MustFit(pool.answers, {}, options);
  EXPECT_EQ(one.aggregation.posterior, four.aggregation.posterior);
  EXPECT_EQ(one.aggregation.log_likelihood, four.aggregation.log_likelihood);
}

TEST(Hierarchical, TheLikelihoodClimbs) {
  const SimulatedPool pool = MixedPool(4, 5);
  const std::vector<double> trace = MustFit(pool.answers).aggregation.trace;
  ASSERT_GE(trace.size(), 3U);
  for (size_t i = 1; i < trace.size(); ++i) {
    // The hyperparameters are re-estimated on the way: small dips.
    EXPECT_GT(trace[i], trace[i - 1] - 1e-3 * std::abs(trace[0])) << i;
  }
  EXPECT_GT(trace.back(), trace.front());
}

TEST(Hierarchical, GoldIsCertainAndTeachesWhoIsRight) {
  // Two camps of equal size answer each the other's opposite: without gold it
  // is anybody's guess which tells the truth.
  Rng rng(6);
  std::vector<LabelAnswer> rows;
  std::vector<int32_t> truth(300);
  for (int32_t t = 0; t < 300; ++t) {
    truth[t] = static_cast<int32_t>(rng.Below(2));
    for (int32_t i = 0; i < 10; ++i) {
      const bool right = rng.Bernoulli(i < 5 ? 0.9 : 0.1);
      rows.push_back({t, i, right ? truth[t] : 1 - truth[t]});
    }
  }
  std::vector<GoldLabel> gold;
  for (int32_t t = 0; t < 60; ++t) gold.push_back({t, truth[t]});
  const HierarchicalFit fit = MustFit(BuildOrDie(300, 10, 2, rows), gold);
  for (const GoldLabel& label : gold) {
    EXPECT_EQ(fit.aggregation.posterior(label.task, label.label), 1);
  }
  EXPECT_GT(Accuracy(fit.aggregation.posterior, truth), 0.95);
  // The liars are seen through, and their answers used.
  EXPECT_LT(fit.aggregation.labeler_accuracy.tail(5).maxCoeff(), 0.3);
}

TEST(Hierarchical, IsLessSureWhereTheCrowdIsMisled) {
  // On a fifth of the tasks four of five labelers fall for the same wrong
  // class: their errors are not independent.
  Rng rng(7);
  std::vector<LabelAnswer> rows;
  std::vector<GoldLabel> truth;
  for (int32_t t = 0; t < 400; ++t) {
    const bool trap = t % 5 == 0;
    for (int32_t i = 0; i < 20; ++i) {
      rows.push_back({t, i, rng.Bernoulli(trap ? 0.2 : 0.85) ? 1 : 0});
    }
    truth.push_back({t, 1});
    if (t % 2 == 1) {  // both classes occur
      for (int32_t i = 0; i < 20; ++i) {
        LabelAnswer& row = rows[rows.size() - 20 + i];
        row.label = 1 - row.label;
      }
      truth.back().label = 0;
    }
  }
  const AnswerSet answers = BuildOrDie(400, 20, 2, rows);
  const auto score =
      EvaluatePosteriors(MustFit(answers).aggregation.posterior, truth);
  // Independence would make the traps as certain as the rest: Brier 0.4.
  EXPECT_LT(score->brier, 0.36);
}

TEST(Hierarchical, GoldCorrectsConfidencesOfTasksThatHaveNone) {
  // Forty percent of the tasks mislead everybody alike; only gold can tell.
  Rng rng(9);
  std::vector<LabelAnswer> rows;
  std::vector<GoldLabel> gold, rest;
  for (int32_t t = 0; t < 500; ++t) {
    const int32_t z = t % 2;
    const bool trap = rng.Bernoulli(0.4);
    for (int32_t i = 0; i < 10; ++i) {
      const bool right = rng.Bernoulli(trap ? 0.1 : 0.9);
      rows.push_back({t, i, right ? z : 1 - z});
    }
    (t % 10 == 0 ? gold : rest).push_back({t, z});
  }
  const AnswerSet answers = BuildOrDie(500, 10, 2, rows);
  const HierarchicalFit without = MustFit(answers);
  const HierarchicalFit with = MustFit(answers, gold);
  EXPECT_EQ(without.calibration.version(), 0);
  EXPECT_EQ(with.calibration.version(), 1);
  const auto before = EvaluatePosteriors(without.aggregation.posterior, rest);
  const auto after = EvaluatePosteriors(with.aggregation.posterior, rest);
  EXPECT_LT(after->ece, before->ece - 0.1);
  EXPECT_LT(after->log_loss, before->log_loss);
}

TEST(Hierarchical, TenThousandAnswersToOneTaskDoNotUnderflow) {
  Rng rng(8);
  std::vector<LabelAnswer> rows;
  for (int32_t i = 0; i < 10000; ++i) {
    rows.push_back({0, i % 50, rng.Bernoulli(0.6) ? 2 : 1});
    if (i < 200) rows.push_back({1, i % 50, 0});
  }
  const HierarchicalFit fit = MustFit(BuildOrDie(2, 50, 3, rows));
  Eigen::Index label = 0;
  fit.aggregation.posterior.row(0).maxCoeff(&label);
  EXPECT_EQ(label, 2);
  EXPECT_TRUE(fit.aggregation.posterior.allFinite());
}

TEST(Hierarchical, TakesAThousandClasses) {
  const SimulatedPool pool =
      SimulateOneCoin(60, 1000, 4, std::vector<double>(12, 0.7), 9);
  HierarchicalOptions options;
  options.max_iterations = 5;
  options.keep_confusion = false;
  const HierarchicalFit fit = MustFit(pool.answers, {}, options);
  EXPECT_EQ(fit.concentration, 0);  // one number a labeler
  EXPECT_GT(Accuracy(fit.aggregation.posterior, pool.truth), 0.9);
  EXPECT_TRUE(fit.aggregation.confusion.empty());
}

TEST(Hierarchical, OneAnswerATaskFollowsThatAnswer) {
  std::vector<LabelAnswer> rows;
  for (int32_t t = 0; t < 30; ++t) rows.push_back({t, t % 3, t % 2});
  const HierarchicalFit fit = MustFit(BuildOrDie(31, 3, 2, rows));
  for (int32_t t = 0; t < 30; ++t) {
    EXPECT_GT(fit.aggregation.posterior(t, t % 2), 0.5);
    EXPECT_LT(fit.aggregation.posterior(t, t % 2), 1);
  }
  // Nobody answered the last task: the class prior.
  EXPECT_NEAR(fit.aggregation.posterior(30, 0), 0.5, 0.05);
}

TEST(Hierarchical, AConstantLabelerTipsOnlyTasksThatWereNearATie) {
  SimulatedPool pool =
      SimulateOneCoin(300, 2, 5, std::vector<double>(15, 0.85), 10);
  const MatrixF before = MustFit(pool.answers).aggregation.posterior;
  for (int32_t t = 0; t < 300; ++t) pool.rows.push_back({t, 15, 1});
  const MatrixF after =
      MustFit(BuildOrDie(300, 16, 2, pool.rows)).aggregation.posterior;
  for (int32_t t = 0; t < 300; ++t) {
    if ((before(t, 1) > 0.5) == (after(t, 1) > 0.5)) continue;
    EXPECT_NEAR(before(t, 1), 0.5, 0.2) << "task " << t;
    EXPECT_NEAR(after(t, 1), 0.5, 0.2) << "task " << t;
  }
  EXPECT_GE(Accuracy(after, pool.truth), Accuracy(before, pool.truth) - 0.02);
}

TEST(Hierarchical, RefusesBadOptionsAndBadGold) {
  const AnswerSet answers =
      BuildOrDie(1, 1, 2, std::vector<LabelAnswer>{{0, 0, 1}});
  HierarchicalOptions options;
  options.max_iterations = 0;
  EXPECT_FALSE(FitHierarchical(answers, {}, options).ok());
  EXPECT_FALSE(FitHierarchical(answers, std::vector<GoldLabel>{{0, 2}}).ok());
}

TEST(Hierarchical, AnEmptyHistoryIsTheUniformPrior) {
  const HierarchicalFit fit = MustFit(BuildOrDie(2, 0, 4, {}));
  EXPECT_NEAR(fit.aggregation.posterior(1, 3), 0.25, 1e-6);
}

}  // namespace
}  // namespace allot
