// SPDX-License-Identifier: Apache-2.0
// What every solver does with the state they share: certify it, and fill what
// was left empty.
#include "lib/match/flow.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "lib/base/rng.h"
#include "lib/match/certificate.h"
#include "lib/match/reading.h"

namespace allot {
namespace {

// Whole utilities up to 1000; every pair is allowed.
Problem Complete(int tasks, int labelers, int slots, int capacity, Rng& rng) {
  Problem problem;
  problem.capacity.assign(labelers, capacity);
  for (int t = 0; t < tasks; ++t) {
    for (int l = 0; l < labelers; ++l) {
      problem.labeler.push_back(l);
      problem.utility.push_back(static_cast<double>(1 + rng.Below(1000)));
    }
    problem.offset.push_back(static_cast<int32_t>(problem.labeler.size()));
    problem.redundancy.push_back(slots);
  }
  return problem;
}

template <typename V>
Flow<V> ToFlow(const Problem& problem) {
  Reading reading;
  EXPECT_TRUE(ReadProblem(problem, reading).ok());
  return MakeFlow<V>(problem, reading);
}

// Each slot goes to somebody at random, or stays empty.
template <typename V>
void FillAtRandom(Flow<V>& flow, Rng& rng) {
  for (int t = 0; t < flow.num_tasks(); ++t) {
    const int32_t begin = flow.problem->offset[t];
    const int32_t degree = flow.problem->offset[t + 1] - begin;
    for (int want = flow.room(t); want > 0; --want) {
      const int32_t e = begin + static_cast<int32_t>(rng.Below(degree));
      const int32_t l = flow.labeler[e];
      if (flow.taken(e) || flow.load[l] >= flow.problem->capacity[l]) continue;
      flow.Choose(t, e);
    }
  }
}

template <typename V>
class FlowTest : public testing::Test {};
using Widths = testing::Types<int32_t, int64_t>;
TYPED_TEST_SUITE(FlowTest, Widths);

TYPED_TEST(FlowTest, TheIntegerGapIsTheBoundLessTheObjective) {
  Rng rng(3);
  for (int i = 0; i < 60; ++i) {
    // More slots than the kernels' top, now and then.
    const int slots = i % 6 == 5 ? 18 : 1 + i % 6;
    const Problem problem = Complete(7, 20 + i % 9, slots, 4, rng);
    Flow<TypeParam> flow = ToFlow<TypeParam>(problem);
    FillAtRandom(flow, rng);
    for (auto& p : flow.price) {
      p = rng.Uniform() < 0.3 ? 0
                              : static_cast<TypeParam>(rng.Below(
                                    static_cast<uint64_t>(flow.largest)));
    }
    const Assignment a = ToAssignment(flow);
    const double bound = UpperBound(problem, a.labeler_price);
    EXPECT_NEAR(static_cast<double>(IntegerGap(flow)) * flow.quantum,
                bound - a.objective, 1e-6 * bound)
        << i;
  }
}

TYPED_TEST(FlowTest, AnOpenSlotGoesToWhoeverHasRoom) {
  Problem problem;
  problem.offset = {0, 2};
  problem.labeler = {0, 1};
  problem.utility = {3, 5};
  problem.redundancy = {1};
  problem.capacity = {1, 1};
  Flow<TypeParam> flow = ToFlow<TypeParam>(problem);
  FillFree(flow);
  EXPECT_EQ(ToAssignment(flow).edge, std::vector<int32_t>{1});
}

TYPED_TEST(FlowTest, TheSlotThatLosesLeastMakesRoom) {
  // Both of the first two serve at labeler 0, whom the third wants; the second
  // loses less by moving to labeler 1.
  Problem problem;
  problem.offset = {0, 2, 4, 6};
  problem.labeler = {0, 1, 0, 1, 0, 1};
  problem.utility = {10, 2, 10, 9, 8, 1};
  problem.redundancy = {1, 1, 1};
  problem.capacity = {2, 1};
  Flow<TypeParam> flow = ToFlow<TypeParam>(problem);
  flow.Choose(0, 0);
  flow.Choose(1, 2);
  FillFree(flow);
  EXPECT_EQ(ToAssignment(flow).edge, (std::vector<int32_t>{0, 3, 4}));
}

TYPED_TEST(FlowTest, FillingLosesNothingAndLeavesNoPlaceThatIsWanted) {
  Rng rng(5);
  for (int i = 0; i < 100; ++i) {
    Problem problem =
        Complete(10 + i % 40, 6 + i % 5, 1 + i % 4, 1 + i % 9, rng);
    Flow<TypeParam> flow = ToFlow<TypeParam>(problem);
    FillAtRandom(flow, rng);
    const double before = ToAssignment(flow).objective;
    FillFree(flow);
    const Assignment a = ToAssignment(flow);
    EXPECT_GE(a.objective, before);
    const auto certificate = CheckAssignment(problem, a);
    ASSERT_TRUE(certificate.ok()) << certificate.status();
    for (int t = 0; t < problem.num_tasks(); ++t) {
      if (flow.room(t) == 0) continue;
      for (int32_t e = problem.offset[t]; e < problem.offset[t + 1]; ++e) {
        const int32_t l = problem.labeler[e];
        EXPECT_TRUE(flow.taken(e) || flow.load[l] == problem.capacity[l])
            << "task " << t << " could have had labeler " << l;
      }
    }
  }
}

TYPED_TEST(FlowTest, MovesFillBetterThanRoomAlone) {
  // All but a few slots are filled by value; the last find their labelers full.
  Rng rng(7);
  double by_moves = 0, by_room = 0;
  const Problem problem = Complete(120, 12, 1, 11, rng);
  Flow<TypeParam> flow = ToFlow<TypeParam>(problem);
  const auto best_with_room = [&](int t) {
    int32_t best = Flow<TypeParam>::kNone;
    for (int32_t e = problem.offset[t]; e < problem.offset[t + 1]; ++e) {
      const int32_t l = problem.labeler[e];
      if (flow.load[l] == problem.capacity[l]) continue;
      if (best == Flow<TypeParam>::kNone ||
          problem.utility[e] > problem.utility[best]) {
        best = e;
      }
    }
    return best;
  };
  for (int t = 0; t < 110; ++t) flow.Choose(t, best_with_room(t));
  FillFree(flow);
  by_moves = ToAssignment(flow).objective;
  flow.EmptyAll();
  for (int t = 0; t < 120; ++t) flow.Choose(t, best_with_room(t));
  by_room = ToAssignment(flow).objective;
  EXPECT_GT(by_moves, by_room);
}

}  // namespace
}  // namespace allot
