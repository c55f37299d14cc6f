// SPDX-License-Identifier: Apache-2.0
// "Only one process at a time", by an advisory lock on a file of its own, so
// that readers of the data are not shut out. The kernel lets go of the lock
// when the process ends, however it ends; the file stays, and means nothing.
#ifndef ALLOT_LIB_STORE_FILE_LOCK_H_
#define ALLOT_LIB_STORE_FILE_LOCK_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace allot {

class FileLock {
 public:
  // Errors: kUnavailable, somebody holds it (the message names the process);
  // kFailedPrecondition, the file cannot be written.
  static absl::StatusOr<FileLock> Acquire(const std::string& path);

  FileLock(FileLock&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~FileLock();

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
};

}  // namespace allot

#endif  // ALLOT_LIB_STORE_FILE_LOCK_H_
