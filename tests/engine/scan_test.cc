// SPDX-License-Identifier: Apache-2.0
// The scan may leave out only who does not matter: plans of tasks that nobody
// fights over are the best labelers of each, found here by scoring everybody.
#include "lib/engine/scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/clock.h"
#include "lib/base/rng.h"
#include "lib/engine/load_table.h"
#include "lib/engine/planner.h"
#include "lib/roster/roster.h"

namespace allot {
namespace {

struct ScanCase {
  const char* name;
  int labelers;
  int skills;
  int tasks;
  int redundancy;
  double level;       // of everybody's skills, logits
  double spread;      // of skills around it
  double wild_share;  // of labelers with a skill that no skim can hold
};

class Scans : public testing::TestWithParam<ScanCase> {
 protected:
  Roster MakeRoster(Rng& rng) const {
    const ScanCase& c = GetParam();
    RosterEditor editor{Roster(c.skills)};
    for (int i = 0; i < c.labelers; ++i) {
      LabelerProfile profile;
      profile.id = absl::StrCat("labeler-", i);
      const int32_t row = editor.Add(profile.id).row;
      editor.SetProfile(row, profile);
      RosterBlock& block = editor.Edit(row);
      const int lane = Roster::lane(row);
      block.capacity[lane] = c.tasks;
      block.price_per_answer[lane] =
          static_cast<float>(0.01 + 0.05 * rng.Uniform());
      block.time_factor[lane] = static_cast<float>(0.5 + rng.Uniform());
      for (int d = 0; d < c.skills; ++d) {
        const int at = d * kLanes + lane;
        block.skill_mean[at] =
            static_cast<float>(c.level + c.spread * rng.Normal());
        block.skill_variance[at] = static_cast<float>(0.05 + rng.Uniform());
      }
      if (rng.Bernoulli(c.wild_share)) block.skill_mean[lane] = 16.5f;
    }
    return std::move(editor).Finish(1);
  }

  AllocateCall MakeCall(Rng& rng) const {
    const ScanCase& c = GetParam();
    AllocateCall call;
    call.seed = 5;
    for (int t = 0; t < c.tasks; ++t) {
      Task task;
      task.id = absl::StrCat("task-", t);
      task.redundancy = c.redundancy;
      double size = 0;
      // Every third of one skill only, so that not all tasks are alike.
      for (int d = 0; d < (t % 3 == 2 ? 1 : c.skills); ++d) {
        task.loading.push_back({d, static_cast<float>(rng.Uniform())});
        size += task.loading.back().weight;
      }
      for (SkillWeight& term : task.loading) {
        term.weight = static_cast<float>(term.weight / size);
      }
      call.tasks.push_back(std::move(task));
    }
    return call;
  }
};

TEST_P(Scans, FindTheBestOfAllLabelers) {
  const ScanCase& c = GetParam();
  Rng rng(static_cast<uint64_t>(c.labelers));
  const Roster roster = MakeRoster(rng);
  const AllocateCall call = MakeCall(rng);
  std::vector<BatchTask> tasks;
  for (const Task& task : call.tasks) {
    tasks.push_back({.task = &task,
                     .wanted = task.redundancy,
                     .barred = {3, 64},
                     .difficulty_variance = 0.1});
  }
  const LoadTable loads;
  const ManualClock clock;
  const auto draft = MakePlan({.call = call,
                               .tasks = tasks,
                               .roster = roster,
                               .loads = loads,
                               .allowed = {},
                               .clock = clock});
  ASSERT_TRUE(draft.ok()) << draft.status();
  EXPECT_EQ(draft->plan.gap, 0);
  const BatchScan scan(roster, tasks, call.policy.weights, {}, {}, 0, 5);
  for (int t = 0; t < c.tasks; ++t) {
    std::vector<float> all;
    for (int32_t row = 0; row < c.labelers; ++row) {
      if (row == 3 || row == 64) continue;
      const float utility = scan.Score(t, row).utility;
      if (utility > 0) all.push_back(utility);
    }
    std::sort(all.begin(), all.end(), std::greater<>());
    all.resize(std::min<size_t>(all.size(), c.redundancy));
    std::vector<float> planned;
    for (const PlannedPair& pair : draft->plan.pairs) {
      if (pair.task == t) planned.push_back(static_cast<float>(pair.utility));
    }
    std::sort(planned.begin(), planned.end(), std::greater<>());
    EXPECT_EQ(planned, all) << t;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Rosters, Scans,
    testing::Values(
        ScanCase{"Few", 70, 3, 5, 2, 1, 1, 0},
        ScanCase{"OfManyBlocks", 11'000, 5, 6, 3, 1, 1, 0},
        ScanCase{"OfOneTask", 11'000, 5, 1, 1, 1, 1, 0},
        ScanCase{"OfManySlots", 700, 4, 4, 40, 1, 1, 0},
        ScanCase{"OfTheUnskilled", 700, 4, 5, 3, -2, 0.5, 0},
        ScanCase{"OfTheVerySkilled", 2'000, 6, 5, 3, 7, 3, 0},
        ScanCase{"WithSomeWhomNoSkimHolds", 3'000, 6, 5, 3, 0, 1, 0.003},
        ScanCase{"WithNobodyWhomASkimHolds", 300, 6, 5, 3, 0, 1, 1}),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace allot
