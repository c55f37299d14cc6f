// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/agreement.h"

#include <gtest/gtest.h>

#include "tests/truth/simulated_pool.h"

namespace allot {
namespace {

// Krippendorff (2011), example C: four observers, twelve units, gaps.
constexpr int kGap = 0;
constexpr int kExampleC[4][12] = {{1, 2, 3, 3, 2, 1, 4, 1, 2, kGap, kGap, kGap},
                                  {1, 2, 3, 3, 2, 2, 4, 1, 2, 5, kGap, 3},
                                  {kGap, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, kGap},
                                  {1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, kGap}};

AnswerSet ExampleC() {
  std::vector<LabelAnswer> rows;
  for (int l = 0; l < 4; ++l) {
    for (int t = 0; t < 12; ++t) {
      if (kExampleC[l][t] != kGap) rows.push_back({t, l, kExampleC[l][t] - 1});
    }
  }
  return BuildOrDie(12, 4, 5, rows);
}

TEST(KrippendorffAlpha, GivesThePublishedValues) {
  const auto nominal = KrippendorffAlpha(ExampleC(), Scale::kNominal);
  const auto ordinal = KrippendorffAlpha(ExampleC(), Scale::kOrdinal);
  const auto interval = KrippendorffAlpha(ExampleC(), Scale::kInterval);
  ASSERT_TRUE(nominal.ok() && ordinal.ok() && interval.ok());
  EXPECT_NEAR(nominal->alpha, 0.743, 0.0005);
  EXPECT_NEAR(ordinal->alpha, 0.815, 0.0005);
  EXPECT_NEAR(interval->alpha, 0.849, 0.0005);
  EXPECT_EQ(nominal->answers, 40);  // the unit with one answer is left out
}

TEST(KrippendorffAlpha, OfNumbersIgnoresTheirUnit) {
  std::vector<NumericAnswer> rows;
  for (int l = 0; l < 4; ++l) {
    for (int t = 0; t < 12; ++t) {
      if (kExampleC[l][t] != kGap) {
        rows.push_back({t, l, 1e6 + 250.0 * kExampleC[l][t]});
      }
    }
  }
  const auto set = NumericAnswerSet::Build(12, 4, rows);
  ASSERT_TRUE(set.ok());
  const auto alpha = KrippendorffAlpha(*set);
  ASSERT_TRUE(alpha.ok());
  EXPECT_NEAR(alpha->alpha, 0.849, 0.0005);
}

TEST(KrippendorffAlpha, IsAboutZeroForGuesses) {
  const SimulatedPool pool =
      SimulateOneCoin(2000, 4, 3, std::vector<double>(10, 0.25), 1);
  for (const Scale scale :
       {Scale::kNominal, Scale::kOrdinal, Scale::kInterval}) {
    const auto alpha =
        KrippendorffAlpha(pool.answers, scale, {.resamples = 200});
    ASSERT_TRUE(alpha.ok());
    EXPECT_NEAR(alpha->alpha, 0, 0.04);
    EXPECT_LT(alpha->low, 0.01);
    EXPECT_GT(alpha->high, -0.01);
  }
}

TEST(KrippendorffAlpha, BootstrapIntervalsCoverAtTheirRate) {
  // Over many samples of one process, a 90 % interval holds the value that a
  // very large sample shows, nine times in ten.
  const std::vector<double> accuracy(8, 0.7);
  const auto large =
      KrippendorffAlpha(SimulateOneCoin(40'000, 3, 4, accuracy, 99).answers,
                        Scale::kNominal, {.resamples = 0});
  ASSERT_TRUE(large.ok());
  int covered = 0;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const SimulatedPool pool = SimulateOneCoin(150, 3, 4, accuracy, seed);
    const auto alpha =
        KrippendorffAlpha(pool.answers, Scale::kNominal,
                          {.resamples = 200, .coverage = 0.9, .seed = seed});
    ASSERT_TRUE(alpha.ok());
    if (alpha->low <= large->alpha && large->alpha <= alpha->high) ++covered;
  }
  EXPECT_GE(covered, 168);
  EXPECT_LE(covered, 192);
}

TEST(KrippendorffAlpha, TheSameIntervalOnAnyNumberOfThreads) {
  const auto one = KrippendorffAlpha(ExampleC(), Scale::kOrdinal);
  const auto four =
      KrippendorffAlpha(ExampleC(), Scale::kOrdinal, {.threads = 4});
  ASSERT_TRUE(one.ok() && four.ok());
  EXPECT_EQ(one->low, four->low);
  EXPECT_EQ(one->high, four->high);
}

TEST(KrippendorffAlpha, IsUndefinedWithoutPairsOrWithoutVariation) {
  const AnswerSet alone = BuildOrDie(2, 2, 2, {{0, 0, 0}, {1, 1, 1}});
  const AnswerSet same = BuildOrDie(1, 2, 2, {{0, 0, 1}, {0, 1, 1}});
  for (const Scale scale :
       {Scale::kNominal, Scale::kOrdinal, Scale::kInterval}) {
    EXPECT_EQ(KrippendorffAlpha(alone, scale).status().message(),
              "alpha is undefined: no task has two answers");
    EXPECT_EQ(KrippendorffAlpha(same, scale).status().message(),
              "alpha is undefined: all answers are the same");
  }
  EXPECT_FALSE(FleissKappa(alone).ok());
  EXPECT_FALSE(FleissKappa(same).ok());
}

TEST(FleissKappa, GivesThePublishedValue) {
  // The textbook table of fourteen raters, ten subjects, five categories.
  constexpr int kTable[10][5] = {
      {0, 0, 0, 0, 14}, {0, 2, 6, 4, 2}, {0, 0, 3, 5, 6}, {0, 3, 9, 2, 0},
      {2, 2, 8, 1, 1},  {7, 7, 0, 0, 0}, {3, 2, 6, 3, 0}, {2, 5, 3, 2, 2},
      {6, 5, 2, 1, 0},  {0, 2, 2, 3, 7}};
  std::vector<LabelAnswer> rows;
  for (int t = 0; t < 10; ++t) {
    int l = 0;
    for (int k = 0; k < 5; ++k) {
      for (int i = 0; i < kTable[t][k]; ++i) rows.push_back({t, l++, k});
    }
  }
  const auto kappa = FleissKappa(BuildOrDie(10, 14, 5, rows));
  ASSERT_TRUE(kappa.ok());
  EXPECT_NEAR(*kappa, 0.210, 0.0005);
}

}  // namespace
}  // namespace allot
