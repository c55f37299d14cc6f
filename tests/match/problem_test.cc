// SPDX-License-Identifier: Apache-2.0
#include "lib/match/problem.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/match/match_testing.h"

namespace allot {
namespace {

using ::testing::HasSubstr;

Problem TwoByTwo() {
  Problem problem;
  problem.capacity = {1, 1};
  AddTask({{0, 1.0}, {1, 2.0}}, 1, problem);
  AddTask({{0, 3.0}}, 1, problem);
  return problem;
}

void ExpectRefused(const Problem& problem, const char* element) {
  const absl::Status status = Validate(problem);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr(element));
}

TEST(Problem, AnEmptyAndAWellFormedOneAreValid) {
  EXPECT_TRUE(Validate(Problem()).ok());
  EXPECT_TRUE(Validate(TwoByTwo()).ok());
}

TEST(Problem, WrongElementsAreNamed) {
  Problem p = TwoByTwo();
  p.utility[1] = std::nan("");
  ExpectRefused(p, "utility[1]");
  p.utility[1] = -INFINITY;
  ExpectRefused(p, "utility[1]");
  p.utility[1] = 1e101;
  ExpectRefused(p, "utility[1]");
  p = TwoByTwo();
  p.labeler[2] = 2;
  ExpectRefused(p, "labeler[2]");
  p.labeler[2] = -1;
  ExpectRefused(p, "labeler[2]");
  p = TwoByTwo();
  p.labeler[1] = 0;
  ExpectRefused(p, "task 0 lists labeler 0 twice");
  p = TwoByTwo();
  p.redundancy[1] = -1;
  ExpectRefused(p, "redundancy[1]");
  p = TwoByTwo();
  p.capacity[1] = -1;
  ExpectRefused(p, "capacity[1]");
  p = TwoByTwo();
  p.unfilled_penalty = {0, -1};
  ExpectRefused(p, "unfilled_penalty[1]");
  p.unfilled_penalty = {0, std::nan("")};
  ExpectRefused(p, "unfilled_penalty[1]");
  p.unfilled_penalty = {0};
  ExpectRefused(p, "unfilled_penalty: want 2 entries");
}

TEST(Problem, WrongShapesAreNamed) {
  Problem p = TwoByTwo();
  p.offset = {0, 2};
  ExpectRefused(p, "offset: want 3 entries");
  p.offset = {0, 3, 2};
  ExpectRefused(p, "offset[2]");
  p.offset = {0, 2, 4};
  ExpectRefused(p, "offset[2]");
  p.offset = {1, 2, 3};
  ExpectRefused(p, "offset[0]");
  p = TwoByTwo();
  p.utility.pop_back();
  ExpectRefused(p, "utility: want 3 entries");
}

}  // namespace
}  // namespace allot
