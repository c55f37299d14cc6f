// SPDX-License-Identifier: Apache-2.0
#include "server/decode.h"

#include <string>

#include "allot/v1/allocation.pb.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "server/grpc_status.h"

namespace allot {
namespace {

using ::testing::HasSubstr;

grpc::ByteBuffer Bytes(const std::string& text) {
  // In two slices, as bytes come off a connection.
  const grpc::Slice slices[] = {grpc::Slice(text.substr(0, text.size() / 2)),
                                grpc::Slice(text.substr(text.size() / 2))};
  return grpc::ByteBuffer(slices, 2);
}

// What protobuf refuses to serialise, made by overwriting what it did.
std::string Spoiled(const v1::AllocateRequest& request, const std::string& good,
                    const std::string& bad) {
  std::string bytes = request.SerializeAsString();
  const size_t at = bytes.find(good);
  EXPECT_NE(at, std::string::npos);
  return bytes.replace(at, good.size(), bad);
}

std::string FieldOf(const absl::Status& status) {
  google::rpc::BadRequest detail;
  const auto payload =
      status.GetPayload("type.googleapis.com/google.rpc.BadRequest");
  if (!payload || !detail.ParseFromString(std::string(*payload))) return "";
  return detail.field_violations(0).field();
}

TEST(Decode, ReadsWhatEncodeWrote) {
  v1::AllocateRequest in;
  in.set_pool_id("p");
  in.add_tasks()->set_task_id("t");
  v1::AllocateRequest out;
  ASSERT_TRUE(Decode(Encode(in), &out).ok());
  EXPECT_EQ(out.SerializeAsString(), in.SerializeAsString());
}

TEST(Decode, SaysThatTheClientWentBeforeItsRequestCame) {
  v1::AllocateRequest out;
  EXPECT_EQ(Decode(grpc::ByteBuffer(), &out).code(),
            absl::StatusCode::kCancelled);
  EXPECT_TRUE(Decode(Encode(v1::AllocateRequest()), &out).ok());
}

TEST(Decode, NamesTheStringThatIsNotUtf8) {
  v1::AllocateRequest request;
  request.set_pool_id("p");
  request.add_tasks()->set_task_id("good");
  request.add_tasks()->add_excluded_labelers("fine");
  request.mutable_tasks(1)->add_excluded_labelers("badd");
  v1::AllocateRequest out;
  const absl::Status status =
      Decode(Bytes(Spoiled(request, "badd", "b\xFF\xFE!")), &out);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FieldOf(status), "tasks[1].excluded_labelers[1]");
  EXPECT_THAT(std::string(status.message()), HasSubstr("must be valid UTF-8"));
}

TEST(Decode, LooksIntoMaps) {
  v1::AllocateRequest request;
  (*request.add_tasks()->mutable_loading())["skil"] = 1;
  v1::AllocateRequest out;
  EXPECT_EQ(FieldOf(Decode(Bytes(Spoiled(request, "skil", "sk\xC0l")), &out)),
            "tasks[0].loading[0].key");
}

TEST(Decode, SaysSoWhenTheBytesAreNoMessage) {
  for (const std::string& bytes :
       {std::string("\x0A\x05p", 3), std::string("\xFF\xFF\xFF\xFF\xFF"),
        std::string("\x07"), std::string(100, '\x1A')}) {
    v1::AllocateRequest out;
    const absl::Status status = Decode(Bytes(bytes), &out);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(ReasonOf(status), "MALFORMED_MESSAGE");
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("allot.v1.AllocateRequest"));
  }
}

TEST(Decode, FieldsItDoesNotKnowDoNotMatter) {
  v1::AllocateRequest request;
  request.set_pool_id("p");
  // Field 1000, a varint.
  const std::string bytes =
      request.SerializeAsString() + std::string("\xC0\x3E\x01", 3);
  v1::AllocateRequest out;
  EXPECT_TRUE(Decode(Bytes(bytes), &out).ok());
}

TEST(IsUtf8, FollowsTheStandard) {
  for (const char* good : {"", "plain", "\xC3\xA9", "\xE2\x82\xAC",
                           "\xF0\x9F\x98\x80", "\xEF\xBF\xBF"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xC3", "\xC0\x80" /* overlong */, "\xE0\x80\x80",
        "\xED\xA0\x80" /* surrogate */, "\xF0\x80\x80\x80",
        "\xF4\x90\x80\x80" /* beyond U+10FFFF */, "\xF8\x88\x80\x80\x80",
        "\xE2\x82"}) {
    EXPECT_FALSE(IsUtf8(bad));
  }
}

}  // namespace
}  // namespace allot
