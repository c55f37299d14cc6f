// SPDX-License-Identifier: Apache-2.0
#include "server/access.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "openssl/crypto.h"
#include "openssl/sha.h"
#include "server/grpc_status.h"
#include "server/json_file.h"

namespace allot {
namespace {

constexpr absl::string_view kScheme = "bearer ";
// Longer ones are nobody's; hashing them would be work for free.
constexpr size_t kMostTokenBytes = 1024;

bool ParseHash(const std::string& hex, std::array<unsigned char, 32>& hash) {
  if (hex.size() != 2 * hash.size() || !std::ranges::all_of(hex, [](char c) {
        return absl::ascii_isxdigit(static_cast<unsigned char>(c));
      })) {
    return false;
  }
  const std::string bytes = absl::HexStringToBytes(hex);
  std::ranges::copy(bytes, hash.begin());
  return true;
}

std::optional<Role> ParseRole(absl::string_view name) {
  for (const Role role : {Role::kRead, Role::kAllocate, Role::kAdmin}) {
    if (name == RoleName(role)) return role;
  }
  return std::nullopt;
}

}  // namespace

absl::string_view RoleName(Role role) {
  switch (role) {
    case Role::kRead:
      return "read";
    case Role::kAllocate:
      return "allocate";
    case Role::kAdmin:
      return "admin";
  }
  return "read";
}

absl::StatusOr<std::shared_ptr<const TokenTable>> TokenTable::Read(
    const std::string& path) {
  ALLOT_ASSIGN_OR_RETURN(const std::string text, ReadWholeFile(path));
  return Parse(path, text);
}

absl::StatusOr<std::shared_ptr<const TokenTable>> TokenTable::Parse(
    absl::string_view name, absl::string_view text) {
  ALLOT_ASSIGN_OR_RETURN(const JsonValue root, ParseJson(name, text));
  auto table = std::make_shared<TokenTable>();
  JsonObject top(name, root);
  const JsonValue* tokens = top.List("tokens");
  ALLOT_RETURN_IF_ERROR(top.Finish());
  if (tokens == nullptr || tokens->items.empty()) {
    return ErrorAt(name, root.line, "tokens: must list at least one token");
  }
  std::set<std::string> names;
  for (const JsonValue& item : tokens->items) {
    JsonObject object(name, item);
    Grant grant;
    grant.name = object.Text("name").value_or("");
    if (grant.name.empty() || !names.insert(grant.name).second) {
      object.Fail(item, "name: must be given, and differ from all others");
    }
    if (!ParseHash(object.Text("sha256").value_or(""), grant.hash)) {
      object.Fail(item, "sha256: must be 64 hexadecimal digits");
    }
    for (const Grant& other : table->grants_) {
      if (other.hash == grant.hash) {
        object.Fail(
            item, absl::StrCat("sha256: is that of \"", other.name, "\" too"));
      }
    }
    const std::optional<Role> role =
        ParseRole(object.Text("role").value_or(""));
    if (!role) object.Fail(item, "role: must be read, allocate or admin");
    grant.role = role.value_or(Role::kRead);
    const JsonValue* pools = object.List("pools");
    if (pools == nullptr || pools->items.empty()) {
      object.Fail(item, "pools: must list ids of pools, or \"*\" for all");
    } else {
      for (const JsonValue& pool : pools->items) {
        if (pool.kind != JsonValue::Kind::kText || pool.text.empty()) {
          object.Fail(pool, "pools: must be texts");
        } else if (pool.text == "*") {
          grant.all_pools = true;
        } else {
          grant.pools.push_back(pool.text);
        }
      }
    }
    ALLOT_RETURN_IF_ERROR(object.Finish());
    table->grants_.push_back(std::move(grant));
  }
  return table;
}

const Grant* TokenTable::Find(absl::string_view token) const {
  std::array<unsigned char, 32> hash;
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(),
         hash.data());
  // All of them, every time.
  const Grant* found = nullptr;
  for (const Grant& grant : grants_) {
    if (CRYPTO_memcmp(hash.data(), grant.hash.data(), hash.size()) == 0) {
      found = &grant;
    }
  }
  return found;
}

bool Caller::MayUse(absl::string_view pool) const {
  return grant_ == nullptr || grant_->all_pools ||
         std::ranges::find(grant_->pools, pool) != grant_->pools.end();
}

absl::Status Caller::CheckPool(absl::string_view pool) const {
  if (MayUse(pool)) return absl::OkStatus();
  return WithReason(absl::PermissionDeniedError(absl::StrCat(
                        "token \"", grant_->name, "\" is not for this pool")),
                    "POOL_FORBIDDEN", {{"token", grant_->name}});
}

void Access::Set(std::shared_ptr<const TokenTable> table) {
  const bool enabled = table != nullptr;
  if (enabled) table_.Set(std::move(table));
  enabled_.store(enabled, std::memory_order_release);
}

absl::StatusOr<Caller> Access::Check(absl::string_view authorization,
                                     Role needed) const {
  if (!enabled()) return Caller();
  if (!absl::StartsWithIgnoreCase(authorization, kScheme)) {
    return WithReason(absl::UnauthenticatedError(
                          "send a token: \"authorization: Bearer TOKEN\""),
                      "TOKEN_MISSING");
  }
  const absl::string_view token =
      absl::StripAsciiWhitespace(authorization.substr(kScheme.size()));
  std::shared_ptr<const TokenTable> table = table_.Get();
  const Grant* grant =
      token.size() > kMostTokenBytes ? nullptr : table->Find(token);
  if (grant == nullptr) {
    return WithReason(absl::UnauthenticatedError("this token is unknown"),
                      "TOKEN_UNKNOWN");
  }
  if (grant->role < needed) {
    return WithReason(
        absl::PermissionDeniedError(absl::StrCat(
            "token \"", grant->name, "\" has role ", RoleName(grant->role),
            "; this call needs ", RoleName(needed))),
        "ROLE_TOO_LOW", {{"token", grant->name}});
  }
  return Caller(std::move(table), grant);
}

}  // namespace allot
