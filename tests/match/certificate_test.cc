// SPDX-License-Identifier: Apache-2.0
#include "lib/match/certificate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/match/matcher.h"
#include "tests/match/match_testing.h"

namespace allot {
namespace {

using ::testing::HasSubstr;

TEST(UpperBound, IsWhatTheDesignSays) {
  Problem p;
  p.capacity = {2, 1, 5};
  AddTask({{0, 5}, {1, 4}, {2, -1}}, 2, p);
  AddTask({{0, 3}, {1, 9}}, 1, p);
  // At 0: 5 + 4, and 9.
  EXPECT_EQ(UpperBound(p, std::vector<double>{0, 0, 0}), 18);
  // 2 x 1 + 1 x 7 for the labelers; 4 for the first task, 2 for the second.
  EXPECT_EQ(UpperBound(p, std::vector<double>{1, 7, 0}), 15);
  p.unfilled_penalty = {3, 0};
  // Values 8, 7, 2 with 2 slots at 3; and 9.
  EXPECT_EQ(UpperBound(p, std::vector<double>{0, 0, 0}), 15 - 6 + 9);
}

TEST(UpperBound, IgnoresLabelersWithoutCapacity) {
  Problem p;
  p.capacity = {0, 1};
  AddTask({{0, 5}, {1, 4}}, 1, p);
  EXPECT_EQ(UpperBound(p, std::vector<double>{0, 0}), 4);
}

TEST(UpperBound, IsNeverBelowTheBestAssignmentAtAnyPrices) {
  for (int seed = 0; seed < 300; ++seed) {
    Rng rng(seed);
    RandomShape shape;
    shape.tasks = shape.labelers = 4;
    shape.most_penalty = seed % 2 ? 4 : 0;
    const Problem p = RandomProblem(shape, rng);
    std::vector<double> price(4);
    for (double& x : price) x = 8 * rng.Uniform();
    EXPECT_GE(UpperBound(p, price), BruteForce(p) - 1e-9) << "seed " << seed;
  }
}

TEST(RelativeGap, IsRelativeToTheBoundAndNeverNegative) {
  EXPECT_EQ(RelativeGap(9, 10), 0.1);
  EXPECT_EQ(RelativeGap(10, 10), 0);
  EXPECT_EQ(RelativeGap(10 + 1e-12, 10), 0);
  EXPECT_EQ(RelativeGap(-3, -2), 0.5);
  EXPECT_EQ(RelativeGap(0, 0), 0);
  EXPECT_EQ(RelativeGap(3, std::numeric_limits<double>::infinity()), 1);
}

class CheckAssignmentTest : public ::testing::Test {
 protected:
  CheckAssignmentTest() {
    problem_.capacity = {1, 1, 1};
    AddTask({{0, 5}, {1, 4}, {2, 1}}, 2, problem_);
    AddTask({{0, 3}, {1, 2}}, 1, problem_);
    good_ = *Match(problem_, {});
  }
  void ExpectCaught(const Assignment& a, const char* what) {
    const auto result = CheckAssignment(problem_, a);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(result.status().message()), HasSubstr(what));
  }
  Problem problem_;
  Assignment good_;
};

TEST_F(CheckAssignmentTest, AcceptsAnOptimum) {
  const auto certificate = CheckAssignment(problem_, good_);
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_EQ(certificate->objective, 9);
  EXPECT_EQ(certificate->upper_bound, 9);
  EXPECT_EQ(certificate->gap, 0);
  EXPECT_EQ(certificate->empty_slots, 1);
}

TEST_F(CheckAssignmentTest, CatchesEveryKindOfLie) {
  Assignment a = good_;
  a.edge.push_back(3);
  a.edge.push_back(4);
  a.offset[2] += 2;
  ExpectCaught(a, "task 1");
  a = good_;
  a.edge[1] = a.edge[0];
  ExpectCaught(a, "task 0");
  a = good_;
  a.edge = {0, 1, 3};
  a.offset = {0, 2, 3};
  ExpectCaught(a, "capacity");
  a = good_;
  a.labeler_price[1] = -1;
  ExpectCaught(a, "labeler_price[1]");
  a = good_;
  a.objective += 1;
  ExpectCaught(a, "objective");
  a = good_;
  a.upper_bound += 1;
  ExpectCaught(a, "upper_bound");
  a = good_;
  a.gap = 0.5;
  ExpectCaught(a, "gap");
}

}  // namespace
}  // namespace allot
