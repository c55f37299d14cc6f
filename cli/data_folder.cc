// SPDX-License-Identifier: Apache-2.0
#include "cli/data_folder.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <numeric>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cli/csv_reader.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// Text to row, in order of first appearance.
class Index {
 public:
  int32_t Add(absl::string_view id) {
    const auto [at, added] =
        row_.try_emplace(std::string(id), static_cast<int32_t>(names_.size()));
    if (added) names_.emplace_back(id);
    return at->second;
  }
  std::optional<int32_t> Find(absl::string_view id) const {
    const auto at = row_.find(id);
    if (at == row_.end()) return std::nullopt;
    return at->second;
  }
  const std::vector<std::string>& names() const { return names_; }
  std::vector<std::string> Take() { return std::move(names_); }

 private:
  absl::flat_hash_map<std::string, int32_t> row_;
  std::vector<std::string> names_;
};

absl::Status Want(absl::string_view column, absl::string_view want,
                  absl::string_view got) {
  return absl::InvalidArgumentError(
      absl::StrCat(column, ": want ", want, ", got \"", got, "\""));
}

std::optional<double> Number(absl::string_view text) {
  double value = 0;
  if (!absl::SimpleAtod(text, &value) || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

absl::StatusOr<double> Seconds(absl::string_view text) {
  if (text.empty()) return kMissing;
  const std::optional<double> seconds = Number(text);
  if (!seconds.has_value()) return Want("duration_s", "seconds", text);
  return *seconds;
}

absl::StatusOr<double> Instant(absl::string_view text) {
  if (text.empty()) return kMissing;
  if (const std::optional<double> unix = Number(text)) return *unix;
  absl::Time time;
  std::string error;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &error) &&
      // Without a zone: read as UTC.
      !absl::ParseTime("%Y-%m-%d%ET%H:%M:%E*S", text, &time, &error)) {
    return Want("started_at", "RFC 3339 (2024-05-01T09:30:00Z) or Unix seconds",
                text);
  }
  return absl::ToDoubleSeconds(time - absl::UnixEpoch());
}

// "dir/name.csv" or "dir/name.csv.gz", whichever exists.
std::optional<std::string> Locate(const std::string& directory,
                                  const char* name) {
  for (const char* ending : {".csv", ".csv.gz"}) {
    std::string path =
        (std::filesystem::path(directory) / absl::StrCat(name, ending));
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) return path;
  }
  return std::nullopt;
}

// Answers as text, until all of them have been seen and the kind is known.
class Reader {
 public:
  explicit Reader(const ReadOptions& options) : options_(options) {}

  absl::Status ReadAnswers(const std::string& path) {
    const CsvColumn columns[] = {{"task"},
                                 {"labeler"},
                                 {"answer"},
                                 {"started_at", false},
                                 {"duration_s", false}};
    std::vector<bool> present;
    const auto row =
        [&](std::span<const absl::string_view> field) -> absl::Status {
      for (int i = 0; i < 3; ++i) {
        if (field[i].empty()) {
          return absl::InvalidArgumentError(
              absl::StrCat(columns[i].name, ": must not be empty"));
        }
      }
      if (options_.kind == AnswerKind::kNumeric && !Number(field[2])) {
        return Want("answer", "a finite number", field[2]);
      }
      if (!options_.classes.empty() && !Listed(field[2])) {
        return Want("answer", "one of the classes given", field[2]);
      }
      // For now the label is the row of the answer's text.
      data_.answers.push_back({tasks_.Add(field[0]), labelers_.Add(field[1]),
                               texts_.Add(field[2])});
      if (present[3]) {
        ALLOT_ASSIGN_OR_RETURN(const double instant, Instant(field[3]));
        data_.started_at.push_back(instant);
      }
      if (present[4]) {
        ALLOT_ASSIGN_OR_RETURN(const double seconds, Seconds(field[4]));
        data_.duration_s.push_back(seconds);
      }
      return absl::OkStatus();
    };
    ALLOT_RETURN_IF_ERROR(ReadCsv(path, columns, &present, row));
    data_.kind = Detect();
    return absl::OkStatus();
  }

  absl::Status ReadTruth(const std::string& path) {
    const CsvColumn columns[] = {{"task"}, {"truth"}};
    return ReadCsv(
        path, columns, nullptr,
        [&](std::span<const absl::string_view> field) -> absl::Status {
          if (field[1].empty()) {
            return absl::InvalidArgumentError("truth: must not be empty");
          }
          const std::optional<int32_t> task = tasks_.Find(field[0]);
          if (!task.has_value()) {
            ++data_.truth_without_answers;
            return absl::OkStatus();
          }
          if (data_.kind == AnswerKind::kNumeric) {
            const std::optional<double> value = Number(field[1]);
            if (!value) return Want("truth", "a finite number", field[1]);
            data_.measured_truth.push_back({*task, *value});
            return absl::OkStatus();
          }
          if (!options_.classes.empty() && !Listed(field[1])) {
            return Want("truth", "one of the classes given", field[1]);
          }
          const int32_t label = texts_.Add(field[1]);
          const auto [at, added] = known_.try_emplace(*task, label);
          if (!added && at->second != label) {
            return absl::InvalidArgumentError(absl::StrCat(
                "truth: task \"", field[0], "\" is already \"",
                texts_.names()[at->second], "\", got \"", field[1], "\""));
          }
          if (added) data_.truth.push_back({*task, label});
          return absl::OkStatus();
        });
  }

  absl::Status ReadPairs(const std::string& path) {
    const CsvColumn columns[] = {{"task"}, {"left"}, {"right"}};
    Index items;
    data_.pairs.assign(tasks_.names().size(), ItemPair{-1, -1});
    ALLOT_RETURN_IF_ERROR(ReadCsv(
        path, columns, nullptr,
        [&](std::span<const absl::string_view> field) -> absl::Status {
          const std::optional<int32_t> task = tasks_.Find(field[0]);
          if (!task.has_value()) return absl::OkStatus();
          data_.pairs[*task] = {items.Add(field[1]), items.Add(field[2])};
          return absl::OkStatus();
        }));
    for (size_t t = 0; t < data_.pairs.size(); ++t) {
      if (data_.pairs[t].left < 0) {
        return absl::InvalidArgumentError(absl::StrCat(
            path, ": no row for task \"", tasks_.names()[t], "\""));
      }
    }
    data_.items = items.Take();
    return absl::OkStatus();
  }

  DataFolder Finish() {
    if (data_.kind == AnswerKind::kNumeric) {
      Measure();
    } else {
      OrderClasses();
    }
    data_.tasks = tasks_.Take();
    data_.labelers = labelers_.Take();
    return std::move(data_);
  }

 private:
  bool Listed(absl::string_view name) const {
    return std::find(options_.classes.begin(), options_.classes.end(), name) !=
           options_.classes.end();
  }

  AnswerKind Detect() const {
    if (options_.kind != AnswerKind::kDetect) return options_.kind;
    if (!options_.classes.empty()) return AnswerKind::kCategorical;
    bool fraction = false;
    for (const std::string& text : texts_.names()) {
      const std::optional<double> value = Number(text);
      if (!value.has_value()) return AnswerKind::kCategorical;
      fraction |= *value != std::floor(*value);
    }
    return fraction || texts_.names().size() > kMostNumberedClasses
               ? AnswerKind::kNumeric
               : AnswerKind::kCategorical;
  }

  void Measure() {
    std::vector<double> value;
    for (const std::string& text : texts_.names()) {
      value.push_back(Number(text).value_or(kMissing));
    }
    data_.measured.reserve(data_.answers.size());
    for (const LabelAnswer& answer : data_.answers) {
      data_.measured.push_back(
          {answer.task, answer.labeler, value[answer.label]});
    }
    data_.answers = {};
  }

  void OrderClasses() {
    const std::vector<std::string>& names = texts_.names();
    std::vector<int32_t> place(names.size());  // of each text among the classes
    if (!options_.classes.empty()) {
      data_.classes = options_.classes;
      Index listed;
      for (const std::string& name : options_.classes) listed.Add(name);
      for (size_t i = 0; i < names.size(); ++i) {
        place[i] = listed.Find(names[i]).value_or(0);
      }
    } else {
      std::vector<std::optional<double>> value;
      bool all_numbers = true;
      for (const std::string& name : names) {
        value.push_back(Number(name));
        all_numbers &= value.back().has_value();
      }
      std::vector<int32_t> order(names.size());
      std::iota(order.begin(), order.end(), 0);
      if (all_numbers) {
        std::stable_sort(order.begin(), order.end(), [&](int32_t x, int32_t y) {
          return *value[x] < *value[y];
        });
      }
      for (size_t i = 0; i < order.size(); ++i) {
        place[order[i]] = static_cast<int32_t>(i);
        data_.classes.push_back(names[order[i]]);
      }
    }
    for (LabelAnswer& answer : data_.answers) {
      answer.label = place[answer.label];
    }
    for (GoldLabel& gold : data_.truth) gold.label = place[gold.label];
  }

  const ReadOptions& options_;
  DataFolder data_;
  Index tasks_, labelers_, texts_;
  absl::flat_hash_map<int32_t, int32_t> known_;  // task -> truth
};

}  // namespace

absl::StatusOr<DataFolder> ReadDataFolder(
    const std::string& path, const std::optional<std::string>& truth_path,
    const ReadOptions& options) {
  std::string answers = path;
  std::optional<std::string> truth = truth_path, pairs;
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    const std::optional<std::string> found = Locate(path, "answers");
    if (!found.has_value()) {
      return absl::NotFoundError(
          absl::StrCat(path, ": holds neither answers.csv nor answers.csv.gz"));
    }
    answers = *found;
    if (!truth.has_value()) truth = Locate(path, "truth");
    pairs = Locate(path, "pairs");
  }
  Reader reader(options);
  ALLOT_RETURN_IF_ERROR(reader.ReadAnswers(answers));
  if (truth.has_value()) ALLOT_RETURN_IF_ERROR(reader.ReadTruth(*truth));
  if (pairs.has_value()) ALLOT_RETURN_IF_ERROR(reader.ReadPairs(*pairs));
  return reader.Finish();
}

absl::StatusOr<std::vector<GoldLabel>> ReadGold(const std::string& path,
                                                const DataFolder& data) {
  Index tasks, classes;
  for (const std::string& task : data.tasks) tasks.Add(task);
  for (const std::string& name : data.classes) classes.Add(name);
  std::vector<GoldLabel> gold;
  const CsvColumn columns[] = {{"task"}, {"truth"}};
  ALLOT_RETURN_IF_ERROR(
      ReadCsv(path, columns, nullptr,
              [&](std::span<const absl::string_view> field) -> absl::Status {
                const std::optional<int32_t> task = tasks.Find(field[0]);
                const std::optional<int32_t> label = classes.Find(field[1]);
                if (!task.has_value()) return absl::OkStatus();
                if (!label.has_value()) {
                  return Want("truth", "a class that was answered", field[1]);
                }
                gold.push_back({*task, *label});
                return absl::OkStatus();
              }));
  return gold;
}

absl::StatusOr<std::vector<NumericGold>> ReadMeasuredGold(
    const std::string& path, const DataFolder& data) {
  Index tasks;
  for (const std::string& task : data.tasks) tasks.Add(task);
  std::vector<NumericGold> gold;
  const CsvColumn columns[] = {{"task"}, {"truth"}};
  ALLOT_RETURN_IF_ERROR(
      ReadCsv(path, columns, nullptr,
              [&](std::span<const absl::string_view> field) -> absl::Status {
                const std::optional<int32_t> task = tasks.Find(field[0]);
                if (!task.has_value()) return absl::OkStatus();
                const std::optional<double> value = Number(field[1]);
                if (!value) return Want("truth", "a finite number", field[1]);
                gold.push_back({*task, *value});
                return absl::OkStatus();
              }));
  return gold;
}

absl::StatusOr<AnswerSet> BuildAnswerSet(const DataFolder& data) {
  if (data.kind != AnswerKind::kCategorical) {
    return absl::FailedPreconditionError(
        "the answers are numbers; choose a numeric method, or say that they "
        "are classes");
  }
  // One class alone still makes a set: a second that nobody chose.
  return AnswerSet::Build(
      static_cast<int32_t>(data.tasks.size()),
      static_cast<int32_t>(data.labelers.size()),
      std::max<int32_t>(2, static_cast<int32_t>(data.classes.size())),
      data.answers);
}

absl::StatusOr<NumericAnswerSet> BuildNumericAnswerSet(const DataFolder& data) {
  if (data.kind != AnswerKind::kNumeric) {
    return absl::FailedPreconditionError(
        "the answers are classes; choose a method for classes, or say that "
        "they are numbers");
  }
  return NumericAnswerSet::Build(static_cast<int32_t>(data.tasks.size()),
                                 static_cast<int32_t>(data.labelers.size()),
                                 data.measured);
}

std::vector<double> DurationsByTask(const DataFolder& data,
                                    const AnswerSet& answers) {
  std::vector<double> seconds(data.duration_s.size());
  if (seconds.empty()) return seconds;
  std::vector<int64_t> next(answers.task_begin.begin(),
                            answers.task_begin.end() - 1);
  for (size_t i = 0; i < data.answers.size(); ++i) {
    seconds[next[data.answers[i].task]++] = data.duration_s[i];
  }
  return seconds;
}

absl::StatusOr<std::vector<Comparison>> BuildComparisons(
    const DataFolder& data) {
  int32_t left = -1, right = -1;
  for (size_t k = 0; k < data.classes.size(); ++k) {
    if (data.classes[k] == "left") left = static_cast<int32_t>(k);
    if (data.classes[k] == "right") right = static_cast<int32_t>(k);
  }
  if (data.pairs.empty() || (left < 0 && right < 0)) {
    return absl::FailedPreconditionError(
        "want a folder with pairs.csv (task,left,right) and the answers left, "
        "right, or another word for a tie");
  }
  std::vector<Comparison> comparisons;
  for (const LabelAnswer& answer : data.answers) {
    const ItemPair& pair = data.pairs[answer.task];
    if (pair.left == pair.right) continue;
    const float wins = answer.label == left    ? 1.0F
                       : answer.label == right ? 0.0F
                                               : 0.5F;
    comparisons.push_back({pair.left, pair.right, answer.labeler, wins});
  }
  return comparisons;
}

}  // namespace allot
