// SPDX-License-Identifier: Apache-2.0
// Tables and numbers for a terminal.
#ifndef ALLOT_CLI_TEXT_TABLE_H_
#define ALLOT_CLI_TEXT_TABLE_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace allot {

// Columns padded to their widest cell: numbers to the right, text to the left.
class TextTable {
 public:
  // A column whose name starts with '>' is aligned to the right; the '>' is
  // not printed.
  explicit TextTable(const std::vector<std::string>& columns);

  // Missing cells are empty. Requires at most as many cells as columns.
  void AddRow(std::vector<std::string> cells);
  // Two spaces between columns, no trailing spaces.
  void Print(std::ostream& out) const;
  bool empty() const { return rows_.empty(); }

 private:
  std::vector<std::string> header_;
  std::vector<bool> right_;
  std::vector<std::vector<std::string>> rows_;
};

// Characters of UTF-8 text on a terminal, counting one for each code point.
size_t DisplayWidth(absl::string_view text);

// 24945 -> "24,945".
std::string FormatCount(int64_t value);
// A number with `digits` decimals; "-" for NaN.
std::string FormatFixed(double value, int digits);
// 0.25 s -> "0.25 s", 95 s -> "1 min 35 s", 7300 s -> "2 h 2 min".
std::string FormatSeconds(double seconds);
// 1 answer, 2 answers.
std::string FormatPlural(int64_t count, absl::string_view singular);

}  // namespace allot

#endif  // ALLOT_CLI_TEXT_TABLE_H_
