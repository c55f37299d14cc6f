// SPDX-License-Identifier: Apache-2.0
// Dense solves that go on from the last one's prices, lists and pairs.
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/base/rng.h"
#include "lib/match/dense_assignment.h"
#include "tests/match/dense_testing.h"

namespace allot {
namespace {

using ::testing::HasSubstr;

// Solves, then copies rows between rows, few and many in turn, and solves
// again.
void ExpectProvenRoundAfterRound(DenseInstance p, int rounds, Rng& rng) {
  DenseWarmStart warm;
  DenseOptions options;
  options.warm_start = &warm;
  ExpectProvenOptimal(p, Solve(p, options));
  for (int round = 0; round < rounds; ++round) {
    std::vector<int32_t> changed;
    for (int i = 0; i < p.rows; ++i) {
      if (!rng.Bernoulli(round % 2 == 0 ? 0.1 : 0.6)) continue;
      changed.push_back(i);
      for (int j = 0; j < p.columns; ++j)
        p.at(i, j) = p.at(static_cast<int>(rng.Below(p.rows)), j);
    }
    options.changed_rows = changed;
    const DenseAssignment answer = Solve(p, options);
    ExpectProvenOptimal(p, answer);
    if (testing::Test::HasFailure()) return;
    EXPECT_TRUE(answer.stats.warm);
  }
}

// Of one of three kinds of costs.
DenseInstance Draw(int rows, int columns, uint64_t kind, Rng& rng) {
  return kind % 3 == 0   ? Clustered(rows, columns, 1e5, rng)
         : kind % 3 == 1 ? Uniform(rows, columns, 0, 4, rng)
                         : Uniform(rows, columns, 0, 10000, rng);
}

TEST(DenseWarmStart, ProvesItsAnswersRoundAfterRound) {
  for (uint64_t seed = 0; seed < 24; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    const int rows = 1 + static_cast<int>(rng.Below(90));
    const int columns =
        rows + (seed % 2 == 0 ? 0 : 1 + static_cast<int>(rng.Below(40)));
    DenseInstance p = Draw(rows, columns, seed, rng);
    p.maximise = seed % 5 == 0;
    ExpectProvenRoundAfterRound(p, 8, rng);
    if (HasFailure()) return;
  }
}

TEST(DenseWarmStart, ProvesItsAnswersAmongManyColumns) {
  for (uint64_t seed = 0; seed < 18; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    const int rows = 40 + static_cast<int>(rng.Below(60));
    const int columns = rows * 4 + static_cast<int>(rng.Below(200));
    DenseInstance p = Draw(rows, columns, seed, rng);
    // All want the same columns.
    if (seed % 2 == 0) {
      for (int i = 0; i < rows; ++i)
        for (int j = 0; j < rows; ++j) p.at(i, j) -= 50000 + 100 * j;
    }
    p.maximise = seed % 5 == 4;
    ExpectProvenRoundAfterRound(p, 6, rng);
    if (HasFailure()) return;
  }
}

TEST(DenseWarmStart, SomewhatCheaperAndDearerCostsKeepIt) {
  for (const int columns : {40, 90}) {
    Rng rng(columns);
    DenseInstance p = Uniform(40, columns, 1000, 9000, rng);
    DenseWarmStart warm;
    DenseOptions options;
    options.warm_start = &warm;
    ExpectProvenOptimal(p, Solve(p, options));
    p.at(7, 3) = 500;
    p.at(7, 4) = 12000;
    const std::vector<int32_t> changed = {7};
    options.changed_rows = changed;
    const DenseAssignment answer = Solve(p, options);
    ExpectProvenOptimal(p, answer);
    EXPECT_TRUE(answer.stats.warm);
  }
}

TEST(DenseWarmStart, TakesCostsOutOfTheLastRange) {
  Rng rng(4);
  DenseInstance p = Uniform(20, 20, 0, 1000, rng);
  DenseWarmStart warm;
  DenseOptions options;
  options.warm_start = &warm;
  ExpectProvenOptimal(p, Solve(p, options));
  p.at(3, 4) = std::numeric_limits<int32_t>::max();
  p.at(3, 5) = std::numeric_limits<int32_t>::min();
  const std::vector<int32_t> changed = {3};
  options.changed_rows = changed;
  ExpectProvenOptimal(p, Solve(p, options));
}

TEST(DenseWarmStart, RefusesAChangedRowThatIsNotThere) {
  Rng rng(4);
  const DenseInstance p = Uniform(4, 4, 0, 9, rng);
  const std::vector<int32_t> changed = {1, 4};
  DenseOptions options;
  options.changed_rows = changed;
  const auto answer = SolveDenseAssignment(p.problem(), options);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(answer.status().message()),
              HasSubstr("changed_rows[1]"));
}

}  // namespace
}  // namespace allot
