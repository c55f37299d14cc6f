// SPDX-License-Identifier: Apache-2.0
// `allot aggregate`: one label per task from a file of answers.
#ifndef ALLOT_CLI_AGGREGATE_H_
#define ALLOT_CLI_AGGREGATE_H_

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/data_folder.h"
#include "lib/truth/aggregation.h"

namespace allot {

enum class OutputFormat {
  kTable,  // a summary for people
  kJson,   // one object: summary, tasks, labelers
  kCsv,    // task,label,confidence (numeric: task,value,low,high)
};

struct AggregateOptions {
  std::string answers_path;               // folder or file
  std::string method = "allot";           // one of AggregationMethods()
  std::optional<std::string> truth_path;  // compared with the result
  std::optional<std::string> gold_path;   // known answers, used as evidence
  AnswerKind kind = AnswerKind::kDetect;
  std::vector<std::string> classes;  // order of an ordinal scale
  OutputFormat output = OutputFormat::kTable;
  int threads = 1;
};

// Names that `method` takes for sets of classes, simplest first.
std::vector<absl::string_view> AggregationMethods();

// Fits `method` to categorical answers.
// kInvalidArgument names the known methods where `method` is none of them.
absl::StatusOr<Aggregation> FitMethod(absl::string_view method,
                                      const AnswerSet& answers,
                                      std::span<const GoldLabel> gold,
                                      int threads);

// How a fit compares with the truth, over the tasks that have one. Ties at the
// top of a posterior go to the first class.
struct TruthComparison {
  int64_t tasks = 0;
  double accuracy = 0;
  double brier = 0;     // squared error summed over classes, mean over tasks
  double ece = 0;       // expected calibration error, ten equal bins
  double log_loss = 0;  // nats, probabilities below 1e-15 count as that
};
TruthComparison CompareWithTruth(const MatrixF& posterior,
                                 std::span<const GoldLabel> truth);

// Reads, fits and prints. Returns the exit code: 0, or 1 with one line on
// `err`.
int RunAggregate(const AggregateOptions& options, std::ostream& out,
                 std::ostream& err);

}  // namespace allot

#endif  // ALLOT_CLI_AGGREGATE_H_
