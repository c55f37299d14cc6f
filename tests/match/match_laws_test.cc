// SPDX-License-Identifier: Apache-2.0
// The short form of allot_match_properties, and the proof that each law would
// notice the bug it is there for.
#include "tests/match/match_laws.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "absl/strings/string_view.h"
#include "lib/match/certificate.h"

namespace allot {
namespace {

constexpr uint64_t kInstances = 1500;

class MatchLaw : public ::testing::TestWithParam<Law> {};

TEST_P(MatchLaw, HoldsOnRandomProblems) {
  for (uint64_t seed = 0; seed < kInstances; ++seed) {
    const Instance instance = MakeInstance(seed);
    if (!GetParam().applies(instance)) continue;
    ASSERT_EQ(GetParam().check(instance, &Match), "")
        << "seed " << seed << ", " << FamilyName(instance.family);
  }
}

std::string LawName(const ::testing::TestParamInfo<Law>& info) {
  std::string name;
  bool upper = true;
  for (const char* c = info.param.name; *c != 0; ++c) {
    if (*c != ' ') name += static_cast<char>(upper ? std::toupper(*c) : *c);
    upper = *c == ' ';
  }
  return name;
}
INSTANTIATE_TEST_SUITE_P(All, MatchLaw,
                         ::testing::ValuesIn(MatchLaws().begin(),
                                             MatchLaws().end()),
                         LawName);

// ---- bugs planted ---------------------------------------------------------

// Solves some other problem and passes the answer off as this one's.
template <typename Change>
SolveFunction Instead(const Change& change) {
  return [change](const Problem& problem, const MatchOptions& options) {
    Problem other = problem;
    change(other);
    return Match(other, options);
  };
}

// What a solver without a proof would answer: greedy, called exact.
absl::StatusOr<Assignment> Hasty(const Problem& problem, MatchOptions options) {
  options.solver = Solver::kGreedy;
  absl::StatusOr<Assignment> plan = Match(problem, options);
  if (plan.ok()) plan->exact = true;
  return plan;
}

void ExpectNoticed(absl::string_view law_name, const SolveFunction& broken) {
  for (const Law& law : MatchLaws()) {
    if (law.name != law_name) continue;
    for (uint64_t seed = 0; seed < 200; ++seed) {
      const Instance instance = MakeInstance(seed);
      if (law.applies(instance) && !law.check(instance, broken).empty()) return;
    }
    FAIL() << law_name << " does not notice";
  }
  FAIL() << "no law is called " << law_name;
}

TEST(PlantedBug, ABoundTooLowIsNoticed) {
  ExpectNoticed("certificate",
                [](const Problem& problem, const MatchOptions& options) {
                  auto plan = Match(problem, options);
                  plan->upper_bound = 0.99 * plan->upper_bound;
                  plan->gap = RelativeGap(plan->objective, plan->upper_bound);
                  return plan;
                });
}

TEST(PlantedBug, AnOvercrowdedLabelerIsNoticed) {
  ExpectNoticed("certificate", Instead([](Problem& problem) {
                  for (int32_t& c : problem.capacity) ++c;
                }));
}

TEST(PlantedBug, AGreedyPlanCalledExactIsNoticed) {
  ExpectNoticed("brute force", &Hasty);
  ExpectNoticed("certificate", &Hasty);
  ExpectNoticed("known optimum", &Hasty);
}

TEST(PlantedBug, ACoarseQuantumIsNoticed) {
  ExpectNoticed("brute force", Instead([](Problem& problem) {
                  for (double& w : problem.utility) {
                    w = std::ldexp(std::round(std::ldexp(w, 12)), -12);
                  }
                }));
}

TEST(PlantedBug, OneSolverGoneWrongIsNoticed) {
  ExpectNoticed(
      "solvers agree", [](const Problem& problem, const MatchOptions& options) {
        return options.solver == Solver::kAuction ? Hasty(problem, options)
                                                  : Match(problem, options);
      });
}

TEST(PlantedBug, ALabelerForgottenByItsPlaceIsNoticed) {
  ExpectNoticed("permutation", Instead([](Problem& problem) {
                  if (!problem.capacity.empty()) problem.capacity.back() = 0;
                }));
}

TEST(PlantedBug, PenaltiesForgottenAreNoticed) {
  ExpectNoticed("translation", Instead([](Problem& problem) {
                  problem.unfilled_penalty.clear();
                }));
}

TEST(PlantedBug, UtilitiesRoundedToWholeNumbersAreNoticed) {
  ExpectNoticed("scaling", Instead([](Problem& problem) {
                  for (double& w : problem.utility) w = std::round(w);
                }));
}

TEST(PlantedBug, CapacityAboveOneForgottenIsNoticed) {
  ExpectNoticed("duplicate labelers", Instead([](Problem& problem) {
                  for (int32_t& c : problem.capacity) c = std::min(c, 1);
                }));
}

TEST(PlantedBug, PricesUnderstatedAreNoticed) {
  ExpectNoticed("a further slot",
                [](const Problem& problem, const MatchOptions& options) {
                  auto plan = Match(problem, options);
                  for (double& p : plan->labeler_price) p /= 2;
                  return plan;
                });
}

TEST(PlantedBug, WarmPricesBelievedAreNoticed) {
  ExpectNoticed("warm prices",
                [](const Problem& problem, const MatchOptions& options) {
                  Problem other = problem;
                  if (!options.warm_price.empty()) {
                    for (int e = 0; e < other.num_edges(); ++e) {
                      other.utility[e] -= options.warm_price[other.labeler[e]];
                    }
                  }
                  return Match(other, options);
                });
}

TEST(MatchLaws, EveryFamilyComesUp) {
  std::vector<int> seen(kFamilies, 0);
  for (uint64_t seed = 0; seed < kInstances; ++seed) {
    ++seen[static_cast<int>(MakeInstance(seed).family)];
  }
  for (const int count : seen) EXPECT_GT(count, 100);
}

}  // namespace
}  // namespace allot
