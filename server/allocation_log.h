// SPDX-License-Identifier: Apache-2.0
// Writes plans to a folder as they are answered, for `allot replay`. Calls
// never wait for the disk: they leave their record in a queue of bounded size,
// or leave it out when that is full; one thread writes. What is written is in
// the hands of the kernel, not synced: kill -9 costs what is in the queue.
#ifndef ALLOT_SERVER_ALLOCATION_LOG_H_
#define ALLOT_SERVER_ALLOCATION_LOG_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "allot/v1/allocation.pb.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"
#include "lib/engine/calls.h"
#include "lib/store/file_lock.h"
#include "server/log.h"

namespace allot {

struct AllocationLogOptions {
  std::string folder;             // empty: nothing is logged
  double sample = 1;              // share of requests, (0, 1]
  int64_t file_bytes = 64 << 20;  // a file grows no larger
  int files = 16;                 // the newest that are kept
  int64_t queue_bytes = 64 << 20;
};

// Whether a log can be kept in the folder: it is one, or can be made.
// Errors: kInvalidArgument that says why not.
absl::Status CheckAllocationLogFolder(const std::string& folder);

// Thread-safe.
class AllocationLog {
 public:
  // Makes the folder if it is not there. `clock` and `log` must outlive it.
  // `version` goes into every record.
  // Errors: kUnavailable, another process logs there; kFailedPrecondition, the
  // folder cannot be written.
  static absl::StatusOr<std::unique_ptr<AllocationLog>> Open(
      const AllocationLogOptions& options, absl::string_view version,
      const Clock* clock, Logger* log);
  // Writes what is in the queue.
  ~AllocationLog();
  AllocationLog(const AllocationLog&) = delete;
  AllocationLog& operator=(const AllocationLog&) = delete;

  // Whether the sample has this request: by its content, so always or never.
  bool Wants(const v1::AllocateRequest& request) const;
  // Logs a plan that answered `calls` calls.
  void Add(const v1::AllocateRequest& request,
           const v1::AllocateResponse& response, const PlanBasis& basis,
           int32_t calls);

  struct Counts {
    int64_t records = 0;  // written
    int64_t bytes = 0;
    int64_t dropped = 0;  // left out, for a full queue or a failed write
    int64_t errors = 0;   // of the disk
  };
  Counts counts() const {
    return {records_.load(), bytes_.load(), dropped_.load(), errors_.load()};
  }

 private:
  AllocationLog(const AllocationLogOptions& options, absl::string_view version,
                const Clock* clock, Logger* log, FileLock lock);

  void Write();
  void Append(std::string record);
  // Hands `pending_` to the kernel.
  void Flush();
  absl::Status WritePending();
  absl::Status OpenFile();
  void CloseFile();
  // `older` than the one that was just begun.
  void DeleteOldFiles(const std::vector<std::string>& older);

  const AllocationLogOptions options_;
  const std::string version_;
  const Clock& clock_;
  Logger& log_;
  const FileLock lock_;

  std::atomic<int64_t> records_{0}, bytes_{0}, dropped_{0}, errors_{0};

  Mutex mutex_;
  ConditionVariable wake_;
  std::deque<std::string> queue_ ABSL_GUARDED_BY(mutex_);
  int64_t queued_bytes_ ABSL_GUARDED_BY(mutex_) =
      0;  // what is written included
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  // Of the writer.
  int descriptor_ = -1;
  int64_t file_bytes_ = 0;  // of whole records in the file
  std::string pending_;
  int64_t pending_records_ = 0;
  std::thread writer_;
};

}  // namespace allot

#endif  // ALLOT_SERVER_ALLOCATION_LOG_H_
