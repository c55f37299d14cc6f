// SPDX-License-Identifier: Apache-2.0
#include "cli/table_file.h"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

constexpr size_t kBufferBytes = 1 << 16;

// Length of the valid UTF-8 sequence at the front of `text`, 0 if it is none.
size_t Utf8Length(absl::string_view text) {
  const auto byte = [&](size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what lies beyond U+10FFFF.
  if (lead == 0xE0 && byte(1) < 0xA0) return 0;
  if (lead == 0xED && byte(1) > 0x9F) return 0;
  if (lead == 0xF0 && byte(1) < 0x90) return 0;
  if (lead == 0xF4 && byte(1) > 0x8F) return 0;
  return length;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ByteSource>> ByteSource::Open(std::string path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0) {
    return absl::UnknownError(
        absl::StrCat("cannot open ", path, ": ", std::strerror(errno)));
  }
  if (S_ISDIR(info.st_mode)) {
    return absl::UnknownError(
        absl::StrCat("cannot open ", path, ": it is a folder"));
  }
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) {
    return absl::UnknownError(
        absl::StrCat("cannot open ", path, ": ", std::strerror(errno)));
  }
  gzbuffer(file, kBufferBytes);
  return std::unique_ptr<ByteSource>(
      new ByteSource(std::move(path), file, info.st_size));
}

ByteSource::ByteSource(std::string path, void* file, int64_t size)
    : path_(std::move(path)), file_(file), size_(size), buffer_(kBufferBytes) {}

ByteSource::~ByteSource() { gzclose(static_cast<gzFile>(file_)); }

bool ByteSource::Fill() {
  if (!status_.ok()) return false;
  gzFile file = static_cast<gzFile>(file_);
  const int got = gzread(file, buffer_.data(), kBufferBytes);
  next_ = 0;
  end_ = static_cast<size_t>(std::max(got, 0));
  // A truncated archive ends without a complaint from gzread itself.
  int code = Z_OK;
  const char* reason = got > 0 ? "" : gzerror(file, &code);
  if (got < 0 || code != Z_OK) {
    end_ = 0;
    status_ = absl::UnknownError(
        absl::StrCat("cannot read ", path_, ": ",
                     code == Z_ERRNO ? std::strerror(errno) : reason));
  }
  return end_ > 0;
}

double ByteSource::fraction() const {
  if (size_ <= 0) return 1;
  const auto offset = static_cast<double>(gzoffset(static_cast<gzFile>(file_)));
  // What waits in the buffer of a plain file was not consumed yet.
  const double waiting = gzdirect(static_cast<gzFile>(file_)) != 0
                             ? static_cast<double>(end_ - next_)
                             : 0;
  return std::clamp((offset - waiting) / static_cast<double>(size_), 0.0, 1.0);
}

absl::StatusOr<std::unique_ptr<TableFile>> TableFile::Open(std::string path) {
  ALLOT_ASSIGN_OR_RETURN(auto source, ByteSource::Open(std::move(path)));
  // A byte order mark is no part of the first column's name.
  if (source->Peek() == 0xEF) {
    for (const int mark : {0xEF, 0xBB, 0xBF}) {
      if (source->Get() != mark) {
        return absl::InvalidArgumentError(
            absl::StrCat(source->path(), ":1:1: not UTF-8 text"));
      }
    }
  }
  std::unique_ptr<TableFile> file(new TableFile(std::move(source)));
  if (file->source_->Peek() == '{') {
    file->format_ = TableFormat::kJsonLines;
    return file;
  }
  ALLOT_ASSIGN_OR_RETURN(const bool has_header, file->NextCsvRow());
  if (!has_header) {
    return absl::InvalidArgumentError(absl::StrCat(
        file->source_->path(), ":1: want a header line with column names, got ",
        "an empty file"));
  }
  std::set<std::string> seen;
  for (size_t i = 0; i < file->cells_.size(); ++i) {
    if (!seen.insert(file->cells_[i]).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(file->Where(i), ": column \"", file->cells_[i],
                       "\" appears twice in the header"));
    }
  }
  file->columns_ = file->cells_;
  return file;
}

int TableFile::Get() {
  const int byte = source_->Get();
  if (byte == '\n') {
    ++line_;
    column_ = 1;
  } else {
    ++column_;
  }
  return byte;
}

absl::StatusOr<bool> TableFile::Next() {
  if (format_ == TableFormat::kJsonLines) return NextJsonLine();
  ALLOT_ASSIGN_OR_RETURN(const bool more, NextCsvRow());
  if (more && cells_.size() != columns_.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(Where(), ": want ", columns_.size(),
                     " cells as in the header, got ", cells_.size()));
  }
  return more;
}

absl::StatusOr<bool> TableFile::NextCsvRow() {
  // Skip blank lines.
  while (source_->Peek() == '\n' || source_->Peek() == '\r') Get();
  cells_.clear();
  cell_lines_.clear();
  cell_columns_.clear();
  row_line_ = line_;
  if (source_->Peek() < 0) {
    ALLOT_RETURN_IF_ERROR(source_->status());
    return false;
  }
  for (bool row_ends = false; !row_ends;) {
    while (source_->Peek() == ' ' || source_->Peek() == '\t') Get();
    cell_lines_.push_back(line_);
    cell_columns_.push_back(column_);
    std::string& cell = cells_.emplace_back();
    if (source_->Peek() == '"') {
      Get();
      for (int byte = Get();; byte = Get()) {
        if (byte < 0) {
          ALLOT_RETURN_IF_ERROR(source_->status());
          return absl::InvalidArgumentError(
              absl::StrCat(Where(cells_.size() - 1), ": quote is not closed"));
        }
        if (byte != '"') {
          cell.push_back(static_cast<char>(byte));
        } else if (source_->Peek() == '"') {
          cell.push_back(static_cast<char>(Get()));
        } else {
          break;
        }
      }
      while (source_->Peek() == ' ' || source_->Peek() == '\t') Get();
      const int after = source_->Peek();
      if (after >= 0 && after != ',' && after != '\n' && after != '\r') {
        return absl::InvalidArgumentError(absl::StrCat(
            source_->path(), ":", line_, ":", column_,
            ": want a comma or the end of the line after a ", "closing quote"));
      }
    } else {
      for (int byte = source_->Peek(); byte >= 0 && byte != ',' && byte != '\n';
           byte = source_->Peek()) {
        cell.push_back(static_cast<char>(Get()));
      }
      absl::StripTrailingAsciiWhitespace(&cell);
    }
    ALLOT_RETURN_IF_ERROR(CheckUtf8(cell, Where(cells_.size() - 1)));
    if (source_->Peek() == '\r') Get();
    row_ends = Get() != ',';
  }
  ALLOT_RETURN_IF_ERROR(source_->status());
  return true;
}

absl::StatusOr<bool> TableFile::NextJsonLine() {
  do {
    row_line_ = line_;
    text_.clear();
    for (int byte = Get(); byte >= 0 && byte != '\n'; byte = Get()) {
      text_.push_back(static_cast<char>(byte));
    }
    absl::StripAsciiWhitespace(&text_);
  } while (text_.empty() && source_->Peek() >= 0);
  ALLOT_RETURN_IF_ERROR(source_->status());
  ALLOT_RETURN_IF_ERROR(CheckUtf8(text_, Where()));
  return !text_.empty();
}

absl::Status TableFile::CheckUtf8(absl::string_view text,
                                  const std::string& where) const {
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    if (length == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(where, ": not UTF-8 text"));
    }
    text.remove_prefix(length);
  }
  return absl::OkStatus();
}

std::string TableFile::Where() const {
  return absl::StrCat(source_->path(), ":", row_line_);
}

std::string TableFile::Where(size_t cell) const {
  return absl::StrCat(source_->path(), ":", cell_lines_[cell], ":",
                      cell_columns_[cell]);
}

}  // namespace allot
