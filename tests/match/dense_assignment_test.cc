// SPDX-License-Identifier: Apache-2.0
#include "lib/match/dense_assignment.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/base/rng.h"
#include "lib/match/dense_kernel.h"
#include "tests/match/dense_testing.h"

namespace allot {
namespace {

using ::testing::HasSubstr;

int64_t BruteForce(const DenseInstance& p, int row, std::vector<bool>& used) {
  if (row == p.rows) return 0;
  const int64_t sign = p.maximise ? -1 : 1;
  int64_t best = std::numeric_limits<int64_t>::max();
  for (int j = 0; j < p.columns; ++j) {
    if (used[j]) continue;
    used[j] = true;
    best = std::min(best, sign * p.at(row, j) + BruteForce(p, row + 1, used));
    used[j] = false;
  }
  if (p.unassigned_cost) {
    best = std::min(best,
                    sign * *p.unassigned_cost + BruteForce(p, row + 1, used));
  }
  return best;
}

TEST(DenseAssignment, EqualsBruteForceOnSmallProblems) {
  for (uint64_t seed = 0; seed < 20000; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    const int rows = 1 + static_cast<int>(rng.Below(5));
    const int columns = rows + static_cast<int>(rng.Below(3));
    const int32_t high = seed % 3 == 0 ? 3 : seed % 3 == 1 ? 20 : 1000000;
    DenseInstance p = Uniform(rows, columns, -high, high, rng);
    p.maximise = rng.Bernoulli(0.5);
    if (rng.Bernoulli(0.3))
      p.unassigned_cost = static_cast<int32_t>(rng.Below(2 * high)) - high;
    std::vector<bool> used(p.columns, false);
    const int64_t sign = p.maximise ? -1 : 1;
    ASSERT_EQ(SolveProven(p), sign * BruteForce(p, 0, used));
    if (HasFailure()) return;
  }
}

TEST(DenseAssignment, ProvesItsAnswerOnEveryShapeAndKindOfCosts) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    const int rows = 1 + static_cast<int>(rng.Below(150));
    const int columns =
        rows + (seed % 2 == 0 ? 0 : static_cast<int>(rng.Below(200)));
    DenseInstance p = seed % 3 == 0 ? Clustered(rows, columns, 1e6, rng)
                      : seed % 3 == 1
                          ? Uniform(rows, columns, 0, 3, rng)
                          : Uniform(rows, columns, -50000, 50000, rng);
    p.maximise = rng.Bernoulli(0.5);
    SolveProven(p);
    if (HasFailure()) return;
  }
}

TEST(DenseAssignment, ProvesItsAnswerWhereRowsCompeteHard) {
  for (const int size : {63, 64, 65, 300, 500}) {
    SCOPED_TRACE(size);
    Rng rng(size);
    const DenseInstance p = Clustered(size, size, 1e6, rng);
    const DenseAssignment answer = Solve(p);
    ExpectProvenOptimal(p, answer);
    if (size >= 300) {
      EXPECT_TRUE(answer.stats.scaled);
    }
  }
}

TEST(DenseAssignment, SolvesNearlySquareClusters) {
  Rng rng(5);
  SolveProven(Clustered(200, 201, 1e6, rng));
  SolveProven(Clustered(200, 230, 1e6, rng));
}

TEST(DenseAssignment, SolvesTiesEverywhere) {
  Rng rng(3);
  EXPECT_EQ(SolveProven(Uniform(300, 300, 7, 7, rng)), 300 * 7);
  EXPECT_EQ(SolveProven(Uniform(100, 400, -7, -7, rng)), 100 * -7);
  SolveProven(Uniform(300, 300, 0, 1, rng));
  SolveProven(Clustered(300, 300, 20, rng));
}

// Machol and Wien (1976): the identity reversed is best.
TEST(DenseAssignment, SolvesMacholWien) {
  for (const int size : {1, 2, 17, 100, 300}) {
    SCOPED_TRACE(size);
    DenseInstance p{size, size, {}, false, {}};
    int64_t best = 0;
    for (int i = 0; i < size; ++i) {
      for (int j = 0; j < size; ++j) p.costs.push_back((i + 1) * (j + 1));
      best += (i + 1) * (size - i);
    }
    EXPECT_EQ(SolveProven(p), best);
  }
}

// What a pair costs by one trait of the row and one of the column.
struct Trait {
  const char* name;
  double (*cost)(double row, double column);
};

class DenseAssignmentByTrait : public testing::TestWithParam<Trait> {
 protected:
  static DenseInstance Draw(int rows, int columns, double noise, Rng& rng) {
    std::vector<double> row(rows), column(columns);
    for (double& x : row) x = rng.Uniform();
    for (double& y : column) y = rng.Uniform();
    DenseInstance p{rows, columns, {}, false, {}};
    for (const double x : row) {
      for (const double y : column) {
        p.costs.push_back(static_cast<int32_t>(
            1e7 * (GetParam().cost(x, y) + noise * rng.Uniform())));
      }
    }
    return p;
  }
};

TEST_P(DenseAssignmentByTrait, IsSolved) {
  Rng rng(7);
  for (const double noise : {0.0, 0.01}) {
    SCOPED_TRACE(noise);
    // Above 256 rows the solver looks for an order.
    SolveProven(Draw(260, 260, noise, rng));
    DenseInstance p = Draw(100, 130, noise, rng);
    p.maximise = true;
    SolveProven(p);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Traits, DenseAssignmentByTrait,
    testing::Values(
        Trait{"Product", [](double x, double y) { return x * y; }},
        Trait{"Distance", [](double x, double y) { return std::abs(x - y); }},
        Trait{"Square",
              [](double x, double y) { return (x - y) * (x - y) - x; }},
        Trait{"Logistic",
              [](double x, double y) { return 1 / (1 + std::exp(x - y)); }}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(DenseAssignment, SolvesAShuffledProductInTwoReadings) {
  Rng rng(2);
  constexpr int kSize = 300;
  const DenseInstance p = Product(kSize, rng);
  const DenseAssignment answer = Solve(p);
  ExpectProvenOptimal(p, answer);
  // Besides the first lists: without the order of rows and columns, dozens.
  EXPECT_LT(answer.stats.row_readings, 3 * kSize);
}

TEST(DenseAssignment, PermutingRowsAndColumnsKeepsTheObjective) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Rng rng(seed);
    const DenseInstance p = seed % 2 == 0 ? Clustered(60, 60, 1e5, rng)
                                          : Uniform(40, 70, 0, 500, rng);
    std::vector<int> row(p.rows), column(p.columns);
    std::iota(row.begin(), row.end(), 0);
    std::iota(column.begin(), column.end(), 0);
    Shuffle(row, rng);
    Shuffle(column, rng);
    DenseInstance q = p;
    for (int i = 0; i < p.rows; ++i)
      for (int j = 0; j < p.columns; ++j) q.at(i, j) = p.at(row[i], column[j]);
    EXPECT_EQ(SolveProven(p), SolveProven(q)) << seed;
  }
}

TEST(DenseAssignment, TranslatingAndScalingCostsMovesTheObjectiveAlike) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Rng rng(seed);
    const DenseInstance p = Clustered(50, seed % 2 == 0 ? 50 : 90, 1e5, rng);
    DenseInstance shifted = p, scaled = p, rows_shifted = p;
    for (int32_t& cost : shifted.costs) cost += 12345;
    for (int32_t& cost : scaled.costs) cost *= 7;
    int64_t total = 0;
    for (int i = 0; i < p.rows; ++i) {
      const auto move = static_cast<int32_t>(rng.Below(100000));
      total += move;
      for (int j = 0; j < p.columns; ++j) rows_shifted.at(i, j) += move;
    }
    const int64_t best = SolveProven(p);
    EXPECT_EQ(SolveProven(shifted), best + 12345 * p.rows);
    EXPECT_EQ(SolveProven(scaled), best * 7);
    EXPECT_EQ(SolveProven(rows_shifted), best + total);
  }
}

TEST(DenseAssignment, MaximisingIsMinimisingTheNegative) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Rng rng(seed);
    DenseInstance p = Clustered(60, seed % 2 == 0 ? 60 : 80, 1e5, rng);
    const int64_t least = SolveProven(p);
    for (int32_t& cost : p.costs) cost = -cost;
    p.maximise = true;
    EXPECT_EQ(SolveProven(p), -least);
  }
}

TEST(DenseAssignment, TakesTheWholeRangeOfInt32) {
  constexpr int32_t kLow = std::numeric_limits<int32_t>::min();
  constexpr int32_t kHigh = std::numeric_limits<int32_t>::max();
  for (uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    DenseInstance p = Uniform(40, seed % 2 == 0 ? 40 : 60, kLow, kHigh, rng);
    if (seed % 3 == 0) {
      for (int32_t& cost : p.costs) cost = cost < 0 ? kLow : kHigh;
    }
    p.maximise = rng.Bernoulli(0.5);
    const DenseAssignment answer = Solve(p);
    ExpectProvenOptimal(p, answer);
    EXPECT_TRUE(answer.stats.wide);
  }
}

TEST(DenseAssignment, GoesOnWithWidePricesWhenNarrowOnesRunOut) {
  // Prices climb to the difference of the last two rows' steps times the size.
  constexpr int kSize = 400;
  DenseInstance p{kSize, kSize, {}, false, {}};
  for (int64_t i = 0; i < kSize; ++i) {
    for (int64_t j = 0; j < kSize; ++j)
      p.costs.push_back(static_cast<int32_t>(i * j * 3300 - 250000000));
  }
  const DenseAssignment answer = Solve(p);
  ExpectProvenOptimal(p, answer);
}

TEST(DenseAssignment, LeavesRowsUnassignedWhereThatIsCheaper) {
  DenseInstance p{2, 2, {5, 9, 4, 9}, false, 7};
  const DenseAssignment answer = Solve(p);
  ExpectProvenOptimal(p, answer);
  EXPECT_EQ(answer.objective, 4 + 7);
  EXPECT_EQ(answer.column_of_row[0], DenseAssignment::kUnassigned);
  EXPECT_EQ(answer.column_of_row[1], 0);
}

TEST(DenseAssignment, ManyRowsShareFewColumnsWhenTheyMayStayUnassigned) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    DenseInstance p = seed % 2 == 0 ? Uniform(120, 30, 0, 1000, rng)
                                    : Clustered(120, 90, 1e5, rng);
    p.unassigned_cost = seed % 2 == 0 ? 400 : 0;
    SolveProven(p);
  }
}

TEST(DenseAssignment, HandlesTheSmallestAndTheWidest) {
  EXPECT_EQ(SolveProven({0, 0, {}, false, {}}), 0);
  EXPECT_EQ(SolveProven({0, 5, {}, false, {}}), 0);
  EXPECT_EQ(SolveProven({1, 1, {-4}, false, {}}), -4);
  EXPECT_EQ(SolveProven({1, 1, {-4}, true, {}}), -4);
  EXPECT_EQ(SolveProven({3, 0, {}, false, 5}), 15);
  Rng rng(1);
  DenseInstance wide = Uniform(1, 100000, -1000000, 1000000, rng);
  EXPECT_EQ(SolveProven(wide),
            *std::min_element(wide.costs.begin(), wide.costs.end()));
}

TEST(DenseAssignment, RefusesWhatHasNoMeaning) {
  const std::vector<int32_t> costs(6);
  DenseProblem p;
  p.costs = costs;
  p.rows = 3;
  p.columns = 2;
  EXPECT_EQ(SolveDenseAssignment(p).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(SolveDenseAssignment(p).status().message()),
              HasSubstr("rows: 3"));
  p.rows = 2;
  EXPECT_EQ(SolveDenseAssignment(p).status().code(),
            absl::StatusCode::kInvalidArgument);
  p.columns = -1;
  EXPECT_EQ(SolveDenseAssignment(p).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(DenseAssignment, GivesTheSameBitsWithAndWithoutAvx2) {
  for (uint64_t seed = 0; seed < 12; ++seed) {
    Rng rng(seed);
    const DenseInstance p = seed % 3 == 0   ? Clustered(150, 150, 1e6, rng)
                            : seed % 3 == 1 ? Uniform(150, 233, 0, 2, rng)
                                            : Uniform(200, 200, 0, 100000, rng);
    const DenseAssignment fast = Solve(p);
    dense::ForbidAvx2ForTesting(true);
    const DenseAssignment plain = Solve(p);
    dense::ForbidAvx2ForTesting(false);
    EXPECT_EQ(fast.column_of_row, plain.column_of_row) << seed;
    EXPECT_EQ(fast.row_dual, plain.row_dual) << seed;
    EXPECT_EQ(fast.column_dual, plain.column_dual) << seed;
  }
}

}  // namespace
}  // namespace allot
