// SPDX-License-Identifier: Apache-2.0
#include "server/request_cache.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/grpc_status.h"

namespace allot {
namespace {

grpc::ByteBuffer Bytes(const std::string& text) {
  const grpc::Slice slice(text);
  return grpc::ByteBuffer(&slice, 1);
}

std::string Text(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(bytes.Dump(&slices).ok());
  std::string text;
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return text;
}

class RequestCacheTest : public ::testing::Test {
 protected:
  using Done = RequestCache::Done;

  // The text or the code that a call ends with.
  std::string Call(RequestCache& cache, const std::string& key,
                   uint64_t fingerprint, const absl::Status& status,
                   const std::string& response) {
    std::string outcome = "not called";
    cache.Run(key, fingerprint, Into(&outcome), [&](const Done& finish) {
      ++runs_;
      finish(status, Bytes(response));
    });
    return outcome;
  }

  static Done Into(std::string* outcome) {
    return [outcome](const absl::Status& status,
                     const grpc::ByteBuffer& response) {
      *outcome = status.ok() ? Text(response) : ReasonOf(Explained(status));
    };
  }

  ManualClock clock_;
  int runs_ = 0;
};

TEST_F(RequestCacheTest, ARetryGetsTheFirstResponseAndRunsNothing) {
  RequestCache cache(&clock_, {});
  EXPECT_EQ(Call(cache, "k", 1, absl::OkStatus(), "first"), "first");
  EXPECT_EQ(Call(cache, "k", 1, absl::OkStatus(), "second"), "first");
  EXPECT_EQ(runs_, 1);
}

TEST_F(RequestCacheTest, TheSameIdForAnotherRequestIsRefused) {
  RequestCache cache(&clock_, {});
  Call(cache, "k", 1, absl::OkStatus(), "first");
  EXPECT_EQ(Call(cache, "k", 2, absl::OkStatus(), "second"),
            "REQUEST_ID_REUSED");
  EXPECT_EQ(runs_, 1);
}

TEST_F(RequestCacheTest, ErrorsAreNotRemembered) {
  RequestCache cache(&clock_, {});
  EXPECT_EQ(Call(cache, "k", 1, absl::UnavailableError("disk"), ""),
            "STORE_UNAVAILABLE");
  EXPECT_EQ(Call(cache, "k", 1, absl::OkStatus(), "now"), "now");
  // Not even the request of the failed call binds the id.
  EXPECT_EQ(Call(cache, "j", 1, absl::UnavailableError("disk"), ""),
            "STORE_UNAVAILABLE");
  EXPECT_EQ(Call(cache, "j", 2, absl::OkStatus(), "other"), "other");
}

TEST_F(RequestCacheTest, ARetryOfARunningCallWaitsForItsOutcome) {
  RequestCache cache(&clock_, {});
  Done finish;
  std::string first = "none";
  std::string second = "none";
  cache.Run("k", 1, Into(&first), [&](const Done& done) { finish = done; });
  cache.Run("k", 1, Into(&second),
            [](const Done&) { FAIL() << "the first call still runs"; });
  EXPECT_EQ(second, "none");
  finish(absl::OkStatus(), Bytes("both"));
  EXPECT_EQ(first, "both");
  EXPECT_EQ(second, "both");
}

TEST_F(RequestCacheTest, ThoseWhoWaitShareAnErrorToo) {
  RequestCache cache(&clock_, {});
  Done finish;
  std::string first;
  std::string second;
  cache.Run("k", 1, Into(&first), [&](const Done& done) { finish = done; });
  cache.Run("k", 1, Into(&second), [](const Done&) { FAIL(); });
  finish(absl::InternalError("x"), grpc::ByteBuffer());
  EXPECT_EQ(first, "INTERNAL");
  EXPECT_EQ(second, "INTERNAL");
  EXPECT_EQ(cache.entries(), 0u);
}

TEST_F(RequestCacheTest, ForgetsAfterADay) {
  RequestCache cache(&clock_, {});
  Call(cache, "k", 1, absl::OkStatus(), "first");
  clock_.Advance(absl::Hours(24) - absl::Seconds(1));
  EXPECT_EQ(Call(cache, "k", 1, absl::OkStatus(), "second"), "first");
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Call(cache, "k", 1, absl::OkStatus(), "second"), "second");
}

TEST_F(RequestCacheTest, ForgetsTheOldestWhenThereAreTooMany) {
  RequestCache cache(&clock_, {.max_entries = 3});
  for (int i = 0; i < 5; ++i) {
    Call(cache, absl::StrCat(i), 1, absl::OkStatus(), absl::StrCat("r", i));
  }
  EXPECT_EQ(cache.entries(), 3u);
  EXPECT_EQ(Call(cache, "4", 1, absl::OkStatus(), "new"), "r4");
  EXPECT_EQ(Call(cache, "0", 1, absl::OkStatus(), "new"), "new");
}

TEST_F(RequestCacheTest, ForgetsTheOldestWhenTheyAreTooLarge) {
  RequestCache cache(&clock_, {.max_bytes = 100});
  for (int i = 0; i < 5; ++i) {
    Call(cache, absl::StrCat(i), 1, absl::OkStatus(), std::string(40, 'x'));
    EXPECT_LE(cache.bytes(), 100u);
  }
  EXPECT_EQ(cache.entries(), 2u);
  // One that would never fit is not kept at all.
  Call(cache, "big", 1, absl::OkStatus(), std::string(200, 'x'));
  EXPECT_EQ(cache.entries(), 2u);
}

}  // namespace
}  // namespace allot
