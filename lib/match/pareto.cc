// SPDX-License-Identifier: Apache-2.0
#include "lib/match/pareto.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/match/certificate.h"

namespace allot {
namespace {

class Sweep {
 public:
  Sweep(const Problem& quality, std::span<const double> cost,
        const ParetoOptions& options)
      : quality_(quality), cost_(cost), options_(options), mixed_(quality) {}

  absl::StatusOr<ParetoPoint> Solve(double weight,
                                    std::span<const double> warm_price) {
    for (int e = 0; e < quality_.num_edges(); ++e) {
      mixed_.utility[e] = quality_.utility[e] - weight * cost_[e];
    }
    MatchOptions match = options_.match;
    match.warm_price = warm_price;
    ParetoPoint point;
    point.weight = weight;
    ALLOT_ASSIGN_OR_RETURN(point.plan, Match(mixed_, match));
    point.quality = Objective(quality_, point.plan);
    for (const int32_t e : point.plan.edge) point.cost += cost_[e];
    return point;
  }

  // The weight above which cost alone decides: no pair is worth its cost then,
  // unless it has none.
  double HighestWeight() const {
    double most = 0;
    for (int t = 0; t < quality_.num_tasks(); ++t) {
      for (int e = quality_.offset[t]; e < quality_.offset[t + 1]; ++e) {
        const double gain = quality_.utility[e] + quality_.penalty(t);
        if (cost_[e] > 0 && gain > 0) most = std::max(most, gain / cost_[e]);
      }
    }
    return std::min(2 * most, kMaxUtility);
  }

 private:
  const Problem& quality_;
  const std::span<const double> cost_;
  const ParetoOptions& options_;
  Problem mixed_;
};

absl::Status CheckArguments(const Problem& quality,
                            std::span<const double> cost,
                            const ParetoOptions& options) {
  ALLOT_RETURN_IF_ERROR(Validate(quality));
  if (cost.size() != quality.utility.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cost: want ", quality.num_edges(), " entries, got ", cost.size()));
  }
  for (size_t e = 0; e < cost.size(); ++e) {
    if (!(cost[e] >= 0 && cost[e] <= kMaxUtility)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "cost[", e, "]: want in [0, ", kMaxUtility, "], got ", cost[e]));
    }
  }
  if (options.max_points < 2) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_points: want >= 2, got ", options.max_points));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ParetoFrontier> FindParetoFrontier(
    const Problem& quality, std::span<const double> cost,
    const ParetoOptions& options) {
  ALLOT_RETURN_IF_ERROR(CheckArguments(quality, cost, options));
  Sweep sweep(quality, cost, options);
  ParetoFrontier frontier;
  ALLOT_ASSIGN_OR_RETURN(
      ParetoPoint cheapest,
      sweep.Solve(sweep.HighestWeight(), options.match.warm_price));
  ALLOT_ASSIGN_OR_RETURN(ParetoPoint best,
                         sweep.Solve(0, options.match.warm_price));
  frontier.complete = true;
  // Neighbours still to be looked between, the cheaper on top.
  std::vector<ParetoPoint> open;
  open.push_back(std::move(best));
  ParetoPoint last = std::move(cheapest);
  int known = 2;
  while (!open.empty()) {
    ParetoPoint& next = open.back();
    const double cost_step = next.cost - last.cost;
    const double quality_step = next.quality - last.quality;
    // Two plans of one corner: keep the one that is no worse in both.
    if (!(cost_step > 0 && quality_step > 0)) {
      if (quality_step >= 0 && cost_step <= 0) last = std::move(next);
      open.pop_back();
      continue;
    }
    const double weight = quality_step / cost_step;
    const bool late = options.match.deadline.Passed();
    if (known < options.max_points && !late) {
      ALLOT_ASSIGN_OR_RETURN(ParetoPoint between,
                             sweep.Solve(weight, next.plan.labeler_price));
      // Worth more than both neighbours at this weight, beyond rounding.
      const double ends = next.quality - weight * next.cost;
      const double gain = between.plan.objective - ends;
      const double slack =
          1e-9 * (1 + std::abs(ends)) +
          2 * between.plan.quantum * static_cast<double>(quality.num_slots());
      if (gain > slack && between.cost > last.cost &&
          between.cost < next.cost) {
        ++known;
        open.push_back(std::move(between));
        continue;
      }
      frontier.complete = frontier.complete && between.plan.exact;
    } else {
      frontier.complete = false;
    }
    frontier.points.push_back(std::move(last));
    last = std::move(next);
    open.pop_back();
  }
  frontier.points.push_back(std::move(last));
  return frontier;
}

double QualityBound(const ParetoFrontier& frontier, double cost) {
  double bound = std::numeric_limits<double>::infinity();
  for (const ParetoPoint& point : frontier.points) {
    bound = std::min(bound, point.plan.upper_bound + point.weight * cost);
  }
  return bound;
}

}  // namespace allot
