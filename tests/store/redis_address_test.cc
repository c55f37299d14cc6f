// SPDX-License-Identifier: Apache-2.0
#include "lib/store/redis_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/status/status.h"
#include "lib/store/redis_client.h"
#include "lib/store/store.h"

namespace allot {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(RedisAddress, SaysWhereAndHow) {
  const RedisAddress plain = *ParseRedisAddress("redis://example");
  EXPECT_THAT(plain.hosts, ElementsAre(RedisHost{"example", 6379}));
  EXPECT_EQ(plain.user, "");
  const RedisAddress full = *ParseRedisAddress(
      "redis://me:p%40ss%2F@a:1,[::1]:2,c/3?prefix=x&timeout=500ms&"
      "keep_events=all&require_durable=1");
  EXPECT_THAT(full.hosts, ElementsAre(RedisHost{"a", 1}, RedisHost{"::1", 2},
                                      RedisHost{"c", 6379}));
  EXPECT_EQ(full.user, "me");
  EXPECT_EQ(full.password, "p@ss/");
  EXPECT_EQ(full.database, 3);
  EXPECT_EQ(full.prefix, "x");
  EXPECT_EQ(full.timeout, absl::Milliseconds(500));
  EXPECT_EQ(full.keep_events, -1);
  EXPECT_TRUE(full.require_durable);
  const RedisAddress sentinel =
      *ParseRedisAddress("redis+sentinel://a,b:3/the%20master/2");
  EXPECT_THAT(sentinel.hosts,
              ElementsAre(RedisHost{"a", 26379}, RedisHost{"b", 3}));
  EXPECT_EQ(sentinel.master, "the master");
  EXPECT_EQ(sentinel.database, 2);
}

TEST(RedisAddress, RefusesWhatItCannotMeanAndKeepsPasswordsToItself) {
  for (const char* address :
       {"redis://", "redis://:secret@", "redis://a:0", "redis://a:x",
        "redis://u:secret@a/b", "redis://u:secret@a/1/2",
        "redis://u:secret@a?colour=red", "redis://u:secret@a?timeout=1h",
        "redis://u:secret%zz@a", "redis+sentinel://u:secret@a",
        "redis://u:secret@a?password_file=f", "redis://a?prefix="}) {
    const absl::Status status = ParseRedisAddress(address).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << address << status;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("secret")));
  }
  EXPECT_EQ(ShownAddress("redis://u:se@cret@a:1/2?x=1"),
            "redis://u:***@a:1/2?x=1");
  EXPECT_EQ(ShownAddress("redis://:secret@a"), "redis://:***@a");
  EXPECT_EQ(ShownAddress("redis://a:1"), "redis://a:1");
  EXPECT_EQ(ShownAddress("sqlite:a@b:c"), "sqlite:a@b:c");
}

TEST(RedisSlot, IsThatOfTheHashTag) {
  // From the specification of Redis Cluster, and by CLUSTER KEYSLOT.
  EXPECT_EQ(RedisSlot("123456789"), 0x31C3);
  EXPECT_EQ(RedisSlot("foo"), 12182);
  EXPECT_EQ(RedisSlot("allot:{foo}:log"), 12182);
  EXPECT_EQ(RedisSlot("allot:{}:log"), RedisSlot("allot:{}:log"));
  EXPECT_NE(RedisSlot("a{}b"), RedisSlot("a{}c"));
}

}  // namespace
}  // namespace allot
