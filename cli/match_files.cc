// SPDX-License-Identifier: Apache-2.0
#include "cli/match_files.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <span>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/charconv.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "cli/csv_reader.h"
#include "cli/exit_code.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

// Row numbers of ids, in order of first appearance.
class IdTable {
 public:
  // The id's row; is_new says whether it has just got it.
  int32_t RowOf(absl::string_view id, bool* is_new = nullptr) {
    if (is_new != nullptr) *is_new = false;
    // Files are mostly sorted by one of their ids.
    if (id == last_id_ && last_row_ >= 0) return last_row_;
    const auto known = row_.find(id);
    if (known != row_.end()) {
      last_id_ = known->first;
      last_row_ = known->second;
      return last_row_;
    }
    if (is_new != nullptr) *is_new = true;
    ids_.emplace_back(id.data(), id.size());
    last_id_ = ids_.back();
    last_row_ = static_cast<int32_t>(ids_.size()) - 1;
    row_.emplace(last_id_, last_row_);
    return last_row_;
  }
  int32_t size() const { return static_cast<int32_t>(ids_.size()); }
  std::vector<std::string> Take() {
    row_.clear();
    last_row_ = -1;
    std::vector<std::string> ids;
    ids.reserve(ids_.size());
    for (std::string& id : ids_) ids.push_back(std::move(id));
    return ids;
  }

 private:
  std::deque<std::string> ids_;  // its elements stay where they are
  absl::flat_hash_map<absl::string_view, int32_t> row_;
  absl::string_view last_id_;
  int32_t last_row_ = -1;
};

absl::Status CheckId(absl::string_view column, absl::string_view id) {
  if (!id.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(column, ": want an id, got an empty cell"));
}

absl::Status ListedTwice(absl::string_view column, absl::string_view id) {
  return absl::InvalidArgumentError(
      absl::StrCat(column, ": \"", id, "\" is listed twice"));
}

absl::Status ParseCount(absl::string_view column, absl::string_view text,
                        int32_t& count) {
  if (text.empty()) return absl::OkStatus();  // the default stays
  int32_t parsed = 0;
  if (!absl::SimpleAtoi(text, &parsed) || parsed < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(column, ": want a whole number >= 0, got \"", text, "\""));
  }
  count = parsed;
  return absl::OkStatus();
}

absl::Status ParseNumber(absl::string_view column, absl::string_view text,
                         double least, double& number) {
  double parsed = 0;
  const char* end = text.data() + text.size();
  const absl::from_chars_result result =
      absl::from_chars(text.data(), end, parsed);
  if (result.ec != std::errc() || result.ptr != end ||
      !(parsed >= least && parsed <= kMaxUtility)) {
    return absl::InvalidArgumentError(
        absl::StrCat(column, ": want a number in [", least, ", ", kMaxUtility,
                     "], got \"", text, "\""));
  }
  number = parsed;
  return absl::OkStatus();
}

// "3;2;0.5"
absl::Status ParseValues(absl::string_view text, std::vector<double>& values) {
  if (text.empty()) return absl::OkStatus();
  for (const absl::string_view part : absl::StrSplit(text, ';')) {
    double value = 0;
    ALLOT_RETURN_IF_ERROR(ParseNumber("answer_values", part, 0, value));
    if (!values.empty() && value > values.back()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "answer_values: want values that do not rise, got \"", text, "\""));
    }
    values.push_back(value);
  }
  return absl::OkStatus();
}

// "2:0;3:1.5"
absl::Status ParseTiers(absl::string_view text, std::vector<LoadTier>& tiers) {
  if (text.empty()) return absl::OkStatus();
  for (const absl::string_view part : absl::StrSplit(text, ';')) {
    const std::pair<absl::string_view, absl::string_view> halves =
        absl::StrSplit(part, absl::MaxSplits(':', 1));
    LoadTier tier;
    tier.slots = 0;
    ALLOT_RETURN_IF_ERROR(ParseCount("load_costs", halves.first, tier.slots));
    ALLOT_RETURN_IF_ERROR(
        ParseNumber("load_costs", halves.second, 0, tier.cost));
    if (tier.slots < 1 || (!tiers.empty() && tier.cost < tiers.back().cost)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "load_costs: want tasks:cost;tasks:cost with at least one task and "
          "costs that do not fall, got \"",
          text, "\""));
    }
    tiers.push_back(tier);
  }
  return absl::OkStatus();
}

absl::Status ReadTasks(const std::string& path, IdTable& ids,
                       MatchTables& tables) {
  const CsvColumn columns[] = {{"task"},
                               {"redundancy", false},
                               {"unfilled_penalty", false},
                               {"answer_values", false}};
  const CsvRow read_row = [&](std::span<const absl::string_view> row) {
    ALLOT_RETURN_IF_ERROR(CheckId("task", row[0]));
    bool is_new = false;
    ids.RowOf(row[0], &is_new);
    if (!is_new) return ListedTwice("task", row[0]);
    tables.redundancy.push_back(1);
    tables.unfilled_penalty.push_back(0);
    ALLOT_RETURN_IF_ERROR(
        ParseCount("redundancy", row[1], tables.redundancy.back()));
    if (!row[2].empty()) {
      ALLOT_RETURN_IF_ERROR(ParseNumber("unfilled_penalty", row[2], 0,
                                        tables.unfilled_penalty.back()));
    }
    ALLOT_RETURN_IF_ERROR(
        ParseValues(row[3], tables.answer_value.emplace_back()));
    // Answers that nobody wants are worth nothing to anybody.
    if (std::ssize(tables.answer_value.back()) > tables.redundancy.back()) {
      tables.answer_value.back().resize(tables.redundancy.back());
    }
    return absl::OkStatus();
  };
  std::vector<bool> present;
  ALLOT_RETURN_IF_ERROR(ReadCsv(path, columns, &present, read_row));
  if (!present[2]) tables.unfilled_penalty.clear();
  if (!present[3]) tables.answer_value.clear();
  return absl::OkStatus();
}

absl::Status ReadLabelers(const std::string& path, IdTable& ids,
                          MatchTables& tables) {
  const CsvColumn columns[] = {
      {"labeler"}, {"capacity", false}, {"load_costs", false}};
  const CsvRow read_row = [&](std::span<const absl::string_view> row) {
    ALLOT_RETURN_IF_ERROR(CheckId("labeler", row[0]));
    bool is_new = false;
    ids.RowOf(row[0], &is_new);
    if (!is_new) return ListedTwice("labeler", row[0]);
    tables.capacity.push_back(1);
    ALLOT_RETURN_IF_ERROR(
        ParseCount("capacity", row[1], tables.capacity.back()));
    return ParseTiers(row[2], tables.load_tiers.emplace_back());
  };
  std::vector<bool> present;
  ALLOT_RETURN_IF_ERROR(ReadCsv(path, columns, &present, read_row));
  if (!present[2]) tables.load_tiers.clear();
  return absl::OkStatus();
}

absl::Status ReadEdges(const std::string& path, IdTable& tasks,
                       IdTable& labelers, MatchTables& tables) {
  const CsvColumn columns[] = {
      {"task"}, {"labeler"}, {"utility"}, {"cost", false}};
  std::vector<bool> present;
  constexpr size_t kMost = std::numeric_limits<int32_t>::max() - 1;
  const CsvRow read_row = [&](std::span<const absl::string_view> row) {
    ALLOT_RETURN_IF_ERROR(CheckId("task", row[0]));
    ALLOT_RETURN_IF_ERROR(CheckId("labeler", row[1]));
    double utility = 0;
    ALLOT_RETURN_IF_ERROR(
        ParseNumber("utility", row[2], -kMaxUtility, utility));
    if (tables.edge_utility.size() >= kMost) {
      return absl::InvalidArgumentError(
          "more rows than one problem holds, 2^31 - 2");
    }
    tables.edge_task.push_back(tasks.RowOf(row[0]));
    tables.edge_labeler.push_back(labelers.RowOf(row[1]));
    tables.edge_utility.push_back(utility);
    if (!present[3]) return absl::OkStatus();
    double& cost = tables.edge_cost.emplace_back(0);
    if (row[3].empty()) return absl::OkStatus();
    return ParseNumber("cost", row[3], 0, cost);
  };
  return ReadCsv(path, columns, &present, read_row);
}

// Names the line of edge `edge`, in the file's order, by reading it again: the
// lines of all edges would be a quarter more to remember for the good case.
absl::Status RepeatedPair(const std::string& path, int32_t edge) {
  const CsvColumn columns[] = {{"task"}, {"labeler"}};
  int32_t row_number = 0;
  const absl::Status status =
      ReadCsv(path, columns, nullptr,
              [&](std::span<const absl::string_view> row) -> absl::Status {
                if (row_number++ < edge) return absl::OkStatus();
                return absl::InvalidArgumentError(
                    absl::StrCat("task \"", row[0], "\" and labeler \"", row[1],
                                 "\" were paired before"));
              });
  if (!status.ok()) return AsFileError(status);
  return absl::UnknownError(absl::StrCat(path, ": changed while being read"));
}

}  // namespace

absl::StatusOr<MatchTables> ReadMatchTables(const MatchFiles& files) {
  MatchTables tables;
  IdTable tasks, labelers;
  if (!files.tasks.empty()) {
    ALLOT_RETURN_IF_ERROR(AsFileError(ReadTasks(files.tasks, tasks, tables)));
  }
  if (!files.labelers.empty()) {
    ALLOT_RETURN_IF_ERROR(
        AsFileError(ReadLabelers(files.labelers, labelers, tables)));
  }
  ALLOT_RETURN_IF_ERROR(
      AsFileError(ReadEdges(files.edges, tasks, labelers, tables)));
  tables.redundancy.resize(tasks.size(), 1);
  tables.capacity.resize(labelers.size(), 1);
  if (!tables.unfilled_penalty.empty()) {
    tables.unfilled_penalty.resize(tasks.size(), 0);
  }
  if (!tables.answer_value.empty()) tables.answer_value.resize(tasks.size());
  if (!tables.load_tiers.empty()) tables.load_tiers.resize(labelers.size());
  tables.tasks = tasks.Take();
  tables.labelers = labelers.Take();
  return tables;
}

absl::StatusOr<Problem> BuildMatchProblem(const MatchFiles& files,
                                          MatchTables& tables) {
  const size_t num_edges = tables.edge_task.size();
  Problem problem;
  problem.redundancy = tables.redundancy;
  problem.capacity = tables.capacity;
  problem.unfilled_penalty = tables.unfilled_penalty;
  problem.offset.assign(tables.tasks.size() + 1, 0);
  for (const int32_t t : tables.edge_task) ++problem.offset[t + 1];
  for (size_t t = 0; t < tables.tasks.size(); ++t) {
    problem.offset[t + 1] += problem.offset[t];
  }
  // A counting sort: a task's edges keep the file's order.
  problem.labeler.resize(num_edges);
  problem.utility.resize(num_edges);
  std::vector<int32_t> row(num_edges), next = problem.offset;
  for (size_t e = 0; e < num_edges; ++e) {
    const int32_t to = next[tables.edge_task[e]]++;
    problem.labeler[to] = tables.edge_labeler[e];
    problem.utility[to] = tables.edge_utility[e];
    row[to] = static_cast<int32_t>(e);
  }
  // Of several repeated pairs, the one that comes first in the file.
  std::vector<int32_t> last_task(tables.labelers.size(), -1);
  int32_t repeated = std::numeric_limits<int32_t>::max();
  for (int t = 0; t < problem.num_tasks(); ++t) {
    for (int32_t e = problem.offset[t]; e < problem.offset[t + 1]; ++e) {
      int32_t& last = last_task[problem.labeler[e]];
      if (last == t) repeated = std::min(repeated, row[e]);
      last = t;
    }
  }
  if (repeated != std::numeric_limits<int32_t>::max()) {
    return RepeatedPair(files.edges, repeated);
  }
  if (!tables.edge_cost.empty()) {
    std::vector<double> cost(num_edges);
    for (size_t e = 0; e < num_edges; ++e) cost[e] = tables.edge_cost[row[e]];
    tables.edge_cost = std::move(cost);
  }
  tables.edge_task = {};
  tables.edge_labeler = {};
  tables.edge_utility = {};
  return problem;
}

}  // namespace allot
