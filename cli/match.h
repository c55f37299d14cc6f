// SPDX-License-Identifier: Apache-2.0
// `allot match`: the best plan for a file of pairs, with its proof.
#ifndef ALLOT_CLI_MATCH_H_
#define ALLOT_CLI_MATCH_H_

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "cli/match_files.h"
#include "lib/base/clock.h"
#include "lib/match/assignment.h"

namespace allot {

struct MatchCommandOptions {
  MatchFiles files;
  Solver solver = Solver::kAuto;
  std::optional<int64_t> time_limit_nanos;  // of the solve, not of the reading
  bool json = false;     // one object instead of a plan and a summary
  std::string plan;      // file for the plan; "": standard output
  double max_share = 1;  // of the batch's slots that one labeler may take
  // Files for ExplainCsv() and the frontier (match_views.h); "": none. Neither
  // goes with side constraints.
  std::string explain, frontier;
  // "TASK,LABELER": adds a line on what would win her the task; "": none.
  std::string win;
};

// Reads, solves, checks the certificate and prints. The plan is CSV,
// task,labeler,utility. The summary goes to `err` while the plan is on `out`,
// and to `out` otherwise.
// Side constraints (answer_values, load_costs, max_share) make it a problem of
// side_constraints.h.
// Errors: as ReadMatchTables(); kInvalidArgument for options that do not go
// with each other or with the files; kUnknown for a file that cannot be
// written; kInternal should the plan not be what its solver says.
absl::Status RunMatch(const MatchCommandOptions& options, const Clock& clock,
                      std::ostream& out, std::ostream& err);

}  // namespace allot

#endif  // ALLOT_CLI_MATCH_H_
