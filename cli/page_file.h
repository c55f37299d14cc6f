// SPDX-License-Identifier: Apache-2.0
#ifndef ALLOT_CLI_PAGE_FILE_H_
#define ALLOT_CLI_PAGE_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "lib/page/page.h"

namespace allot {

// Errors: kUnknown that names the file and why it cannot be written.
absl::Status WritePage(const Page& page, const std::string& path);

}  // namespace allot

#endif  // ALLOT_CLI_PAGE_FILE_H_
