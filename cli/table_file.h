// SPDX-License-Identifier: Apache-2.0
// Reads tables of text from files, one row at a time: CSV (RFC 4180: quoted
// cells may hold commas, quotes and line breaks) or JSON Lines, plain or
// gzipped. Every row and cell knows where it came from, so that an error can
// say file:line:column.
#ifndef ALLOT_CLI_TABLE_FILE_H_
#define ALLOT_CLI_TABLE_FILE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace allot {

// A file's bytes, unpacked if they are gzipped.
class ByteSource {
 public:
  // Errors: kUnknown with the system's reason.
  static absl::StatusOr<std::unique_ptr<ByteSource>> Open(std::string path);
  ~ByteSource();
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;

  // The next byte, or -1 at the end or on an error; see status().
  int Get() {
    return next_ < end_ || Fill() ? static_cast<unsigned char>(buffer_[next_++])
                                  : -1;
  }
  int Peek() {
    return next_ < end_ || Fill() ? static_cast<unsigned char>(buffer_[next_])
                                  : -1;
  }
  // Errors: kUnknown if reading or unpacking failed.
  const absl::Status& status() const { return status_; }
  // Share of the file that was read, in [0, 1].
  double fraction() const;
  const std::string& path() const { return path_; }

 private:
  ByteSource(std::string path, void* file, int64_t size);
  bool Fill();

  std::string path_;
  void* file_;  // gzFile
  int64_t size_;
  std::vector<char> buffer_;
  size_t next_ = 0;
  size_t end_ = 0;
  absl::Status status_;
};

enum class TableFormat { kCsv, kJsonLines };

class TableFile {
 public:
  // Opens the file and reads a CSV's first row, the column names. A file whose
  // first character is '{' is JSON Lines.
  // Errors: kUnknown if the file cannot be read; kInvalidArgument if a CSV has
  // no header, or names a column twice.
  static absl::StatusOr<std::unique_ptr<TableFile>> Open(std::string path);

  TableFormat format() const { return format_; }
  const std::vector<std::string>& columns() const { return columns_; }

  // Reads the next row; false at the end. Blank lines are skipped.
  // Errors: kInvalidArgument if a row has more or fewer cells than the header,
  // a quote is not closed, or the text is not UTF-8.
  absl::StatusOr<bool> Next();

  // The row's cells (CSV), spaces around them removed.
  const std::vector<std::string>& cells() const { return cells_; }
  // The row's text (JSON Lines).
  const std::string& text() const { return text_; }

  // The first line of the current row, from 1.
  int64_t line() const { return row_line_; }
  // "answers.csv:17".
  std::string Where() const;
  // "answers.csv:17:9", where a cell of the current row begins.
  std::string Where(size_t cell) const;
  double fraction() const { return source_->fraction(); }

 private:
  explicit TableFile(std::unique_ptr<ByteSource> source)
      : source_(std::move(source)) {}
  absl::StatusOr<bool> NextCsvRow();
  absl::StatusOr<bool> NextJsonLine();
  int Get();
  absl::Status CheckUtf8(absl::string_view text,
                         const std::string& where) const;

  std::unique_ptr<ByteSource> source_;
  TableFormat format_ = TableFormat::kCsv;
  std::vector<std::string> columns_;
  std::vector<std::string> cells_;
  std::vector<int64_t> cell_lines_;
  std::vector<int64_t> cell_columns_;
  std::string text_;
  int64_t line_ = 1;    // of the next byte
  int64_t column_ = 1;  // of the next byte
  int64_t row_line_ = 1;
};

}  // namespace allot

#endif  // ALLOT_CLI_TABLE_FILE_H_
