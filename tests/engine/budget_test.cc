// SPDX-License-Identifier: Apache-2.0
// Batches under a budget against every plan there is.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "lib/base/rng.h"
#include "tests/engine/engine_fixture.h"

namespace allot {
namespace {

constexpr int kSize = 3;  // tasks, and labelers

struct Pair {
  double utility = 0;
  double cost = 0;
};

// The most that a matching of tasks to labelers, one to one, is worth within
// `budget`.
double BestWithin(double budget, const std::vector<std::vector<Pair>>& pairs,
                  int task, std::vector<bool>& taken) {
  if (task == kSize) return 0;
  double best = BestWithin(budget, pairs, task + 1, taken);
  for (int l = 0; l < kSize; ++l) {
    const Pair& pair = pairs[task][l];
    if (taken[l] || pair.cost > budget) continue;
    taken[l] = true;
    best = std::max(best, pair.utility + BestWithin(budget - pair.cost, pairs,
                                                    task + 1, taken));
    taken[l] = false;
  }
  return best;
}

class BudgetTest : public EngineTest,
                   public testing::WithParamInterface<int> {};

TEST_P(BudgetTest, TheBestPlanLiesBetweenObjectiveAndBound) {
  Rng rng(GetParam());
  MakePool();
  std::vector<LabelerUpdate> labelers;
  std::vector<Task> tasks;
  for (int i = 0; i < kSize; ++i) {
    labelers.push_back(
        WithSkill(MakeLabeler(absl::StrCat("l", i), 1, rng.Uniform()),
                  1 + 2 * rng.Uniform()));
    tasks.push_back(MakeTask(absl::StrCat("t", i)));
    tasks.back().difficulty = rng.Normal();
    tasks.back().value = 3 + rng.Uniform();
  }
  Add(labelers);
  std::vector<std::vector<Pair>> pairs(kSize, std::vector<Pair>(kSize));
  for (int t = 0; t < kSize; ++t) {
    for (int l = 0; l < kSize; ++l) {
      AllocateCall alone = Batch({tasks[t]});
      alone.labelers = {labelers[l].id};
      const Plan plan = Allocate(alone);
      pairs[t][l] = {plan.objective, plan.cost};
    }
  }
  for (const double budget : {0.3, 0.7, 1.2}) {
    AllocateCall call = Batch(tasks);
    call.budget = budget;
    const Plan plan = Allocate(call);
    std::vector<bool> taken(kSize, false);
    const double best = BestWithin(budget, pairs, 0, taken);
    EXPECT_LE(plan.cost, budget * (1 + 1e-6));
    EXPECT_LE(plan.objective, best + 1e-6) << "budget " << budget;
    EXPECT_GE(plan.upper_bound, best - 1e-6) << "budget " << budget;
    EXPECT_NEAR(
        plan.gap,
        (plan.upper_bound - plan.objective) / std::max(plan.upper_bound, 1e-12),
        1e-5);
  }
}

INSTANTIATE_TEST_SUITE_P(Random, BudgetTest, testing::Range(0, 30));

}  // namespace
}  // namespace allot
