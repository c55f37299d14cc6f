// SPDX-License-Identifier: Apache-2.0
#include "server/grpc_status.h"

#include <string>

#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "gtest/gtest.h"

namespace allot {
namespace {

// The detail of type T in the trailer of a call, as a client decodes it.
template <typename T>
T DetailOf(const grpc::Status& status) {
  google::rpc::Status trailer;
  EXPECT_TRUE(trailer.ParseFromString(status.error_details()));
  T detail;
  for (const google::protobuf::Any& any : trailer.details()) {
    if (any.Is<T>()) {
      EXPECT_TRUE(any.UnpackTo(&detail));
    }
  }
  return detail;
}

TEST(GrpcStatus, OkCarriesNothing) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_TRUE(WithReason(absl::OkStatus(), "REASON").ok());
}

TEST(GrpcStatus, CodesKeepTheirNumbers) {
  EXPECT_EQ(ToGrpcStatus(absl::NotFoundError("x")).error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(ToGrpcStatus(absl::ResourceExhaustedError("x")).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ToGrpcStatus(absl::UnavailableError("x")).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST(GrpcStatus, EveryErrorHasAReasonInOurDomain) {
  for (int code = 1; code < kNumCodes; ++code) {
    const auto info = DetailOf<google::rpc::ErrorInfo>(ToGrpcStatus(
        absl::Status(static_cast<absl::StatusCode>(code), "message")));
    EXPECT_NE(info.reason(), "") << code;
    EXPECT_EQ(info.domain(), "allot.dev");
  }
}

TEST(GrpcStatus, TheReasonNearestToTheFaultWins) {
  const absl::Status status = WithReason(
      WithReason(absl::NotFoundError("x"), "INNER", {{"id", "7"}}), "OUTER");
  const auto info = DetailOf<google::rpc::ErrorInfo>(ToGrpcStatus(status));
  EXPECT_EQ(info.reason(), "INNER");
  EXPECT_EQ(info.metadata().at("id"), "7");
}

TEST(GrpcStatus, AMessageThatBeginsWithAFieldBecomesAViolation) {
  const grpc::Status status = ToGrpcStatus(absl::NotFoundError(
      "answers[3].labeler_id: there is no labeler \"bo: b\""));
  const auto bad = DetailOf<google::rpc::BadRequest>(status);
  ASSERT_EQ(bad.field_violations_size(), 1);
  EXPECT_EQ(bad.field_violations(0).field(), "answers[3].labeler_id");
  EXPECT_EQ(bad.field_violations(0).description(),
            "there is no labeler \"bo: b\"");
  EXPECT_EQ(DetailOf<google::rpc::ErrorInfo>(status).reason(),
            "LABELER_NOT_FOUND");
}

TEST(GrpcStatus, AnyOtherMessageIsLeftAlone) {
  const grpc::Status status =
      ToGrpcStatus(absl::FailedPreconditionError("Disk: read-only"));
  EXPECT_EQ(DetailOf<google::rpc::BadRequest>(status).field_violations_size(),
            0);
  EXPECT_EQ(status.error_message(), "Disk: read-only");
}

TEST(GrpcStatus, RetryInfoSaysHowLongToWait) {
  const grpc::Status status = ToGrpcStatus(WithRetryAfter(
      absl::ResourceExhaustedError("full"), absl::Milliseconds(1500)));
  const auto retry = DetailOf<google::rpc::RetryInfo>(status);
  EXPECT_EQ(retry.retry_delay().seconds(), 1);
  EXPECT_EQ(retry.retry_delay().nanos(), 500'000'000);
}

TEST(GrpcStatus, LongMessagesAreCutBetweenCharacters) {
  std::string message;
  for (int i = 0; i < 1000; ++i) message += "\xC3\xA9";  // 2 bytes each
  message.insert(0, "x");
  const std::string cut =
      ToGrpcStatus(absl::InternalError(message)).error_message();
  EXPECT_EQ(cut.size(), 1023u);
  EXPECT_EQ(cut.substr(1021), "\xC3\xA9");
}

TEST(GrpcStatus, CodeNamesAreThoseOfGoGrpcMiddleware) {
  EXPECT_EQ(CodeName(absl::StatusCode::kOk), "OK");
  EXPECT_EQ(CodeName(absl::StatusCode::kCancelled), "Canceled");
  EXPECT_EQ(CodeName(absl::StatusCode::kInvalidArgument), "InvalidArgument");
  EXPECT_EQ(CodeName(absl::StatusCode::kUnauthenticated), "Unauthenticated");
}

}  // namespace
}  // namespace allot
