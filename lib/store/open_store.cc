// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/base/status_macros.h"
#include "lib/store/memory_store.h"
#include "lib/store/redis_address.h"
#include "lib/store/redis_store.h"
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
  if (absl::StartsWith(address, "redis://") ||
      absl::StartsWith(address, "redis+sentinel://")) {
    ALLOT_ASSIGN_OR_RETURN(const RedisAddress redis,
                           ParseRedisAddress(address));
    return OpenRedis(redis);
  }
  if (absl::StartsWith(address, "rediss://")) {
    return absl::InvalidArgumentError(
        "store: there is no TLS to Redis in allot itself: let a stunnel beside "
        "it do that, and name the stunnel's port as redis://127.0.0.1:PORT "
        "(docs/store.md)");
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "store: must be memory:, sqlite:PATH or redis://HOST:PORT, got \"",
      ShownAddress(address), "\""));
}

std::string ShownAddress(absl::string_view address) {
  const size_t scheme = address.find("://");
  const size_t question = address.find('?');
  const size_t at = address.substr(0, question).rfind('@');
  if (scheme == absl::string_view::npos || at == absl::string_view::npos ||
      at < scheme) {
    return std::string(address);
  }
  const absl::string_view who = address.substr(scheme + 3, at - scheme - 3);
  const size_t colon = who.find(':');
  if (colon == absl::string_view::npos) return std::string(address);
  return absl::StrCat(address.substr(0, scheme + 3), who.substr(0, colon),
                      ":***", address.substr(at));
}

}  // namespace allot
