// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/wawa.h"

#include <gtest/gtest.h>

#include "lib/truth/majority.h"
#include "tests/truth/simulated_pool.h"

namespace allot {
namespace {

TEST(Wawa, WeighsLabelersByAgreementWithTheMajority) {
  // Tasks 0 and 1: labelers 0, 1, 2 make the majority, 3 is always alone.
  // Task 2: 0 against 3, and 0 has earned the say.
  std::vector<LabelAnswer> rows;
  for (int32_t t : {0, 1}) {
    for (int32_t l : {0, 1, 2}) rows.push_back({t, l, 0});
    rows.push_back({t, 3, 1});
  }
  rows.push_back({2, 0, 0});
  rows.push_back({2, 3, 1});
  const auto fit = FitWawa(BuildOrDie(3, 4, 2, rows));
  ASSERT_TRUE(fit.ok());
  // A tie on task 2 gives half a point to both: 2.5 of 3 and 0.5 of 3.
  EXPECT_NEAR(fit->labeler_accuracy[0], 2.5 / 3, 1e-12);
  EXPECT_NEAR(fit->labeler_accuracy[3], 0.5 / 3, 1e-12);
  EXPECT_NEAR(fit->posterior(2, 0), 2.5 / 3.0, 1e-6);
}

TEST(Wawa, BeatsMajorityWhereHalfOfThePoolGuesses) {
  std::vector<double> accuracy(20, 0.9);
  for (int i = 0; i < 10; ++i) accuracy[i] = 0.34;
  const SimulatedPool pool = SimulateOneCoin(1000, 3, 5, accuracy, 11);
  const auto wawa = FitWawa(pool.answers);
  const auto majority = FitMajority(pool.answers);
  ASSERT_TRUE(wawa.ok() && majority.ok());
  EXPECT_GT(Accuracy(wawa->posterior, pool.truth),
            Accuracy(majority->posterior, pool.truth) + 0.01);
}

TEST(Wawa, RenamingClassesRenamesTheResult) {
  const SimulatedPool pool =
      SimulateOneCoin(200, 3, 4, std::vector<double>(12, 0.6), 5);
  const std::vector<int32_t> rename = {2, 0, 1};
  const AnswerSet renamed = BuildOrDie(200, 12, 3, Renamed(pool.rows, rename));
  const auto a = FitWawa(pool.answers), b = FitWawa(renamed);
  ASSERT_TRUE(a.ok() && b.ok());
  for (int k = 0; k < 3; ++k) {
    EXPECT_LT((a->posterior.col(k) - b->posterior.col(rename[k]))
                  .cwiseAbs()
                  .maxCoeff(),
              1e-6);
  }
}

TEST(Wawa, LabelersWhoNeverAgreeStillVoteWhenAlone) {
  const std::vector<GoldLabel> gold = {{0, 0}};
  const auto fit = FitWawa(BuildOrDie(2, 1, 2, {{0, 0, 1}, {1, 0, 1}}), gold);
  ASSERT_TRUE(fit.ok());
  EXPECT_FLOAT_EQ(fit->posterior(1, 1), 1);
}

}  // namespace
}  // namespace allot
