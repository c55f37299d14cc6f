// SPDX-License-Identifier: Apache-2.0
// What is particular to Redis: outages, passwords, lost events, trimming. What
// every store promises is in store_contract_test.cc.
#include "lib/store/redis_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/store/redis_client.h"
#include "tests/store/store_testing.h"
#include "tests/testing/cutting_proxy.h"
#include "tests/testing/redis_server.h"

namespace allot {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class RedisStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!RedisServer::Installed()) {
      GTEST_SKIP() << "there is no redis-server (Debian: redis-server)";
    }
  }

  std::unique_ptr<Store> Open(absl::string_view options = "?timeout=1s") {
    absl::StatusOr<std::unique_ptr<Store>> store =
        OpenStore(absl::StrCat(server().address(), options));
    EXPECT_TRUE(store.ok()) << store.status();
    return *std::move(store);
  }
  RedisServer& server() {
    if (server_ == nullptr) server_ = std::make_unique<RedisServer>();
    return *server_;
  }
  // Runs a command as somebody else would.
  std::string Command(const std::string& command) {
    redisContext* context = redisConnect("127.0.0.1", server().port());
    auto* reply =
        static_cast<redisReply*>(redisCommand(context, command.c_str()));
    std::string text;
    if (reply != nullptr && reply->str != nullptr) text = reply->str;
    if (reply != nullptr && reply->type == REDIS_REPLY_INTEGER) {
      text = absl::StrCat(reply->integer);
    }
    if (reply != nullptr) freeReplyObject(reply);
    redisFree(context);
    return text;
  }

  std::unique_ptr<RedisServer> server_;
};

TEST_F(RedisStoreTest, LosesNothingAcknowledgedWhenRedisIsKilledAtAnyMoment) {
  std::unique_ptr<Store> store = Open("?timeout=5s");
  std::atomic<bool> stop = false;
  std::vector<int> acknowledged;
  std::thread writer([&] {
    int64_t after = 0;
    for (int i = 0; !stop; ++i) {
      // Through every outage: the time limit is longer than a restart, and what
      // was sent and not answered is found out.
      const auto appended =
          store->Append("p", after, std::vector<Event>{AnswersEvent(i, 3)});
      ASSERT_TRUE(appended.ok()) << appended.status();
      EXPECT_EQ(*appended, after + 1);
      after = *appended;
      acknowledged.push_back(i);
    }
  });
  for (int kill = 0; kill < 4; ++kill) {
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    server().Kill();
    server().Start();
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  stop = true;
  writer.join();
  EXPECT_GT(acknowledged.size(), 20u);
  const std::map<int64_t, std::string> log = LoadAll(*Open());
  ASSERT_EQ(log.size(), acknowledged.size());
  for (const int i : acknowledged) {
    EXPECT_EQ(log.at(i + 1), Describe(AnswersEvent(i, 3)));
  }
}

TEST_F(RedisStoreTest, FailsAtOnceDuringAnOutageAndComesBackByItself) {
  std::unique_ptr<Store> store = Open("?timeout=300ms");
  ASSERT_TRUE(
      store->Append("p", 0, std::vector<Event>{AnswersEvent(0, 1)}).ok());
  server().Pause();
  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         start)
        .count();
  };
  const absl::Status first =
      store->Append("p", 1, std::vector<Event>{AnswersEvent(1, 1)}).status();
  EXPECT_TRUE(absl::IsUnavailable(first)) << first;
  EXPECT_THAT(std::string(first.message()), HasSubstr("redis 127.0.0.1"));
  EXPECT_LT(seconds(), 2);
  // Now it is known; calls do not wait, but for one at a time that looks.
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(store->Ping().ok());
  EXPECT_LT(seconds(), 4);
  server().Resume();
  while (!store->Ping().ok() && seconds() < 30) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_LT(seconds(), 30);
  // The paused server ran what it had received, or not: the log says which.
  const int64_t end = store->Ends()->at(0).sequence;
  EXPECT_TRUE(
      store->Append("p", end, std::vector<Event>{AnswersEvent(2, 1)}).ok());
}

TEST_F(RedisStoreTest, FindsOutWhatBecameOfAnAppendWhoseReplyWasLost) {
  CuttingProxy proxy(server().port());
  const auto store =
      *OpenStore(absl::StrCat("redis://127.0.0.1:", proxy.port()));
  std::unique_ptr<Store> other = Open();
  const std::vector<Event> one = {AnswersEvent(0, 1), AnswersEvent(1, 1)};
  proxy.LoseNextReply([] {});
  // Not for the index of pools, which the first append goes through: twice.
  EXPECT_EQ(*store->Append("p", 0, one), 2);
  const std::vector<Event> two = {AnswersEvent(2, 1), AnswersEvent(3, 1)};
  proxy.LoseNextReply([] {});
  EXPECT_EQ(*store->Append("p", 2, two), 4);
  // Recognised also when others have appended since.
  const std::vector<Event> three = {AnswersEvent(4, 1)};
  const std::vector<Event> four = {AnswersEvent(5, 1)};
  proxy.LoseNextReply([&] { EXPECT_EQ(*other->Append("p", 5, four), 6); });
  EXPECT_EQ(*store->Append("p", 4, three), 5);
  EXPECT_EQ(proxy.cuts(), 3);
  EXPECT_EQ(LoadAll(*other).size(), 6u);
  // What somebody else's append refused is a conflict, however often sent.
  proxy.LoseNextReply([] {});
  EXPECT_TRUE(absl::IsAborted(store->Append("p", 5, three).status()));
  EXPECT_EQ(proxy.cuts(), 4);
  EXPECT_EQ(LoadAll(*other).size(), 6u);
}

// With nothing on the disk.
class ForgetfulRedisTest : public RedisStoreTest {
 protected:
  void SetUp() override {
    RedisStoreTest::SetUp();
    if (IsSkipped()) return;
    server_ = std::make_unique<RedisServer>(
        std::vector<std::string>{"--appendonly", "no"});
  }
  void Forget() {
    server().Kill();
    server().Start();
  }
};

TEST_F(ForgetfulRedisTest, NoticesThatRedisLostWhatItHadAcknowledged) {
  std::unique_ptr<Store> store = Open("?timeout=5s");
  const std::vector<Event> one = {AnswersEvent(0, 1)};
  ASSERT_TRUE(store->Append("p", 0, one).ok());
  Forget();
  const std::vector<Event> two = {AnswersEvent(1, 1)};
  EXPECT_TRUE(absl::IsDataLoss(store->Append("p", 1, two).status()));
  EXPECT_TRUE(absl::IsDataLoss(
      store->Load("p", 1, [](int64_t, Event&&) { return absl::OkStatus(); })));
}

TEST_F(ForgetfulRedisTest, NoticesAnotherHistoryUnderTheSameNumbers) {
  std::unique_ptr<Store> store = Open("?timeout=5s");
  for (int64_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(
        store
            ->Append("p", i,
                     std::vector<Event>{AnswersEvent(static_cast<int>(i), 1)})
            .ok());
  }
  Forget();
  // Somebody else goes on, from nothing, and gets as far.
  std::unique_ptr<Store> other = Open("?timeout=5s");
  for (int64_t i = 0; i < 4; ++i) {
    ASSERT_TRUE(other
                    ->Append("p", i,
                             std::vector<Event>{
                                 AnswersEvent(static_cast<int>(10 + i), 1)})
                    .ok());
  }
  EXPECT_TRUE(absl::IsDataLoss(
      store->Load("p", 3, [](int64_t, Event&&) { return absl::OkStatus(); })));
  // Told once, it reads what there is.
  std::vector<int64_t> read;
  EXPECT_TRUE(store
                  ->Load("p", 0,
                         [&](int64_t sequence, Event&&) {
                           read.push_back(sequence);
                           return absl::OkStatus();
                         })
                  .ok());
  EXPECT_THAT(read, SizeIs(4));
  EXPECT_TRUE(
      store->Append("p", 4, std::vector<Event>{AnswersEvent(5, 1)}).ok());
}

TEST_F(ForgetfulRedisTest, NoticesAnotherHistoryOfTheSameLengthWhenItAppends) {
  std::unique_ptr<Store> store = Open("?timeout=5s");
  const std::vector<Event> one = {AnswersEvent(0, 1)};
  ASSERT_TRUE(store->Append("p", 0, one).ok());
  Forget();
  ASSERT_TRUE(Open("?timeout=5s")
                  ->Append("p", 0, std::vector<Event>{AnswersEvent(1, 1)})
                  .ok());
  // Where the log ends as it should, and where it has moved on.
  const std::vector<Event> two = {AnswersEvent(2, 1)};
  EXPECT_TRUE(absl::IsDataLoss(store->Append("p", 1, two).status()));
}

TEST_F(ForgetfulRedisTest, NoticesALongerHistoryThatIsAnotherWhenItAppends) {
  std::unique_ptr<Store> store = Open("?timeout=5s");
  ASSERT_TRUE(
      store->Append("p", 0, std::vector<Event>{AnswersEvent(0, 1)}).ok());
  Forget();
  ASSERT_TRUE(
      Open("?timeout=5s")
          ->Append("p", 0,
                   std::vector<Event>{AnswersEvent(1, 1), AnswersEvent(2, 1)})
          .ok());
  EXPECT_TRUE(absl::IsDataLoss(
      store->Append("p", 1, std::vector<Event>{AnswersEvent(3, 1)}).status()));
}

TEST_F(RedisStoreTest, KeepsTheEventsItWasAskedToKeepAndACheckpointForGood) {
  std::unique_ptr<Store> store = Open("?keep_events=250");
  int64_t after = 0;
  for (int i = 0; i < 500; ++i) {
    after = *store->Append("p", after, std::vector<Event>{AnswersEvent(i, 1)});
  }
  const auto ignore = [](int64_t, Event&&) { return absl::OkStatus(); };
  ASSERT_TRUE(
      store->SaveCheckpoints(std::vector<Checkpoint>{{"p", 500, "state"}})
          .ok());
  // A replica that is as far behind as was promised reads on from there.
  EXPECT_TRUE(store->Load("p", 250, ignore).ok());
  // Parts that were not made a checkpoint go by themselves; those that were
  // stay.
  EXPECT_EQ(Command("EVAL return(redis.call('TTL',redis.call('KEYS','allot:{p}:"
                    "checkpoint:*')[1])) 0"),
            "-1");
  // The next one may begin at once.
  EXPECT_EQ(Command("EXISTS allot:{p}:saving"), "0");
}

TEST_F(RedisStoreTest, OfReplicasThatSaveAtOnceOneDoes) {
  std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(
      store->Append("p", 0, std::vector<Event>{AnswersEvent(0, 1)}).ok());
  Command("SET allot:{p}:saving 1");  // another one
  ASSERT_TRUE(
      store->SaveCheckpoints(std::vector<Checkpoint>{{"p", 1, "mine"}}).ok());
  EXPECT_FALSE((*store->LoadCheckpoint("p")).has_value());
  Command("DEL allot:{p}:saving");
  ASSERT_TRUE(
      store->SaveCheckpoints(std::vector<Checkpoint>{{"p", 1, "mine"}}).ok());
  EXPECT_EQ((*store->LoadCheckpoint("p"))->bytes, "mine");
}

TEST_F(RedisStoreTest, KeepsToTheDatabaseThatTheAddressNames) {
  const auto two = *OpenStore(server().address() + "/2");
  ASSERT_TRUE(two->Append("p", 0, std::vector<Event>{AnswersEvent(0, 1)}).ok());
  EXPECT_THAT(*Open()->Ends(), IsEmpty());
  EXPECT_EQ(LoadAll(*two).size(), 1u);
}

TEST(RedisError, IsUnavailableForWhatPasses) {
  for (const char* passing :
       {"LOADING Redis is loading the dataset in memory",
        "CLUSTERDOWN The cluster is down", "MISCONF Errors writing to the AOF",
        "TRYAGAIN Multiple keys request during rehashing of slot",
        "READONLY You can't write against a read only replica.",
        "MASTERDOWN Link with MASTER is down"}) {
    EXPECT_TRUE(absl::IsUnavailable(RedisError({"h", 1}, passing))) << passing;
  }
  EXPECT_TRUE(absl::IsInternal(RedisError({"h", 1}, "ERR unknown command")));
}

TEST_F(RedisStoreTest, TrimsTheLogBehindACheckpoint) {
  std::unique_ptr<Store> store = Open("?keep_events=50");
  int64_t after = 0;
  for (int i = 0; i < 500; ++i) {
    after = *store->Append("p", after, std::vector<Event>{AnswersEvent(i, 1)});
  }
  EXPECT_EQ(Command("XLEN allot:{p}:log"), "500");
  ASSERT_TRUE(
      store->SaveCheckpoints(std::vector<Checkpoint>{{"p", 450, "state"}})
          .ok());
  // By whole nodes of the stream, of a hundred entries.
  const int length = std::stoi(Command("XLEN allot:{p}:log"));
  EXPECT_GE(length, 100);
  EXPECT_LE(length, 250);
  const auto ignore = [](int64_t, Event&&) { return absl::OkStatus(); };
  EXPECT_TRUE(absl::IsOutOfRange(store->Load("p", 0, ignore)));
  EXPECT_TRUE(absl::IsOutOfRange(store->LoadAll({}, ignore)));
  EXPECT_TRUE(store->Load("p", 450, ignore).ok());
  EXPECT_EQ(store->Ends()->at(0).checkpoint, 450);
  EXPECT_EQ(*store->Append("p", 500, std::vector<Event>{AnswersEvent(500, 1)}),
            501);
  // No parts of old checkpoints stay behind.
  ASSERT_TRUE(
      store->SaveCheckpoints(std::vector<Checkpoint>{{"p", 501, "state 2"}})
          .ok());
  ASSERT_TRUE(
      store->SaveCheckpoints(std::vector<Checkpoint>{{"p", 400, "late"}}).ok());
  EXPECT_EQ(Command("EVAL return(#redis.call('KEYS','*checkpoint*')) 0"), "1");
  EXPECT_EQ((*store->LoadCheckpoint("p"))->bytes, "state 2");
}

TEST_F(RedisStoreTest, KeepsTheWholeLogIfAskedTo) {
  std::unique_ptr<Store> store = Open("?keep_events=all");
  int64_t after = 0;
  for (int i = 0; i < 300; ++i) {
    after = *store->Append("p", after, std::vector<Event>{AnswersEvent(i, 1)});
  }
  ASSERT_TRUE(
      store->SaveCheckpoints(std::vector<Checkpoint>{{"p", after, "state"}})
          .ok());
  EXPECT_EQ(LoadAll(*store).size(), 300u);
}

TEST_F(RedisStoreTest, SaysWhichPromisesDoNotHold) {
  EXPECT_THAT(Open()->warnings(), IsEmpty());
  server_ = std::make_unique<RedisServer>(std::vector<std::string>{
      "--appendfsync", "everysec", "--maxmemory-policy", "allkeys-lru"});
  EXPECT_THAT(Open()->warnings(),
              ElementsAre(HasSubstr("appendfsync everysec"),
                          HasSubstr("maxmemory-policy allkeys-lru")));
  const absl::Status refused =
      OpenStore(server().address() + "?require_durable=1").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("everysec"));
}

TEST_F(RedisStoreTest, EntersWithAUserAndAPasswordFromAFile) {
  server_ = std::make_unique<RedisServer>(std::vector<std::string>{
      "--user", "default", "off", "--user", "allot", "on", ">open/sesame",
      "~t:*", "+@all", "-@dangerous"});
  const std::string at = absl::StrCat("127.0.0.1:", server().port());
  TemporaryFolder folder;
  std::ofstream(folder.File("password")) << "open/sesame\n";
  const auto by_file = OpenStore(
      absl::StrCat("redis://allot@", at,
                   "?prefix=t&password_file=", folder.File("password")));
  ASSERT_TRUE(by_file.ok()) << by_file.status();
  EXPECT_THAT((*by_file)->warnings(),
              ElementsAre(HasSubstr("CONFIG GET is not allowed")));
  EXPECT_TRUE(
      (*by_file)->Append("p", 0, std::vector<Event>{AnswersEvent(0, 1)}).ok());
  EXPECT_TRUE((*by_file)
                  ->SaveCheckpoints(std::vector<Checkpoint>{{"p", 1, "state"}})
                  .ok());
  EXPECT_TRUE(
      OpenStore(absl::StrCat("redis://allot:open%2Fsesame@", at, "?prefix=t"))
          .ok());
  for (const char* who : {"allot:wrong-secret@", ""}) {
    const absl::Status status =
        OpenStore(absl::StrCat("redis://", who, at, "?prefix=t")).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("wrong-secret")));
  }
  EXPECT_TRUE(absl::IsFailedPrecondition(
      OpenStore(absl::StrCat("redis://allot@", at, "?password_file=/nowhere"))
          .status()));
}

TEST_F(RedisStoreTest, RefusesKeysOfANewerAllotAndForeignOnes) {
  Command("SET allot:format 2");
  const absl::Status newer = OpenStore(server().address()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(newer)) << newer;
  Command("SET t:{p}:log something");
  const absl::Status foreign =
      Open("?prefix=t")
          ->Append("p", 0, std::vector<Event>{AnswersEvent(0, 1)})
          .status();
  EXPECT_TRUE(absl::IsFailedPrecondition(foreign)) << foreign;
}

TEST_F(RedisStoreTest, SaysThatMemoryIsShort) {
  std::unique_ptr<Store> store = Open();
  ASSERT_TRUE(
      store->Append("p", 0, std::vector<Event>{AnswersEvent(0, 1)}).ok());
  Command("CONFIG SET maxmemory 1mb");
  const absl::Status full =
      store->Append("p", 1, std::vector<Event>{AnswersEvent(1, 1)}).status();
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_EQ(LoadAll(*store).size(), 1u);
  Command("CONFIG SET maxmemory 0");
  EXPECT_TRUE(
      store->Append("p", 1, std::vector<Event>{AnswersEvent(1, 1)}).ok());
}

TEST_F(RedisStoreTest, FindsTheMasterThatSentinelsName) {
  const int port = server().port();
  const auto sentinel = RedisServer::Sentinel(port);
  const auto store = OpenStore(absl::StrCat(
      "redis+sentinel://127.0.0.1:", sentinel->port(), "/the-master"));
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_TRUE(
      (*store)->Append("p", 0, std::vector<Event>{AnswersEvent(0, 1)}).ok());
  EXPECT_EQ(LoadAll(*Open()).size(), 1u);
  EXPECT_TRUE(absl::IsUnavailable(
      OpenStore(absl::StrCat("redis+sentinel://127.0.0.1:", sentinel->port(),
                             "/another?timeout=100ms"))
          .status()));
}

TEST_F(RedisStoreTest, IsUnavailableWhereThereIsNoRedis) {
  server().Kill();
  const absl::Status status =
      OpenStore(server().address() + "?timeout=200ms").status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("refused"));
}

}  // namespace
}  // namespace allot
