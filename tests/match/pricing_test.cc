// SPDX-License-Identifier: Apache-2.0
#include "lib/match/pricing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "lib/match/certificate.h"
#include "tests/match/match_testing.h"

namespace allot {
namespace {

using ::testing::HasSubstr;

struct Dense {
  std::vector<int32_t> redundancy, capacity;
  std::vector<double> penalty;
  std::vector<double> utility;  // row-major; NaN: not allowed
  double w(int t, int l) const { return utility[t * capacity.size() + l]; }
};

// Labelers with a common ranking and some taste: all tasks want the same few.
Dense Popular(int tasks, int labelers, uint64_t seed, bool penalties) {
  Rng rng(seed);
  Dense d;
  std::vector<double> fame(labelers);
  for (double& x : fame) x = rng.Uniform();
  for (int l = 0; l < labelers; ++l) {
    d.capacity.push_back(static_cast<int32_t>(rng.Below(4)));
  }
  for (int t = 0; t < tasks; ++t) {
    d.redundancy.push_back(static_cast<int32_t>(rng.Below(4)));
    if (penalties) d.penalty.push_back(2 * rng.Uniform());
    for (int l = 0; l < labelers; ++l) {
      const double w = fame[l] + 0.3 * rng.Uniform() - 0.4;
      d.utility.push_back(rng.Bernoulli(0.9) ? w : std::nan(""));
    }
  }
  return d;
}

auto Scanner(const Dense& d) {
  return [&d](const ScanRequest& request, ScanSink& sink) {
    const int labelers = static_cast<int>(d.capacity.size());
    for (int t = request.task_begin; t < request.task_end; ++t) {
      for (int l = 0; l < labelers; ++l) {
        const double w = d.w(t, l);
        if (w - request.price[l] > sink.threshold(t)) sink.Add(t, l, w);
      }
    }
  };
}

absl::StatusOr<DenseMatchResult> Solve(const Dense& d,
                                       const PricingOptions& options) {
  const auto capacity = [&d](int labeler) { return d.capacity[labeler]; };
  return MatchDense({.redundancy = d.redundancy,
                     .num_labelers = static_cast<int>(d.capacity.size()),
                     .capacity = capacity,
                     .unfilled_penalty = d.penalty},
                    Scanner(d), options);
}

// Prices of all labelers, also of those whom no task considered.
std::vector<double> AllPrices(const Dense& d, const DenseMatchResult& result) {
  std::vector<double> prices(d.capacity.size(), 0);
  for (size_t l = 0; l < result.labelers.size(); ++l) {
    prices[result.labelers[l]] = result.assignment.labeler_price[l];
  }
  return prices;
}

Problem AsSparse(const Dense& d) {
  Problem p;
  p.capacity = d.capacity;
  p.unfilled_penalty = d.penalty;
  const int labelers = static_cast<int>(d.capacity.size());
  for (size_t t = 0; t < d.redundancy.size(); ++t) {
    std::vector<Pair> pairs;
    for (int l = 0; l < labelers; ++l) {
      const double w = d.w(static_cast<int>(t), l);
      if (!std::isnan(w)) pairs.push_back({l, w});
    }
    AddTask(pairs, d.redundancy[t], p);
  }
  return p;
}

void ExpectSolves(const Dense& d, const PricingOptions& options) {
  const Problem all = AsSparse(d);
  const absl::StatusOr<DenseMatchResult> priced = Solve(d, options);
  ASSERT_TRUE(priced.ok()) << priced.status();
  const Assignment& a = priced->assignment;
  const absl::StatusOr<Assignment> whole = Match(all, {});
  ASSERT_TRUE(whole.ok());
  EXPECT_TRUE(a.exact);
  EXPECT_NEAR(a.objective, whole->objective, 1e-6);
  EXPECT_NEAR(a.upper_bound, a.objective, 1e-5);
  // The bound is one over all pairs.
  EXPECT_NEAR(UpperBound(all, AllPrices(d, *priced)), a.upper_bound, 1e-9);
  // The plan is feasible among its candidates.
  Assignment sparse = a;
  sparse.upper_bound = UpperBound(priced->candidates, a.labeler_price);
  sparse.gap = RelativeGap(a.objective, sparse.upper_bound);
  const auto certificate = CheckAssignment(priced->candidates, sparse);
  EXPECT_TRUE(certificate.ok()) << certificate.status();
}

TEST(MatchDense, EqualsTheSolveOverEveryPair) {
  for (int seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Rng rng(seed);
    const Dense d =
        Popular(1 + static_cast<int>(rng.Below(70)),
                1 + static_cast<int>(rng.Below(150)), seed, seed % 2 == 1);
    PricingOptions options;
    options.candidates_per_task = 1 + seed % 5;
    options.tasks_per_block = 1 + seed % 9;
    options.match.threads = 1 + seed % 3;
    ExpectSolves(d, options);
    if (HasFailure()) break;
  }
}

TEST(MatchDense, NeedsSeveralRoundsWhereAllWantTheSameFew) {
  const Dense d = Popular(100, 300, 1, false);
  PricingOptions options;
  options.candidates_per_task = 2;
  ExpectSolves(d, options);
  const auto priced = Solve(d, options);
  EXPECT_GT(priced->assignment.stats.pricing_rounds, 1);
  EXPECT_LT(priced->candidates.num_edges(), 100 * 300 / 2);
}

TEST(MatchDense, WarmPricesOfTheOptimumEndInOneRound) {
  const Dense d = Popular(100, 300, 2, false);
  PricingOptions options;
  const auto cold = Solve(d, options);
  const std::vector<double> prices = AllPrices(d, *cold);
  options.match.warm_price = prices;
  const auto warm = Solve(d, options);
  EXPECT_EQ(warm->assignment.stats.pricing_rounds, 1);
  EXPECT_NEAR(warm->assignment.objective, cold->assignment.objective, 1e-6);
}

TEST(MatchDense, AnswersTheSameOnAnyThreadCount) {
  const Dense d = Popular(120, 200, 3, true);
  PricingOptions options;
  options.tasks_per_block = 7;
  const auto one = Solve(d, options);
  options.match.threads = 4;
  const auto four = Solve(d, options);
  EXPECT_EQ(one->assignment.edge, four->assignment.edge);
  EXPECT_EQ(one->assignment.labeler_price, four->assignment.labeler_price);
  EXPECT_EQ(one->assignment.upper_bound, four->assignment.upper_bound);
  EXPECT_EQ(one->candidates.labeler, four->candidates.labeler);
}

TEST(MatchDense, ABatchOverWhichNobodyFightsIsScannedOnce) {
  Dense d;
  Rng rng(6);
  d.capacity.assign(400, 100);
  d.redundancy.assign(30, 2);
  for (int i = 0; i < 30 * 400; ++i) d.utility.push_back(rng.Uniform());
  int scans = 0;
  const auto capacity = [&d](int labeler) { return d.capacity[labeler]; };
  const auto scanner = Scanner(d);
  const auto priced =
      MatchDense({.redundancy = d.redundancy,
                  .num_labelers = 400,
                  .capacity = capacity,
                  .unfilled_penalty = {}},
                 [&](const ScanRequest& request, ScanSink& sink) {
                   ++scans;
                   scanner(request, sink);
                 },
                 {});
  ASSERT_TRUE(priced.ok());
  EXPECT_TRUE(priced->assignment.exact);
  EXPECT_EQ(scans, 1);
}

TEST(MatchDense, TiesEverywhereEndAtOnce) {
  Dense d;
  d.capacity.assign(5000, 1);
  d.redundancy.assign(20, 3);
  d.utility.assign(20 * 5000, 1.0);
  const auto priced = Solve(d, {});
  ASSERT_TRUE(priced.ok());
  EXPECT_EQ(priced->assignment.objective, 60);
  EXPECT_EQ(priced->assignment.gap, 0);
  EXPECT_LE(priced->assignment.stats.pricing_rounds, 4);
}

TEST(MatchDense, EmptyQuestionsHaveEmptyAnswers) {
  Dense d;
  EXPECT_EQ(Solve(d, {})->assignment.objective, 0);
  d.capacity = {0, 0};
  d.redundancy = {2};
  d.utility = {1, 1};
  const auto priced = Solve(d, {});
  EXPECT_EQ(priced->assignment.num_filled(), 0);
  EXPECT_EQ(priced->assignment.upper_bound, 0);
}

TEST(MatchDense, APassedDeadlineStillAnswersAndAdmitsWhatItDoesNotKnow) {
  const Dense d = Popular(50, 80, 4, false);
  ManualClock clock;
  PricingOptions options;
  options.match.deadline = {&clock, -1};
  const auto priced = Solve(d, options);
  ASSERT_TRUE(priced.ok());
  EXPECT_TRUE(priced->assignment.deadline_reached);
  EXPECT_FALSE(priced->assignment.exact);
  EXPECT_EQ(priced->assignment.gap, 1);
}

TEST(MatchDense, AScanThatGivesUpHalfWayLeavesAPlanOfWhatItFound) {
  const Dense d = Popular(20, 80, 4, false);
  const auto capacity = [&d](int labeler) { return d.capacity[labeler]; };
  int scans = 0;
  const auto half = [&](const ScanRequest& request, ScanSink& sink) {
    ++scans;
    for (int t = request.task_begin; t < request.task_end; ++t) {
      for (int l = 0; l < 40; ++l) {
        if (d.w(t, l) > sink.threshold(t)) sink.Add(t, l, d.w(t, l));
      }
    }
    sink.GiveUp();
  };
  const auto priced = MatchDense({.redundancy = d.redundancy,
                                  .num_labelers = 80,
                                  .capacity = capacity,
                                  .unfilled_penalty = d.penalty},
                                 half, {});
  ASSERT_TRUE(priced.ok());
  EXPECT_EQ(scans, 1);
  EXPECT_TRUE(priced->assignment.deadline_reached);
  EXPECT_FALSE(priced->assignment.exact);
  EXPECT_EQ(priced->assignment.gap, 1);
  EXPECT_GT(priced->assignment.objective, 0);
}

TEST(MatchDense, AToleranceEndsItEarlyWithinTheTolerance) {
  const Dense d = Popular(200, 300, 5, false);
  PricingOptions options;
  options.candidates_per_task = 2;
  const auto exact = Solve(d, options);
  options.match.gap_tolerance = 0.2;
  const auto priced = Solve(d, options);
  ASSERT_TRUE(priced.ok());
  EXPECT_LE(priced->assignment.gap, 0.2);
  EXPECT_GE(priced->assignment.upper_bound, exact->assignment.objective - 1e-9);
  EXPECT_LE(priced->assignment.stats.pricing_rounds,
            exact->assignment.stats.pricing_rounds);
}

TEST(MatchDense, NamesTheBadUtility) {
  Dense d = Popular(3, 4, 6, false);
  d.redundancy = {1, 1, 1};
  d.capacity = {1, 1, 1, 1};
  d.utility[2 * 4 + 1] = INFINITY;
  const auto priced = Solve(d, {});
  EXPECT_EQ(priced.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(priced.status().message()),
              HasSubstr("task 2 and labeler 1"));
}

}  // namespace
}  // namespace allot
