// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/labeler_report.h"

#include <gtest/gtest.h>

#include <cmath>

#include "lib/truth/dawid_skene.h"
#include "tests/truth/simulated_pool.h"

namespace allot {
namespace {

Aggregation FitOrDie(const AnswerSet& answers) {
  auto fit = FitDawidSkene(answers);
  EXPECT_TRUE(fit.ok());
  return *std::move(fit);
}

TEST(SpammerScore, IsZeroForAnySpammerAndOneForAnOracle) {
  const std::vector<double> always = {0, 1, 0, 0, 1, 0, 0, 1, 0};
  const std::vector<double> oracle = {1, 0, 0, 0, 1, 0, 0, 0, 1};
  EXPECT_NEAR(SpammerScore(always, 3), 0, 1e-12);
  EXPECT_NEAR(SpammerScore(oracle, 3), 1, 1e-12);
}

TEST(SpammerScore, OfTwoClassesIsTheSquareOfYoudensIndex) {
  const std::vector<double> confusion = {0.7, 0.3, 0.2, 0.8};
  EXPECT_NEAR(SpammerScore(confusion, 2), (0.7 + 0.8 - 1) * (0.7 + 0.8 - 1),
              1e-12);
}

TEST(LabelerReport, SkillIntervalsHoldTheTrueSkill) {
  std::vector<double> accuracy;
  for (int l = 0; l < 40; ++l) accuracy.push_back(0.5 + 0.012 * l);
  const SimulatedPool pool = SimulateOneCoin(1500, 3, 12, accuracy, 1);
  const auto report = ReportLabelers(pool.answers, FitOrDie(pool.answers));
  ASSERT_TRUE(report.ok());
  int inside = 0;
  for (int l = 0; l < 40; ++l) {
    const LabelerReport& own = report->labelers[l];
    if (own.accuracy_low <= accuracy[l] && accuracy[l] <= own.accuracy_high) {
      ++inside;
    }
  }
  EXPECT_GE(inside, 35);
}

TEST(LabelerReport, ALabelerStuckOnOneClassScoresAsASpammer) {
  SimulatedPool pool =
      SimulateOneCoin(300, 2, 5, std::vector<double>(10, 0.85), 2);
  for (int32_t t = 0; t < 300; ++t) pool.rows.push_back({t, 10, 1});
  const AnswerSet answers = BuildOrDie(300, 11, 2, pool.rows);
  const auto report = ReportLabelers(answers, FitOrDie(answers));
  ASSERT_TRUE(report.ok());
  EXPECT_LT(report->labelers[10].spammer_score, 0.02);
  EXPECT_GT(report->labelers[0].spammer_score, 0.3);
}

TEST(LabelerReport, FindsTheCopierAndNobodyElse) {
  for (const uint64_t seed : {3, 4, 5}) {
    SimulatedPool pool =
        SimulateOneCoin(300, 3, 5, std::vector<double>(12, 0.7), seed);
    // Labeler 12 repeats every answer of labeler 4, right or wrong.
    const size_t honest = pool.rows.size();
    for (size_t i = 0; i < honest; ++i) {
      if (pool.rows[i].labeler == 4) {
        pool.rows.push_back({pool.rows[i].task, 12, pool.rows[i].label});
      }
    }
    const AnswerSet answers = BuildOrDie(300, 13, 3, pool.rows);
    const auto report = ReportLabelers(answers, FitOrDie(answers));
    ASSERT_TRUE(report.ok());
    ASSERT_EQ(report->copies.size(), 1u) << "seed " << seed;
    EXPECT_EQ(report->copies[0].first, 4);
    EXPECT_EQ(report->copies[0].second, 12);
    EXPECT_EQ(report->copies[0].agreed, report->copies[0].common);
  }
}

TEST(LabelerReport, NoticesWhoAnswersMuchTooFast) {
  const SimulatedPool pool =
      SimulateOneCoin(200, 2, 5, std::vector<double>(20, 0.8), 6);
  Rng rng(6);
  std::vector<double> seconds;
  for (const int32_t l : pool.answers.labeler) {
    seconds.push_back((l == 7 ? 0.4 : 20.0 + l) * std::exp(0.5 * rng.Normal()));
  }
  seconds[0] = std::nan("");
  const auto report =
      ReportLabelers(pool.answers, FitOrDie(pool.answers), seconds);
  ASSERT_TRUE(report.ok());
  for (int l = 0; l < 20; ++l) {
    EXPECT_EQ(report->labelers[l].unusual_pace, l == 7) << "labeler " << l;
  }
  EXPECT_LT(report->labelers[7].pace_z, 0);
}

TEST(LabelerReport, WithoutTimesOrAnswersSaysUnknown) {
  const AnswerSet answers = BuildOrDie(1, 2, 2, {{0, 0, 1}});
  const auto report = ReportLabelers(answers, FitOrDie(answers));
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(std::isnan(report->labelers[0].median_seconds));
  EXPECT_EQ(report->labelers[1].answers, 0);
  EXPECT_EQ(report->labelers[1].accuracy_low, 0);
  EXPECT_EQ(report->labelers[1].accuracy_high, 1);
}

TEST(LabelerReport, AFitOfOtherAnswersIsRefused) {
  const AnswerSet answers = BuildOrDie(1, 2, 2, {{0, 0, 1}});
  EXPECT_FALSE(ReportLabelers(answers, Aggregation{}).ok());
  const std::vector<double> seconds(3, 1.0);
  EXPECT_FALSE(ReportLabelers(answers, FitOrDie(answers), seconds).ok());
}

}  // namespace
}  // namespace allot
