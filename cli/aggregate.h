// SPDX-License-Identifier: Apache-2.0
// `allot aggregate`: one result per task from a file of answers of any type,
// with how far the labelers agree and what to think of each.
#ifndef ALLOT_CLI_AGGREGATE_H_
#define ALLOT_CLI_AGGREGATE_H_

#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/data_folder.h"
#include "lib/truth/aggregation.h"

namespace allot {

enum class OutputFormat {
  kTable,  // a summary for people
  kJson,   // one object: summary, tasks (or items), labelers
  kCsv,    // a row a task (or item)
};

struct AggregateOptions {
  std::string answers_path;               // folder or file
  std::string type = "auto";              // one of AnswerTypes()
  std::string method = "allot";           // one of MethodsFor(type)
  std::optional<std::string> truth_path;  // compared with the result
  std::optional<std::string> gold_path;   // known answers, used as evidence
  std::vector<std::string> classes;       // order of an ordinal scale
  char separator = '|';                   // of the labels of a multi-label
  // Of text: CSV task,first,second,similarity; first and second are labelers.
  std::optional<std::string> similarity_path;
  std::optional<std::string> labelers_path;  // where to write their report
  OutputFormat output = OutputFormat::kTable;
  int threads = 1;
};

// Names that `type` takes: auto, binary, multi-class, multi-label, ordinal,
// numeric, probability, pairwise, text, boxes.
std::vector<absl::string_view> AnswerTypes();

// Names that `method` takes for sets of classes, simplest first.
std::vector<absl::string_view> AggregationMethods();
// For any type.
std::vector<absl::string_view> MethodsFor(absl::string_view type);

// Fits `method` to categorical answers.
// kInvalidArgument names the known methods where `method` is none of them.
absl::StatusOr<Aggregation> FitMethod(absl::string_view method,
                                      const AnswerSet& answers,
                                      std::span<const GoldLabel> gold,
                                      int threads);

// Reads, fits and prints to `out`; what was taken for granted goes to `notes`.
// Errors: kInvalidArgument for options that are wrong or do not go with each
// other; kDataLoss for a file with wrong contents ("file:line: column: ...");
// kUnknown for a file that cannot be opened, read or written.
absl::Status Aggregate(const AggregateOptions& options, std::ostream& out,
                       std::ostream& notes);

// The same, with one line on `err` for an error. Returns the exit code.
int RunAggregate(const AggregateOptions& options, std::ostream& out,
                 std::ostream& err);

}  // namespace allot

#endif  // ALLOT_CLI_AGGREGATE_H_
