// SPDX-License-Identifier: Apache-2.0
// What `allot match` can say beyond the plan: why it is as it is, and what less
// or more money would buy.
#ifndef ALLOT_CLI_MATCH_VIEWS_H_
#define ALLOT_CLI_MATCH_VIEWS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/match_files.h"
#include "lib/match/assignment.h"
#include "lib/match/matcher.h"

namespace allot {

// The fewest digits that read back as the same number.
std::string Shortest(double value);

// Appends a field as CSV wants it.
void AppendCsvField(absl::string_view field, std::string& text);

// CSV, a row a pair of the problem: task,labeler,utility,planned (1 or 0),
// labeler_price, reduced_utility, of planned pairs runner_up and margin, of the
// others raise_to_win: no plan that holds the pair is best unless its utility
// rises by so much.
std::string ExplainCsv(const MatchTables& tables, const Problem& problem,
                       const Assignment& plan);

// "3: 1 no labeler, 2 taken by others": why slots are empty; "none" if none is.
std::string EmptySlots(const Problem& problem, const Assignment& plan);

// A line on what would win `labeler` the task, both ids.
// Errors: kInvalidArgument if they are no pair of the edges file.
absl::StatusOr<std::string> WhatWouldWin(const MatchTables& tables,
                                         const Problem& problem,
                                         const Assignment& plan,
                                         absl::string_view task,
                                         absl::string_view labeler,
                                         const MatchOptions& options);

// The frontier of quality (utilities less penalties) against cost.
struct Frontier {
  std::string csv;  // weight,quality,cost,filled, cost rising
  std::string summary;
};
// Errors: kInvalidArgument without a column `cost` in the edges file.
absl::StatusOr<Frontier> TraceFrontier(const MatchFiles& files,
                                       const MatchTables& tables,
                                       const Problem& problem,
                                       const MatchOptions& options);

}  // namespace allot

#endif  // ALLOT_CLI_MATCH_VIEWS_H_
