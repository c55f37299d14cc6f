// SPDX-License-Identifier: Apache-2.0
// A matching problem from CSV files: who may label what, and what each pair is
// worth. Ids become row numbers here and nowhere else.
#ifndef ALLOT_CLI_MATCH_FILES_H_
#define ALLOT_CLI_MATCH_FILES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/match/problem.h"
#include "lib/match/side_constraints.h"

namespace allot {

// Plain or gzipped, columns by name. Tasks and labelers that only the edges
// name, and cells left empty, get the defaults.
struct MatchFiles {
  std::string edges;  // task,labeler,utility,cost (0)
  // task,redundancy (1),unfilled_penalty (0),answer_values (none); may be ""
  std::string tasks;
  std::string labelers;  // labeler,capacity (1),load_costs (none); may be ""
};

// Tasks and labelers in order of first appearance: their own file first, then
// the edges.
struct MatchTables {
  std::vector<std::string> tasks, labelers;  // ids
  std::vector<int32_t> redundancy, capacity;
  std::vector<double> unfilled_penalty;  // empty without such a column
  // "3;2;0.5": what the first answer is worth beyond its pair's utility, the
  // second, ... "2:0;3:1.5": the labeler's first two tasks cost nothing, the
  // next three 1.5 each, further ones too. Both empty without such a column.
  std::vector<std::vector<double>> answer_value;  // [tasks]
  std::vector<std::vector<LoadTier>> load_tiers;  // [labelers]
  // Row by row of the edges file.
  std::vector<int32_t> edge_task, edge_labeler;
  std::vector<double> edge_utility;
  // Empty without such a column. BuildMatchProblem() brings it into the order
  // of the problem's edges.
  std::vector<double> edge_cost;
};

// Errors: kUnknown for a file that cannot be read; kDataLoss
// "file:line: ..." for what is wrong in it.
absl::StatusOr<MatchTables> ReadMatchTables(const MatchFiles& files);

// Sorts the edges by task and checks them. Frees the tables' edges, but for
// their cost.
// Errors: kDataLoss "file:line: ..." if a task lists a labeler twice.
absl::StatusOr<Problem> BuildMatchProblem(const MatchFiles& files,
                                          MatchTables& tables);

}  // namespace allot

#endif  // ALLOT_CLI_MATCH_FILES_H_
