// SPDX-License-Identifier: Apache-2.0
#include "cli/text_table.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace allot {

TextTable::TextTable(const std::vector<std::string>& columns) {
  for (const std::string& column : columns) {
    const bool right = !column.empty() && column[0] == '>';
    right_.push_back(right);
    header_.push_back(right ? column.substr(1) : column);
  }
}

void TextTable::AddRow(std::vector<std::string> cells) {
  cells.resize(header_.size());
  rows_.push_back(std::move(cells));
}

void TextTable::Print(std::ostream& out) const {
  std::vector<size_t> width;
  for (const std::string& name : header_) width.push_back(DisplayWidth(name));
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      width[i] = std::max(width[i], DisplayWidth(row[i]));
    }
  }
  const auto print = [&](const std::vector<std::string>& row) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      const std::string padding(width[i] - DisplayWidth(row[i]), ' ');
      line += right_[i] ? padding + row[i] : row[i] + padding;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  };
  print(header_);
  for (const auto& row : rows_) print(row);
}

size_t DisplayWidth(absl::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string FormatCount(int64_t value) {
  const std::string digits = absl::StrCat(value);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    const bool after_digit = i > 0 && digits[i - 1] != '-';
    if (after_digit && (digits.size() - i) % 3 == 0) text.push_back(',');
    text.push_back(digits[i]);
  }
  return text;
}

std::string FormatFixed(double value, int digits) {
  if (std::isnan(value)) return "-";
  // No "-0.00".
  std::string text = absl::StrFormat("%.*f", digits, value);
  if (text[0] == '-' && text.find_first_not_of("-0.") == std::string::npos) {
    text.erase(0, 1);
  }
  return text;
}

std::string FormatSeconds(double seconds) {
  if (seconds < 10) return FormatFixed(seconds, 2) + " s";
  const int64_t whole = std::llround(seconds);
  if (whole < 60) return absl::StrCat(whole, " s");
  const auto pair = [](int64_t large, const char* unit, int64_t small,
                       const char* small_unit) {
    return small == 0 ? absl::StrCat(large, unit)
                      : absl::StrCat(large, unit, " ", small, small_unit);
  };
  if (whole < 3600) return pair(whole / 60, " min", whole % 60, " s");
  return pair(whole / 3600, " h", whole % 3600 / 60, " min");
}

std::string FormatPlural(int64_t count, absl::string_view singular) {
  return absl::StrCat(FormatCount(count), " ", singular, count == 1 ? "" : "s");
}

}  // namespace allot
