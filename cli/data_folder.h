// SPDX-License-Identifier: Apache-2.0
// Reads a folder of answers: answers.csv, and truth.csv and pairs.csv where
// there are such, each plain or as .csv.gz.
//
//   answers.csv  task,labeler,answer[,started_at,duration_s]  one row an answer
//   truth.csv    task,truth                                   tasks known
//   pairs.csv    task,left,right           the items that a task compares
//
// Other columns are skipped. Ids are any text and become rows in order of first
// appearance in answers.csv.
#ifndef ALLOT_CLI_DATA_FOLDER_H_
#define ALLOT_CLI_DATA_FOLDER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/truth/answer_set.h"
#include "lib/truth/numeric_answer_set.h"
#include "lib/truth/pairwise.h"

namespace allot {

enum class AnswerKind {
  // Numeric if every answer is a finite number and one has a fraction or more
  // than kMostNumberedClasses of them differ; else categorical.
  kDetect,
  kCategorical,
  kNumeric,
};
inline constexpr int kMostNumberedClasses = 20;

struct ReadOptions {
  AnswerKind kind = AnswerKind::kDetect;
  // The classes in order, for scales whose names do not sort themselves. Empty:
  // numbers in ascending order if all are numbers, else first appearance.
  std::vector<std::string> classes;
};

struct ItemPair {
  int32_t left = 0, right = 0;  // rows of DataFolder::items
};

struct DataFolder {
  AnswerKind kind = AnswerKind::kCategorical;  // never kDetect
  std::vector<std::string> tasks, labelers;    // ids by row
  std::vector<std::string> classes;            // names; empty if numeric

  std::vector<LabelAnswer> answers;  // categorical, in the order of the file
  std::vector<GoldLabel> truth;
  std::vector<NumericAnswer> measured;  // numeric
  std::vector<NumericGold> measured_truth;

  // Per answer; empty if the file has no such column, NaN where it has no
  // value. started_at in seconds of the Unix epoch.
  std::vector<double> started_at, duration_s;

  std::vector<std::string> items;  // compared items, if there is a pairs.csv
  std::vector<ItemPair> pairs;     // [tasks]

  // Rows of truth.csv whose task has no answer: skipped.
  int64_t truth_without_answers = 0;

  int64_t num_answers() const {
    return static_cast<int64_t>(answers.size() + measured.size());
  }
};

// `path` is a folder, or an answers file alone. `truth_path` overrides the
// folder's truth.csv; a file alone has no truth without it.
//
// Errors name file and line: kNotFound for a file asked for by name or a folder
// without answers.csv; kInvalidArgument for malformed rows, empty ids or
// answers, text in a numeric set, a class that options.classes does not list,
// contradicting truth, a compared task missing from pairs.csv.
// Memory: about 16 bytes an answer beside the ids.
absl::StatusOr<DataFolder> ReadDataFolder(
    const std::string& path, const std::optional<std::string>& truth_path = {},
    const ReadOptions& options = {});

// Known classes of tasks of `data`, from another file of the form of truth.csv.
// A class that `data` does not have is kInvalidArgument; an unknown task is
// skipped.
absl::StatusOr<std::vector<GoldLabel>> ReadGold(const std::string& path,
                                                const DataFolder& data);

// The same for measurements.
absl::StatusOr<std::vector<NumericGold>> ReadMeasuredGold(
    const std::string& path, const DataFolder& data);

// The answers, grouped by task. kFailedPrecondition for the other kind.
absl::StatusOr<AnswerSet> BuildAnswerSet(const DataFolder& data);
absl::StatusOr<NumericAnswerSet> BuildNumericAnswerSet(const DataFolder& data);

// Seconds each answer took, in the order of `answers`; empty if the file tells
// none. `answers` is BuildAnswerSet(data).
std::vector<double> DurationsByTask(const DataFolder& data,
                                    const AnswerSet& answers);

// The answers as comparisons of items: "left" and "right" name the winner, any
// other answer is a tie; comparisons of an item with itself are left out.
// kFailedPrecondition without pairs.csv, or where no answer is left or right.
absl::StatusOr<std::vector<Comparison>> BuildComparisons(
    const DataFolder& data);

}  // namespace allot

#endif  // ALLOT_CLI_DATA_FOLDER_H_
