// SPDX-License-Identifier: Apache-2.0
#include "server/violations.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "server/grpc_status.h"

namespace allot {

std::string FieldPath::ToString() const {
  const std::string before = parent_ == nullptr ? "" : parent_->ToString();
  switch (kind_) {
    case Kind::kRoot:
      return "";
    case Kind::kField:
      return absl::StrCat(before, before.empty() ? "" : ".", name_);
    case Kind::kIndex:
      return absl::StrCat(before, "[", index_, "]");
    case Kind::kKey:
      return absl::StrCat(before, "[", Quote(name_), "]");
  }
  return before;
}

std::string Quote(absl::string_view text) {
  constexpr size_t kMaxShown = 64;
  if (text.size() <= kMaxShown) {
    return absl::StrCat("\"", absl::Utf8SafeCHexEscape(text), "\"");
  }
  // Cut between characters, never inside one.
  size_t end = kMaxShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
    --end;
  }
  return absl::StrCat("\"", absl::Utf8SafeCHexEscape(text.substr(0, end)),
                      "...\" (", text.size(), " bytes)");
}

void Violations::Add(const FieldPath& field, absl::string_view description) {
  ++count_;
  if (kept_.size() < kMaxKept) {
    kept_.push_back({field.ToString(), std::string(description)});
  }
}

absl::Status Violations::ToStatus() const {
  if (empty()) return absl::OkStatus();
  const Violation& first = kept_.front();
  std::string message = absl::StrCat(
      first.field, first.field.empty() ? "" : ": ", first.description);
  if (count_ > 1) absl::StrAppend(&message, " (and ", count_ - 1, " more)");
  google::rpc::BadRequest detail;
  for (const Violation& violation : kept_) {
    auto* out = detail.add_field_violations();
    out->set_field(violation.field);
    out->set_description(violation.description);
  }
  absl::Status status = WithReason(absl::InvalidArgumentError(message),
                                   "INVALID_FIELD", {{"field", first.field}});
  AddDetail(detail, &status);
  return status;
}

}  // namespace allot
