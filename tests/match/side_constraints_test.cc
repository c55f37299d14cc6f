// SPDX-License-Identifier: Apache-2.0
#include "lib/match/side_constraints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "lib/match/certificate.h"
#include "tests/match/enumerate_plans.h"
#include "tests/match/match_testing.h"

namespace allot {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kTolerance = 1e-6;

Problem Tiny(Rng& rng) {
  for (;;) {
    RandomShape shape;
    shape.tasks = 1 + static_cast<int>(rng.Below(4));
    shape.labelers = 1 + static_cast<int>(rng.Below(4));
    shape.density = 0.7;
    shape.most_penalty = rng.Bernoulli(0.5) ? 6 : 0;
    Problem problem = RandomProblem(shape, rng);
    if (problem.num_edges() <= 12) return problem;
  }
}

SideConstraints RandomSide(const Problem& problem, Rng& rng) {
  SideConstraints side;
  if (rng.Bernoulli(0.7)) {
    for (int l = 0; l < problem.num_labelers(); ++l) {
      side.load_tiers.emplace_back();
      double cost = 0;
      for (uint64_t tiers = rng.Below(4); tiers > 0; --tiers) {
        cost += static_cast<double>(rng.Below(4));
        side.load_tiers.back().push_back(
            {1 + static_cast<int32_t>(rng.Below(2)), cost});
      }
    }
  }
  if (rng.Bernoulli(0.7)) {
    for (const int32_t k : problem.redundancy) {
      std::vector<double> value;
      for (uint64_t answers = rng.Below(k + 1); answers > 0; --answers) {
        value.push_back(static_cast<double>(rng.Below(8)));
      }
      std::sort(value.begin(), value.end(), std::greater<>());
      side.answer_value.push_back(value);
    }
  }
  if (rng.Bernoulli(0.3)) side.max_share = 0.1 + 0.5 * rng.Uniform();
  return side;
}

// By the definition, minus infinity above the share.
double Worth(const Problem& p, const SideConstraints& side,
             const std::vector<int32_t>& edges) {
  double worth = 0;
  std::vector<int> load(p.num_labelers(), 0), answers(p.num_tasks(), 0);
  for (const int32_t e : edges) {
    worth += p.utility[e];
    ++load[p.labeler[e]];
    const auto task = std::upper_bound(p.offset.begin(), p.offset.end(), e);
    ++answers[task - p.offset.begin() - 1];
  }
  for (int t = 0; t < p.num_tasks(); ++t) {
    worth -= (p.redundancy[t] - answers[t]) * p.penalty(t);
    if (side.answer_value.empty()) continue;
    const std::vector<double>& value = side.answer_value[t];
    for (size_t i = 0; i < value.size(); ++i) {
      if (static_cast<int>(i) < answers[t]) worth += value[i];
    }
  }
  const double share = std::max(
      1.0, std::floor(side.max_share * static_cast<double>(p.num_slots())));
  for (int l = 0; l < p.num_labelers(); ++l) {
    if (load[l] > share) return -INFINITY;
    if (side.load_tiers.empty() || side.load_tiers[l].empty()) continue;
    size_t tier = 0;
    int left = side.load_tiers[l][0].slots;
    for (int i = 0; i < load[l]; ++i) {
      if (left == 0 && tier + 1 < side.load_tiers[l].size()) {
        left = side.load_tiers[l][++tier].slots;
      }
      worth -= side.load_tiers[l][tier].cost;
      if (left > 0) --left;
    }
  }
  return worth;
}

class SideConstraintsOf : public ::testing::TestWithParam<Solver> {};

TEST_P(SideConstraintsOf, EqualTheBestOfAllPlans) {
  for (int seed = 0; seed < 1500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    const Problem p = Tiny(rng);
    const SideConstraints side = RandomSide(p, rng);
    double best = -INFINITY;
    ForEachPlan(p, [&](const std::vector<int32_t>& edges) {
      best = std::max(best, Worth(p, side, edges));
    });
    MatchOptions options;
    options.solver = GetParam();
    const absl::StatusOr<Assignment> plan = MatchWithSide(p, side, options);
    ASSERT_TRUE(plan.ok()) << plan.status();
    ASSERT_NEAR(Worth(p, side, plan->edge), plan->objective, kTolerance);
    ASSERT_NEAR(plan->objective, best, kTolerance);
    ASSERT_NEAR(plan->upper_bound, best, kTolerance);
    ASSERT_TRUE(plan->exact);
  }
}

INSTANTIATE_TEST_SUITE_P(All, SideConstraintsOf,
                         ::testing::Values(Solver::kHungarian,
                                           Solver::kAuction),
                         [](const auto& param) {
                           return std::string(SolverName(param.param));
                         });

TEST(SideConstraints, RisingTiersSpreadTheWork) {
  // Ana is a little better at everything.
  Problem p;
  p.capacity = {4, 4};
  for (int t = 0; t < 4; ++t) AddTask({{0, 1.0}, {1, 0.9}}, 1, p);
  SideConstraints side;
  EXPECT_EQ(MatchWithSide(p, side, {})->edge.size(), 4);
  side.load_tiers = {{{2, 0}, {1, 0.3}}, {{2, 0}, {1, 0.3}}};
  const absl::StatusOr<Assignment> plan = MatchWithSide(p, side, {});
  int of_ana = 0;
  for (const int32_t e : plan->edge) of_ana += p.labeler[e] == 0;
  EXPECT_EQ(of_ana, 2);
  EXPECT_NEAR(plan->objective, 3.8, kTolerance);
}

TEST(SideConstraints, ATaskNeverHasOneLabelerTwice) {
  Problem p;
  p.capacity = {2, 1};
  AddTask({{0, 5}, {1, 1}}, 2, p);
  SideConstraints side;
  side.load_tiers = {{{1, 0}, {1, 1}}, {}};
  EXPECT_THAT(MatchWithSide(p, side, {})->edge, ElementsAre(0, 1));
}

TEST(SideConstraints, AnswersGoWhereTheNextIsWorthMost) {
  // Two tasks, three labelers: an easy one that a second answer adds little to.
  Problem p;
  p.capacity = {1, 1, 1};
  AddTask({{0, 0}, {1, 0}, {2, 0}}, 3, p);
  AddTask({{0, 0}, {1, 0}, {2, 0}}, 3, p);
  SideConstraints side;
  side.answer_value = {{1.0, 0.1, 0.05}, {0.9, 0.6, 0.3}};
  const absl::StatusOr<Assignment> plan = MatchWithSide(p, side, {});
  EXPECT_EQ(plan->filled(0), 1);
  EXPECT_EQ(plan->filled(1), 2);
  EXPECT_NEAR(plan->objective, 2.5, kTolerance);
}

TEST(SideConstraints, NobodyExceedsTheShare) {
  Problem p;
  p.capacity = {10, 10};
  for (int t = 0; t < 10; ++t) AddTask({{0, 1.0}, {1, -1.0}}, 1, p);
  SideConstraints side;
  side.max_share = 0.35;
  EXPECT_EQ(MatchWithSide(p, side, {})->edge.size(), 3);
  side.max_share = 0.001;
  EXPECT_EQ(MatchWithSide(p, side, {})->edge.size(), 1);
}

TEST(SideConstraints, WithoutAnyTheProblemStaysAsLarge) {
  Rng rng(1);
  Problem p = Tiny(rng);
  SideConstraints side;
  side.load_tiers.assign(p.num_labelers(), {{1, 0}, {5, 0}});
  const absl::StatusOr<ExpandedProblem> expanded = Expand(p, side);
  EXPECT_EQ(expanded->problem.num_edges(), p.num_edges());
  EXPECT_EQ(expanded->problem.num_tasks(), p.num_tasks());
}

TEST(SideConstraints, TheExpandedProblemProvesTheBound) {
  Rng rng(3);
  const Problem p = Tiny(rng);
  const SideConstraints side = RandomSide(p, rng);
  const absl::StatusOr<ExpandedProblem> expanded = Expand(p, side);
  const absl::StatusOr<Assignment> whole = Match(expanded->problem, {});
  const absl::StatusOr<Certificate> proof =
      CheckAssignment(expanded->problem, *whole);
  ASSERT_TRUE(proof.ok()) << proof.status();
  const absl::StatusOr<Assignment> plan = MatchWithSide(p, side, {});
  EXPECT_NEAR(proof->upper_bound + expanded->constant, plan->upper_bound,
              kTolerance);
}

TEST(SideConstraints, WarmPricesChangeNothingButTime) {
  for (int seed = 0; seed < 50; ++seed) {
    Rng rng(seed);
    const Problem p = Tiny(rng);
    const SideConstraints side = RandomSide(p, rng);
    const absl::StatusOr<Assignment> cold = MatchWithSide(p, side, {});
    MatchOptions options;
    options.warm_price = cold->labeler_price;
    const absl::StatusOr<Assignment> warm = MatchWithSide(p, side, options);
    EXPECT_NEAR(warm->objective, cold->objective, kTolerance);
  }
}

TEST(SideConstraints, RefusesWrongNumbersByName) {
  Problem p;
  p.capacity = {3};
  AddTask({{0, 1}}, 1, p);
  const auto error = [&p](const SideConstraints& side) {
    return std::string(MatchWithSide(p, side, {}).status().message());
  };
  SideConstraints side;
  side.load_tiers = {{{1, 2}, {1, 1}}};
  EXPECT_THAT(error(side), HasSubstr("load_tiers[0][1].cost: want in [2"));
  side.load_tiers = {{{0, 2}}};
  EXPECT_THAT(error(side), HasSubstr("load_tiers[0][0].slots"));
  side.load_tiers = {{}, {}};
  EXPECT_THAT(error(side), HasSubstr("load_tiers: want 1 entries, got 2"));
  side = {};
  side.answer_value = {{1, 0.5}};
  EXPECT_THAT(error(side), HasSubstr("answer_value[0]: want at most"));
  side.answer_value = {{std::nan("")}};
  EXPECT_THAT(error(side), HasSubstr("answer_value[0][0]: want in [0"));
  side = {};
  side.max_share = 0;
  EXPECT_THAT(error(side), HasSubstr("max_share"));
}

}  // namespace
}  // namespace allot
