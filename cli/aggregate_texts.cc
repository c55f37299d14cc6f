// SPDX-License-Identifier: Apache-2.0
// Answers that can only be compared: texts by similarities from a file, boxes
// by intersection over union. The consensus is the answer most like the others.
#include <algorithm>
#include <cmath>
#include <functional>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "cli/aggregate_report.h"
#include "cli/csv_reader.h"
#include "cli/exit_code.h"
#include "lib/base/status_macros.h"
#include "lib/truth/medoid.h"

namespace allot {
namespace {

// Two rounds: in the second a labeler weighs what their answers were like the
// others' in the first.
constexpr int kRounds = 2;

// The answers to each task, as rows of data.answers.
std::vector<std::vector<size_t>> ByTask(const DataFolder& data) {
  std::vector<std::vector<size_t>> rows(data.tasks.size());
  for (size_t i = 0; i < data.answers.size(); ++i) {
    rows[data.answers[i].task].push_back(i);
  }
  return rows;
}

using SimilarityOf = std::function<MatrixF(const std::vector<size_t>& rows)>;

absl::StatusOr<AggregateReport> AggregateAlike(
    const AggregateOptions& options, absl::string_view type,
    const DataFolder& data, const SimilarityOf& similarity_of) {
  ALLOT_RETURN_IF_ERROR(RefuseGold(options, type));
  const std::vector<std::vector<size_t>> by_task = ByTask(data);
  std::vector<double> weight(data.labelers.size(), 1);
  std::vector<int64_t> given(data.labelers.size(), 0);
  for (const LabelAnswer& answer : data.answers) ++given[answer.labeler];
  std::vector<Medoid> medoids(by_task.size());
  for (int round = 0; round < kRounds; ++round) {
    std::vector<double> alike(weight.size(), 0), compared(weight.size(), 0);
    for (size_t t = 0; t < by_task.size(); ++t) {
      const std::vector<size_t>& rows = by_task[t];
      const MatrixF similarity = similarity_of(rows);
      std::vector<double> own;
      for (const size_t i : rows)
        own.push_back(weight[data.answers[i].labeler]);
      ALLOT_ASSIGN_OR_RETURN(medoids[t], WeightedMedoid(similarity, own));
      for (size_t a = 0; a < rows.size(); ++a) {
        for (size_t b = 0; b < rows.size(); ++b) {
          if (a == b) continue;
          alike[data.answers[rows[a]].labeler] += similarity(
              static_cast<Eigen::Index>(a), static_cast<Eigen::Index>(b));
          compared[data.answers[rows[a]].labeler] += 1;
        }
      }
    }
    for (size_t l = 0; l < weight.size(); ++l) {
      // One pseudo comparison at a half for those who were hardly compared.
      weight[l] = (alike[l] + 0.5) / (compared[l] + 1);
    }
  }
  AggregateReport report = StartReport(options, type, data);
  report.columns = {"task", "answer", "labeler", "confidence", "agreement"};
  double agreement = 0;
  for (size_t t = 0; t < by_task.size(); ++t) {
    const LabelAnswer& chosen =
        data.answers[by_task[t][static_cast<size_t>(medoids[t].chosen)]];
    agreement += medoids[t].agreement;
    report.rows.push_back({{"task", data.tasks[t]},
                           {"answer", data.classes[chosen.label]},
                           {"labeler", data.labelers[chosen.labeler]},
                           {"confidence", medoids[t].confidence},
                           {"agreement", medoids[t].agreement}});
  }
  agreement /= static_cast<double>(std::max<size_t>(by_task.size(), 1));
  report.summary["mean_similarity"] = agreement;
  report.lines.emplace_back("similarity",
                            absl::StrFormat("%.3f between answers to the same "
                                            "task, on average",
                                            agreement));
  report.labeler_columns = {"labeler", "answers", "mean_similarity"};
  for (size_t l = 0; l < data.labelers.size(); ++l) {
    report.labelers.push_back({{"labeler", data.labelers[l]},
                               {"answers", given[l]},
                               {"mean_similarity", weight[l]}});
  }
  return report;
}

// "x0 y0 x1 y1", also with commas or semicolons between the numbers.
absl::StatusOr<Box> ParseBox(const std::string& text) {
  std::vector<double> corner;
  for (const absl::string_view part :
       absl::StrSplit(text, absl::ByAnyChar(" ,;"), absl::SkipEmpty())) {
    double value = 0;
    if (!absl::SimpleAtod(part, &value) || !std::isfinite(value)) break;
    corner.push_back(value);
  }
  if (corner.size() != 4) {
    return absl::DataLossError(absl::StrCat(
        "answer: want a box as four numbers, \"x0 y0 x1 y1\", got \"", text,
        "\""));
  }
  return Box{corner[0], corner[1], corner[2], corner[3]};
}

}  // namespace

absl::StatusOr<AggregateReport> AggregateBoxes(const AggregateOptions& options,
                                               const DataFolder& data) {
  std::vector<Box> boxes;  // of each distinct answer
  for (const std::string& text : data.classes) {
    const absl::StatusOr<Box> box = ParseBox(text);
    if (!box.ok()) {
      return absl::DataLossError(
          absl::StrCat(options.answers_path, ": ", box.status().message()));
    }
    boxes.push_back(*box);
  }
  return AggregateAlike(options, "boxes", data,
                        [&](const std::vector<size_t>& rows) {
                          std::vector<Box> own;
                          for (const size_t i : rows) {
                            own.push_back(boxes[data.answers[i].label]);
                          }
                          return BoxSimilarity(own);
                        });
}

absl::StatusOr<AggregateReport> AggregateTexts(const AggregateOptions& options,
                                               const DataFolder& data) {
  if (!options.similarity_path.has_value()) {
    return absl::InvalidArgumentError(
        "--type text: wants --similarity FILE, a CSV with the columns "
        "task,first,second,similarity, where first and second are labelers");
  }
  absl::flat_hash_map<std::string, double> similarity;
  const auto key = [](absl::string_view task, absl::string_view first,
                      absl::string_view second) {
    const bool ordered = first < second;
    return absl::StrCat(task, "\n", ordered ? first : second, "\n",
                        ordered ? second : first);
  };
  const CsvColumn columns[] = {{"task"}, {"first"}, {"second"}, {"similarity"}};
  const absl::Status read = ReadCsv(
      *options.similarity_path, columns, nullptr,
      [&](std::span<const absl::string_view> field) -> absl::Status {
        double value = 0;
        if (!absl::SimpleAtod(field[3], &value) || !(value >= 0) ||
            !(value <= 1)) {
          return absl::InvalidArgumentError(absl::StrCat(
              "similarity: want a number in [0, 1], got \"", field[3], "\""));
        }
        similarity[key(field[0], field[1], field[2])] = value;
        return absl::OkStatus();
      });
  if (!read.ok()) return AsFileError(read);
  std::string missing;
  const auto similarity_of = [&](const std::vector<size_t>& rows) {
    const auto n = static_cast<Eigen::Index>(rows.size());
    MatrixF matrix = MatrixF::Identity(n, n);
    for (Eigen::Index a = 0; a < n; ++a) {
      for (Eigen::Index b = 0; b < a; ++b) {
        const LabelAnswer& x = data.answers[rows[static_cast<size_t>(a)]];
        const LabelAnswer& y = data.answers[rows[static_cast<size_t>(b)]];
        const auto at =
            similarity.find(key(data.tasks[x.task], data.labelers[x.labeler],
                                data.labelers[y.labeler]));
        double value = x.label == y.label ? 1 : 0;
        if (at != similarity.end()) {
          value = at->second;
        } else if (x.label != y.label && missing.empty()) {
          missing = absl::StrCat("task \"", data.tasks[x.task], "\": none of ",
                                 data.labelers[x.labeler], " and ",
                                 data.labelers[y.labeler]);
        }
        matrix(a, b) = matrix(b, a) = static_cast<float>(value);
      }
    }
    return matrix;
  };
  ALLOT_ASSIGN_OR_RETURN(AggregateReport report,
                         AggregateAlike(options, "text", data, similarity_of));
  if (!missing.empty()) {
    return absl::DataLossError(
        absl::StrCat(*options.similarity_path, ": similarity: ", missing,
                     "; want a row for each two different answers to a task"));
  }
  return report;
}

}  // namespace allot
