// SPDX-License-Identifier: Apache-2.0
#include "server/grpc_status.h"

#include <optional>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace allot {
namespace {

constexpr absl::string_view kTypePrefix = "type.googleapis.com/";
constexpr size_t kMaxMessage = 1024;
constexpr size_t kMaxMetadata = 256;

// The first `size` bytes of UTF-8 text, less a character cut in half.
absl::string_view Cut(absl::string_view text, size_t size) {
  if (text.size() <= size) return text;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) {
    --size;
  }
  return text.substr(0, size);
}

std::string TypeUrl(const google::protobuf::Descriptor* type) {
  return absl::StrCat(std::string(kTypePrefix), type->full_name());
}

// Why a call failed, as far as its code alone tells.
absl::string_view DefaultReason(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
      return "INVALID_FIELD";
    case absl::StatusCode::kNotFound:
      return "NOT_FOUND";
    case absl::StatusCode::kFailedPrecondition:
      return "PRECONDITION_FAILED";
    case absl::StatusCode::kResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case absl::StatusCode::kUnavailable:
      return "STORE_UNAVAILABLE";
    case absl::StatusCode::kDeadlineExceeded:
      return "DEADLINE_PASSED";
    case absl::StatusCode::kCancelled:
      return "CANCELLED";
    case absl::StatusCode::kAborted:
      return "CONCURRENT_CHANGE";
    default:
      return "INTERNAL";
  }
}

}  // namespace

void AddDetail(const google::protobuf::Message& detail, absl::Status* status) {
  status->SetPayload(TypeUrl(detail.GetDescriptor()),
                     absl::Cord(detail.SerializeAsString()));
}

absl::Status WithReason(
    absl::Status status, absl::string_view reason,
    std::initializer_list<std::pair<absl::string_view, absl::string_view>>
        metadata) {
  if (status.ok()) return status;
  if (status.GetPayload(TypeUrl(google::rpc::ErrorInfo::descriptor()))) {
    return status;
  }
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(std::string(kErrorDomain));
  for (const auto& [key, value] : metadata) {
    (*info.mutable_metadata())[std::string(key)] =
        std::string(Cut(value, kMaxMetadata));
  }
  AddDetail(info, &status);
  return status;
}

absl::Status WithFieldOfMessage(absl::Status status) {
  if (status.code() != absl::StatusCode::kInvalidArgument &&
      status.code() != absl::StatusCode::kNotFound &&
      status.code() != absl::StatusCode::kFailedPrecondition) {
    return status;
  }
  if (status.GetPayload(TypeUrl(google::rpc::BadRequest::descriptor()))) {
    return status;
  }
  const absl::string_view message = status.message();
  const size_t colon = message.find(": ");
  const absl::string_view path = message.substr(0, colon);
  if (colon == absl::string_view::npos || path.empty() ||
      path.find_first_not_of("abcdefghijklmnopqrstuvwxyz_.[]0123456789") !=
          absl::string_view::npos) {
    return status;
  }
  google::rpc::BadRequest detail;
  auto* violation = detail.add_field_violations();
  violation->set_field(std::string(path));
  violation->set_description(
      std::string(Cut(message.substr(colon + 2), kMaxMessage)));
  AddDetail(detail, &status);
  if (status.code() != absl::StatusCode::kNotFound) return status;
  const auto names = [&](absl::string_view what) {
    return absl::StrContains(path.substr(path.rfind('.') + 1), what);
  };
  return WithReason(std::move(status),
                    names("labeler")  ? "LABELER_NOT_FOUND"
                    : names("task")   ? "TASK_NOT_FOUND"
                    : names("pool")   ? "POOL_NOT_FOUND"
                    : names("policy") ? "POLICY_NOT_FOUND"
                                      : "NOT_FOUND",
                    {{"field", path}});
}

absl::Status Explained(absl::Status status) {
  if (status.ok()) return status;
  const absl::StatusCode code = status.code();
  return WithReason(WithFieldOfMessage(std::move(status)), DefaultReason(code));
}

absl::Status WithRetryAfter(absl::Status status, absl::Duration delay) {
  if (status.ok()) return status;
  google::rpc::RetryInfo info;
  info.mutable_retry_delay()->set_seconds(absl::ToInt64Seconds(delay));
  info.mutable_retry_delay()->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(
          delay - absl::Seconds(absl::ToInt64Seconds(delay)))));
  AddDetail(info, &status);
  return status;
}

std::string ReasonOf(const absl::Status& status) {
  const auto payload =
      status.GetPayload(TypeUrl(google::rpc::ErrorInfo::descriptor()));
  google::rpc::ErrorInfo info;
  if (!payload || !info.ParseFromString(std::string(*payload))) return "";
  return info.reason();
}

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const absl::Status full = Explained(status);
  google::rpc::Status details;
  details.set_code(static_cast<int>(full.code()));
  details.set_message(std::string(Cut(full.message(), kMaxMessage)));
  full.ForEachPayload([&](absl::string_view type, const absl::Cord& bytes) {
    auto* detail = details.add_details();
    detail->set_type_url(std::string(type));
    detail->set_value(std::string(bytes));
  });
  // absl::StatusCode and grpc::StatusCode share the numbers of google.rpc.Code.
  return grpc::Status(static_cast<grpc::StatusCode>(full.code()),
                      details.message(), details.SerializeAsString());
}

absl::string_view CodeName(absl::StatusCode code) {
  static constexpr absl::string_view kNames[kNumCodes] = {"OK",
                                                          "Canceled",
                                                          "Unknown",
                                                          "InvalidArgument",
                                                          "DeadlineExceeded",
                                                          "NotFound",
                                                          "AlreadyExists",
                                                          "PermissionDenied",
                                                          "ResourceExhausted",
                                                          "FailedPrecondition",
                                                          "Aborted",
                                                          "OutOfRange",
                                                          "Unimplemented",
                                                          "Internal",
                                                          "Unavailable",
                                                          "DataLoss",
                                                          "Unauthenticated"};
  const int number = static_cast<int>(code);
  return number >= 0 && number < kNumCodes ? kNames[number] : kNames[2];
}

}  // namespace allot
