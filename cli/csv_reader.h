// SPDX-License-Identifier: Apache-2.0
// Reads CSV files (RFC 4180, plain or gzip) row by row, columns by name.
#ifndef ALLOT_CLI_CSV_READER_H_
#define ALLOT_CLI_CSV_READER_H_

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace allot {

// The columns of one file that the caller knows, in the caller's order.
struct CsvColumn {
  absl::string_view name;
  bool required = true;
};

// fields[i] belongs to columns[i]; empty where the file has no such optional
// column. Valid only during the call. A bad status ends the reading;
// "file:line" is put in front of its message.
using CsvRow =
    std::function<absl::Status(std::span<const absl::string_view> fields)>;

// The first line names the columns; others than `columns` are skipped. A byte
// order mark, CRLF line ends, quoted fields with commas and newlines, and blank
// lines are fine. Once the header is read *present (may be null) says which of
// `columns` the file has. Streams: holds one row.
//
// Errors: kNotFound or kUnavailable for a file that cannot be opened or read;
// kInvalidArgument "file:line: ..." for broken quoting, a row whose number of
// fields is not the header's, a missing or repeated column.
absl::Status ReadCsv(const std::string& path,
                     std::span<const CsvColumn> columns,
                     std::vector<bool>* present, const CsvRow& row);

}  // namespace allot

#endif  // ALLOT_CLI_CSV_READER_H_
