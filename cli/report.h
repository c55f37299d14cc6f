// SPDX-License-Identifier: Apache-2.0
// `allot report`: what a folder of answers says of its tasks and labelers, as
// one HTML page.
#ifndef ALLOT_CLI_REPORT_H_
#define ALLOT_CLI_REPORT_H_

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/data_folder.h"
#include "lib/page/page.h"

namespace allot {

struct ReportOptions {
  std::string answers_path;               // folder or file
  std::optional<std::string> truth_path;  // else the folder's, if it has one
  std::string page_path = "report.html";  // to be written
  double price = 1;                       // of one answer, any currency, > 0
  int draws = 5;  // random orders of the answers that curves are the mean of
  uint64_t seed = 1;
  int threads = 1;
};

// The page of a set of classes. Without truth the parts that compare with it
// say so, and curves compare with the labels that all answers lead to.
// Errors: kFailedPrecondition for answers that are not classes.
absl::StatusOr<Page> MakeReport(const ReportOptions& options,
                                const DataFolder& data);

// Reads, makes the page and writes it; a line on what it found goes to `notes`.
// Errors: kInvalidArgument for an option out of range; kDataLoss for a file
// with wrong contents; kUnknown for one that cannot be read or written.
absl::Status WriteReport(const ReportOptions& options, std::ostream& notes);

}  // namespace allot

#endif  // ALLOT_CLI_REPORT_H_
