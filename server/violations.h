// SPDX-License-Identifier: Apache-2.0
// What is wrong with a request, field by field (AIP-193: BadRequest).
#ifndef ALLOT_SERVER_VIOLATIONS_H_
#define ALLOT_SERVER_VIOLATIONS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace allot {

// The way to a field, e.g. tasks[3].loading["cats"]. Costs nothing until it is
// printed: each step lives on the stack of the function that took it and points
// to the step before, so a path must not outlive the path it was made from.
class FieldPath {
 public:
  // The request itself.
  FieldPath() = default;
  FieldPath Field(absl::string_view name) const {
    return FieldPath(this, Kind::kField, name, 0);
  }
  FieldPath At(int64_t index) const {
    return FieldPath(this, Kind::kIndex, {}, index);
  }
  FieldPath Key(absl::string_view key) const {
    return FieldPath(this, Kind::kKey, key, 0);
  }
  std::string ToString() const;

 private:
  enum class Kind { kRoot, kField, kIndex, kKey };
  FieldPath(const FieldPath* parent, Kind kind, absl::string_view name,
            int64_t index)
      : parent_(parent), kind_(kind), name_(name), index_(index) {}

  const FieldPath* parent_ = nullptr;
  Kind kind_ = Kind::kRoot;
  absl::string_view name_;
  int64_t index_ = 0;
};

// A caller's text inside a message: quoted, escaped, cut to a readable length.
std::string Quote(absl::string_view text);

// Collects violations in the order found. Keeps the first few and counts the
// rest: an error travels in HTTP/2 trailers, which clients limit to 8 KiB.
class Violations {
 public:
  static constexpr int kMaxKept = 16;

  // `description` says what the field must be and what it was.
  void Add(const FieldPath& field, absl::string_view description);
  bool empty() const { return count_ == 0; }
  int64_t count() const { return count_; }

  // OK if empty. Otherwise kInvalidArgument whose message is the first
  // violation, with the payloads google.rpc.BadRequest (those kept) and
  // google.rpc.ErrorInfo (reason INVALID_FIELD).
  absl::Status ToStatus() const;

 private:
  struct Violation {
    std::string field;
    std::string description;
  };
  std::vector<Violation> kept_;
  int64_t count_ = 0;
};

}  // namespace allot

#endif  // ALLOT_SERVER_VIOLATIONS_H_
