// SPDX-License-Identifier: Apache-2.0
#include "cli/aggregate_report.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/exit_code.h"

namespace allot {
namespace {

std::string Cell(const Json& row, const std::string& column) {
  const auto at = row.find(column);
  if (at == row.end() || at->is_null()) return "";
  if (at->is_string()) return QuotedCsv(at->get<std::string>());
  if (at->is_number_float()) return Shown(at->get<double>());
  return at->dump();
}

void PrintRows(const std::vector<std::string>& columns,
               const std::vector<Json>& rows, std::ostream& out) {
  out << absl::StrJoin(columns, ",") << '\n';
  for (const Json& row : rows) {
    for (size_t c = 0; c < columns.size(); ++c) {
      out << (c > 0 ? "," : "") << Cell(row, columns[c]);
    }
    out << '\n';
  }
}

}  // namespace

std::string QuotedCsv(absl::string_view field) {
  if (field.find_first_of(",\"\r\n") == absl::string_view::npos) {
    return std::string(field);
  }
  std::string quoted = "\"";
  for (const char c : field) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string Shown(double number) {
  return std::isnan(number) ? "" : absl::StrFormat("%.6g", number);
}

Json NumberOrNull(double number) {
  return std::isfinite(number) ? Json(number) : Json(nullptr);
}

absl::StatusOr<std::vector<GoldLabel>> ReadLabelGold(
    const AggregateOptions& options, const DataFolder& data) {
  if (!options.gold_path.has_value()) return std::vector<GoldLabel>();
  absl::StatusOr<std::vector<GoldLabel>> gold =
      ReadGold(*options.gold_path, data);
  if (!gold.ok()) return AsFileError(gold.status());
  return gold;
}

absl::Status RefuseGold(const AggregateOptions& options,
                        absl::string_view type) {
  if (!options.gold_path.has_value()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--gold: not for ", type, " answers; leave it out"));
}

AggregateReport StartReport(const AggregateOptions& options,
                            absl::string_view type, const DataFolder& data) {
  AggregateReport report;
  report.rows_name = "tasks";
  report.summary = {{"method", options.method},
                    {"type", std::string(type)},
                    {"answers", data.num_answers()}};
  report.lines = {{"method", options.method},
                  {"type", std::string(type)},
                  {"tasks", absl::StrCat(data.tasks.size())},
                  {"labelers", absl::StrCat(data.labelers.size())},
                  {"answers", absl::StrCat(data.num_answers())}};
  return report;
}

void AddAgreement(const absl::StatusOr<Alpha>& alpha, AggregateReport& report) {
  if (!alpha.ok()) return;  // one answer a task, or all alike
  report.summary["krippendorff_alpha"] = {
      {"alpha", alpha->alpha}, {"low", alpha->low}, {"high", alpha->high}};
  report.lines.emplace_back(
      "alpha", absl::StrFormat("%.3f (%.3f to %.3f with 95%%)", alpha->alpha,
                               alpha->low, alpha->high));
}

void Print(const AggregateReport& report, OutputFormat format,
           std::ostream& out) {
  switch (format) {
    case OutputFormat::kCsv:
      PrintRows(report.columns, report.rows, out);
      break;
    case OutputFormat::kJson: {
      Json root = report.summary;
      root[report.rows_name] = report.rows;
      root["labelers"] = report.labelers;
      root["suspected_copies"] = report.copies;
      out << root.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
      break;
    }
    case OutputFormat::kTable:
      for (const auto& [name, text] : report.lines) {
        out << absl::StrFormat("%-11s %s\n", name, text);
      }
      out << report.table << "\nThe " << report.rows_name
          << " themselves: -o csv or -o json.\n";
      break;
  }
}

absl::Status WriteLabelers(const AggregateReport& report,
                           const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  PrintRows(report.labeler_columns, report.labelers, file);
  file.close();
  if (!file) {
    return absl::UnknownError(
        absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace allot
