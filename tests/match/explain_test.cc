// SPDX-License-Identifier: Apache-2.0
#include "lib/match/explain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/match/enumerate_plans.h"
#include "tests/match/match_testing.h"

namespace allot {
namespace {

constexpr double kTolerance = 1e-6;

double Worth(const Problem& p, const std::vector<int32_t>& edges) {
  double worth = 0;
  std::vector<int> filled(p.num_tasks(), 0);
  for (const int32_t e : edges) {
    worth += p.utility[e];
    const auto task = std::upper_bound(p.offset.begin(), p.offset.end(), e);
    ++filled[task - p.offset.begin() - 1];
  }
  for (int t = 0; t < p.num_tasks(); ++t) {
    worth -= (p.redundancy[t] - filled[t]) * p.penalty(t);
  }
  return worth;
}

TEST(Explain, TheRaiseToWinIsTheLeastThatBringsTheEdgeIn) {
  int checked = 0;
  for (int seed = 0; seed < 300; ++seed) {
    Rng rng(seed);
    RandomShape shape;
    shape.tasks = shape.labelers = 3;
    shape.most_penalty = seed % 2 ? 5 : 0;
    const Problem p = RandomProblem(shape, rng);
    const absl::StatusOr<Assignment> plan = Match(p, {});
    ASSERT_TRUE(plan.ok());
    // The best plans with and without each edge, by trying all.
    std::vector<double> best_with(p.num_edges(), -INFINITY);
    double best = -INFINITY;
    ForEachPlan(p, [&](const std::vector<int32_t>& edges) {
      const double worth = Worth(p, edges);
      best = std::max(best, worth);
      for (const int32_t e : edges) {
        best_with[e] = std::max(best_with[e], worth);
      }
    });
    for (int t = 0; t < p.num_tasks(); ++t) {
      for (int e = p.offset[t]; e < p.offset[t + 1]; ++e) {
        const absl::StatusOr<double> raise = RaiseToWin(p, *plan, t, e, {});
        ASSERT_TRUE(raise.ok()) << raise.status();
        if (std::isinf(best_with[e])) {
          EXPECT_TRUE(std::isinf(*raise));
          continue;
        }
        EXPECT_NEAR(*raise, best - best_with[e], kTolerance) << "seed " << seed;
        EXPECT_LE(LeastRaiseToWin(p, *plan, t, e), *raise + kTolerance);
        ++checked;
      }
    }
  }
  EXPECT_GT(checked, 1000);
}

TEST(Explain, TheBoundByPricesIsExactWhereOneLabelerIsWanted) {
  Problem p;
  p.capacity = {1, 1};
  AddTask({{0, 5}, {1, 4}}, 1, p);
  AddTask({{0, 3}}, 1, p);
  const absl::StatusOr<Assignment> plan = Match(p, {});
  // 0 -> 1 and 1 -> 0: 4 + 3 = 7. With edge 0: 5.
  EXPECT_NEAR(*RaiseToWin(p, *plan, 0, 0, {}), 2, kTolerance);
  EXPECT_NEAR(LeastRaiseToWin(p, *plan, 0, 0), 2, 3 + kTolerance);
  EXPECT_EQ(*RaiseToWin(p, *plan, 1, 2, {}), 0);
  EXPECT_EQ(LeastRaiseToWin(p, *plan, 1, 2), 0);
}

TEST(Explain, RefusesAnEdgeOfAnotherTask) {
  Problem p;
  p.capacity = {1};
  AddTask({{0, 5}}, 1, p);
  const absl::StatusOr<Assignment> plan = Match(p, {});
  EXPECT_FALSE(RaiseToWin(p, *plan, 0, 1, {}).ok());
  EXPECT_FALSE(RaiseToWin(p, *plan, 1, 0, {}).ok());
}

TEST(Explain, NamesTheRunnerUpAndItsMargin) {
  Problem p;
  p.capacity = {1, 1, 0, 1};
  AddTask({{0, 5}, {1, 4.25}, {2, 9}, {3, 1}}, 1, p);
  const absl::StatusOr<Assignment> plan = Match(p, {});
  ASSERT_EQ(plan->edge.size(), 1);
  const auto runner_up = FindRunnerUp(p, *plan, 0, plan->edge[0]);
  ASSERT_TRUE(runner_up.has_value());
  EXPECT_EQ(runner_up->edge, 1);
  EXPECT_GE(runner_up->margin, -kTolerance);
  EXPECT_LE(runner_up->margin, 0.75 + kTolerance);
}

TEST(Explain, ThereIsNoRunnerUpWithoutAnotherLabeler) {
  Problem p;
  p.capacity = {1};
  AddTask({{0, 5}}, 1, p);
  EXPECT_FALSE(FindRunnerUp(p, *Match(p, {}), 0, 0).has_value());
}

TEST(Explain, TheRunnerUpOfAnOptimalPlanIsNeverBetter) {
  for (int seed = 0; seed < 200; ++seed) {
    Rng rng(seed);
    RandomShape shape;
    shape.tasks = 20;
    shape.labelers = 10;
    const Problem p = RandomProblem(shape, rng);
    const absl::StatusOr<Assignment> plan = Match(p, {});
    for (int t = 0; t < p.num_tasks(); ++t) {
      for (const int32_t e : plan->edges(t)) {
        const auto runner_up = FindRunnerUp(p, *plan, t, e);
        if (runner_up.has_value()) {
          EXPECT_GE(runner_up->margin, -kTolerance);
        }
      }
    }
  }
}

TEST(Explain, SaysWhyASlotStayedEmpty) {
  Problem p;
  p.capacity = {1, 5, 0};
  AddTask({{0, 9}}, 1, p);
  AddTask({{0, 5}}, 1, p);          // the better task has her
  AddTask({{1, -2}}, 1, p);         // not worth it
  AddTask({{2, 4}, {1, 3}}, 2, p);  // one has no capacity
  AddTask({}, 0, p);                // nothing wanted
  const absl::StatusOr<Assignment> plan = Match(p, {});
  EXPECT_EQ(WhyEmpty(p, *plan, 0), EmptySlotReason::kNone);
  EXPECT_EQ(WhyEmpty(p, *plan, 1), EmptySlotReason::kTakenByOthers);
  EXPECT_EQ(WhyEmpty(p, *plan, 2), EmptySlotReason::kNotWorthIt);
  EXPECT_EQ(WhyEmpty(p, *plan, 3), EmptySlotReason::kNoLabeler);
  EXPECT_EQ(WhyEmpty(p, *plan, 4), EmptySlotReason::kNone);
}

}  // namespace
}  // namespace allot
