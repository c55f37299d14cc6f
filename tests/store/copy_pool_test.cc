// SPDX-License-Identifier: Apache-2.0
// A pool that went to another store, or to text and back, is the same pool.
#include "lib/store/copy_pool.h"

#include <gtest/gtest.h>

#include "lib/store/event_json.h"
#include "lib/store/sqlite_store.h"
#include "tests/store/store_testing.h"

namespace allot {
namespace {

std::vector<std::string> Texts(Store& store, const std::string& pool) {
  std::vector<std::string> texts;
  EXPECT_TRUE(ReadPool(store, pool, [&](int64_t, Event&& event) {
                texts.push_back(Describe(event));
                return absl::OkStatus();
              }).ok());
  return texts;
}

TEST(JsonLine, GivesBackEveryKindOfEventBitForBit) {
  for (const Event& event : HardEvents()) {
    const absl::StatusOr<std::string> line = ToJsonLine(event);
    ASSERT_TRUE(line.ok()) << line.status() << Describe(event);
    EXPECT_EQ(line->find('\n'), std::string::npos);
    const absl::StatusOr<Event> back = ParseJsonLine(event.pool, *line);
    ASSERT_TRUE(back.ok()) << back.status() << *line;
    EXPECT_EQ(Describe(*back), Describe(event)) << *line;
  }
}

TEST(JsonLine, RefusesWhatIsNoEvent) {
  for (const char* text :
       {"", "{}", "[]", "{\"unix_micros\":1,\"kind\":\"other\"}",
        "{\"unix_micros\":1,\"kind\":\"answers_recorded\",\"answers\":[{}]}",
        "{\"unix_micros\":1,\"kind\":\"request_answered\",\"id\":\"r\","
        "\"fingerprint\":1,\"response\":\"?\"}",
        "{\"unix_micros\":1,\"kind\":\"leases_ended\",\"ids\":[\"l\"],"
        "\"reason\":\"whim\"}"}) {
    EXPECT_FALSE(ParseJsonLine("p", text).ok()) << text;
  }
}

TEST(CopyPool, MakesTheSameLogInAnotherStoreAndOnlyOnce) {
  TemporaryFolder folder;
  const auto from = *OpenSqlite(folder.File("from.db"));
  std::vector<Event> events = HardEvents();
  for (int i = 0; i < 1200; ++i) events.push_back(AnswersEvent(i, 2, "many"));
  ASSERT_TRUE(AppendAtEnd(*from, events).ok());
  const auto to = *OpenStore("memory:");
  const std::string pool = events[0].pool;
  for (const std::string& id : {pool, std::string("many")}) {
    const absl::StatusOr<int64_t> copied = CopyPool(*from, *to, id);
    ASSERT_TRUE(copied.ok()) << copied.status();
    EXPECT_EQ(Texts(*to, id), Texts(*from, id));
    EXPECT_EQ(CopyPool(*from, *to, id).status().code(),
              absl::StatusCode::kAlreadyExists);
    EXPECT_EQ(Texts(*to, id).size(), Texts(*from, id).size());
  }
  EXPECT_EQ(CopyPool(*from, *to, "none").status().code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace allot
