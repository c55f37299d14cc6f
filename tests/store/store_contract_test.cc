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

#include "absl/strings/str_cat.h"
#include "lib/store/store.h"
#include "tests/store/store_testing.h"

namespace allot {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class StoreContract : public testing::TestWithParam<std::string> {
 protected:
  StoreContract() { Open(); }

  void Open() {
    const std::string address = GetParam() == "sqlite"
                                    ? "sqlite:" + folder_.File("allot.db")
                                    : "memory:";
    absl::StatusOr<std::unique_ptr<Store>> opened = OpenStore(address);
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

TEST_P(StoreContract, GivesBackEveryKindOfEventBitForBit) {
  const std::vector<Event> events = HardEvents();
  EXPECT_EQ(Append(events), static_cast<int64_t>(events.size()));
  Reopen();
  const std::map<int64_t, std::string> loaded = LoadAll(*store_);
  ASSERT_EQ(loaded.size(), events.size());
  for (size_t i = 0; i < events.size(); ++i) {
    EXPECT_EQ(loaded.at(static_cast<int64_t>(i) + 1), Describe(events[i]));
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
  EXPECT_TRUE(absl::IsAborted(store_->Append("p", 1, first).status()));
  const int64_t one = *store_->Append("p", 0, first);
  EXPECT_TRUE(absl::IsAborted(store_->Append("p", 0, second).status()));
  EXPECT_TRUE(absl::IsAborted(store_->Append("p", one + 1, second).status()));
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

TEST_P(StoreContract, LoadsOnlyWhatIsAboveTheGivenNumber) {
  std::vector<Event> events;
  for (int round = 0; round < 5; ++round) {
    for (Event event : HardEvents()) {
      event.pool += absl::StrCat(round);  // answers are unique in a pool
      events.push_back(std::move(event));
    }
  }
  const int64_t count = Append(events);
  const std::map<int64_t, std::string> all = LoadAll(*store_);
  for (int64_t after = -1; after <= count + 1; ++after) {
    const std::map<int64_t, std::string> expected(all.upper_bound(after),
                                                  all.end());
    EXPECT_EQ(LoadAll(*store_, after), expected) << after;
  }
}

TEST_P(StoreContract, RefusesASecondAnswerOfALabelerToATask) {
  Append({AnswersEvent(0, 4)});
  EXPECT_EQ(AppendAtEnd(*store_, {AnswersEvent(0, 1)}).status().code(),
            absl::StatusCode::kAlreadyExists);
  // In another pool it is another task.
  Append({AnswersEvent(0, 4, "other")});
}

TEST_P(StoreContract, AppendsAllEventsOrNone) {
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
        const bool spoilt = b % 7 == 3;
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
  EXPECT_THAT(refused, testing::Each(6));
}

INSTANTIATE_TEST_SUITE_P(Stores, StoreContract,
                         testing::Values("memory", "sqlite"),
                         [](const auto& store) { return store.param; });

TEST(OpenStore, NamesItsSchemesWhenTheAddressHasNone) {
  for (const char* address : {"", "memory", "memory:x", "sqlite:", "redis:x"}) {
    const absl::Status status = OpenStore(address).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << address;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("must be memory: or sqlite:PATH"));
  }
}

}  // namespace
}  // namespace allot
