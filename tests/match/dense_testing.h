// SPDX-License-Identifier: Apache-2.0
// Instances for the dense solver, and what proves an answer.
#ifndef ALLOT_TESTS_MATCH_DENSE_TESTING_H_
#define ALLOT_TESTS_MATCH_DENSE_TESTING_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "lib/base/rng.h"
#include "lib/match/dense_assignment.h"

namespace allot {

struct DenseInstance {
  int rows, columns;
  std::vector<int32_t> costs;
  bool maximise = false;
  std::optional<int32_t> unassigned_cost;

  int32_t& at(int i, int j) { return costs[int64_t{columns} * i + j]; }
  int32_t at(int i, int j) const { return costs[int64_t{columns} * i + j]; }
  DenseProblem problem() const {
    DenseProblem p;
    p.costs = costs;
    p.rows = rows;
    p.columns = columns;
    p.maximise = maximise;
    p.unassigned_cost = unassigned_cost;
    return p;
  }
};

inline DenseInstance Uniform(int rows, int columns, int32_t low, int32_t high,
                             Rng& rng) {
  DenseInstance instance{rows, columns, {}, false, {}};
  const uint64_t range = static_cast<uint64_t>(int64_t{high} - low) + 1;
  for (int64_t k = 0; k < int64_t{rows} * columns; ++k)
    instance.costs.push_back(
        static_cast<int32_t>(low + static_cast<int64_t>(rng.Below(range))));
  return instance;
}

// Near-ties everywhere: negated products of clustered vectors.
inline DenseInstance Clustered(int rows, int columns, double scale, Rng& rng) {
  constexpr int kDims = 8, kClusters = 6;
  std::vector<double> centre(kClusters * kDims);
  for (double& x : centre) x = rng.Normal() * 0.6;
  const auto draw = [&](int count) {
    std::vector<double> points;
    for (int i = 0; i < count; ++i) {
      const int cluster = static_cast<int>(rng.Below(kClusters));
      for (int d = 0; d < kDims; ++d)
        points.push_back(centre[cluster * kDims + d] + 0.25 * rng.Normal());
    }
    return points;
  };
  const std::vector<double> a = draw(rows), b = draw(columns);
  DenseInstance instance{rows, columns, {}, false, {}};
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) {
      double dot = 0;
      for (int d = 0; d < kDims; ++d)
        dot += a[i * kDims + d] * b[j * kDims + d];
      instance.costs.push_back(static_cast<int32_t>(-scale * dot));
    }
  }
  return instance;
}

// Costs of one trait of the row and one of the column.
inline DenseInstance Product(int size, Rng& rng) {
  std::vector<int32_t> row(size), column(size);
  for (int32_t& x : row) x = static_cast<int32_t>(rng.Below(10000));
  for (int32_t& y : column) y = static_cast<int32_t>(rng.Below(10000));
  DenseInstance p{size, size, {}, false, {}};
  for (const int32_t x : row)
    for (const int32_t y : column) p.costs.push_back(x * y);
  return p;
}

// The proof, from the definitions alone.
inline void ExpectProvenOptimal(const DenseInstance& p,
                                const DenseAssignment& answer) {
  ASSERT_TRUE(answer.optimal);
  ASSERT_EQ(answer.column_of_row.size(), static_cast<size_t>(p.rows));
  ASSERT_EQ(answer.row_dual.size(), static_cast<size_t>(p.rows));
  ASSERT_EQ(answer.column_dual.size(), static_cast<size_t>(p.columns));
  const int64_t sign = p.maximise ? -1 : 1;
  std::vector<bool> used(p.columns, false);
  int64_t objective = 0, bound = 0;
  for (int i = 0; i < p.rows; ++i) {
    const int32_t j = answer.column_of_row[i];
    bound += answer.row_dual[i];
    if (p.unassigned_cost) {
      ASSERT_LE(sign * answer.row_dual[i], sign * *p.unassigned_cost);
    }
    if (j == DenseAssignment::kUnassigned) {
      ASSERT_TRUE(p.unassigned_cost.has_value()) << "row " << i;
      objective += *p.unassigned_cost;
    } else {
      ASSERT_GE(j, 0);
      ASSERT_LT(j, p.columns);
      ASSERT_FALSE(used[j]) << "column " << j << " twice";
      used[j] = true;
      objective += p.at(i, j);
    }
    for (int k = 0; k < p.columns; ++k) {
      ASSERT_LE(sign * (answer.row_dual[i] + answer.column_dual[k]),
                sign * int64_t{p.at(i, k)})
          << "cell " << i << ", " << k;
    }
  }
  for (int j = 0; j < p.columns; ++j) {
    bound += answer.column_dual[j];
    ASSERT_LE(sign * answer.column_dual[j], 0);
    if (!used[j]) {
      ASSERT_EQ(answer.column_dual[j], 0) << "column " << j;
    }
  }
  EXPECT_EQ(answer.objective, objective);
  EXPECT_EQ(answer.bound, objective);
}

inline DenseAssignment Solve(const DenseInstance& instance,
                             const DenseOptions& options = {}) {
  auto answer = SolveDenseAssignment(instance.problem(), options);
  EXPECT_TRUE(answer.ok()) << answer.status();
  return *std::move(answer);
}

inline int64_t SolveProven(const DenseInstance& instance) {
  const DenseAssignment answer = Solve(instance);
  ExpectProvenOptimal(instance, answer);
  return answer.objective;
}

}  // namespace allot

#endif  // ALLOT_TESTS_MATCH_DENSE_TESTING_H_
