// SPDX-License-Identifier: Apache-2.0
// The files of an allocation log: allot.replay.v1.LogEntry messages, each after
// its length as a varint, in files whose names rise with time. One process
// writes to a folder; its files may be read, copied and deleted meanwhile.
#ifndef ALLOT_SERVER_ALLOCATION_LOG_FILE_H_
#define ALLOT_SERVER_ALLOCATION_LOG_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "allot/replay/v1/allocation_log.pb.h"

namespace allot {

// "allocations-20260501T123000.000001Z.binpb".
std::string AllocationLogName(absl::Time time);
// The time in a path that ends so; absl::InfinitePast() if it does not.
absl::Time AllocationLogTime(absl::string_view path);

// The log's files in `folder`, the oldest first.
// Errors: kNotFound, there is no such folder.
absl::StatusOr<std::vector<std::string>> AllocationLogFiles(
    const std::string& folder);

// A serialized AllocationRecord as an entry with its length in front.
std::string FrameRecord(std::string record);

// Where a record is.
struct LogPlace {
  std::string file;
  int64_t offset = 0;
  int64_t size = 0;  // with its length in front
};

using RecordVisitor = absl::FunctionRef<absl::Status(
    const LogPlace& place, const replay::v1::AllocationRecord& record)>;

// Calls `visit` with each record of a file, in order. A record that is torn at
// the file's end (allotd was killed while it wrote) is left out; `warn` is then
// told. Errors: kDataLoss, "FILE: offset N: ...", for anything else that is
// wrong with it; kUnknown, it cannot be read.
absl::Status ReadAllocationLogFile(
    const std::string& file, RecordVisitor visit,
    absl::FunctionRef<void(const std::string&)> warn);

// One record again. Errors: as above.
absl::StatusOr<replay::v1::AllocationRecord> ReadRecord(const LogPlace& place);

}  // namespace allot

#endif  // ALLOT_SERVER_ALLOCATION_LOG_FILE_H_
