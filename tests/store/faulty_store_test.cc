// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/faulty_store.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "lib/store/memory_store.h"
#include "tests/store/store_testing.h"

namespace allot {
namespace {

TEST(FaultyStore, FailsTheNamedAppendOnlyAndRecordsNothingOfIt) {
  FaultyStore store(std::make_unique<MemoryStore>());
  store.FailAppend(2, absl::ResourceExhaustedError("disk full"));
  EXPECT_EQ(*AppendAtEnd(store, {AnswersEvent(0, 1)}), 1);
  EXPECT_EQ(AppendAtEnd(store, {AnswersEvent(1, 1)}).status(),
            absl::ResourceExhaustedError("disk full"));
  EXPECT_EQ(*AppendAtEnd(store, {AnswersEvent(1, 1)}), 2);
  EXPECT_EQ(store.appends(), 3);
}

TEST(FaultyStore, RefusesWritesButNotReadsUntilHealed) {
  FaultyStore store(std::make_unique<MemoryStore>());
  ASSERT_TRUE(AppendAtEnd(store, {AnswersEvent(0, 1)}).ok());
  store.FailAll(absl::UnavailableError("gone"));
  EXPECT_FALSE(AppendAtEnd(store, {AnswersEvent(1, 1)}).ok());
  EXPECT_FALSE(store.SaveCheckpoints({}).ok());
  EXPECT_FALSE(store.Ping().ok());
  EXPECT_EQ(LoadAll(store).size(), 1u);
  store.Heal();
  EXPECT_TRUE(AppendAtEnd(store, {AnswersEvent(1, 1)}).ok());
  EXPECT_TRUE(store.Ping().ok());
}

}  // namespace
}  // namespace allot
