// SPDX-License-Identifier: Apache-2.0
// One suite for every store: what store.h promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/store/store.h"
#include "tests/store/store_testing.h"
#include "tests/testing/redis_server.h"

namespace allot {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// One for all tests of this program: each has keys of its own.
const std::string& SharedRedis() {
  static const RedisServer* server = new RedisServer();
  static const std::string* address = new std::string(server->address());
  return *address;
}
const std::string& SharedCluster() {
  static const RedisCluster* cluster = new RedisCluster();
  static const std::string* address = new std::string(cluster->address());
  return *address;
}

class StoreContract : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (absl::StartsWith(GetParam(), "redis") && !RedisServer::Installed()) {
      GTEST_SKIP() << "there is no redis-server (Debian: redis-server)";
    }
    Open();
  }

  std::string Address() const {
    if (GetParam() == "sqlite") return "sqlite:" + folder_.File("allot.db");
    if (GetParam() == "memory") return "memory:";
    return absl::StrCat(
        GetParam() == "redis" ? SharedRedis() : SharedCluster(), "?prefix=",
        testing::UnitTest::GetInstance()->current_test_info()->name());
  }

  void Open() {
    absl::StatusOr<std::unique_ptr<Store>> opened = OpenStore(Address());
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }

  // What a restart does. A store in memory stays as it is.
  void Reopen() {
    if (GetParam() == "memory") return;
    store_.reset();
    Open();
  }

  int64_t Append(const std::vector<Event>& events) {
    const absl::StatusOr<int64_t> last = AppendAtEnd(*store_, events);
    EXPECT_TRUE(last.ok()) << last.status();
    return last.value_or(-1);
  }

  TemporaryFolder folder_;
  std::unique_ptr<Store> store_;
};

TEST_P(StoreContract, StartsEmpty) {
  EXPECT_TRUE(LoadAll(*store_).empty());
  ASSERT_TRUE(store_->LoadCheckpoints().ok());
  EXPECT_TRUE(store_->LoadCheckpoints()->empty());
  EXPECT_TRUE(store_->Ping().ok());
}

// By pool: its events above `after` as text.
std::map<std::string, std::vector<std::string>> LoadPools(
    Store& store, const LogPositions& after = {}) {
  std::map<std::string, std::vector<std::string>> pools;
  const absl::Status status = store.LoadAll(after, [&](int64_t, Event&& event) {
    pools[event.pool].push_back(Describe(event));
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok()) << status;
  return pools;
}

TEST_P(StoreContract, GivesBackEveryKindOfEventBitForBit) {
  const std::vector<Event> events = HardEvents();
  EXPECT_GT(Append(events), 0);
  Reopen();
  std::map<std::string, std::vector<std::string>> expected;
  for (const Event& event : events) {
    expected[event.pool].push_back(Describe(event));
  }
  EXPECT_EQ(LoadPools(*store_), expected);
  const std::vector<LogEnd> ends = *store_->Ends();
  ASSERT_EQ(ends.size(), expected.size());
  for (const LogEnd& end : ends) {
    std::vector<std::string> texts;
    EXPECT_TRUE(store_
                    ->Load(end.pool, 0,
                           [&](int64_t sequence, Event&& event) {
                             EXPECT_LE(sequence, end.sequence);
                             texts.push_back(Describe(event));
                             return absl::OkStatus();
                           })
                    .ok());
    EXPECT_EQ(texts, expected[end.pool]);
  }
}

TEST_P(StoreContract, NumbersEventsFromOneAndGoesOnAfterReopening) {
  EXPECT_EQ(Append({AnswersEvent(0, 2), AnswersEvent(1, 2)}), 2);
  EXPECT_EQ(Append({AnswersEvent(2, 2)}), 3);
  Reopen();
  EXPECT_EQ(Append({AnswersEvent(3, 2)}), 4);
  EXPECT_EQ(LoadAll(*store_).size(), 4u);
}

TEST_P(StoreContract, AppendingNothingOnlyLooksWhereTheLogEnds) {
  EXPECT_EQ(*store_->Append("p", 0, {}), 0);
  const int64_t last = Append({AnswersEvent(0, 1)});
  EXPECT_EQ(*store_->Append("p", last, {}), last);
  EXPECT_TRUE(absl::IsAborted(store_->Append("p", 0, {}).status()));
  EXPECT_EQ(LoadAll(*store_).size(), 1u);
}

TEST_P(StoreContract, AppendsOnlyWhereTheWriterThinksTheLogEnds) {
  const std::vector<Event> first = {AnswersEvent(0, 2)};
  const std::vector<Event> second = {AnswersEvent(1, 2), AnswersEvent(2, 2)};
  EXPECT_FALSE(store_->Append("p", 1, first).ok());
  const int64_t one = *store_->Append("p", 0, first);
  EXPECT_TRUE(absl::IsAborted(store_->Append("p", 0, second).status()));
  // A writer who knows of more than there is: the log was cut.
  EXPECT_EQ(store_->Append("p", one + 1, second).status().code(),
            store_->shared() ? absl::StatusCode::kDataLoss
                             : absl::StatusCode::kAborted);
  EXPECT_EQ(LoadAll(*store_).size(), 1u);
  const int64_t three = *store_->Append("p", one, second);
  EXPECT_EQ(three, one + 2);
  Reopen();
  EXPECT_TRUE(absl::IsAborted(
      store_->Append("p", one, std::vector<Event>{AnswersEvent(3, 2)})
          .status()));
  // Another pool's log is not moved by all that.
  EXPECT_TRUE(
      store_->Append("q", 0, std::vector<Event>{AnswersEvent(0, 2, "q")}).ok());
  EXPECT_TRUE(
      store_->Append("p", three, std::vector<Event>{AnswersEvent(3, 2)}).ok());
}

TEST_P(StoreContract, LetsOneOfManyWritersInAtATime) {
  constexpr int kThreads = 6;
  constexpr int kAppends = 30;
  std::vector<int> conflicts(kThreads, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      int64_t after = 0;
      for (int i = 0; i < kAppends;) {
        const std::vector<Event> events = {AnswersEvent(t * kAppends + i, 1)};
        const auto appended = store_->Append("p", after, events);
        if (appended.ok()) {
          after = *appended;
          ++i;
          continue;
        }
        ASSERT_TRUE(absl::IsAborted(appended.status())) << appended.status();
        ++conflicts[t];
        int64_t missed = 0;
        ASSERT_TRUE(store_
                        ->Load("p", after,
                               [&](int64_t sequence, Event&&) {
                                 EXPECT_EQ(sequence, after + ++missed);
                                 return absl::OkStatus();
                               })
                        .ok());
        EXPECT_GT(missed, 0);
        after += missed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(LoadAll(*store_).size(), size_t{kThreads * kAppends});
  EXPECT_GT(*std::max_element(conflicts.begin(), conflicts.end()), 0);
}

TEST_P(StoreContract, LoadsOnlyWhatIsAboveTheGivenNumberOfEachPool) {
  for (int batch = 0; batch < 150; ++batch) {
    // Runs of events, so that pools' numbers interleave where they share one
    // series.
    std::vector<Event> run;
    for (int i = 0; i <= batch % 3; ++i) {
      run.push_back(AnswersEvent(3 * batch + i, 2, batch % 2 ? "odd" : "even"));
    }
    Append(run);
  }
  // By pool, then by number.
  std::map<std::string, std::map<int64_t, std::string>> all;
  ASSERT_TRUE(store_
                  ->LoadAll({},
                            [&](int64_t sequence, Event&& event) {
                              all[event.pool][sequence] = Describe(event);
                              return absl::OkStatus();
                            })
                  .ok());
  ASSERT_EQ(all["even"].size(), 150u);
  for (const auto& [after, text] : all["even"]) {
    std::map<int64_t, std::string> found;
    EXPECT_TRUE(store_
                    ->Load("even", after,
                           [&](int64_t sequence, Event&& event) {
                             found[sequence] = Describe(event);
                             return absl::OkStatus();
                           })
                    .ok());
    const std::map<int64_t, std::string> expected(
        all["even"].upper_bound(after), all["even"].end());
    ASSERT_EQ(found, expected) << after;
  }
  const int64_t middle = std::next(all["odd"].begin(), 70)->first;
  const auto loaded = LoadPools(*store_, {{"odd", middle}, {"unknown", 5}});
  EXPECT_EQ(loaded.at("even").size(), 150u);
  EXPECT_EQ(loaded.at("odd").size(), all["odd"].size() - 71);
  const auto none = LoadPools(*store_, {{"odd", all["odd"].rbegin()->first},
                                        {"even", all["even"].rbegin()->first}});
  EXPECT_TRUE(none.empty());
}

TEST_P(StoreContract, RefusesASecondAnswerOfALabelerToATask) {
  if (store_->shared()) GTEST_SKIP() << "left to those who fold the log";
  Append({AnswersEvent(0, 4)});
  EXPECT_EQ(AppendAtEnd(*store_, {AnswersEvent(0, 1)}).status().code(),
            absl::StatusCode::kAlreadyExists);
  // In another pool it is another task.
  Append({AnswersEvent(0, 4, "other")});
}

TEST_P(StoreContract, AppendsAllEventsOrNone) {
  if (store_->shared()) GTEST_SKIP() << "refuses nothing but as a whole";
  Append({AnswersEvent(0, 4)});
  const std::map<int64_t, std::string> before = LoadAll(*store_);
  // The last one repeats an answer; those before it must not stay.
  const absl::StatusOr<int64_t> refused = AppendAtEnd(
      *store_,
      {AnswersEvent(1, 4), {"p", 1, LeasesGranted{}}, AnswersEvent(0, 1)});
  EXPECT_FALSE(refused.ok());
  EXPECT_EQ(LoadAll(*store_), before);
  // And what was undone can come again, under the next number.
  EXPECT_EQ(Append({AnswersEvent(1, 4)}), 2);
  Reopen();
  EXPECT_EQ(LoadAll(*store_).size(), 2u);
}

TEST_P(StoreContract, KeepsTheOrderOfAnyNumberOfAnswers) {
  constexpr int kMost = 20;
  for (int count = 0; count <= kMost; ++count) {
    Append({AnswersEvent(count, count)});
  }
  Reopen();
  int count = 0;
  EXPECT_TRUE(
      store_
          ->LoadAll({},
                    [&](int64_t, Event&& event) {
                      const Event written = AnswersEvent(count, count);
                      EXPECT_EQ(
                          std::get<AnswersRecorded>(event.body).answers,
                          std::get<AnswersRecorded>(written.body).answers);
                      ++count;
                      return absl::OkStatus();
                    })
          .ok());
  EXPECT_EQ(count, kMost + 1);
}

TEST_P(StoreContract, KeepsNoAnswerOfAReportOfWhichOneIsRefused) {
  if (store_->shared()) GTEST_SKIP() << "left to those who fold the log";
  Append({AnswersEvent(0, 4)});
  const std::map<int64_t, std::string> before = LoadAll(*store_);
  for (const size_t at : {0u, 5u, 8u, 12u, 19u}) {
    Event event = AnswersEvent(1, 20);
    Answer& again = std::get<AnswersRecorded>(event.body).answers[at];
    again = std::get<AnswersRecorded>(AnswersEvent(0, 1).body).answers[0];
    EXPECT_EQ(AppendAtEnd(*store_, {event}).status().code(),
              absl::StatusCode::kAlreadyExists);
  }
  Reopen();
  EXPECT_EQ(LoadAll(*store_), before);
  Append({AnswersEvent(1, 20)});
}

TEST_P(StoreContract, StopsLoadingWhenTheVisitorSaysSo) {
  Append({AnswersEvent(0, 1), AnswersEvent(1, 1), AnswersEvent(2, 1)});
  int visits = 0;
  const absl::Status status = store_->LoadAll({}, [&](int64_t, Event&&) {
    return ++visits == 2 ? absl::CancelledError("enough") : absl::OkStatus();
  });
  EXPECT_EQ(status, absl::CancelledError("enough"));
  EXPECT_EQ(visits, 2);
}

TEST_P(StoreContract, LetsTheVisitorAppend) {
  Append({AnswersEvent(0, 1), AnswersEvent(1, 1)});
  int visits = 0;
  const absl::Status status = store_->LoadAll({}, [&](int64_t, Event&&) {
    return AppendAtEnd(*store_, {AnswersEvent(10 + visits++, 1)}).status();
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(visits, 2) << "a load shows the log as it was when it began";
  EXPECT_EQ(LoadAll(*store_).size(), 4u);
}

std::map<std::string, std::pair<int64_t, std::string>> AllCheckpoints(
    Store& store) {
  std::map<std::string, std::pair<int64_t, std::string>> result;
  absl::StatusOr<std::vector<Checkpoint>> loaded = store.LoadCheckpoints();
  EXPECT_TRUE(loaded.ok()) << loaded.status();
  for (Checkpoint& checkpoint : *loaded) {
    result[checkpoint.pool] = {checkpoint.sequence,
                               std::move(checkpoint.bytes)};
  }
  return result;
}

TEST_P(StoreContract, ReplacesCheckpointsByPool) {
  const std::string binary("\0\xff\x01 bytes", 9);
  const std::string large(1'500'000, 'x');
  ASSERT_TRUE(store_
                  ->SaveCheckpoints(std::vector<Checkpoint>{
                      {"p", 1, binary}, {"日本", 2, large}, {"e", 3, ""}})
                  .ok());
  Reopen();
  std::map<std::string, std::pair<int64_t, std::string>> expected = {
      {"p", {1, binary}}, {"日本", {2, large}}, {"e", {3, ""}}};
  EXPECT_EQ(AllCheckpoints(*store_), expected);
  ASSERT_TRUE(
      store_->SaveCheckpoints(std::vector<Checkpoint>{{"日本", 9, binary}})
          .ok());
  expected["日本"] = {9, binary};
  EXPECT_EQ(AllCheckpoints(*store_), expected);
  // One that does not reach as far comes too late.
  ASSERT_TRUE(
      store_->SaveCheckpoints(std::vector<Checkpoint>{{"日本", 8, "old"}})
          .ok());
  EXPECT_EQ((*store_->LoadCheckpoint("日本"))->bytes, binary);
  EXPECT_FALSE(store_->LoadCheckpoint("nobody's")->has_value());
  Reopen();
  EXPECT_EQ(AllCheckpoints(*store_), expected);
}

TEST_P(StoreContract, KeepsConcurrentBatchesWholeAndLosesNone) {
  constexpr int kThreads = 8;
  constexpr int kBatches = 40;
  constexpr int kEvents = 3;
  // By the number of a batch's last event: its events.
  std::vector<std::map<int64_t, std::vector<std::string>>> accepted(kThreads);
  std::vector<int> refused(kThreads, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int b = 0; b < kBatches; ++b) {
        const int first = (t * kBatches + b) * kEvents;
        std::vector<Event> batch;
        for (int e = 0; e < kEvents; ++e) {
          batch.push_back(AnswersEvent(first + e, 5));
        }
        // Some batches must fail, and only they.
        const bool spoilt = b % 7 == 3 && !store_->shared();
        if (spoilt) batch.back() = batch.front();
        const absl::StatusOr<int64_t> last = AppendAtEnd(*store_, batch);
        if (last.ok()) {
          EXPECT_FALSE(spoilt);
          std::vector<std::string>& texts = accepted[t][*last];
          for (const Event& event : batch) texts.push_back(Describe(event));
        } else {
          EXPECT_EQ(last.status().code(), absl::StatusCode::kAlreadyExists);
          EXPECT_TRUE(spoilt) << last.status();
          ++refused[t];
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Reopen();
  std::map<int64_t, std::string> expected;
  for (const auto& batches : accepted) {
    for (const auto& [last, texts] : batches) {
      for (size_t i = 0; i < texts.size(); ++i) {
        const int64_t sequence = last - kEvents + 1 + static_cast<int64_t>(i);
        EXPECT_TRUE(expected.emplace(sequence, texts[i]).second);
      }
    }
  }
  EXPECT_EQ(LoadAll(*store_), expected);
  EXPECT_EQ(expected.rbegin()->first, static_cast<int64_t>(expected.size()));
  EXPECT_THAT(refused, testing::Each(store_->shared() ? 0 : 6));
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreContract,
                         testing::Values("memory", "sqlite", "redis",
                                         "redis_cluster"),
                         [](const auto& store) { return store.param; });

TEST(OpenStore, NamesItsSchemesWhenTheAddressHasNone) {
  for (const char* address : {"", "memory", "memory:x", "sqlite:", "redis:x"}) {
    const absl::Status status = OpenStore(address).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << address;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("must be memory:, sqlite:PATH or redis:"));
  }
}

}  // namespace
}  // namespace allot
