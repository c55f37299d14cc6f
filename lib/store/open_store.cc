// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/store/memory_store.h"
#include "lib/store/sqlite_store.h"
#include "lib/store/store.h"

namespace allot {

absl::Status LogMovedOn(absl::string_view pool, int64_t after, int64_t end) {
  return absl::AbortedError(absl::StrCat("the log of pool \"", pool,
                                         "\" ends at ", end, ", not at ", after,
                                         ": decide again"));
}

absl::StatusOr<std::unique_ptr<Store>> OpenStore(absl::string_view address) {
  if (address == "memory:") return std::make_unique<MemoryStore>();
  absl::string_view path = address;
  if (absl::ConsumePrefix(&path, "sqlite:") && !path.empty()) {
    return OpenSqlite(std::string(path));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "store: must be memory: or sqlite:PATH, got \"", address, "\""));
}

}  // namespace allot
