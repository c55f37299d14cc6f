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

namespace allot {

// Plain or gzipped, columns by name. Tasks and labelers that only the edges
// name, and cells left empty, get the defaults.
struct MatchFiles {
  std::string edges;     // task,labeler,utility
  std::string tasks;     // task,redundancy (1), unfilled_penalty (0); may be ""
  std::string labelers;  // labeler,capacity (1); may be ""
};

// Tasks and labelers in order of first appearance: their own file first, then
// the edges.
struct MatchTables {
  std::vector<std::string> tasks, labelers;  // ids
  std::vector<int32_t> redundancy, capacity;
  std::vector<double> unfilled_penalty;  // empty without such a column
  // Row by row of the edges file.
  std::vector<int32_t> edge_task, edge_labeler;
  std::vector<double> edge_utility;
};

// Errors: kUnknown for a file that cannot be read; kDataLoss
// "file:line: ..." for what is wrong in it.
absl::StatusOr<MatchTables> ReadMatchTables(const MatchFiles& files);

// Sorts the edges by task and checks them. Frees the tables' edges.
// Errors: kDataLoss "file:line: ..." if a task lists a labeler twice.
absl::StatusOr<Problem> BuildMatchProblem(const MatchFiles& files,
                                          MatchTables& tables);

}  // namespace allot

#endif  // ALLOT_CLI_MATCH_FILES_H_
