// SPDX-License-Identifier: Apache-2.0
#include "lib/match/matcher.h"

#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/match/auction.h"
#include "lib/match/greedy.h"
#include "lib/match/hungarian.h"
#include "lib/match/reading.h"

namespace allot {

absl::StatusOr<Assignment> Match(const Problem& problem,
                                 const MatchOptions& options) {
  const int64_t start_nanos = options.deadline.NowNanos();
  Reading reading;
  ALLOT_RETURN_IF_ERROR(ReadProblem(problem, reading));
  if (!options.warm_price.empty() &&
      options.warm_price.size() != problem.capacity.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("warm_price: want ", problem.num_labelers(),
                     " entries, got ", options.warm_price.size()));
  }
  if (!(options.gap_tolerance >= 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("gap_tolerance: want >= 0, got ", options.gap_tolerance));
  }
  std::vector<double> warm_price(options.warm_price.begin(),
                                 options.warm_price.end());
  for (double& price : warm_price) {
    if (!(price > 0) || !std::isfinite(price)) price = 0;
  }
  if (options.solver == Solver::kGreedy) {
    return SolveGreedy(problem, reading, warm_price);
  }
  if (options.solver == Solver::kHungarian) {
    return SolveHungarian(problem, reading, warm_price, options.deadline);
  }
  // On few pairs shortest paths end before an auction's price war does.
  constexpr int kFewEdges = 20'000;
  if (options.solver == Solver::kAuto && problem.num_edges() <= kFewEdges) {
    return SolveHungarian(problem, reading, warm_price, options.deadline);
  }
  AuctionOptions auction;
  auction.warm_price = warm_price;
  auction.deadline = options.deadline;
  auction.gap_tolerance = options.gap_tolerance;
  auction.try_repair_first = options.solver == Solver::kAuto;
  return SolveAuction(problem, reading, start_nanos, auction);
}

}  // namespace allot
