// SPDX-License-Identifier: Apache-2.0
// What `allot aggregate` has found, whatever the type of the answers, and how
// it is printed.
#ifndef ALLOT_CLI_AGGREGATE_REPORT_H_
#define ALLOT_CLI_AGGREGATE_REPORT_H_

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "cli/aggregate.h"
#include "lib/truth/agreement.h"

namespace allot {

using Json = nlohmann::ordered_json;

struct AggregateReport {
  Json summary = Json::object();                           // of the JSON output
  std::vector<std::pair<std::string, std::string>> lines;  // of the table
  std::string table;                 // more text below the lines
  std::string rows_name;             // "tasks" or "items"
  std::vector<std::string> columns;  // of `rows` that CSV prints
  std::vector<Json> rows;            // objects
  std::vector<std::string> labeler_columns;
  std::vector<Json> labelers;
  std::vector<Json> copies;  // pairs of labelers, where searched for
};

// Starts with method and counts.
AggregateReport StartReport(const AggregateOptions& options,
                            absl::string_view type, const DataFolder& data);

void Print(const AggregateReport& report, OutputFormat format,
           std::ostream& out);

// The labelers as CSV. kUnknown if the file cannot be written.
absl::Status WriteLabelers(const AggregateReport& report,
                           const std::string& path);

// A field as CSV wants it.
std::string QuotedCsv(absl::string_view field);

// "0.123", six significant digits; empty for NaN.
std::string Shown(double number);
// null for NaN.
Json NumberOrNull(double number);

// The classes that --gold tells; none without it. Errors as AsFileError().
absl::StatusOr<std::vector<GoldLabel>> ReadLabelGold(
    const AggregateOptions& options, const DataFolder& data);

// kInvalidArgument if --gold was given, for types that cannot use it.
absl::Status RefuseGold(const AggregateOptions& options,
                        absl::string_view type);

// ---- one function a type ----

absl::StatusOr<AggregateReport> AggregateClasses(
    const AggregateOptions& options, absl::string_view type,
    const DataFolder& data);
absl::StatusOr<AggregateReport> AggregateLabelSets(
    const AggregateOptions& options, const DataFolder& data);
absl::StatusOr<AggregateReport> AggregateScale(const AggregateOptions& options,
                                               const DataFolder& data);
absl::StatusOr<AggregateReport> AggregateNumbers(
    const AggregateOptions& options, const DataFolder& data);
absl::StatusOr<AggregateReport> AggregateProbabilities(
    const AggregateOptions& options, const DataFolder& data);
absl::StatusOr<AggregateReport> AggregatePairs(const AggregateOptions& options,
                                               const DataFolder& data);
absl::StatusOr<AggregateReport> AggregateTexts(const AggregateOptions& options,
                                               const DataFolder& data);
absl::StatusOr<AggregateReport> AggregateBoxes(const AggregateOptions& options,
                                               const DataFolder& data);

// alpha with its interval, where it is defined.
void AddAgreement(const absl::StatusOr<Alpha>& alpha, AggregateReport& report);

}  // namespace allot

#endif  // ALLOT_CLI_AGGREGATE_REPORT_H_
