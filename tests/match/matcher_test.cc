// SPDX-License-Identifier: Apache-2.0
// Every solver behind one door: the laws of matching hold for each.
#include "lib/match/matcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>

#include "lib/match/certificate.h"
#include "tests/match/match_testing.h"

namespace allot {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kTolerance = 1e-9;

class ExactSolver : public ::testing::TestWithParam<Solver> {
 protected:
  MatchOptions options() const {
    MatchOptions options;
    options.solver = GetParam();
    return options;
  }
  Assignment Solve(const Problem& problem) const {
    return Solve(problem, options());
  }
  // Solves, and checks the certificate and the claim to be exact.
  static Assignment Solve(const Problem& problem, const MatchOptions& options) {
    absl::StatusOr<Assignment> a = Match(problem, options);
    EXPECT_TRUE(a.ok()) << a.status();
    if (!a.ok()) return {};
    EXPECT_TRUE(a->exact);
    EXPECT_FALSE(a->deadline_reached);
    const absl::StatusOr<Certificate> c = CheckAssignment(problem, *a);
    EXPECT_TRUE(c.ok()) << c.status();
    if (c.ok()) {
      const double per_slot = 2 * a->quantum;
      EXPECT_LE(c->upper_bound - c->objective,
                per_slot * static_cast<double>(problem.num_slots()) +
                    1e-9 * std::abs(c->objective) + 1e-12);
    }
    return *std::move(a);
  }
};

TEST_P(ExactSolver, MeetsBruteForceUpToFiveByFive) {
  for (int seed = 0; seed < 2500; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    RandomShape shape;
    shape.tasks = static_cast<int>(rng.Below(6));
    shape.labelers = static_cast<int>(rng.Below(6));
    shape.density = 0.3 + 0.7 * rng.Uniform();
    shape.highest = rng.Bernoulli(0.3) ? 2 : 50;
    shape.most_penalty = rng.Bernoulli(0.5) ? 5 : 0;
    const Problem problem = RandomProblem(shape, rng);
    const Assignment a = Solve(problem);
    EXPECT_NEAR(a.objective, BruteForce(problem), kTolerance);
    if (HasFailure()) break;
  }
}

TEST_P(ExactSolver, ReachesTheBoundAtEverySize) {
  for (int seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    RandomShape shape;
    shape.tasks = 1 + static_cast<int>(rng.Below(300));
    shape.labelers = 1 + static_cast<int>(rng.Below(300));
    shape.density = 0.02 + 0.2 * rng.Uniform();
    shape.most_redundancy = 1 + static_cast<int>(rng.Below(5));
    shape.most_capacity = 1 + static_cast<int>(rng.Below(6));
    shape.highest = seed % 3 == 0 ? 3 : 1'000'000;
    shape.most_penalty = seed % 4 == 0 ? 1000 : 0;
    const Assignment a = Solve(RandomProblem(shape, rng));
    EXPECT_EQ(a.gap, 0);
    if (HasFailure()) break;
  }
}

TEST_P(ExactSolver, NobodyAnswersOneTaskTwice) {
  // With rows and columns copied, the labeler worth -1 would fill both slots.
  Problem p;
  p.capacity = {2, 1};
  AddTask({{0, -1}, {1, -5}}, 2, p);
  p.unfilled_penalty = {100};
  const Assignment a = Solve(p);
  EXPECT_EQ(a.objective, -6);
  EXPECT_THAT(a.edge, ElementsAre(0, 1));
}

TEST_P(ExactSolver, LeavesASlotEmptyRatherThanMakeAPairOfNoUtility) {
  Problem p;
  p.capacity = {1, 1, 1};
  AddTask({{0, 0}, {1, -2}, {2, 3}}, 3, p);
  const Assignment a = Solve(p);
  EXPECT_THAT(a.edge, ElementsAre(2));
  EXPECT_EQ(a.objective, 3);
}

TEST_P(ExactSolver, PenaltiesDecideWhoGoesWithout) {
  Problem p;
  p.capacity = {1};
  AddTask({{0, -4}}, 1, p);
  AddTask({{0, -3}}, 1, p);
  p.unfilled_penalty = {10, 8};
  const Assignment a = Solve(p);
  EXPECT_THAT(a.edge, ElementsAre(0));
  EXPECT_EQ(a.objective, -4 - 8);
}

TEST_P(ExactSolver, AShortageIsAnAnswer) {
  Problem p;
  p.capacity = {1, 0};
  for (int t = 0; t < 50; ++t) AddTask({{0, 1.0 + t}, {1, 900}}, 4, p);
  const Assignment a = Solve(p);
  EXPECT_EQ(a.num_filled(), 1);
  EXPECT_EQ(a.filled(49), 1);
  EXPECT_EQ(a.objective, 50);
  EXPECT_EQ(a.gap, 0);
}

TEST_P(ExactSolver, AnswersTheEmptyQuestions) {
  EXPECT_EQ(Solve(Problem()).objective, 0);
  Problem p;
  p.capacity = {3, 3};
  EXPECT_EQ(Solve(p).objective, 0);
  AddTask({}, 3, p);
  AddTask({{0, 5}}, 0, p);
  EXPECT_EQ(Solve(p).num_filled(), 0);
  p.capacity = {0, 0};
  EXPECT_EQ(Solve(p).num_filled(), 0);
}

TEST_P(ExactSolver, OneTaskAndAHundredThousandLabelers) {
  Rng rng(7);
  Problem p;
  p.capacity.assign(100'000, 1);
  std::vector<Pair> pairs;
  for (int l = 0; l < 100'000; ++l) pairs.push_back({l, rng.Uniform()});
  AddTask(pairs, 3, p);
  const Assignment a = Solve(p);
  std::nth_element(p.utility.begin(), p.utility.begin() + 2, p.utility.end(),
                   std::greater<>());
  EXPECT_NEAR(a.objective, p.utility[0] + p.utility[1] + p.utility[2], 1e-7);
}

TEST_P(ExactSolver, AHundredThousandTasksAndOneLabeler) {
  Rng rng(8);
  Problem p;
  p.capacity = {1000};
  std::vector<double> utility;
  for (int t = 0; t < 100'000; ++t) {
    utility.push_back(static_cast<double>(rng.Below(5000)));
    AddTask({{0, utility.back()}}, 1, p);
  }
  std::sort(utility.begin(), utility.end(), std::greater<>());
  const double best =
      std::accumulate(utility.begin(), utility.begin() + 1000, 0.0);
  EXPECT_EQ(Solve(p).objective, best);
}

TEST_P(ExactSolver, AllEqualUtilities) {
  Problem p;
  p.capacity.assign(40, 2);
  std::vector<Pair> pairs;
  for (int l = 0; l < 40; ++l) pairs.push_back({l, 0.7});
  for (int t = 0; t < 60; ++t) AddTask(pairs, 2, p);
  const Assignment a = Solve(p);
  EXPECT_EQ(a.num_filled(), 80);
  EXPECT_NEAR(a.objective, 80 * 0.7, kTolerance);
}

// Machol and Wien (1976): the hardest known integers for many solvers.
TEST_P(ExactSolver, MacholAndWien) {
  constexpr int n = 60;
  Problem p;
  p.capacity.assign(n, 1);
  double best = 0;
  for (int i = 1; i <= n; ++i) {
    std::vector<Pair> pairs;
    for (int j = 1; j <= n; ++j) pairs.push_back({j - 1, -1.0 * i * j});
    AddTask(pairs, 1, p);
    p.unfilled_penalty.push_back(1e6);
    best -= i * (n + 1 - i);
  }
  EXPECT_EQ(Solve(p).objective, best);
}

TEST_P(ExactSolver, HugePenaltiesDoNotDrownSmallUtilities) {
  Problem p;
  p.capacity = {1, 1};
  AddTask({{0, 0.001}, {1, 0.002}}, 1, p);
  AddTask({{0, 0.001}, {1, 0.0015}}, 1, p);
  p.unfilled_penalty = {1e6, 1e6};
  const Assignment a = Solve(p);
  EXPECT_THAT(a.edge, ElementsAre(1, 2));
  EXPECT_LT(a.quantum, 1e-4);
}

Problem Contested(uint64_t seed) {
  Rng rng(seed);
  RandomShape shape;
  shape.tasks = 60;
  shape.labelers = 30;
  shape.density = 0.3;
  shape.highest = 1000;
  shape.most_penalty = seed % 2 ? 100 : 0;
  return RandomProblem(shape, rng);
}

TEST_P(ExactSolver, OrderDoesNotMatter) {
  for (int seed = 0; seed < 20; ++seed) {
    const Problem p = Contested(seed);
    Rng rng(1000 + seed);
    std::vector<int> labeler(p.num_labelers()), task(p.num_tasks());
    std::iota(labeler.begin(), labeler.end(), 0);
    std::iota(task.begin(), task.end(), 0);
    Shuffle(labeler, rng);
    Shuffle(task, rng);
    Problem q;
    q.capacity.resize(p.num_labelers());
    for (int l = 0; l < p.num_labelers(); ++l) {
      q.capacity[labeler[l]] = p.capacity[l];
    }
    for (const int t : task) {
      std::vector<Pair> pairs;
      for (int e = p.offset[t]; e < p.offset[t + 1]; ++e) {
        pairs.push_back({labeler[p.labeler[e]], p.utility[e]});
      }
      AddTask(pairs, p.redundancy[t], q);
      if (!p.unfilled_penalty.empty()) {
        q.unfilled_penalty.push_back(p.penalty(t));
      }
    }
    EXPECT_EQ(Solve(p).objective, Solve(q).objective) << "seed " << seed;
  }
}

TEST_P(ExactSolver, ScalingEveryUtilityScalesTheObjective) {
  for (const double factor : {1e-30, 0.125, 7.0, 1e30}) {
    const Problem p = Contested(3);
    Problem q = p;
    for (double& w : q.utility) w *= factor;
    for (double& w : q.unfilled_penalty) w *= factor;
    const double want = factor * Solve(p).objective;
    absl::StatusOr<Assignment> got = Match(q, options());
    ASSERT_TRUE(got.ok());
    EXPECT_TRUE(got->exact);
    EXPECT_NEAR(got->objective, want, 1e-6 * std::abs(want));
  }
}

TEST_P(ExactSolver, AConstantOnATaskAndItsPenaltyOnlyShiftsTheObjective) {
  const Problem p = Contested(5);
  Problem q = p;
  double shift = 0;
  for (int t = 0; t < q.num_tasks(); ++t) {
    // Both the pairs and the empty slots of the task lose the same.
    const int amount = t % 7;
    q.unfilled_penalty[t] += amount;
    shift += amount * q.redundancy[t];
    for (int e = q.offset[t]; e < q.offset[t + 1]; ++e) q.utility[e] -= amount;
  }
  EXPECT_EQ(Solve(q).objective, Solve(p).objective - shift);
}

TEST_P(ExactSolver, AUselessLabelerChangesNothing) {
  const Problem p = Contested(4);
  Problem q = p;
  q.capacity.push_back(9);
  EXPECT_EQ(Solve(q).objective, Solve(p).objective);
}

TEST_P(ExactSolver, SplittingALabelerAmongTasksNeverHelps) {
  // A twin with the same utilities and half of the capacity each: as good, and
  // more only where one task may now have both.
  const Problem p = Contested(6);
  Problem q;
  q.capacity = p.capacity;
  q.capacity.insert(q.capacity.end(), p.capacity.begin(), p.capacity.end());
  for (int t = 0; t < p.num_tasks(); ++t) {
    std::vector<Pair> pairs;
    for (int e = p.offset[t]; e < p.offset[t + 1]; ++e) {
      pairs.push_back({p.labeler[e], p.utility[e]});
      pairs.push_back({p.labeler[e] + p.num_labelers(), p.utility[e]});
    }
    AddTask(pairs, p.redundancy[t], q);
  }
  EXPECT_GE(Solve(q).objective, Solve(p).objective);
}

TEST_P(ExactSolver, WarmPricesChangeTheTimeAndNotTheAnswer) {
  for (int seed = 0; seed < 30; ++seed) {
    const Problem p = Contested(seed);
    const Assignment cold = Solve(p);
    MatchOptions warm = options();
    warm.warm_price = cold.labeler_price;
    EXPECT_EQ(Solve(p, warm).objective, cold.objective);
    Rng rng(seed);
    std::vector<double> nonsense(p.num_labelers());
    for (double& x : nonsense) x = 3000 * rng.Uniform() - 500;
    nonsense[0] = std::nan("");
    nonsense[1] = INFINITY;
    warm.warm_price = nonsense;
    EXPECT_EQ(Solve(p, warm).objective, cold.objective) << "seed " << seed;
  }
}

TEST_P(ExactSolver, TheSameQuestionHasTheSameAnswerOnAnyThreadCount) {
  const Problem p = Contested(9);
  const Assignment first = Solve(p);
  for (const int threads : {1, 2, 5}) {
    MatchOptions more = options();
    more.threads = threads;
    const Assignment again = Solve(p, more);
    EXPECT_EQ(again.edge, first.edge);
    EXPECT_EQ(again.labeler_price, first.labeler_price);
  }
}

TEST_P(ExactSolver, AtADeadlineAlreadyPassedAnswersFeasiblyWithItsGap) {
  const Problem p = Contested(11);
  ManualClock clock;
  MatchOptions late = options();
  late.deadline = {&clock, -1};
  const absl::StatusOr<Assignment> a = Match(p, late);
  ASSERT_TRUE(a.ok());
  const absl::StatusOr<Certificate> c = CheckAssignment(p, *a);
  ASSERT_TRUE(c.ok()) << c.status();
  EXPECT_GE(c->upper_bound, Solve(p).objective - kTolerance);
}

INSTANTIATE_TEST_SUITE_P(All, ExactSolver,
                         ::testing::Values(Solver::kAuto, Solver::kHungarian,
                                           Solver::kAuction),
                         [](const auto& param) {
                           return std::string(SolverName(param.param));
                         });

TEST(Greedy, IsFeasibleCertifiedAndAtLeastHalfOfTheBest) {
  for (int seed = 0; seed < 500; ++seed) {
    Rng rng(seed);
    RandomShape shape;
    shape.lowest = 0;
    const Problem p = RandomProblem(shape, rng);
    MatchOptions options;
    options.solver = Solver::kGreedy;
    const absl::StatusOr<Assignment> a = Match(p, options);
    ASSERT_TRUE(a.ok());
    const absl::StatusOr<Certificate> c = CheckAssignment(p, *a);
    ASSERT_TRUE(c.ok()) << c.status();
    const double best = BruteForce(p);
    EXPECT_GE(a->objective, best / 2 - kTolerance) << "seed " << seed;
    if (a->exact) {
      EXPECT_EQ(a->objective, best);
    }
  }
}

TEST(Match, RefusesWrongOptionsByName) {
  Problem p;
  p.capacity = {1};
  MatchOptions options;
  const std::vector<double> price = {1, 2};
  options.warm_price = price;
  EXPECT_THAT(std::string(Match(p, options).status().message()),
              HasSubstr("warm_price"));
  options = {};
  options.gap_tolerance = std::nan("");
  EXPECT_THAT(std::string(Match(p, options).status().message()),
              HasSubstr("gap_tolerance"));
  p.capacity = {-1};
  EXPECT_EQ(Match(p, {}).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace allot
