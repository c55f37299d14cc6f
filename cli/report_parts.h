// SPDX-License-Identifier: Apache-2.0
// The parts of the page of `allot report`. Internal to report*.cc.
#ifndef ALLOT_CLI_REPORT_PARTS_H_
#define ALLOT_CLI_REPORT_PARTS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/report.h"
#include "lib/truth/hierarchical.h"

namespace allot {

// One method, fitted to all answers.
struct FittedMethod {
  std::string name;
  Aggregation fit;
};

// What every part needs to know.
struct ReportInput {
  const ReportOptions& options;
  const DataFolder& data;
  const AnswerSet& answers;
  // Simplest first, allot's own last.
  const std::vector<FittedMethod>& methods;
  const HierarchicalFit& own;
  // What curves are compared with: the truth, or own's labels without.
  const std::vector<GoldLabel>& reference;

  bool has_truth() const { return !data.truth.empty(); }
};

// How right and how well calibrated the methods are.
absl::Status AddMethods(const ReportInput& input, Page& page);
// Accuracy against the number and the cost of answers.
absl::Status AddCurves(const ReportInput& input, Page& page);
// Skill intervals, what stands out of each labeler, confusion matrices.
absl::Status AddLabelers(const ReportInput& input, Page& page);

}  // namespace allot

#endif  // ALLOT_CLI_REPORT_PARTS_H_
