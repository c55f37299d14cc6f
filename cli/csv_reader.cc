// SPDX-License-Identifier: Apache-2.0
#include "cli/csv_reader.h"

#include <csv.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace allot {
namespace {

class Parser {
 public:
  Parser(const std::string& path, std::span<const CsvColumn> columns,
         std::vector<bool>* present, const CsvRow& row)
      : path_(path), columns_(columns), present_(present), row_(row) {
    csv_init(&csv_, CSV_STRICT | CSV_STRICT_FINI);
  }
  ~Parser() { csv_free(&csv_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  // `text` ends with a newline, or is the last of the file.
  absl::Status Line(absl::string_view text) {
    if (line_ == 1 && text.substr(0, 3) == "\xEF\xBB\xBF")
      text.remove_prefix(3);
    row_ended_ = false;
    const size_t used =
        csv_parse(&csv_, text.data(), text.size(), &OnField, &OnRow, this);
    if (used != text.size()) return At(row_line_, ParserError());
    const bool blank =
        text.find_first_not_of(" \t\r\n") == absl::string_view::npos;
    row_open_ = row_open_ ? !row_ended_ : !row_ended_ && !blank;
    ++line_;
    if (!row_open_) row_line_ = line_;
    return status_;
  }

  absl::Status Finish() {
    if (csv_fini(&csv_, &OnField, &OnRow, this) != 0) {
      return At(row_line_, ParserError());
    }
    if (status_.ok() && !have_header_) {
      return absl::InvalidArgumentError(
          absl::StrCat(path_, ": is empty; want a line of column names"));
    }
    return status_;
  }

 private:
  static void OnField(void* data, size_t size, void* self) {
    auto* parser = static_cast<Parser*>(self);
    parser->ends_.push_back(parser->text_.size());
    parser->text_.append(static_cast<const char*>(data), size);
  }
  static void OnRow(int /*terminator*/, void* self) {
    static_cast<Parser*>(self)->Row();
  }

  const char* ParserError() {
    return csv_error(&csv_) == CSV_EPARSE ? "broken quoting"
                                          : csv_strerror(csv_error(&csv_));
  }

  absl::Status At(int64_t line, absl::string_view message) const {
    return absl::InvalidArgumentError(
        absl::StrCat(path_, ":", line, ": ", message));
  }

  void Row() {
    row_ended_ = true;
    if (status_.ok()) {
      fields_.clear();
      for (size_t i = 0; i < ends_.size(); ++i) {
        const size_t end = i + 1 < ends_.size() ? ends_[i + 1] : text_.size();
        fields_.push_back(
            absl::string_view(text_).substr(ends_[i], end - ends_[i]));
      }
      status_ = have_header_ ? Data() : Header();
    }
    ends_.clear();
    text_.clear();
  }

  absl::Status Header() {
    have_header_ = true;
    width_ = fields_.size();
    place_.assign(columns_.size(), -1);
    for (size_t c = 0; c < columns_.size(); ++c) {
      for (size_t f = 0; f < fields_.size(); ++f) {
        if (fields_[f] != columns_[c].name) continue;
        if (place_[c] >= 0) {
          return At(row_line_, absl::StrCat("column \"", columns_[c].name,
                                            "\" is named twice"));
        }
        place_[c] = static_cast<int>(f);
      }
      if (place_[c] < 0 && columns_[c].required) {
        return At(row_line_, absl::StrCat("no column \"", columns_[c].name,
                                          "\" in the header, which names ",
                                          absl::StrJoin(fields_, ", ")));
      }
    }
    if (present_ != nullptr) {
      present_->clear();
      for (const int place : place_) present_->push_back(place >= 0);
    }
    wanted_.resize(columns_.size());
    return absl::OkStatus();
  }

  absl::Status Data() {
    if (fields_.size() != width_) {
      return At(row_line_,
                absl::StrCat("want ", width_, " fields, got ", fields_.size(),
                             "; a field that holds a comma needs quotes"));
    }
    for (size_t c = 0; c < columns_.size(); ++c) {
      wanted_[c] = place_[c] >= 0 ? fields_[place_[c]] : absl::string_view();
    }
    const absl::Status status = row_(wanted_);
    if (status.ok()) return status;
    return absl::Status(status.code(), absl::StrCat(path_, ":", row_line_, ": ",
                                                    status.message()));
  }

  const std::string& path_;
  const std::span<const CsvColumn> columns_;
  std::vector<bool>* const present_;
  const CsvRow& row_;
  csv_parser csv_;
  std::string text_;          // the fields of the open row, end to end
  std::vector<size_t> ends_;  // where each of them begins in text_
  std::vector<absl::string_view> fields_, wanted_;
  std::vector<int> place_;  // of each column among the fields, or -1
  size_t width_ = 0;
  int64_t line_ = 1;      // being read
  int64_t row_line_ = 1;  // where the open row began
  bool have_header_ = false, row_open_ = false, row_ended_ = false;
  absl::Status status_;
};

struct CloseGzip {
  void operator()(gzFile_s* file) const { gzclose(file); }
};

}  // namespace

absl::Status ReadCsv(const std::string& path,
                     std::span<const CsvColumn> columns,
                     std::vector<bool>* present, const CsvRow& row) {
  // Reads plain files, too.
  const std::unique_ptr<gzFile_s, CloseGzip> file(gzopen(path.c_str(), "rb"));
  if (file == nullptr) {
    const int error = errno;
    return error == ENOENT
               ? absl::NotFoundError(absl::StrCat(path, ": no such file"))
               : absl::UnavailableError(
                     absl::StrCat(path, ": ", std::strerror(error)));
  }
  gzbuffer(file.get(), 1 << 17);
  Parser parser(path, columns, present, row);
  std::vector<char> block(1 << 16);
  std::string line;  // a line that began in an earlier block
  while (true) {
    const int size =
        gzread(file.get(), block.data(), static_cast<unsigned>(block.size()));
    if (size < 0) {
      int code = 0;
      const char* message = gzerror(file.get(), &code);
      return absl::UnavailableError(absl::StrCat(path, ": ", message));
    }
    if (size == 0) break;
    absl::string_view text(block.data(), static_cast<size_t>(size));
    while (!text.empty()) {
      const size_t newline = text.find('\n');
      if (newline == absl::string_view::npos) {
        line.append(text.data(), text.size());
        break;
      }
      absl::string_view whole = text.substr(0, newline + 1);
      if (!line.empty()) {
        line.append(whole.data(), whole.size());
        whole = line;
      }
      absl::Status status = parser.Line(whole);
      if (!status.ok()) return status;
      line.clear();
      text.remove_prefix(newline + 1);
    }
  }
  // A truncated gzip stream ends like a file does, but gzclose knows.
  int code = 0;
  gzerror(file.get(), &code);
  if (code == Z_BUF_ERROR) {
    return absl::UnavailableError(absl::StrCat(path, ": ends too early"));
  }
  if (!line.empty()) {
    absl::Status status = parser.Line(line);
    if (!status.ok()) return status;
  }
  return parser.Finish();
}

}  // namespace allot
