// SPDX-License-Identifier: Apache-2.0
// Real costs as integers, so that "exact" can be proven.
//
//   cost[i][j] ~ quantum * q[i][j],   |cost - quantum * q| <= quantum / 2
//
// The quantum is a power of two, so both directions are exact apart from that
// rounding. An assignment that is best for q is within rows * quantum of the
// best for the real costs.
#ifndef ALLOT_LIB_MATCH_DENSE_QUANTISE_H_
#define ALLOT_LIB_MATCH_DENSE_QUANTISE_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"

namespace allot {

struct QuantisedCosts {
  std::vector<int32_t> costs;  // [rows x columns], |q| <= 2^28
  double quantum = 1;
};

// The finest power of two that keeps |q| at most 2^28, which leaves the solver
// its fast 32-bit prices, or `least_quantum` if that is coarser. Memory: the
// copy. Errors: kInvalidArgument, naming the cell, if a cost is NaN or
// infinite; if sizes disagree; if least_quantum is not 0 or a positive power of
// two.
absl::StatusOr<QuantisedCosts> QuantiseCosts(std::span<const double> costs,
                                             int64_t rows, int64_t columns,
                                             double least_quantum = 0);
absl::StatusOr<QuantisedCosts> QuantiseCosts(std::span<const float> costs,
                                             int64_t rows, int64_t columns,
                                             double least_quantum = 0);

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_DENSE_QUANTISE_H_
