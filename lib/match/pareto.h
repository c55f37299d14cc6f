// SPDX-License-Identifier: Apache-2.0
// What a batch can buy: the frontier of quality against cost.
//
// For a weight lambda >= 0 the best plan of quality - lambda cost is a corner
// of the frontier's convex hull, and its certified bound holds for every plan:
//
//   quality <= upper_bound(lambda) + lambda cost.
//
// Corners are found by dichotomy: the weight at which two known corners are
// worth the same either finds one between them or proves that none is there.
// Each solve starts at the prices of a neighbour. A third criterion, say time,
// enters at a weight of its own, inside `quality`: one frontier for each.
//
// Aneja and Nair (1979), doi:10.1287/mnsc.25.1.73.
#ifndef ALLOT_LIB_MATCH_PARETO_H_
#define ALLOT_LIB_MATCH_PARETO_H_

#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/match/assignment.h"
#include "lib/match/matcher.h"
#include "lib/match/problem.h"

namespace allot {

struct ParetoPoint {
  double weight = 0;   // lambda of the solve that found it
  double quality = 0;  // utilities of its pairs, less penalties
  double cost = 0;     // costs of its pairs
  // Objective, bound and gap are of quality - weight cost.
  Assignment plan;
};

struct ParetoOptions {
  // Prices are warm from corner to corner; warm_price serves the first.
  MatchOptions match;
  int max_points = 64;  // >= 2: stop with those found so far
};

struct ParetoFrontier {
  // By falling weight: cost and quality rise. The first is at a weight so high
  // that only cost matters, the last at weight 0.
  std::vector<ParetoPoint> points;
  // No corner of the hull is missing, up to the quantum.
  bool complete = false;
};

// `cost` is [edges] >= 0, in any unit. kInvalidArgument as Match(), or naming
// the wrong element. A deadline in options.match ends the sweep.
absl::StatusOr<ParetoFrontier> FindParetoFrontier(const Problem& quality,
                                                  std::span<const double> cost,
                                                  const ParetoOptions& options);

// No plan of at most this cost has a higher quality: the least of the bounds
// that the points certify. Infinite without points.
double QualityBound(const ParetoFrontier& frontier, double cost);

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_PARETO_H_
