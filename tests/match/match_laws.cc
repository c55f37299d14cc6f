// SPDX-License-Identifier: Apache-2.0
#include "tests/match/match_laws.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/match/certificate.h"
#include "tests/match/match_testing.h"

namespace allot {
namespace {

constexpr Solver kExactSolvers[] = {Solver::kHungarian, Solver::kAuction,
                                    Solver::kAuto};

MatchOptions With(Solver solver) {
  MatchOptions options;
  options.solver = solver;
  return options;
}

// A solver's answer, or the reason why there is none to compare.
struct Solved {
  Assignment plan;
  std::string error;
};
Solved Solve(const Problem& problem, const MatchOptions& options,
             const SolveFunction& solve) {
  absl::StatusOr<Assignment> plan = solve(problem, options);
  if (!plan.ok()) return {{}, std::string(plan.status().message())};
  const bool exact = plan->exact;
  Solved solved{*std::move(plan), ""};
  if (!exact && options.solver != Solver::kGreedy) {
    solved.error = "not proven optimal";
  }
  return solved;
}

// What rounding to multiples of the quantum may cost, and sums of doubles.
double Slack(const Problem& problem, const Assignment& plan) {
  return 1e-9 * (1 + std::abs(plan.objective)) +
         2 * plan.quantum * static_cast<double>(problem.num_slots());
}

std::string Compare(double got, double want, double slack,
                    absl::string_view what) {
  if (std::abs(got - want) <= slack) return "";
  return absl::StrCat(what, ": want ", want, ", got ", got);
}

bool Always(const Instance&) { return true; }
bool IsSmall(const Instance& instance) {
  return instance.family <= Family::kNearDegenerate;
}
bool HasKnownBest(const Instance& instance) {
  return instance.best.has_value();
}

// ---- one instance ---------------------------------------------------------

std::string Certificate(const Instance& instance, const SolveFunction& solve) {
  const Problem& p = instance.problem;
  for (const Solver solver :
       {Solver::kHungarian, Solver::kAuction, Solver::kAuto, Solver::kGreedy}) {
    const Solved solved = Solve(p, With(solver), solve);
    if (!solved.error.empty()) return solved.error;
    const auto certificate = CheckAssignment(p, solved.plan);
    if (!certificate.ok()) return std::string(certificate.status().message());
    if (solved.plan.exact && certificate->upper_bound - certificate->objective >
                                 Slack(p, solved.plan)) {
      return absl::StrCat("called exact with a gap of ", certificate->gap);
    }
  }
  return "";
}

std::string BruteForceAgrees(const Instance& instance,
                             const SolveFunction& solve) {
  const Problem& p = instance.problem;
  const double best = BruteForce(p);
  double largest = 0;
  for (const double w : p.utility) largest = std::max(largest, std::abs(w));
  for (const double c : p.unfilled_penalty) largest = std::max(largest, c);
  for (const Solver solver : kExactSolvers) {
    const Solved solved = Solve(p, With(solver), solve);
    if (!solved.error.empty()) return solved.error;
    // However coarse the quantum that the solver admits to.
    const double slack = std::min(
        Slack(p, solved.plan),
        1e-9 + std::ldexp(largest, -20) * static_cast<double>(p.num_slots()));
    std::string wrong =
        Compare(solved.plan.objective, best, slack, SolverName(solver));
    if (!wrong.empty()) return wrong;
  }
  return "";
}

std::string KnownBest(const Instance& instance, const SolveFunction& solve) {
  for (const Solver solver : kExactSolvers) {
    const Solved solved = Solve(instance.problem, With(solver), solve);
    if (!solved.error.empty()) return solved.error;
    std::string wrong =
        Compare(solved.plan.objective, *instance.best,
                Slack(instance.problem, solved.plan), SolverName(solver));
    if (!wrong.empty()) return wrong;
  }
  return "";
}

std::string SolversAgree(const Instance& instance, const SolveFunction& solve) {
  const Problem& p = instance.problem;
  const Solved first = Solve(p, With(Solver::kHungarian), solve);
  if (!first.error.empty()) return first.error;
  const double slack = Slack(p, first.plan);
  for (const Solver solver : {Solver::kAuction, Solver::kAuto}) {
    const Solved other = Solve(p, With(solver), solve);
    if (!other.error.empty()) return other.error;
    std::string wrong = Compare(other.plan.objective, first.plan.objective,
                                slack, SolverName(solver));
    if (!wrong.empty()) return wrong;
  }
  const Solved greedy = Solve(p, With(Solver::kGreedy), solve);
  if (!greedy.error.empty()) return greedy.error;
  if (greedy.plan.objective > first.plan.objective + slack) {
    return "greedy beats the optimum";
  }
  return "";
}

// ---- the instance and a changed one ---------------------------------------

// `want` of the changed problem, from the solution of the instance.
template <typename Want>
std::string Changed(const Instance& instance, const Problem& changed,
                    const SolveFunction& solve, const Want& want) {
  for (const Solver solver : kExactSolvers) {
    const Solved before = Solve(instance.problem, With(solver), solve);
    const Solved after = Solve(changed, With(solver), solve);
    if (!before.error.empty()) return before.error;
    if (!after.error.empty()) return after.error;
    std::string wrong = Compare(
        after.plan.objective, want(before.plan.objective),
        Slack(changed, after.plan) +
            std::abs(want(Slack(instance.problem, before.plan)) - want(0.0)),
        SolverName(solver));
    if (!wrong.empty()) return wrong;
  }
  return "";
}

std::string Permutation(const Instance& instance, const SolveFunction& solve) {
  const Problem& p = instance.problem;
  Rng rng = Rng(instance.seed).Split(1);
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
    Shuffle(pairs, rng);
    AddTask(pairs, p.redundancy[t], q);
    if (!p.unfilled_penalty.empty()) q.unfilled_penalty.push_back(p.penalty(t));
  }
  return Changed(instance, q, solve, [](double best) { return best; });
}

std::string Translation(const Instance& instance, const SolveFunction& solve) {
  Problem q = instance.problem;
  Rng rng = Rng(instance.seed).Split(2);
  q.unfilled_penalty.resize(q.num_tasks(), 0);
  double shift = 0;
  for (int t = 0; t < q.num_tasks(); ++t) {
    // A pair and an empty slot of the task lose the same.
    const double amount = static_cast<double>(rng.Below(8));
    q.unfilled_penalty[t] += amount;
    shift += amount * q.redundancy[t];
    for (int e = q.offset[t]; e < q.offset[t + 1]; ++e) q.utility[e] -= amount;
  }
  return Changed(instance, q, solve,
                 [shift](double best) { return best - shift; });
}

std::string Scaling(const Instance& instance, const SolveFunction& solve) {
  constexpr double kFactors[] = {0.125, 3, 1.0 / 7, 1e30, 1e-30};
  const double factor = kFactors[instance.seed % 5];
  Problem q = instance.problem;
  for (double& w : q.utility) w *= factor;
  for (double& w : q.unfilled_penalty) w *= factor;
  return Changed(instance, q, solve,
                 [factor](double best) { return factor * best; });
}

// One labeler of capacity c, or c twins of capacity 1: the same where no task
// can have two of them.
std::string DuplicateLabelers(const Instance& instance,
                              const SolveFunction& solve) {
  const Problem& p = instance.problem;
  Instance single = instance;
  for (int32_t& k : single.problem.redundancy) k = std::min(k, 1);
  Problem q;
  q.unfilled_penalty = p.unfilled_penalty;
  std::vector<int> first;
  for (int l = 0; l < p.num_labelers(); ++l) {
    first.push_back(q.num_labelers());
    q.capacity.insert(q.capacity.end(), p.capacity[l], 1);
  }
  first.push_back(q.num_labelers());
  for (int t = 0; t < p.num_tasks(); ++t) {
    std::vector<Pair> pairs;
    for (int e = p.offset[t]; e < p.offset[t + 1]; ++e) {
      const int l = p.labeler[e];
      for (int twin = first[l]; twin < first[l + 1]; ++twin) {
        pairs.push_back({twin, p.utility[e]});
      }
    }
    AddTask(pairs, single.problem.redundancy[t], q);
  }
  return Changed(single, q, solve, [](double best) { return best; });
}

// One more slot of a labeler never hurts, and is worth at most her price.
std::string AFurtherSlot(const Instance& instance, const SolveFunction& solve) {
  if (instance.problem.num_labelers() == 0) return "";
  Problem q = instance.problem;
  const size_t l = instance.seed % q.capacity.size();
  // A labeler without capacity has no price.
  if (q.capacity[l] == 0) return "";
  ++q.capacity[l];
  for (const Solver solver : kExactSolvers) {
    const Solved before = Solve(instance.problem, With(solver), solve);
    const Solved after = Solve(q, With(solver), solve);
    if (!before.error.empty()) return before.error;
    if (!after.error.empty()) return after.error;
    const double worth = after.plan.objective - before.plan.objective;
    const double slack = Slack(q, after.plan) + Slack(q, before.plan);
    if (worth < -slack) return "a further slot does harm";
    if (worth > before.plan.labeler_price[l] + slack) {
      return absl::StrCat("a further slot of a labeler of price ",
                          before.plan.labeler_price[l], " is worth ", worth);
    }
  }
  return "";
}

std::string WarmPrices(const Instance& instance, const SolveFunction& solve) {
  const Problem& p = instance.problem;
  Rng rng = Rng(instance.seed).Split(3);
  std::vector<double> price(p.num_labelers());
  for (double& x : price) x = 12 * rng.Uniform() - 3;
  for (const Solver solver : kExactSolvers) {
    const Solved cold = Solve(p, With(solver), solve);
    MatchOptions options = With(solver);
    options.warm_price = price;
    const Solved warm = Solve(p, options, solve);
    if (!cold.error.empty()) return cold.error;
    if (!warm.error.empty()) return warm.error;
    std::string wrong = Compare(warm.plan.objective, cold.plan.objective,
                                Slack(p, cold.plan), SolverName(solver));
    if (!wrong.empty()) return wrong;
  }
  return "";
}

constexpr Law kLaws[] = {
    {"certificate", Always, Certificate},
    {"brute force", IsSmall, BruteForceAgrees},
    {"known optimum", HasKnownBest, KnownBest},
    {"solvers agree", Always, SolversAgree},
    {"permutation", Always, Permutation},
    {"translation", Always, Translation},
    {"scaling", Always, Scaling},
    {"duplicate labelers", Always, DuplicateLabelers},
    {"a further slot", Always, AFurtherSlot},
    {"warm prices", Always, WarmPrices},
};

}  // namespace

std::span<const Law> MatchLaws() { return kLaws; }

}  // namespace allot
