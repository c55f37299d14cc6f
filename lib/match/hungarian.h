// SPDX-License-Identifier: Apache-2.0
// Exact b-matching by successive shortest augmenting paths: the Hungarian
// method, generalised to redundancy and capacity on sparse edges.
//
// Every task starts with its best labelers; each labeler asked too often is
// relieved along a shortest path of moves, which raises prices by exactly what
// the path loses. Best where little is contested: many labelers, few slots.
//
// Cost     O(n (edges + labelers log labelers)) at worst, where n <= slots is
//          the number of slots asked of labelers beyond their capacity; two
//          passes over the edges where nothing is contested.
// Memory   4 to 20 bytes an edge beside the problem.
// Result   Deterministic. Which of several optima is unspecified.
// Threads  A pure function.
//
// Kuhn (1955), doi:10.1002/nav.3800020109; Edmonds and Karp (1972),
// doi:10.1145/321694.321699.
#ifndef ALLOT_LIB_MATCH_HUNGARIAN_H_
#define ALLOT_LIB_MATCH_HUNGARIAN_H_

#include <span>

#include "lib/match/assignment.h"
#include "lib/match/deadline.h"
#include "lib/match/problem.h"
#include "lib/match/reading.h"

namespace allot {

// `reading` is the problem's, of which it takes the values. warm_price
// [labelers], or empty, are advice: where they are right little is left to do,
// where they are wrong it costs time. At the deadline returns a feasible
// assignment with its gap.
Assignment SolveHungarian(const Problem& problem, Reading& reading,
                          std::span<const double> warm_price,
                          const Deadline& deadline);

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_HUNGARIAN_H_
