// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

namespace allot {
namespace {

TEST(ObjectiveWeights, DefaultsTradeBitsForMoneyAtParAndAreValid) {
  const ObjectiveWeights weights;
  EXPECT_EQ(weights.quality, 1);
  EXPECT_EQ(weights.cost, 1);
  EXPECT_EQ(weights.time, 0);
  EXPECT_EQ(weights.explore, 0);
  EXPECT_EQ(weights.balance, 0);
  EXPECT_FALSE(weights.must_fill);
  EXPECT_TRUE(ValidateObjectiveWeights(weights).ok());
}

struct BadCase {
  std::string field;
  std::function<void(ObjectiveWeights&)> spoil;
};

class BadWeights : public testing::TestWithParam<BadCase> {};

TEST_P(BadWeights, AreRefusedByTheNameOfTheField) {
  ObjectiveWeights weights;
  GetParam().spoil(weights);
  const absl::Status status = ValidateObjectiveWeights(weights);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              testing::StartsWith(GetParam().field + ": must be"));
}

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
INSTANTIATE_TEST_SUITE_P(
    Fields, BadWeights,
    testing::Values(
        BadCase{"quality", [](ObjectiveWeights& w) { w.quality = -1; }},
        BadCase{"cost", [](ObjectiveWeights& w) { w.cost = kNan; }},
        BadCase{"time", [](ObjectiveWeights& w) { w.time = kInf; }},
        BadCase{"explore", [](ObjectiveWeights& w) { w.explore = -kInf; }},
        BadCase{"balance", [](ObjectiveWeights& w) { w.balance = -1e-9; }},
        BadCase{"fairness", [](ObjectiveWeights& w) { w.fairness = kNan; }},
        BadCase{"fair_answers",
                [](ObjectiveWeights& w) { w.fair_answers = 0; }},
        BadCase{"min_expected_accuracy",
                [](ObjectiveWeights& w) { w.min_expected_accuracy = 1.01; }},
        BadCase{"min_expected_accuracy",
                [](ObjectiveWeights& w) { w.min_expected_accuracy = kNan; }},
        BadCase{"max_labeler_share",
                [](ObjectiveWeights& w) { w.max_labeler_share = 0; }}));

}  // namespace
}  // namespace allot
