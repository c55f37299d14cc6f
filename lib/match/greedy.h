// SPDX-License-Identifier: Apache-2.0
// The fallback under a nearly spent deadline: the dearest pair first, while
// both sides have room. At least half of the optimum where utilities are >= 0
// (Korte and Hausmann 1978, doi:10.1016/S0167-5060(08)70322-4); its gap is
// reported like any other, from prices that fit what it did.
//
// O(edges log edges) time. Deterministic; ties go to the earlier edge.
#ifndef ALLOT_LIB_MATCH_GREEDY_H_
#define ALLOT_LIB_MATCH_GREEDY_H_

#include <span>

#include "lib/match/assignment.h"
#include "lib/match/problem.h"
#include "lib/match/reading.h"

namespace allot {

// `reading` is the problem's, of which it takes the values; warm_price
// [labelers] or empty. The bound is
// the best of those at the warm prices, at 0, and at the prices it suggests.
Assignment SolveGreedy(const Problem& problem, Reading& reading,
                       std::span<const double> warm_price);

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_GREEDY_H_
