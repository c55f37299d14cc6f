// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/dawid_skene.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lib/truth/majority.h"
#include "tests/truth/simulated_pool.h"

namespace allot {
namespace {

using Fit = absl::StatusOr<Aggregation> (*)(const AnswerSet&,
                                            std::span<const GoldLabel>,
                                            const DawidSkeneOptions&);

struct Model {
  const char* name;
  Fit fit;
};

// Laws that both models must keep.
class DawidSkeneLaws : public testing::TestWithParam<Model> {
 protected:
  Aggregation Run(const AnswerSet& answers,
                  std::span<const GoldLabel> gold = {},
                  const DawidSkeneOptions& options = {}) {
    auto fit = GetParam().fit(answers, gold, options);
    EXPECT_TRUE(fit.ok()) << fit.status().ToString();
    return *std::move(fit);
  }
};

INSTANTIATE_TEST_SUITE_P(Models, DawidSkeneLaws,
                         testing::Values(Model{"full", FitDawidSkene},
                                         Model{"one_coin", FitOneCoin}),
                         [](const auto& model) { return model.param.name; });

std::vector<double> MixedPool() {
  std::vector<double> accuracy;
  for (int l = 0; l < 25; ++l) accuracy.push_back(l % 5 == 0 ? 0.3 : 0.8);
  return accuracy;
}

TEST_P(DawidSkeneLaws, LikelihoodNeverFalls) {
  for (const uint64_t seed : {1, 2, 3, 4, 5}) {
    const SimulatedPool pool = SimulateOneCoin(300, 3, 4, MixedPool(), seed);
    DawidSkeneOptions options;
    options.smoothing = 1e-6;  // all but plain maximum likelihood
    const Aggregation fit = Run(pool.answers, {}, options);
    ASSERT_GT(fit.trace.size(), 3u);
    for (size_t i = 1; i < fit.trace.size(); ++i) {
      EXPECT_GE(fit.trace[i], fit.trace[i - 1] - 1e-4) << "seed " << seed;
    }
    EXPECT_EQ(fit.trace.back(), fit.log_likelihood);
    EXPECT_EQ(static_cast<int>(fit.trace.size()), fit.iterations);
  }
}

TEST_P(DawidSkeneLaws, BeatsMajorityWhereLabelersDiffer) {
  const SimulatedPool pool = SimulateOneCoin(1500, 3, 5, MixedPool(), 7);
  const auto majority = FitMajority(pool.answers);
  ASSERT_TRUE(majority.ok());
  const Aggregation fit = Run(pool.answers);
  EXPECT_GT(Accuracy(fit.posterior, pool.truth),
            Accuracy(majority->posterior, pool.truth) + 0.01);
}

TEST_P(DawidSkeneLaws, RecoversHowGoodEachLabelerIs) {
  const std::vector<double> accuracy = MixedPool();
  const SimulatedPool pool = SimulateOneCoin(3000, 3, 8, accuracy, 8);
  const Aggregation fit = Run(pool.answers);
  for (size_t l = 0; l < accuracy.size(); ++l) {
    EXPECT_NEAR(fit.labeler_accuracy[l], accuracy[l], 0.06) << "labeler " << l;
  }
}

TEST_P(DawidSkeneLaws, RenamingClassesRenamesTheResult) {
  const SimulatedPool pool = SimulateOneCoin(200, 4, 5, MixedPool(), 9);
  const std::vector<int32_t> rename = {2, 0, 3, 1};
  const Aggregation a = Run(pool.answers);
  const Aggregation b = Run(BuildOrDie(200, 25, 4, Renamed(pool.rows, rename)));
  EXPECT_NEAR(a.log_likelihood, b.log_likelihood, 1e-6);
  for (int k = 0; k < 4; ++k) {
    EXPECT_LT(
        (a.posterior.col(k) - b.posterior.col(rename[k])).cwiseAbs().maxCoeff(),
        1e-4);
    EXPECT_NEAR(a.class_prior[k], b.class_prior[rename[k]], 1e-5);
  }
}

TEST_P(DawidSkeneLaws, TheSameBitsOnAnyNumberOfThreads) {
  const SimulatedPool pool = SimulateOneCoin(30'000, 3, 5, MixedPool(), 10);
  DawidSkeneOptions options;
  options.max_iterations = 6;
  const Aggregation one = Run(pool.answers, {}, options);
  for (const int threads : {2, 7}) {
    options.threads = threads;
    const Aggregation many = Run(pool.answers, {}, options);
    EXPECT_EQ(one.trace, many.trace);
    EXPECT_EQ(one.posterior, many.posterior);
    EXPECT_EQ(one.labeler_accuracy, many.labeler_accuracy);
  }
}

TEST_P(DawidSkeneLaws, GoldIsCertainAndTeachesWhoIsAdversarial) {
  // Three of five labelers always lie: without gold they win every vote.
  const std::vector<double> accuracy = {0.02, 0.02, 0.02, 0.95, 0.95};
  const SimulatedPool pool = SimulateOneCoin(400, 2, 5, accuracy, 12);
  EXPECT_LT(Accuracy(Run(pool.answers).posterior, pool.truth), 0.1);
  std::vector<GoldLabel> gold;
  for (int32_t t = 0; t < 100; ++t) gold.push_back({t, pool.truth[t]});
  const Aggregation fit = Run(pool.answers, gold);
  EXPECT_GT(Accuracy(fit.posterior, pool.truth), 0.97);
  EXPECT_LT(fit.labeler_accuracy[0], 0.1);
  for (int32_t t = 0; t < 100; ++t) {
    EXPECT_EQ(fit.posterior(t, pool.truth[t]), 1);
  }
}

TEST_P(DawidSkeneLaws, OneAdversaryIsReadBackwards) {
  std::vector<double> accuracy(9, 0.75);
  accuracy[0] = 0.03;
  const SimulatedPool pool = SimulateOneCoin(500, 2, 9, accuracy, 13);
  const auto majority = FitMajority(pool.answers);
  ASSERT_TRUE(majority.ok());
  const Aggregation fit = Run(pool.answers);
  EXPECT_LT(fit.labeler_accuracy[0], 0.1);
  EXPECT_GT(Accuracy(fit.posterior, pool.truth),
            Accuracy(majority->posterior, pool.truth) + 0.02);
}

TEST_P(DawidSkeneLaws, TenThousandAnswersToOneTaskDoNotUnderflow) {
  // Task 0 gets 5,000 answers for class 0 first and then 5,000 for class 1, by
  // two equally good groups: what leads by e^5000 half-way must not win.
  std::vector<LabelAnswer> rows;
  for (int32_t i = 0; i < 5000; ++i) rows.push_back({0, i % 50, 0});
  for (int32_t i = 0; i < 5001; ++i) rows.push_back({0, 50 + i % 50, 1});
  // Both groups prove themselves on other tasks, equally.
  for (int32_t t = 1; t <= 40; ++t) {
    for (int32_t l = 0; l < 100; ++l) {
      rows.push_back({t, l, (l % 50 + t) % 10 == 0 ? 1 - t % 2 : t % 2});
    }
  }
  const Aggregation fit = Run(BuildOrDie(41, 100, 2, rows));
  EXPECT_TRUE(fit.posterior.allFinite());
  EXPECT_TRUE(std::isfinite(fit.log_likelihood));
  EXPECT_NEAR(fit.posterior.row(0).sum(), 1, 1e-5);
  EXPECT_GT(fit.posterior(0, 1), 0.5);
}

TEST_P(DawidSkeneLaws, AThousandClassesWork) {
  const SimulatedPool pool =
      SimulateOneCoin(1000, 1000, 5, std::vector<double>(10, 0.7), 14);
  DawidSkeneOptions options;
  options.max_iterations = 20;
  options.keep_confusion = false;
  const Aggregation fit = Run(pool.answers, {}, options);
  EXPECT_GT(Accuracy(fit.posterior, pool.truth), 0.9);
  EXPECT_NEAR(fit.posterior.row(3).sum(), 1, 1e-4);
}

TEST_P(DawidSkeneLaws, TasksWithOneAnswerFollowItsLabeler) {
  SimulatedPool pool = SimulateOneCoin(200, 2, 9, MixedPool(), 15);
  pool.rows.push_back({200, 1, 0});  // labeler 1: good; 0: worse than chance
  pool.rows.push_back({201, 1, 1});
  const Aggregation fit = Run(BuildOrDie(202, 25, 2, pool.rows));
  EXPECT_GT(fit.posterior(200, 0), 0.6);
  EXPECT_GT(fit.posterior(201, 1), 0.6);
}

TEST_P(DawidSkeneLaws, TasksWithoutAnswersGetThePriorAndDoNotMoveIt) {
  const SimulatedPool pool = SimulateOneCoin(100, 2, 5, MixedPool(), 16);
  const Aggregation with = Run(BuildOrDie(150, 26, 2, pool.rows));
  const Aggregation without = Run(pool.answers);
  EXPECT_NEAR(with.log_likelihood, without.log_likelihood, 1e-9);
  EXPECT_NEAR(with.posterior(120, 1), with.class_prior[1], 1e-6);
  EXPECT_NEAR(with.labeler_accuracy[25], 0.5, 1e-9);  // never answered
}

TEST_P(DawidSkeneLaws, AnEmptySetIsNotAnError) {
  const Aggregation fit = Run(BuildOrDie(0, 0, 2, {}));
  EXPECT_EQ(fit.log_likelihood, 0);
}

TEST_P(DawidSkeneLaws, OptionsOutOfRangeAreNamed) {
  DawidSkeneOptions options;
  options.smoothing = 0;
  const auto fit =
      GetParam().fit(BuildOrDie(1, 1, 2, {{0, 0, 0}}), {}, options);
  EXPECT_EQ(fit.status().message(), "smoothing: must be in [1e-6, 1e6], got 0");
}

// The sum that smoothed EM climbs (dawid_skene.h, Smoothing).
double SmoothedObjective(const Aggregation& fit, double smoothing) {
  double sum = fit.class_prior.array().log().sum();
  for (const float p : fit.confusion) sum += std::log(static_cast<double>(p));
  return fit.log_likelihood + smoothing * sum;
}

TEST(DawidSkene, TheSmoothedObjectiveNeverFalls) {
  const SimulatedPool pool = SimulateOneCoin(300, 3, 4, MixedPool(), 21);
  DawidSkeneOptions options;
  options.smoothing = 0.5;
  double last = -1e300;
  for (int i = 1; i <= 40; ++i) {
    options.max_iterations = i;
    const auto fit = FitDawidSkene(pool.answers, {}, options);
    ASSERT_TRUE(fit.ok());
    const double now = SmoothedObjective(*fit, options.smoothing);
    EXPECT_GE(now, last - 1e-3) << "iteration " << i;  // confusion is float
    last = now;
  }
}

TEST(DawidSkene, RecoversConfusionMatrices) {
  // Labeler 0 calls class 2 class 1 every time; the others are right at 0.85.
  std::vector<double> accuracy(12, 0.85);
  accuracy[0] = 1;
  SimulatedPool pool = SimulateOneCoin(2000, 3, 6, accuracy, 22);
  for (LabelAnswer& row : pool.rows) {
    if (row.labeler == 0 && row.label == 2) row.label = 1;
  }
  const auto fit = FitDawidSkene(BuildOrDie(2000, 12, 3, pool.rows));
  ASSERT_TRUE(fit.ok());
  const auto confusion = [&](int l, int c, int k) {
    return fit->confusion[(l * 3 + c) * 3 + k];
  };
  EXPECT_NEAR(confusion(0, 2, 1), 1, 0.03);
  EXPECT_NEAR(confusion(0, 0, 0), 1, 0.03);
  EXPECT_NEAR(confusion(5, 2, 2), 0.85, 0.06);
  for (int l = 0; l < 12; ++l) {
    for (int c = 0; c < 3; ++c) {
      EXPECT_NEAR(confusion(l, c, 0) + confusion(l, c, 1) + confusion(l, c, 2),
                  1, 1e-5);
    }
  }
}

TEST(DawidSkene, ALabelerWhoAlwaysSaysTheSameTellsNothing) {
  SimulatedPool pool =
      SimulateOneCoin(400, 2, 5, std::vector<double>(10, 0.8), 23);
  const auto without = FitDawidSkene(BuildOrDie(400, 11, 2, pool.rows));
  for (int32_t t = 0; t < 400; ++t) pool.rows.push_back({t, 10, 1});
  const auto with = FitDawidSkene(BuildOrDie(400, 11, 2, pool.rows));
  ASSERT_TRUE(with.ok() && without.ok());
  EXPECT_LT((with->posterior - without->posterior).cwiseAbs().maxCoeff(), 0.01);
  EXPECT_NEAR(with->confusion[(10 * 2 + 0) * 2 + 1], 1, 0.01);
}

TEST(DawidSkene, RowsOfUnseenLabelsStillSumToOne) {
  const auto fit = FitDawidSkene(BuildOrDie(2, 1, 5, {{0, 0, 3}, {1, 0, 4}}));
  ASSERT_TRUE(fit.ok());
  for (int c = 0; c < 5; ++c) {
    double sum = 0;
    for (int k = 0; k < 5; ++k) sum += fit->confusion[c * 5 + k];
    EXPECT_NEAR(sum, 1, 1e-5);
  }
}

// Dawid and Skene's own textbook step, in plain logs, for comparison.
double PlainLogLikelihood(const SimulatedPool& pool, int classes, int labelers,
                          double s, int iterations) {
  const auto tasks = static_cast<int>(pool.truth.size());
  MatrixD z = MatrixD::Zero(tasks, classes);
  for (const LabelAnswer& row : pool.rows) z(row.task, row.label) += 1;
  for (int t = 0; t < tasks; ++t) z.row(t) /= z.row(t).sum();
  double total = 0;
  for (int i = 0; i < iterations; ++i) {
    MatrixD confusion = MatrixD::Constant(labelers * classes, classes, s);
    for (const LabelAnswer& row : pool.rows) {
      for (int c = 0; c < classes; ++c) {
        confusion(row.labeler * classes + c, row.label) += z(row.task, c);
      }
    }
    for (int r = 0; r < confusion.rows(); ++r) {
      confusion.row(r) /= confusion.row(r).sum();
    }
    VectorD prior = z.colwise().sum().transpose().array() + s;
    prior /= prior.sum();
    for (int t = 0; t < tasks; ++t) z.row(t) = prior.array().log().transpose();
    for (const LabelAnswer& row : pool.rows) {
      for (int c = 0; c < classes; ++c) {
        z(row.task, c) +=
            std::log(confusion(row.labeler * classes + c, row.label));
      }
    }
    total = 0;
    for (int t = 0; t < tasks; ++t) {
      const double top = z.row(t).maxCoeff();
      z.row(t) = (z.row(t).array() - top).exp();
      total += top + std::log(z.row(t).sum());
      z.row(t) /= z.row(t).sum();
    }
  }
  return total;
}

class DawidSkeneAgainstText : public testing::TestWithParam<int> {};

// Every width of the inner loop: fixed for K <= 8, free beyond.
INSTANTIATE_TEST_SUITE_P(Classes, DawidSkeneAgainstText,
                         testing::Values(2, 3, 4, 5, 6, 7, 8, 9, 12));

TEST_P(DawidSkeneAgainstText, ReachesTheSameLikelihood) {
  const int classes = GetParam();
  const SimulatedPool pool = SimulateOneCoin(150, classes, 6, MixedPool(), 31);
  DawidSkeneOptions options;
  options.max_iterations = 15;
  options.tolerance = 0;
  const auto fit = FitDawidSkene(pool.answers, {}, options);
  ASSERT_TRUE(fit.ok());
  const double plain = PlainLogLikelihood(pool, classes, 25, 0.01, 15);
  EXPECT_NEAR(fit->log_likelihood / plain, 1, 1e-12);
}

}  // namespace
}  // namespace allot
