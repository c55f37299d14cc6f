// SPDX-License-Identifier: Apache-2.0
// What the program tells the shell. docs/cli.md repeats this table.
#ifndef ALLOT_CLI_EXIT_CODE_H_
#define ALLOT_CLI_EXIT_CODE_H_

#include "absl/status/status.h"

namespace allot {

enum ExitCode {
  kExitOk = 0,
  kExitFailed = 1,    // the server failed, or a file cannot be read or written
  kExitBadInput = 2,  // usage, a file's contents, or a request found invalid
  kExitUnreachable = 3,  // no server there, or it went away
  kExitNotFound = 4,     // a pool, labeler, task or store that is not there
  kExitBadData = 5,      // contents of a data file that is read without a
                         // server (a scenario's are 2), or of a store
};

inline ExitCode ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitOk;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kFailedPrecondition:
      return kExitBadInput;
    case absl::StatusCode::kUnavailable:
      return kExitUnreachable;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kDataLoss:
      return kExitBadData;
    default:
      return kExitFailed;
  }
}

// An error of reading a data file, by its exit status: its contents are wrong,
// or it cannot be read.
inline absl::Status AsFileError(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return absl::DataLossError(status.message());
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kUnavailable:
      return absl::UnknownError(status.message());
    default:
      return status;
  }
}

}  // namespace allot

#endif  // ALLOT_CLI_EXIT_CODE_H_
