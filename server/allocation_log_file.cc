// SPDX-License-Identifier: Apache-2.0
#include "server/allocation_log_file.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
#include "google/protobuf/util/delimited_message_util.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

using google::protobuf::io::ArrayInputStream;
using replay::v1::AllocationRecord;
using replay::v1::LogEntry;

constexpr absl::string_view kPrefix = "allocations-";
constexpr absl::string_view kSuffix = ".binpb";

uint32_t Checksum(absl::string_view bytes) {
  return static_cast<uint32_t>(
      crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

absl::Status CannotRead(const std::string& file, int error) {
  return absl::UnknownError(absl::StrCat(file, ": ", std::strerror(error)));
}

absl::Status Damaged(const LogPlace& place, absl::string_view what) {
  return absl::DataLossError(
      absl::StrCat(place.file, ": offset ", place.offset, ": ", what));
}

class OpenFile {
 public:
  explicit OpenFile(const std::string& path)
      : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)), error_(errno) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  int descriptor() const { return descriptor_; }
  int error() const { return error_; }

 private:
  const int descriptor_;
  const int error_;
};

struct Found {
  LogEntry entry;
  int64_t size = 0;  // with its length in front
};
enum class Look { kEntry, kNoEntry, kTooShort };
// The entry with which `bytes` begin.
Look FindEntry(absl::string_view bytes, Found& found) {
  const auto most = static_cast<int>(std::min<size_t>(
      bytes.size(), static_cast<size_t>(std::numeric_limits<int>::max())));
  ArrayInputStream stream(bytes.data(), most);
  uint32_t length = 0;
  {
    google::protobuf::io::CodedInputStream coded(&stream);
    if (!coded.ReadVarint32(&length)) {
      return bytes.size() < 5 ? Look::kTooShort : Look::kNoEntry;
    }
    if (length > static_cast<uint32_t>(most - coded.CurrentPosition())) {
      return Look::kTooShort;
    }
  }
  ArrayInputStream again(bytes.data(), most);
  bool clean_end = false;
  found.entry.Clear();
  if (!google::protobuf::util::ParseDelimitedFromZeroCopyStream(
          &found.entry, &again, &clean_end)) {
    return Look::kNoEntry;
  }
  found.size = again.ByteCount();
  return found.entry.record().empty() ||
                 found.entry.crc32() != Checksum(found.entry.record())
             ? Look::kNoEntry
             : Look::kEntry;
}

// Whether what is left of a file, which is not an entry, holds one further on:
// then the file is damaged here, and not just short.
bool HoldsAnEntry(absl::string_view rest) {
  Found found;
  for (size_t at = 1; at < rest.size(); ++at) {
    // After its length every entry begins with the tag of `record`.
    constexpr char kRecordTag = 0x0A;
    const size_t near = std::min(rest.size(), at + 6);
    const absl::string_view head = rest.substr(at, near - at);
    if (head.find(kRecordTag, 1) == absl::string_view::npos) continue;
    if (FindEntry(rest.substr(at), found) == Look::kEntry) return true;
  }
  return false;
}

absl::StatusOr<std::string> ReadAll(const std::string& path) {
  const OpenFile file(path);
  if (file.descriptor() < 0) return CannotRead(path, file.error());
  std::string bytes;
  google::protobuf::io::FileInputStream stream(file.descriptor(), 1 << 20);
  const void* data = nullptr;
  int size = 0;
  while (stream.Next(&data, &size)) {
    bytes.append(static_cast<const char*>(data), static_cast<size_t>(size));
  }
  if (stream.GetErrno() != 0) return CannotRead(path, stream.GetErrno());
  return bytes;
}

}  // namespace

std::string AllocationLogName(absl::Time time) {
  return absl::StrCat(
      kPrefix,
      absl::FormatTime("%E4Y%m%dT%H%M%E6SZ", time, absl::UTCTimeZone()),
      kSuffix);
}

absl::Time AllocationLogTime(absl::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash != absl::string_view::npos) path.remove_prefix(slash + 1);
  absl::Time time;
  if (!absl::ConsumePrefix(&path, kPrefix) ||
      !absl::ConsumeSuffix(&path, kSuffix) ||
      !absl::ParseTime("%E4Y%m%dT%H%M%E*SZ", path, absl::UTCTimeZone(), &time,
                       nullptr)) {
    return absl::InfinitePast();
  }
  return time;
}

absl::StatusOr<std::vector<std::string>> AllocationLogFiles(
    const std::string& folder) {
  std::error_code error;
  std::vector<std::string> files;
  std::filesystem::directory_iterator entries(folder, error);
  if (error) {
    return absl::NotFoundError(absl::StrCat(folder, ": ", error.message()));
  }
  for (const auto& entry : entries) {
    const std::string name = entry.path().filename().string();
    if (absl::StartsWith(name, kPrefix) && absl::EndsWith(name, kSuffix)) {
      files.push_back(entry.path().string());
    }
  }
  std::ranges::sort(files);
  return files;
}

std::string FrameRecord(std::string record) {
  LogEntry entry;
  entry.set_crc32(Checksum(record));
  entry.set_record(std::move(record));
  std::string framed;
  google::protobuf::io::StringOutputStream stream(&framed);
  google::protobuf::util::SerializeDelimitedToZeroCopyStream(entry, &stream);
  return framed;
}

absl::Status ReadAllocationLogFile(
    const std::string& file, RecordVisitor visit,
    absl::FunctionRef<void(const std::string&)> warn) {
  ALLOT_ASSIGN_OR_RETURN(const std::string bytes, ReadAll(file));
  absl::string_view rest = bytes;
  LogPlace place{.file = file};
  AllocationRecord record;
  for (Found found; !rest.empty(); rest.remove_prefix(found.size)) {
    place.offset = static_cast<int64_t>(bytes.size() - rest.size());
    const Look look = FindEntry(rest, found);
    if (look != Look::kEntry) {
      // A power cut may leave zeros where the last records were.
      const bool torn =
          look == Look::kTooShort
              ? !HoldsAnEntry(rest)
              : rest.find_first_not_of('\0') == absl::string_view::npos;
      if (!torn) return Damaged(place, "the record is damaged");
      warn(absl::StrCat(file, ": offset ", place.offset,
                        ": the last record is torn, and left out (",
                        rest.size(), " bytes)"));
      return absl::OkStatus();
    }
    place.size = found.size;
    if (!record.ParseFromString(found.entry.record())) {
      return Damaged(place, "the record is not an AllocationRecord");
    }
    ALLOT_RETURN_IF_ERROR(visit(place, record));
  }
  return absl::OkStatus();
}

absl::StatusOr<AllocationRecord> ReadRecord(const LogPlace& place) {
  const OpenFile file(place.file);
  if (file.descriptor() < 0) return CannotRead(place.file, file.error());
  std::string bytes(static_cast<size_t>(place.size), '\0');
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t got =
        pread(file.descriptor(), bytes.data() + done, bytes.size() - done,
              place.offset + static_cast<int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return CannotRead(place.file, errno);
    if (got == 0) return Damaged(place, "the file has become shorter");
    done += static_cast<size_t>(got);
  }
  Found found;
  AllocationRecord record;
  if (FindEntry(bytes, found) != Look::kEntry ||
      !record.ParseFromString(found.entry.record())) {
    return Damaged(place, "the record has changed");
  }
  return record;
}

}  // namespace allot
