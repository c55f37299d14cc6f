// SPDX-License-Identifier: Apache-2.0
#include "cli/page_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace allot {

absl::Status WritePage(const Page& page, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  file << ToHtml(page);
  file.close();
  if (!file) {
    return absl::UnknownError(
        absl::StrCat(path, ": cannot write: ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

}  // namespace allot
