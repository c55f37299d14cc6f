// SPDX-License-Identifier: Apache-2.0
#include "cli/study_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace allot {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

template <typename Kind>
Kind Find(const Page& page, const std::string& heading) {
  for (const Element& element : page.element) {
    const Kind* one = std::get_if<Kind>(&element);
    if (one != nullptr && one->heading == heading) return *one;
  }
  ADD_FAILURE() << "no " << heading;
  return {};
}

std::vector<std::string> Names(const LineChart& chart) {
  std::vector<std::string> names;
  for (const Series& series : chart.series) names.push_back(series.name);
  return names;
}

std::vector<std::string> Texts(const std::vector<Cell>& row) {
  std::vector<std::string> texts;
  for (const Cell& cell : row) texts.push_back(cell.text);
  return texts;
}

MarketSummary Summary(const std::string& policy, const std::string& effort,
                      double cost, double accuracy) {
  MarketSummary summary;
  summary.policy = policy;
  summary.effort = effort;
  summary.cost_per_task = {.mean = cost};
  summary.accuracy = {.mean = accuracy, .error = 0.02};
  summary.lorenz = {0, 0.25, 1};
  summary.waiting = {1, 2, 6};
  summary.calibration[5] = {.tasks = 4, .right = 2, .confidence = 2.4};
  return summary;
}

Page MarketOfTwo() {
  Scenario scenario;
  scenario.name = "office";
  scenario.groups.resize(2);
  scenario.groups[0].count = 3;
  scenario.groups[1].count = 4;
  const MarketSummary summaries[] = {
      Summary("few", "k=1", 0.1, 0.7), Summary("few", "k=5", 0.5, 0.99),
      // More effort, and yet less money.
      Summary("few", "k=3", 0.3, 0.9), Summary("sure", "target=0.9", 0.2, 0.9)};
  return MarketPage(scenario, 5, summaries);
}

TEST(StudyPage, AMarketHasALineOfAccuracyByCostForEachPolicy) {
  const Page page = MarketOfTwo();
  EXPECT_EQ(page.title, "Simulation: office");
  EXPECT_THAT(page.summary, HasSubstr("7 labelers in 2 groups"));
  EXPECT_THAT(page.summary, HasSubstr("means over 5 seeds"));
  const auto accuracy = Find<LineChart>(page, "Accuracy against cost");
  EXPECT_THAT(Names(accuracy), ElementsAre("few", "sure"));
  EXPECT_THAT(accuracy.series[0].x, ElementsAre(0.1, 0.3, 0.5));
  EXPECT_THAT(accuracy.series[0].y, ElementsAre(0.7, 0.9, 0.99));
  // Two standard errors; no share is above 1.
  EXPECT_NEAR(accuracy.series[0].low[1], 0.86, 1e-12);
  EXPECT_EQ(accuracy.series[0].high[2], 1);
}

TEST(StudyPage, TheMiddleEffortStandsForItsPolicy) {
  const Page page = MarketOfTwo();
  const auto waiting = Find<LineChart>(page, "Waiting times");
  EXPECT_THAT(Names(waiting), ElementsAre("few k=5", "sure target=0.9"));
  EXPECT_THAT(waiting.series[0].x, ElementsAre(1, 2, 6));
  EXPECT_THAT(waiting.series[0].y, ElementsAre(0, 0.5, 1));
  const auto calibration = Find<LineChart>(page, "Calibration");
  EXPECT_THAT(Names(calibration),
              ElementsAre("few k=5", "sure target=0.9", "as claimed"));
  EXPECT_THAT(calibration.series[0].x, ElementsAre(0.6));
  EXPECT_THAT(calibration.series[0].y, ElementsAre(0.5));
  EXPECT_THAT(calibration.series[0].low, ElementsAre(0));
  EXPECT_TRUE(calibration.series[2].reference);
}

TEST(StudyPage, LorenzCurvesRunFromNobodyToEverybody) {
  const auto lorenz =
      Find<LineChart>(MarketOfTwo(), "Who got the work (Lorenz curves)");
  EXPECT_THAT(lorenz.series[0].x, ElementsAre(0, 0.5, 1));
  EXPECT_THAT(lorenz.series[0].y, ElementsAre(0, 0.25, 1));
  EXPECT_EQ(lorenz.series.back().name, "all the same");
  EXPECT_THAT(lorenz.series.back().x, ElementsAre(0, 1));
}

TEST(StudyPage, WhatAnAccuracyCostsIsADashWhereItIsNeverReached) {
  const Table costs = Find<Table>(MarketOfTwo(), "Cost for equal accuracy");
  EXPECT_THAT(costs.column, ElementsAre("accuracy: cost a task", "0.874",
                                        "0.903", "0.932", "0.961", "0.990"));
  EXPECT_THAT(Texts(costs.row[0]),
              ElementsAre("few", "0.274", "0.3067", "0.3711", "0.4356", "0.5"));
  EXPECT_THAT(Texts(costs.row[1]),
              ElementsAre("sure", "0.2", "-", "-", "-", "-"));
}

TEST(StudyPage, AReplayHasAColumnForEachNumberOfLabels) {
  const auto book =
      AnswerBook::Build(1, 2, 2, std::vector<LabelAnswer>{{0, 0, 0}, {0, 1, 1}},
                        std::vector<GoldLabel>{{0, 0}});
  ASSERT_TRUE(book.ok());
  ReplayCurve curve;
  curve.policy = "random";
  curve.lorenz = {0, 1};
  curve.points = {{.answers_per_task = 1,
                   .accuracy = {.mean = 0.5, .error = 0.1},
                   .confidence = {.mean = 0.6}},
                  {.answers_per_task = 2,
                   .accuracy = {.mean = 0.75},
                   .confidence = {.mean = 0.9}}};
  const std::vector<ReplayCurve> curves = {curve};
  const Page page = ReplayPage("here", *book, 3, curves);
  EXPECT_EQ(page.title, "Replay of here");
  const Table numbers = Find<Table>(page, "Accuracy (standard error)");
  EXPECT_THAT(numbers.column,
              ElementsAre("policy", "Gini", "1 labels", "2 labels"));
  EXPECT_THAT(Texts(numbers.row[0]),
              ElementsAre("random", "0.00", "0.500 (0.100)", "0.750 (0.000)"));
  const auto confidence = Find<LineChart>(page, "Confidence against accuracy");
  EXPECT_THAT(confidence.series[0].x, ElementsAre(0.6, 0.9));
  EXPECT_THAT(confidence.series[0].y, ElementsAre(0.5, 0.75));
}

TEST(StudyPage, APopulationSetsWhatWasSeenBesideWhatWasFitted) {
  PopulationFit fit;
  fit.skill_mean = 1.25;
  fit.labelers = {
      .observed = {0.5, 0.9}, .fitted = {0.6, 0.8}, .distance = 0.125};
  const Page page = PopulationPage("here", fit);
  EXPECT_THAT(page.summary, HasSubstr("Skills N(1.25"));
  const auto labelers = Find<LineChart>(page, "Labelers (distance 0.125)");
  EXPECT_THAT(labelers.series[0].x, ElementsAre(0.6, 0.8));
  EXPECT_THAT(labelers.series[0].y, ElementsAre(0.5, 0.9));
  EXPECT_THAT(labelers.series[1].x, ElementsAre(0.5, 0.9));
}

}  // namespace
}  // namespace allot
