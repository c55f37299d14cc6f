// SPDX-License-Identifier: Apache-2.0
#include "lib/match/side_constraints.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/match/certificate.h"

namespace allot {
namespace {

absl::Status CheckTiers(const Problem& problem, const SideConstraints& side) {
  if (side.load_tiers.empty()) return absl::OkStatus();
  if (side.load_tiers.size() != problem.capacity.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("load_tiers: want ", problem.num_labelers(),
                     " entries, got ", side.load_tiers.size()));
  }
  for (size_t l = 0; l < side.load_tiers.size(); ++l) {
    double least = 0;
    for (size_t i = 0; i < side.load_tiers[l].size(); ++i) {
      const LoadTier& tier = side.load_tiers[l][i];
      if (tier.slots < 1) {
        return absl::InvalidArgumentError(absl::StrCat(
            "load_tiers[", l, "][", i, "].slots: want >= 1, got ", tier.slots));
      }
      if (!(tier.cost >= least && tier.cost <= kMaxUtility)) {
        return absl::InvalidArgumentError(
            absl::StrCat("load_tiers[", l, "][", i, "].cost: want in [", least,
                         ", ", kMaxUtility, "], got ", tier.cost));
      }
      least = tier.cost;
    }
  }
  return absl::OkStatus();
}

absl::Status CheckValues(const Problem& problem, const SideConstraints& side) {
  if (side.answer_value.empty()) return absl::OkStatus();
  if (side.answer_value.size() != problem.redundancy.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("answer_value: want ", problem.num_tasks(),
                     " entries, got ", side.answer_value.size()));
  }
  for (size_t t = 0; t < side.answer_value.size(); ++t) {
    const std::vector<double>& value = side.answer_value[t];
    if (value.size() > static_cast<size_t>(problem.redundancy[t])) {
      return absl::InvalidArgumentError(
          absl::StrCat("answer_value[", t, "]: want at most the redundancy, ",
                       problem.redundancy[t], ", got ", value.size()));
    }
    double most = kMaxUtility;
    for (size_t i = 0; i < value.size(); ++i) {
      if (!(value[i] >= 0 && value[i] <= most)) {
        return absl::InvalidArgumentError(
            absl::StrCat("answer_value[", t, "][", i, "]: want in [0, ", most,
                         "], got ", value[i]));
      }
      most = value[i];
    }
  }
  return absl::OkStatus();
}

double ValueOf(const SideConstraints& side, int task, int answer) {
  if (side.answer_value.empty()) return 0;
  const std::vector<double>& value = side.answer_value[task];
  return static_cast<size_t>(answer) < value.size() ? value[answer] : 0;
}

// What each of a labeler's first `slots` tasks costs.
std::vector<double> SlotCosts(const SideConstraints& side, int labeler,
                              int slots) {
  std::vector<double> cost(slots, 0);
  if (side.load_tiers.empty()) return cost;
  int next = 0;
  double last = 0;
  for (const LoadTier& tier : side.load_tiers[labeler]) {
    last = tier.cost;
    for (int i = 0; i < tier.slots && next < slots; ++i) cost[next++] = last;
  }
  std::fill(cost.begin() + next, cost.end(), last);
  return cost;
}

// More than her edges no labeler can serve.
std::vector<int32_t> UsableCapacity(const Problem& problem, double max_share) {
  std::vector<int32_t> degree(problem.num_labelers(), 0);
  for (const int32_t l : problem.labeler) ++degree[l];
  const double share = std::max(
      1.0, std::floor(max_share * static_cast<double>(problem.num_slots())));
  std::vector<int32_t> capacity = problem.capacity;
  for (int l = 0; l < problem.num_labelers(); ++l) {
    capacity[l] = std::min(capacity[l], degree[l]);
    if (capacity[l] > share) capacity[l] = static_cast<int32_t>(share);
  }
  return capacity;
}

// The original tasks, each with a labeler of its own for every answer that it
// may do without at less than the first one's value.
void AddTasks(const Problem& problem, const SideConstraints& side,
              ExpandedProblem& expanded) {
  Problem& out = expanded.problem;
  for (int t = 0; t < problem.num_tasks(); ++t) {
    for (int e = problem.offset[t]; e < problem.offset[t + 1]; ++e) {
      out.labeler.push_back(problem.labeler[e]);
      out.utility.push_back(problem.utility[e]);
    }
    const int k = problem.redundancy[t];
    const double first = ValueOf(side, t, 0);
    for (int i = 0; i < k; ++i) {
      const double value = ValueOf(side, t, i);
      expanded.constant += value;
      if (value == first) continue;
      out.labeler.push_back(out.num_labelers());
      out.utility.push_back(-(value + problem.penalty(t)));
      out.capacity.push_back(1);
    }
    out.offset.push_back(static_cast<int32_t>(out.labeler.size()));
    out.unfilled_penalty.push_back(first + problem.penalty(t));
  }
}

// One task for every slot that it saves something to leave idle.
void AddIdleSlots(const SideConstraints& side, int num_labelers,
                  ExpandedProblem& expanded) {
  if (side.load_tiers.empty()) return;
  Problem& out = expanded.problem;
  for (int l = 0; l < num_labelers; ++l) {
    for (const double cost : SlotCosts(side, l, out.capacity[l])) {
      if (cost == 0) continue;
      expanded.constant -= cost;
      out.labeler.push_back(l);
      out.utility.push_back(cost);
      out.offset.push_back(static_cast<int32_t>(out.labeler.size()));
      out.redundancy.push_back(1);
      out.unfilled_penalty.push_back(0);
    }
  }
}

}  // namespace

absl::StatusOr<ExpandedProblem> Expand(const Problem& problem,
                                       const SideConstraints& side) {
  ALLOT_RETURN_IF_ERROR(Validate(problem));
  ALLOT_RETURN_IF_ERROR(CheckTiers(problem, side));
  ALLOT_RETURN_IF_ERROR(CheckValues(problem, side));
  if (!(side.max_share > 0 && side.max_share <= 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_share: want in (0, 1], got ", side.max_share));
  }
  ExpandedProblem expanded;
  Problem& out = expanded.problem;
  out.capacity = UsableCapacity(problem, side.max_share);
  out.redundancy = problem.redundancy;
  // At most a pair for each slot of a task, and one for each of a labeler.
  int64_t most_edges = problem.num_edges();
  if (!side.answer_value.empty()) most_edges += problem.num_slots();
  if (!side.load_tiers.empty()) {
    for (const int32_t c : out.capacity) most_edges += c;
  }
  if (most_edges >= std::numeric_limits<int32_t>::max()) {
    return absl::InvalidArgumentError(
        "problem: want less than 2^31 pairs and slots under side constraints");
  }
  AddTasks(problem, side, expanded);
  AddIdleSlots(side, problem.num_labelers(), expanded);
  return expanded;
}

absl::StatusOr<Assignment> MatchWithSide(const Problem& problem,
                                         const SideConstraints& side,
                                         const MatchOptions& options) {
  ALLOT_ASSIGN_OR_RETURN(const ExpandedProblem expanded, Expand(problem, side));
  const size_t num_labelers = problem.capacity.size();
  if (!options.warm_price.empty() &&
      options.warm_price.size() != num_labelers) {
    return absl::InvalidArgumentError(
        absl::StrCat("warm_price: want ", num_labelers, " entries, got ",
                     options.warm_price.size()));
  }
  MatchOptions match = options;
  std::vector<double> warm_price(options.warm_price.begin(),
                                 options.warm_price.end());
  if (!warm_price.empty()) {
    warm_price.resize(expanded.problem.capacity.size(), 0);
    match.warm_price = warm_price;
  }
  ALLOT_ASSIGN_OR_RETURN(Assignment plan, Match(expanded.problem, match));
  Assignment out = plan;
  out.offset = {0};
  out.edge.clear();
  for (int t = 0; t < problem.num_tasks(); ++t) {
    const int32_t from = expanded.problem.offset[t];
    const int32_t degree = problem.offset[t + 1] - problem.offset[t];
    for (const int32_t e : plan.edges(t)) {
      if (e - from < degree) out.edge.push_back(problem.offset[t] + e - from);
    }
    out.offset.push_back(static_cast<int32_t>(out.edge.size()));
  }
  out.labeler_price.resize(num_labelers);
  out.task_price.resize(problem.redundancy.size());
  // Counted anew: an idle slot that a plan cut short forgot to save is saved.
  out.objective = SideObjective(problem, side, out);
  out.upper_bound = plan.upper_bound + expanded.constant;
  out.gap = RelativeGap(out.objective, out.upper_bound);
  return out;
}

double SideObjective(const Problem& problem, const SideConstraints& side,
                     const Assignment& assignment) {
  double objective = Objective(problem, assignment);
  std::vector<int32_t> load(problem.num_labelers(), 0);
  for (const int32_t e : assignment.edge) ++load[problem.labeler[e]];
  for (int t = 0; t < problem.num_tasks(); ++t) {
    for (int i = 0; i < assignment.filled(t); ++i) {
      objective += ValueOf(side, t, i);
    }
  }
  for (int l = 0; l < problem.num_labelers(); ++l) {
    for (const double cost : SlotCosts(side, l, load[l])) objective -= cost;
  }
  return objective;
}

}  // namespace allot
