// SPDX-License-Identifier: Apache-2.0
// Numbers of several replications as one, and how work is shared out.
#ifndef ALLOT_LIB_STUDY_SUMMARY_H_
#define ALLOT_LIB_STUDY_SUMMARY_H_

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace allot {

// A mean over replications with its standard error (0 of a single one).
struct Estimate {
  double mean = 0;
  double error = 0;
  int64_t count = 0;
};
Estimate EstimateOf(std::span<const double> values);

// 0: all do the same; 1: one does everything. Requires values >= 0; 0 if they
// are all 0. O(n log n).
double Gini(std::span<const double> values);

// The Lorenz curve at `points` + 1 even shares of the people, from 0 to 1: what
// share of the work the least busy of them do.
std::vector<double> Lorenz(std::span<const double> values, int points = 20);

// The least x at which a curve reaches `level`, by linear interpolation between
// its points (ascending by x); nullopt if it never does.
std::optional<double> FirstReach(
    std::span<const std::pair<double, double>> curve, double level);

// The `share` quantile (nearest rank) of values, which it reorders. 0 of none.
double Quantile(std::vector<double>& values, double share);

}  // namespace allot

#endif  // ALLOT_LIB_STUDY_SUMMARY_H_
