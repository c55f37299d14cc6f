// SPDX-License-Identifier: Apache-2.0
#include "lib/match/reading.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

namespace allot {
namespace {

// One row a task, of one value and of half of it.
Problem Rows(const std::vector<double>& largest) {
  Problem problem;
  problem.capacity = {1, 1};
  for (const double w : largest) {
    problem.labeler.insert(problem.labeler.end(), {0, 1});
    problem.utility.insert(problem.utility.end(), {w, w / 2});
    problem.offset.push_back(static_cast<int32_t>(problem.labeler.size()));
    problem.redundancy.push_back(1);
  }
  return problem;
}

TEST(Reading, TheOrderOfRowsDoesNotChangeTheirValues) {
  const std::vector<double> rising = {0, 0.3, 5, 4, 0.1, 700, 3, 1e6, 12};
  std::vector<double> falling = rising;
  std::sort(falling.rbegin(), falling.rend());
  for (const auto& rows : {rising, falling}) {
    const Problem problem = Rows(rows);
    Reading reading;
    ASSERT_TRUE(ReadProblem(problem, reading).ok());
    ASSERT_TRUE(FitsInt32(reading));
    EXPECT_EQ(reading.largest_value, 1e6);
    const Flow<int32_t> flow = MakeFlow<int32_t>(problem, reading);
    EXPECT_EQ(flow.quantum, std::ldexp(1.0, -8));
    int32_t least = flow.largest;
    for (int e = 0; e < problem.num_edges(); ++e) {
      EXPECT_EQ(flow.value[e], std::floor(problem.utility[e] * 256 + 0.5)) << e;
      if (flow.value[e] > 0) least = std::min(least, flow.value[e]);
    }
    EXPECT_EQ(flow.largest, 256'000'000);
    EXPECT_EQ(flow.least, least);
    // A task of which nothing is worth making has no slot.
    EXPECT_EQ(flow.slot_begin.back(), problem.num_tasks() - 1);
  }
}

TEST(Reading, WhoHasNoCapacityIsWorthNothing) {
  Problem problem = Rows({8, 2});
  problem.capacity = {0, 1};
  Reading reading;
  ASSERT_TRUE(ReadProblem(problem, reading).ok());
  const Flow<int32_t> flow = MakeFlow<int32_t>(problem, reading);
  EXPECT_EQ(flow.value[0], 0);
  EXPECT_GT(flow.value[1], 0);
  problem.capacity = {0, 0};
  Reading none;
  ASSERT_TRUE(ReadProblem(problem, none).ok());
  EXPECT_EQ(MakeFlow<int32_t>(problem, none).slot_begin.back(), 0);
}

TEST(Reading, ItRefusesWhatValidateRefuses) {
  Problem unknown = Rows({8, 2, 4});
  unknown.labeler[4] = 2;
  Problem infinite = Rows({8, 2, 4});
  infinite.utility[3] = HUGE_VAL;
  Problem twice = Rows({8, 2, 4});
  twice.labeler[3] = 0;
  for (const Problem& problem : {unknown, infinite, twice}) {
    Reading reading;
    const absl::Status status = ReadProblem(problem, reading);
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(status, Validate(problem));
  }
  Problem disordered = Rows({8, 2, 4});
  std::swap(disordered.labeler[2], disordered.labeler[3]);
  Reading reading;
  EXPECT_TRUE(ReadProblem(disordered, reading).ok());
}

}  // namespace
}  // namespace allot
