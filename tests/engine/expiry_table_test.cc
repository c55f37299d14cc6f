// SPDX-License-Identifier: Apache-2.0
#include "lib/engine/expiry_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "lib/base/rng.h"

namespace allot {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ExpiryTable, NamesWhatIsOverByEndAndThenByTask) {
  TaskRecord first, second;
  second.ordinal = 1;
  first.leases = {{"a", 0, 0, 0, 20}, {"b", 1, 0, 0, 10}};
  second.leases = {{"c", 2, 0, 0, 10}};
  ExpiryTable table;
  table.Add(10, second);
  table.Add(20, first);
  table.Add(10, first);
  EXPECT_THAT(table.EndedBy(9), IsEmpty());
  EXPECT_THAT(table.EndedBy(10), ElementsAre("b", "c"));
  EXPECT_THAT(table.EndedBy(100), ElementsAre("b", "c", "a"));
}

TEST(ExpiryTable, FollowsLeasesThatComeGoAndAreRenewed) {
  Rng rng(5);
  ExpiryTable table;
  std::vector<std::unique_ptr<TaskRecord>> tasks(8);
  for (size_t t = 0; t < tasks.size(); ++t) {
    tasks[t] = std::make_unique<TaskRecord>();
    tasks[t]->ordinal = static_cast<int32_t>(t);
  }
  for (int step = 0; step < 1000; ++step) {
    TaskRecord& task = *tasks[rng.NextU64() % tasks.size()];
    const auto end = static_cast<int64_t>(rng.NextU64() % 12);
    const uint64_t what = rng.NextU64() % 3;
    if (what == 0 || task.leases.empty()) {
      task.leases.push_back({absl::StrCat(step), 0, 0, 0, end});
      table.Add(end, task);
    } else {
      const size_t at = rng.NextU64() % task.leases.size();
      table.Remove(task.leases[at].ends_here_micros);
      if (what == 1) {
        task.leases[at].ends_here_micros = end;
        table.Add(end, task);
      } else {
        task.leases.erase(task.leases.begin() +
                          static_cast<std::ptrdiff_t>(at));
      }
    }
    std::multiset<std::string> open;
    for (const auto& known : tasks) {
      for (const OpenLease& lease : known->leases) {
        if (lease.ends_here_micros <= end) open.insert(lease.id);
      }
    }
    const std::vector<std::string> ended = table.EndedBy(end);
    ASSERT_EQ(std::multiset<std::string>(ended.begin(), ended.end()), open);
  }
}

}  // namespace
}  // namespace allot
