// SPDX-License-Identifier: Apache-2.0
#include "lib/match/pareto.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "tests/match/enumerate_plans.h"
#include "tests/match/match_testing.h"

namespace allot {
namespace {

using ::testing::HasSubstr;

constexpr double kTolerance = 1e-6;

struct Corner {
  double cost, quality;
};

// Every plan's cost and quality; of equal cost the best, cost rising.
std::vector<Corner> AllPlans(const Problem& p,
                             const std::vector<double>& cost) {
  std::map<double, double> best;
  ForEachPlan(p, [&](const std::vector<int32_t>& edges) {
    double c = 0, q = 0;
    for (const int32_t e : edges) {
      c += cost[e];
      q += p.utility[e];
    }
    const auto [at, is_new] = best.emplace(c, q);
    if (!is_new) at->second = std::max(at->second, q);
  });
  std::vector<Corner> plans;
  for (const auto& [c, q] : best) plans.push_back({c, q});
  return plans;
}

// The corners of the upper hull on which quality rises with cost.
std::vector<Corner> Hull(const std::vector<Corner>& plans) {
  std::vector<Corner> hull;
  for (const Corner& next : plans) {
    if (!hull.empty() && next.quality <= hull.back().quality) continue;
    while (hull.size() >= 2) {
      const Corner& a = hull[hull.size() - 2];
      const Corner& b = hull.back();
      if ((b.quality - a.quality) * (next.cost - a.cost) >
          (next.quality - a.quality) * (b.cost - a.cost)) {
        break;
      }
      hull.pop_back();
    }
    hull.push_back(next);
  }
  return hull;
}

struct Market {
  Problem quality;
  std::vector<double> cost;
};
Market Tiny(uint64_t seed) {
  Rng rng(seed);
  for (;;) {
    RandomShape shape;
    shape.tasks = shape.labelers = 3;
    shape.lowest = 0;
    shape.highest = 20;
    Market market{RandomProblem(shape, rng), {}};
    if (market.quality.num_edges() > 9) continue;
    for (int e = 0; e < market.quality.num_edges(); ++e) {
      market.cost.push_back(static_cast<double>(rng.Below(8)));
    }
    return market;
  }
}

TEST(Pareto, FindsEveryCornerOfTheHull) {
  int corners = 0;
  for (int seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const Market market = Tiny(seed);
    const std::vector<Corner> want =
        Hull(AllPlans(market.quality, market.cost));
    const absl::StatusOr<ParetoFrontier> got =
        FindParetoFrontier(market.quality, market.cost, {});
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_TRUE(got->complete);
    ASSERT_EQ(got->points.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i) {
      EXPECT_NEAR(got->points[i].cost, want[i].cost, kTolerance);
      EXPECT_NEAR(got->points[i].quality, want[i].quality, kTolerance);
    }
    corners += static_cast<int>(want.size());
  }
  EXPECT_GT(corners, 900);
}

TEST(Pareto, EachPointIsCertifiedAndItsBoundHoldsForEveryPlan) {
  for (int seed = 0; seed < 100; ++seed) {
    const Market market = Tiny(seed);
    const absl::StatusOr<ParetoFrontier> frontier =
        FindParetoFrontier(market.quality, market.cost, {});
    for (const ParetoPoint& point : frontier->points) {
      EXPECT_TRUE(point.plan.exact);
      EXPECT_NEAR(point.plan.objective,
                  point.quality - point.weight * point.cost, kTolerance);
    }
    for (const Corner& plan : AllPlans(market.quality, market.cost)) {
      EXPECT_GE(QualityBound(*frontier, plan.cost), plan.quality - kTolerance);
    }
    // Tight at the corners themselves.
    for (const ParetoPoint& point : frontier->points) {
      EXPECT_NEAR(QualityBound(*frontier, point.cost), point.quality,
                  kTolerance);
    }
  }
}

TEST(Pareto, PointsRunFromCheapToGood) {
  Rng rng(5);
  RandomShape shape;
  shape.tasks = 40;
  shape.labelers = 25;
  shape.lowest = 0;
  shape.highest = 1000;
  const Problem p = RandomProblem(shape, rng);
  std::vector<double> cost(p.num_edges());
  for (double& c : cost) c = rng.Uniform();
  const absl::StatusOr<ParetoFrontier> frontier =
      FindParetoFrontier(p, cost, {});
  ASSERT_GT(frontier->points.size(), 10);
  for (size_t i = 1; i < frontier->points.size(); ++i) {
    const ParetoPoint& a = frontier->points[i - 1];
    const ParetoPoint& b = frontier->points[i];
    EXPECT_LT(a.cost, b.cost);
    EXPECT_LT(a.quality, b.quality);
    EXPECT_GT(a.weight, b.weight);
  }
  EXPECT_EQ(frontier->points.back().quality, Match(p, {})->objective);
}

TEST(Pareto, AsksForNoMorePointsThanWanted) {
  Rng rng(6);
  RandomShape shape;
  shape.tasks = 40;
  shape.labelers = 25;
  shape.lowest = 0;
  shape.highest = 1000;
  const Problem p = RandomProblem(shape, rng);
  std::vector<double> cost(p.num_edges());
  for (double& c : cost) c = rng.Uniform();
  ParetoOptions options;
  options.max_points = 5;
  const absl::StatusOr<ParetoFrontier> frontier =
      FindParetoFrontier(p, cost, options);
  EXPECT_LE(frontier->points.size(), 5);
  EXPECT_FALSE(frontier->complete);
}

TEST(Pareto, RefusesWrongCostsByName) {
  Problem p;
  p.capacity = {1};
  AddTask({{0, 1}}, 1, p);
  const std::vector<double> negative = {-1};
  EXPECT_THAT(
      std::string(FindParetoFrontier(p, negative, {}).status().message()),
      HasSubstr("cost[0]"));
  EXPECT_THAT(std::string(FindParetoFrontier(p, {}, {}).status().message()),
              HasSubstr("cost: want 1 entries, got 0"));
}

}  // namespace
}  // namespace allot
