// SPDX-License-Identifier: Apache-2.0
#include "server/allocation_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "allot/replay/v1/allocation_log.pb.h"
#include "google/protobuf/arena.h"
#include "google/protobuf/util/time_util.h"
#include "lib/base/status_macros.h"
#include "server/allocation_log_file.h"
#include "server/method.h"

namespace allot {
namespace {

// Written at once.
constexpr size_t kMostPending = 1 << 20;

absl::Status DiskError(const std::string& what) {
  return absl::UnknownError(absl::StrCat(what, ": ", std::strerror(errno)));
}

}  // namespace

absl::Status CheckAllocationLogFolder(const std::string& folder) {
  std::error_code error;
  const std::filesystem::path path =
      std::filesystem::absolute(folder, error).lexically_normal();
  const std::filesystem::path known =
      std::filesystem::exists(path, error)
          ? path
          : (path.has_filename() ? path : path.parent_path()).parent_path();
  if (!std::filesystem::is_directory(known, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat(known.string(), " is not a folder"));
  }
  if (access(known.c_str(), W_OK | X_OK) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(known.string(), ": ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<AllocationLog>> AllocationLog::Open(
    const AllocationLogOptions& options, absl::string_view version,
    const Clock* clock, Logger* log) {
  std::error_code error;
  std::filesystem::create_directory(options.folder, error);
  if (error) {
    return absl::FailedPreconditionError(absl::StrCat(
        "--allocation_log: ", options.folder, ": ", error.message()));
  }
  absl::StatusOr<FileLock> lock =
      FileLock::Acquire(absl::StrCat(options.folder, "/lock"));
  if (!lock.ok()) {
    return absl::Status(
        lock.status().code(),
        absl::StrCat("--allocation_log: ", lock.status().message()));
  }
  return std::unique_ptr<AllocationLog>(
      new AllocationLog(options, version, clock, log, *std::move(lock)));
}

AllocationLog::AllocationLog(const AllocationLogOptions& options,
                             absl::string_view version, const Clock* clock,
                             Logger* log, FileLock lock)
    : options_(options),
      version_(version),
      clock_(*clock),
      log_(*log),
      lock_(std::move(lock)),
      writer_([this] { Write(); }) {}

AllocationLog::~AllocationLog() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  writer_.join();
}

bool AllocationLog::Wants(const v1::AllocateRequest& request) const {
  if (options_.sample >= 1) return true;
  const uint64_t hash = Fingerprint(request) * 0xbf58476d1ce4e5b9;
  return static_cast<double>(hash >> 11) * 0x1p-53 < options_.sample;
}

void AllocationLog::Add(const v1::AllocateRequest& request,
                        const v1::AllocateResponse& response,
                        const PlanBasis& basis, int32_t calls) {
  const auto full = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return queued_bytes_ >= options_.queue_bytes;
  };
  {
    MutexLock lock(mutex_);
    if (full()) {
      ++dropped_;
      return;
    }
  }
  // On an arena a message does not own what it is lent.
  google::protobuf::Arena arena;
  auto& record =
      *google::protobuf::Arena::CreateMessage<replay::v1::AllocationRecord>(
          &arena);
  record.unsafe_arena_set_allocated_request(
      const_cast<v1::AllocateRequest*>(&request));
  record.unsafe_arena_set_allocated_response(
      const_cast<v1::AllocateResponse*>(&response));
  *record.mutable_time() =
      google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(
          absl::ToUnixMicros(clock_.Now()));
  record.set_sequence(basis.sequence);
  record.set_model_version(basis.model_version);
  record.set_watched(basis.watched);
  record.set_time_ran_out(basis.time_ran_out);
  record.set_state_moved(basis.state_moved);
  record.set_claims_lost(basis.claims_lost);
  record.set_calls(calls);
  record.set_version(version_);
  std::string bytes = record.SerializeAsString();
  {
    MutexLock lock(mutex_);
    if (full()) {
      ++dropped_;
      return;
    }
    queued_bytes_ += static_cast<int64_t>(bytes.size());
    queue_.push_back(std::move(bytes));
  }
  wake_.notify_one();
}

void AllocationLog::Write() {
  mutex_.lock();
  while (!stopping_ || !queue_.empty()) {
    if (queue_.empty()) {
      wake_.wait(mutex_);
      continue;
    }
    std::deque<std::string> taken;
    taken.swap(queue_);
    const int64_t bytes = queued_bytes_;
    mutex_.unlock();
    for (std::string& record : taken) Append(std::move(record));
    Flush();
    mutex_.lock();
    queued_bytes_ -= bytes;
  }
  mutex_.unlock();
  CloseFile();
}

void AllocationLog::Append(std::string record) {
  const std::string framed = FrameRecord(std::move(record));
  const auto size = static_cast<int64_t>(framed.size());
  const int64_t before = file_bytes_ + static_cast<int64_t>(pending_.size());
  if (before > 0 && before + size > options_.file_bytes) {
    Flush();
    CloseFile();
  }
  pending_ += framed;
  ++pending_records_;
  if (pending_.size() >= kMostPending) Flush();
}

void AllocationLog::Flush() {
  if (pending_records_ == 0) return;
  const absl::Status written = WritePending();
  if (written.ok()) {
    records_ += pending_records_;
    bytes_ += static_cast<int64_t>(pending_.size());
    file_bytes_ += static_cast<int64_t>(pending_.size());
  } else {
    ++errors_;
    dropped_ += pending_records_;
    // What was half written would be damage in the middle of the file.
    if (descriptor_ >= 0 && ftruncate(descriptor_, file_bytes_) != 0) {
      CloseFile();
    }
    log_.LogLimited(Severity::kError, "cannot log allocations",
                    {{"error", written.message()}});
  }
  pending_.clear();
  pending_records_ = 0;
}

absl::Status AllocationLog::WritePending() {
  if (descriptor_ < 0) ALLOT_RETURN_IF_ERROR(OpenFile());
  for (size_t done = 0; done < pending_.size();) {
    const ssize_t put =
        pwrite(descriptor_, pending_.data() + done, pending_.size() - done,
               file_bytes_ + static_cast<int64_t>(done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return DiskError(options_.folder);
    done += static_cast<size_t>(put);
  }
  return absl::OkStatus();
}

absl::Status AllocationLog::OpenFile() {
  // Names rise even where the clock does not.
  ALLOT_ASSIGN_OR_RETURN(const std::vector<std::string> files,
                         AllocationLogFiles(options_.folder));
  absl::Time time = clock_.Now();
  if (!files.empty()) {
    time =
        std::max(time, AllocationLogTime(files.back()) + absl::Microseconds(1));
  }
  const std::string path =
      absl::StrCat(options_.folder, "/", AllocationLogName(time));
  descriptor_ = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                     S_IRUSR | S_IWUSR);
  if (descriptor_ < 0) return DiskError(path);
  file_bytes_ = 0;
  DeleteOldFiles(files);
  return absl::OkStatus();
}

void AllocationLog::CloseFile() {
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = -1;
  file_bytes_ = 0;
}

void AllocationLog::DeleteOldFiles(const std::vector<std::string>& older) {
  const auto keep = static_cast<size_t>(options_.files) - 1;
  for (size_t i = 0; i + keep < older.size(); ++i) {
    if (unlink(older[i].c_str()) != 0) ++errors_;
  }
}

}  // namespace allot
