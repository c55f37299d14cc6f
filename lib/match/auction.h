// SPDX-License-Identifier: Apache-2.0
// Exact b-matching by a forward and reverse epsilon-scaled auction, finished by
// exact repair. Best where many tasks compete for the same labelers.
//
// Forward, a task with open slots bids for its best labelers, each as much as
// the next best alternative leaves it indifferent to, plus epsilon. A labeler
// keeps her highest bids; once full her price is the lowest bid she keeps.
// Reverse, a labeler with room and a positive price lowers it until tasks come
// over or it reaches 0. When neither has anything to do, the assignment is
// within slots x epsilon of the best. Epsilon starts large and shrinks, the
// prices of one phase opening the next; the last phase leaves few labelers
// wrong, and shortest paths (shortest_path.h) settle those to exactness.
//
// Memory   12 to 20 bytes an edge beside the problem.
// Result   Deterministic. Which of several optima is unspecified.
// Anytime  Each phase ends with an assignment and prices; at the deadline the
//          best of them is returned with its gap.
//
// Bertsekas (1988), doi:10.1007/BF02186476; Bertsekas and Castanon (1989, the
// transportation problem), doi:10.1007/BF02283688; (1992, forward and reverse),
// doi:10.1007/BF00247655.
#ifndef ALLOT_LIB_MATCH_AUCTION_H_
#define ALLOT_LIB_MATCH_AUCTION_H_

#include <span>

#include "lib/match/assignment.h"
#include "lib/match/deadline.h"
#include "lib/match/problem.h"
#include "lib/match/reading.h"

namespace allot {

struct AuctionOptions {
  std::span<const double> warm_price;  // [labelers] or empty
  Deadline deadline;
  double gap_tolerance = 0;  // stop once the gap is proven no larger
  // Start as the Hungarian method, which is all there is to do where little is
  // contested, and turn to the auction only where much is.
  bool try_repair_first = false;
};

// `reading` is the problem's, of which it takes the values; it was begun at
// `start_nanos` of the deadline's clock. Requires prices to be finite.
Assignment SolveAuction(const Problem& problem, Reading& reading,
                        int64_t start_nanos, const AuctionOptions& options);

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_AUCTION_H_
