// SPDX-License-Identifier: Apache-2.0
#include "lib/store/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace allot {

absl::StatusOr<FileLock> FileLock::Acquire(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "cannot write the lock file ", path, ": ", std::strerror(errno)));
  }
  FileLock lock(descriptor);
  if (flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    const int error = errno;
    if (error != EWOULDBLOCK) {
      return absl::FailedPreconditionError(
          absl::StrCat("cannot lock ", path, ": ", std::strerror(error)));
    }
    char holder[32];
    const ssize_t size = pread(descriptor, holder, sizeof(holder), 0);
    const absl::string_view text = absl::StripAsciiWhitespace(
        absl::string_view(holder, size > 0 ? static_cast<size_t>(size) : 0));
    return absl::UnavailableError(
        absl::StrCat(path, " is locked", text.empty() ? "" : " by process ",
                     text, ": it serves one process at a time"));
  }
  // Only for the message above: the lock holds without it.
  const std::string self = absl::StrCat(getpid(), "\n");
  if (ftruncate(descriptor, 0) == 0) {
    [[maybe_unused]] const ssize_t written =
        pwrite(descriptor, self.data(), self.size(), 0);
  }
  return lock;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace allot
