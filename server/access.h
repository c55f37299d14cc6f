// SPDX-License-Identifier: Apache-2.0
// Who may do what: bearer tokens, each with a role and with pools.
//
// The file holds SHA-256 hashes only, so that reading it gives nobody a token.
// A plain hash is enough for tokens that are random: make them with
// `openssl rand -hex 32`, hash them with `printf %s TOKEN | sha256sum`.
//
//   {"tokens": [
//     {"name": "labeling-ui", "sha256": "9f86...", "role": "allocate",
//      "pools": ["animals"]},
//     {"name": "ops", "sha256": "60303...", "role": "admin", "pools": ["*"]}
//   ]}
#ifndef ALLOT_SERVER_ACCESS_H_
#define ALLOT_SERVER_ACCESS_H_

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/base/published.h"

namespace allot {

// Each may do what those before it may.
enum class Role {
  kRead,      // look, and score
  kAllocate,  // plan, lease and report answers
  kAdmin,     // change pools and labelers
};
absl::string_view RoleName(Role role);

struct Grant {
  std::string name;
  std::array<unsigned char, 32> hash{};
  Role role = Role::kRead;
  bool all_pools = false;
  std::vector<std::string> pools;
};

class TokenTable {
 public:
  // Errors: kInvalidArgument with file and line, never with what a token's
  // hash was; kNotFound if the file cannot be read.
  static absl::StatusOr<std::shared_ptr<const TokenTable>> Read(
      const std::string& path);
  static absl::StatusOr<std::shared_ptr<const TokenTable>> Parse(
      absl::string_view name, absl::string_view text);

  // Null for an unknown one. The time it takes depends on how many tokens
  // there are and on this one's length, not on how much of it is right.
  const Grant* Find(absl::string_view token) const;

  size_t size() const { return grants_.size(); }

 private:
  std::vector<Grant> grants_;
};

// Somebody who calls. Without tokens on the server everybody may do everything.
class Caller {
 public:
  Caller() = default;
  Caller(std::shared_ptr<const TokenTable> table, const Grant* grant)
      : table_(std::move(table)), grant_(grant) {}

  bool MayUse(absl::string_view pool) const;
  // Errors: kPermissionDenied, POOL_FORBIDDEN.
  absl::Status CheckPool(absl::string_view pool) const;
  // The token's name; "anonymous" without one.
  absl::string_view name() const {
    return grant_ == nullptr ? "anonymous" : absl::string_view(grant_->name);
  }

 private:
  std::shared_ptr<const TokenTable> table_;  // holds the grant
  const Grant* grant_ = nullptr;
};

// Thread-safe. Costs one load while there are no tokens.
class Access {
 public:
  // Null: no tokens are asked for.
  void Set(std::shared_ptr<const TokenTable> table);
  bool enabled() const { return enabled_.load(std::memory_order_acquire); }

  // `authorization` is the header of that name. Errors: kUnauthenticated
  // (TOKEN_MISSING, TOKEN_UNKNOWN), kPermissionDenied (ROLE_TOO_LOW). None of
  // them repeats any of the header.
  absl::StatusOr<Caller> Check(absl::string_view authorization,
                               Role needed) const;

 private:
  std::atomic<bool> enabled_{false};
  Published<TokenTable> table_;
};

}  // namespace allot

#endif  // ALLOT_SERVER_ACCESS_H_
