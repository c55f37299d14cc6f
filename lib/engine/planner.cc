// SPDX-License-Identifier: Apache-2.0
#include "lib/engine/planner.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "lib/base/status_macros.h"
#include "lib/match/certificate.h"
#include "lib/match/pricing.h"

namespace allot {
namespace {

// One solve of the batch at one price of money.
struct Solution {
  DenseMatchResult dense;
  std::vector<DraftPair> pairs;
  std::vector<PairScore> scores;  // [pairs], by Evaluate()
  double objective = 0;    // sum of utilities, without multiplier or penalty
  double cost = 0;         // currency
  double upper_bound = 0;  // on the objective of any plan that keeps the budget
};

class Planner {
 public:
  explicit Planner(const PlanInput& input)
      : input_(input), weights_(Burdened(input)), scan_(MakeScan(0)) {}

  absl::StatusOr<Draft> Run();

 private:
  BatchScan MakeScan(double extra_cost) const {
    return BatchScan(input_.roster, input_.tasks, weights_, loads_,
                     input_.allowed, extra_cost, input_.call.seed);
  }
  static ObjectiveWeights Burdened(const PlanInput& input) {
    ObjectiveWeights weights = input.call.policy.weights;
    weights.balance += weights.fairness;
    return weights;
  }
  void CountSlots();
  void FindLoads();
  // Open leases of the labeler at `row`, with those that this call took
  // elsewhere.
  int32_t OpenTasksOf(int32_t row) const;
  // Tasks that the column's labeler can take now.
  int32_t CapacityOf(int32_t column) const;
  void FindPenalty();
  absl::StatusOr<Solution> Solve(double multiplier);
  absl::StatusOr<Solution> SolveWithinBudget();
  void TrimToBudget(Solution& solution) const;
  void Evaluate(Solution& solution) const;
  static void Order(Solution& solution);
  void Describe(const Solution& solution, Draft& draft) const;
  void ExplainEmptySlots(const Solution& solution, Draft& draft) const;
  void ExplainPairs(const Solution& solution, Draft& draft) const;
  bool TimeIsUp() const { return deadline_.Passed(); }

  const PlanInput& input_;
  // The policy's, with fairness turned into balance: whoever has had her turn
  // pays for it, and an empty slot as much.
  ObjectiveWeights weights_;
  // What `balance` is the price of, or empty: share of capacity in use, and of
  // her turn that each labeler has had, in the proportion of their prices.
  std::vector<float> loads_;
  BatchScan scan_;
  Deadline deadline_;
  std::vector<int32_t> wanted_;  // [tasks]
  std::vector<double> penalty_;  // [tasks], or empty
  double fill_penalty_ = 0;      // its part that must_fill asks for
  int64_t slots_ = 0;
  int64_t open_slots_ = 0;  // without those of withdrawn tasks
  int32_t share_ = 0;       // slots that one labeler may get
  std::atomic<int64_t> scan_nanos_{0};
  bool budget_binds_ = false;
  bool time_ran_out_ = false;
};

void Planner::CountSlots() {
  wanted_.reserve(input_.tasks.size());
  for (const BatchTask& task : input_.tasks) {
    wanted_.push_back(task.withdrawn ? 0 : std::max(task.wanted, 0));
    slots_ += std::max(task.wanted, 0);
    open_slots_ += wanted_.back();
  }
}

int32_t Planner::OpenTasksOf(int32_t row) const {
  const int32_t open = input_.loads.Get(row);
  if (input_.taken == nullptr) return open;
  const auto taken = input_.taken->find(row);
  return taken == input_.taken->end() ? open : open + taken->second;
}

int32_t Planner::CapacityOf(int32_t column) const {
  const int32_t row = scan_.RowOf(column);
  const RosterBlock& block = input_.roster.block_of(row);
  const int lane = Roster::lane(row);
  const bool usable = ((block.live >> lane) & 1) != 0 &&
                      (input_.allowed.empty() || input_.allowed[row]);
  if (!usable) return 0;
  return std::clamp(block.capacity[lane] - OpenTasksOf(row), 0, share_);
}

void Planner::FindLoads() {
  const Roster& roster = input_.roster;
  const ObjectiveWeights& weights = input_.call.policy.weights;
  share_ = static_cast<int32_t>(
      std::ceil(weights.max_labeler_share *
                static_cast<double>(std::max<int64_t>(slots_, 1))));
  if (weights_.balance <= 0) return;
  loads_.assign(roster.num_blocks() * RosterBlock::kLabelers, 0);
  for (int32_t row = 0; row < roster.num_rows(); ++row) {
    const RosterBlock& block = roster.block_of(row);
    const int lane = Roster::lane(row);
    if (block.capacity[lane] <= 0) continue;
    const int32_t open = OpenTasksOf(row);
    const double load = static_cast<double>(open) / block.capacity[lane];
    const auto work = static_cast<double>(block.answers[lane] + open);
    const double turn = std::min(1.0, work / weights.fair_answers);
    loads_[row] = static_cast<float>(
        (weights.balance * load + weights.fairness * turn) / weights_.balance);
  }
  // The scorers must see the loads that were just found.
  scan_ = MakeScan(0);
}

void Planner::FindPenalty() {
  const ObjectiveWeights& weights = input_.call.policy.weights;
  if (weights.fairness > 0) {
    penalty_.assign(input_.tasks.size(), weights.fairness);
  }
  if (!weights.must_fill) return;
  double price_per_answer = 0, price_per_second = 0, time_factor = 0;
  for (int64_t b = 0; b < input_.roster.num_blocks(); ++b) {
    const RosterBlock& block = input_.roster.block(b);
    for (int lane = 0; lane < RosterBlock::kLabelers; ++lane) {
      price_per_answer =
          std::max<double>(price_per_answer, block.price_per_answer[lane]);
      price_per_second =
          std::max<double>(price_per_second, block.price_per_second[lane]);
      time_factor = std::max<double>(time_factor, block.time_factor[lane]);
    }
  }
  double range = weights_.balance + weights.explore;
  for (const BatchTask& task : input_.tasks) {
    const double seconds = task.task->base_seconds * time_factor;
    const double charge =
        weights.cost * (price_per_answer + price_per_second * seconds) +
        weights.time * seconds + weights_.balance;
    const double worth =
        task.task->value * weights.quality * std::log2(task.task->num_classes) +
        weights.explore;
    range = std::max(range, charge + worth);
  }
  // An augmenting path exchanges fewer pairs than there are slots.
  fill_penalty_ = (range + 1) * static_cast<double>(slots_ + 1);
  penalty_.assign(input_.tasks.size(), fill_penalty_ + weights.fairness);
}

void Planner::Evaluate(Solution& solution) const {
  solution.objective = solution.cost = 0;
  solution.scores.clear();
  solution.scores.reserve(solution.pairs.size());
  for (const DraftPair& pair : solution.pairs) {
    PairScore& score =
        solution.scores.emplace_back(scan_.Score(pair.task, pair.labeler));
    score.utility += static_cast<float>(input_.call.policy.weights.fairness);
    solution.objective += score.utility;
    solution.cost += score.price;
  }
}

absl::StatusOr<Solution> Planner::Solve(double multiplier) {
  std::optional<BatchScan> with_multiplier;
  if (multiplier != 0) with_multiplier.emplace(MakeScan(multiplier));
  const BatchScan& priced = with_multiplier ? *with_multiplier : scan_;
  const auto capacity = [this](int column) { return CapacityOf(column); };
  const DenseMatchProblem problem{
      .redundancy = wanted_,
      .num_labelers = static_cast<int>(input_.roster.num_rows()),
      .capacity = capacity,
      .unfilled_penalty = penalty_};
  PricingOptions options;
  options.match.deadline = deadline_;
  options.match.gap_tolerance = input_.call.gap_tolerance;
  options.match.threads = input_.threads;
  Solution solution;
  const auto scan = [&](const ScanRequest& request, ScanSink& sink) {
    const int64_t start = input_.clock.MonotonicNanos();
    priced.Scan(request, sink);
    scan_nanos_ += input_.clock.MonotonicNanos() - start;
  };
  ALLOT_ASSIGN_OR_RETURN(solution.dense, MatchDense(problem, scan, options));
  const Assignment& assignment = solution.dense.assignment;
  time_ran_out_ |= assignment.deadline_reached;
  int64_t filled = 0;
  for (int t = 0; t < solution.dense.candidates.num_tasks(); ++t) {
    for (const int32_t e : assignment.edges(t)) {
      solution.pairs.push_back(
          {t,
           scan_.RowOf(
               solution.dense.labelers[solution.dense.candidates.labeler[e]])});
      ++filled;
    }
  }
  Evaluate(solution);
  // Without the penalties of slots that stay empty in every plan.
  solution.upper_bound =
      assignment.upper_bound +
      fill_penalty_ * static_cast<double>(open_slots_ - filled) +
      input_.call.policy.weights.fairness * static_cast<double>(open_slots_);
  if (multiplier > 0) {
    solution.upper_bound += multiplier * *input_.call.budget;
  }
  return solution;
}

// Gives back the pairs that are worth least for their price until the budget is
// kept.
void Planner::TrimToBudget(Solution& solution) const {
  struct Priced {
    double worth_per_price;
    double price;
    size_t at;
  };
  std::vector<Priced> priced;
  for (size_t i = 0; i < solution.pairs.size(); ++i) {
    const PairScore& score = solution.scores[i];
    if (score.price > 0) {
      priced.push_back({score.utility / score.price, score.price, i});
    }
  }
  std::sort(priced.begin(), priced.end(), [](const Priced& x, const Priced& y) {
    return x.worth_per_price != y.worth_per_price
               ? x.worth_per_price < y.worth_per_price
               : x.at > y.at;
  });
  std::vector<char> dropped(solution.pairs.size(), 0);
  double cost = solution.cost;
  for (const Priced& pair : priced) {
    if (cost <= *input_.call.budget) break;
    dropped[pair.at] = 1;
    cost -= pair.price;
  }
  size_t kept = 0;
  for (size_t i = 0; i < solution.pairs.size(); ++i) {
    if (!dropped[i]) solution.pairs[kept++] = solution.pairs[i];
  }
  solution.pairs.resize(kept);
  Evaluate(solution);
}

absl::StatusOr<Solution> Planner::SolveWithinBudget() {
  const double budget = *input_.call.budget;
  ALLOT_ASSIGN_OR_RETURN(Solution best, Solve(0));
  if (best.cost <= budget) return best;
  budget_binds_ = true;
  double bound = best.upper_bound;
  TrimToBudget(best);
  // Multipliers between which cost crosses the budget.
  double low = 0, high = std::numeric_limits<double>::infinity();
  constexpr int kSteps = 24;
  double multiplier = 1;
  for (int step = 0; step < kSteps && !TimeIsUp(); ++step) {
    ALLOT_ASSIGN_OR_RETURN(Solution next, Solve(multiplier));
    bound = std::min(bound, next.upper_bound);
    const bool kept = next.cost <= budget;
    (kept ? high : low) = multiplier;
    if (!kept) TrimToBudget(next);
    const bool settled = next.cost == budget;
    const bool fuller = next.pairs.size() > best.pairs.size();
    const bool better =
        fill_penalty_ == 0
            ? next.objective > best.objective
            : fuller || (next.pairs.size() == best.pairs.size() &&
                         next.objective > best.objective);
    if (better) best = std::move(next);
    if (RelativeGap(best.objective, bound) <=
            std::max(input_.call.gap_tolerance, 1e-6) ||
        settled || (high - low) < 1e-9 * high) {
      break;
    }
    multiplier = std::isinf(high) ? multiplier * 8 : (low + high) / 2;
  }
  time_ran_out_ |= TimeIsUp();
  best.upper_bound = std::max(bound, best.objective);
  return best;
}

// By task, within a task by falling utility.
void Planner::Order(Solution& solution) {
  std::vector<size_t> order(solution.pairs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t x, size_t y) {
    const int32_t task_x = solution.pairs[x].task;
    const int32_t task_y = solution.pairs[y].task;
    if (task_x != task_y) return task_x < task_y;
    return solution.scores[x].utility > solution.scores[y].utility;
  });
  std::vector<DraftPair> pairs;
  std::vector<PairScore> scores;
  for (const size_t i : order) {
    pairs.push_back(solution.pairs[i]);
    scores.push_back(solution.scores[i]);
  }
  solution.pairs = std::move(pairs);
  solution.scores = std::move(scores);
}

void Planner::Describe(const Solution& solution, Draft& draft) const {
  Plan& plan = draft.plan;
  plan.pairs.reserve(solution.pairs.size());
  for (size_t i = 0; i < solution.pairs.size(); ++i) {
    const DraftPair& pair = solution.pairs[i];
    const PairScore& score = solution.scores[i];
    plan.pairs.push_back({.task = pair.task,
                          .labeler = input_.roster.profile(pair.labeler).id,
                          .expected_accuracy = score.accuracy,
                          .bits = score.bits,
                          .cost = score.price,
                          .seconds = score.seconds,
                          .utility = score.utility});
    plan.bits += score.bits;
    plan.cost += score.price;
    plan.seconds += score.seconds;
  }
  const Assignment& assignment = solution.dense.assignment;
  plan.objective = solution.objective;
  plan.upper_bound = solution.upper_bound;
  plan.gap = RelativeGap(plan.objective, plan.upper_bound);
  // What is left of the difference is the rounding of utilities.
  if (assignment.exact && !budget_binds_) plan.gap = 0;
  plan.solver = SolverName(assignment.solver);
  plan.slots = static_cast<int32_t>(slots_);
  plan.filled = static_cast<int32_t>(plan.pairs.size());
  plan.candidates = solution.dense.candidates.num_edges();
  plan.pricing_rounds = assignment.stats.pricing_rounds;
  plan.quantum = assignment.quantum;
  plan.roster_version = input_.roster.version();
  plan.basis.watched = deadline_.clock != nullptr;
  plan.basis.time_ran_out = time_ran_out_;
}

void Planner::ExplainEmptySlots(const Solution& solution, Draft& draft) const {
  std::vector<std::vector<int32_t>> taken(input_.tasks.size());
  for (const DraftPair& pair : solution.pairs) {
    taken[pair.task].push_back(pair.labeler);
  }
  const ObjectiveWeights& weights = input_.call.policy.weights;
  for (size_t t = 0; t < input_.tasks.size(); ++t) {
    const int32_t missing =
        input_.tasks[t].wanted - static_cast<int32_t>(taken[t].size());
    if (missing <= 0) continue;
    if (input_.tasks[t].withdrawn) {
      draft.plan.unfilled.push_back(
          {static_cast<int32_t>(t), missing, UnfilledReason::kWithdrawn});
      continue;
    }
    std::sort(taken[t].begin(), taken[t].end());
    // Who else there would have been takes a look at the whole roster.
    if (time_ran_out_ && TimeIsUp()) {
      draft.plan.unfilled.push_back(
          {static_cast<int32_t>(t), missing, UnfilledReason::kTimeLimit});
      continue;
    }
    const BatchScan::Leftover left =
        scan_.LeftOver(static_cast<int>(t), taken[t]);
    UnfilledReason reason = UnfilledReason::kCapacity;
    if (!left.anybody) {
      reason = UnfilledReason::kNoEligibleLabeler;
    } else if (left.best_utility + weights.fairness <= 0 &&
               !weights.must_fill) {
      reason = UnfilledReason::kNotWorthItsPrice;
    } else if (budget_binds_) {
      reason = UnfilledReason::kBudget;
    } else if (solution.dense.assignment.deadline_reached) {
      reason = UnfilledReason::kTimeLimit;
    }
    draft.plan.unfilled.push_back({static_cast<int32_t>(t), missing, reason});
  }
}

void Planner::ExplainPairs(const Solution& solution, Draft& draft) const {
  const Problem& candidates = solution.dense.candidates;
  const std::vector<int32_t>& labelers = solution.dense.labelers;
  const std::vector<double>& price = solution.dense.assignment.labeler_price;
  const double fairness = input_.call.policy.weights.fairness;
  absl::flat_hash_set<std::pair<int32_t, int32_t>> planned;
  for (const DraftPair& pair : solution.pairs) {
    planned.insert({pair.task, pair.labeler});
  }
  for (size_t i = 0; i < solution.pairs.size(); ++i) {
    const auto [task, row] = solution.pairs[i];
    const auto at =
        std::lower_bound(labelers.begin(), labelers.end(), scan_.ColumnOf(row));
    PairExplanation why;
    why.dual_price = price[static_cast<size_t>(at - labelers.begin())];
    why.reduced_utility = draft.plan.pairs[i].utility - why.dual_price;
    double best = -std::numeric_limits<double>::infinity();
    for (int e = candidates.offset[task]; e < candidates.offset[task + 1];
         ++e) {
      const int32_t other = scan_.RowOf(labelers[candidates.labeler[e]]);
      if (planned.contains({task, other})) continue;
      const double reduced =
          candidates.utility[e] + fairness - price[candidates.labeler[e]];
      if (reduced > best) {
        best = reduced;
        why.runner_up = input_.roster.profile(other).id;
        why.runner_up_reduced_utility = reduced;
      }
    }
    // Without a runner-up the alternative is the empty slot, worth nothing.
    why.margin = std::max(0.0, why.reduced_utility - std::max(best, 0.0));
    draft.plan.explanations.push_back(std::move(why));
  }
}

absl::StatusOr<Draft> Planner::Run() {
  const int64_t start = input_.clock.MonotonicNanos();
  if (input_.call.deadline_nanos || input_.call.cancelled != nullptr) {
    deadline_ = {&input_.clock,
                 input_.call.deadline_nanos.value_or(deadline_.at_nanos)};
    deadline_.cancelled = input_.call.cancelled;
  }
  CountSlots();
  FindLoads();
  FindPenalty();
  absl::StatusOr<Solution> solution =
      input_.call.budget ? SolveWithinBudget() : Solve(0);
  if (!solution.ok()) return solution.status();
  Order(*solution);
  Draft draft;
  Describe(*solution, draft);
  ExplainEmptySlots(*solution, draft);
  if (input_.call.explain) ExplainPairs(*solution, draft);
  draft.rows = std::move(solution->pairs);
  draft.plan.score_nanos = scan_nanos_;
  draft.plan.solve_nanos = input_.clock.MonotonicNanos() - start - scan_nanos_;
  return draft;
}

}  // namespace

absl::StatusOr<Draft> MakePlan(const PlanInput& input) {
  return Planner(input).Run();
}

}  // namespace allot
