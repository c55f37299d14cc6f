// SPDX-License-Identifier: Apache-2.0
#include "tests/eval/result_tables.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "cli/text_table.h"

namespace allot {
namespace {

constexpr char kReplayed[] = "replay_majority_accuracy";
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// Rows of numbers under a head, and their means; NaN prints as "-".
class Grid {
 public:
  explicit Grid(const std::vector<std::string>& columns)
      : table_(columns),
        sums_(columns.size() - 1, 0),
        counts_(columns.size() - 1, 0) {}

  void AddRow(const std::string& name, const std::vector<double>& values) {
    std::vector<std::string> cells = {name};
    for (size_t i = 0; i < values.size(); ++i) {
      cells.push_back(FormatFixed(values[i], 4));
      if (std::isnan(values[i])) continue;
      sums_[i] += values[i];
      counts_[i] += 1;
    }
    table_.AddRow(std::move(cells));
    ++rows_;
  }
  void Print(std::ostream& out) {
    if (rows_ > 1) {
      std::vector<std::string> cells = {"mean"};
      for (size_t i = 0; i < sums_.size(); ++i) {
        cells.push_back(
            FormatFixed(counts_[i] > 0 ? sums_[i] / counts_[i] : kUnknown, 4));
      }
      table_.AddRow(std::move(cells));
    }
    table_.Print(out);
    out << '\n';
  }

 private:
  TextTable table_;
  std::vector<double> sums_, counts_;
  int rows_ = 0;
};

}  // namespace

void ResultTables::Add(const std::string& set, const std::string& method,
                       const std::string& metric, double value) {
  if (absl::StartsWith(method, "online")) return;
  if (std::find(metrics_.begin(), metrics_.end(), metric) == metrics_.end()) {
    metrics_.push_back(metric);
  }
  std::vector<Row>& rows = rows_[metric];
  if (rows.empty() || rows.back().set != set) {
    rows.emplace_back();
    rows.back().set = set;
  }
  rows.back().methods.push_back(method);
  rows.back().values[method] = value;
}

void ResultTables::PrintMetric(const std::string& metric,
                               std::ostream& out) const {
  const std::vector<Row>& rows = rows_.at(metric);
  std::set<std::vector<std::string>> printed;
  for (const Row& first : rows) {
    if (!printed.insert(first.methods).second) continue;
    std::vector<std::string> columns = {absl::StrCat("SET (", metric, ")")};
    for (const std::string& method : first.methods) {
      columns.push_back(absl::StrCat(">", method));
    }
    Grid grid(columns);
    for (const Row& row : rows) {
      if (row.methods != first.methods) continue;
      std::vector<double> values;
      for (const std::string& method : row.methods) {
        values.push_back(row.values.at(method));
      }
      grid.AddRow(row.set, values);
    }
    grid.Print(out);
  }
}

void ResultTables::PrintReplay(std::ostream& out) const {
  const auto sets = rows_.find(kReplayed);
  if (sets == rows_.end()) return;
  for (const char* target : {"_70", "_80", "_90", "_95"}) {
    const std::vector<std::string> metrics = {
        kReplayed, absl::StrCat("replay_accuracy", target),
        absl::StrCat("replay_answers_saved", target),
        absl::StrCat("replay_accepted", target),
        absl::StrCat("replay_accepted_accuracy", target)};
    Grid grid({absl::StrCat("SET (replay", target, ")"), ">majority",
               ">accuracy", ">saved", ">accepted", ">accepted right"});
    for (const Row& row : sets->second) {
      std::vector<double> values;
      for (const std::string& metric : metrics) {
        double value = kUnknown;
        if (const auto at = rows_.find(metric); at != rows_.end()) {
          for (const Row& other : at->second) {
            if (other.set == row.set) value = other.values.begin()->second;
          }
        }
        values.push_back(value);
      }
      grid.AddRow(row.set, values);
    }
    grid.Print(out);
  }
}

void ResultTables::Print(std::ostream& out) const {
  for (const std::string& metric : metrics_) {
    if (!absl::StartsWith(metric, "replay_")) PrintMetric(metric, out);
  }
  PrintReplay(out);
}

}  // namespace allot
