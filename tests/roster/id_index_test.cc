// SPDX-License-Identifier: Apache-2.0
#include "lib/roster/id_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "lib/base/rng.h"

namespace allot {
namespace {

TEST(IdIndex, AnEmptyIndexFindsNothing) {
  EXPECT_EQ(IdIndex().Find("ana"), std::nullopt);
  const absl::string_view ids[] = {"ana", "bo"};
  int32_t rows[] = {0, 0};
  IdIndex().Find(ids, rows);
  EXPECT_THAT(rows, testing::Each(-1));
}

TEST(IdIndex, AnOldCopyKeepsWhatItKnew) {
  IdIndex old;
  old.Insert("ana", 1);
  IdIndex next = old;
  next.Insert("bo", 2);
  EXPECT_EQ(old.Find("ana"), 1);
  EXPECT_EQ(old.Find("bo"), std::nullopt);
  EXPECT_EQ(next.Find("ana"), 1);
  EXPECT_EQ(next.Find("bo"), 2);
}

class IdIndexModel : public testing::TestWithParam<uint64_t> {};

TEST_P(IdIndexModel, AgreesWithAnOrderedMapUnderRandomInserts) {
  Rng rng(GetParam());
  IdIndex index;
  std::map<std::string, int32_t> model;
  for (int step = 0; step < 4000; ++step) {
    const std::string id = absl::StrCat("labeler-", rng.Below(5000));
    if (model.contains(id)) continue;
    index.Insert(id, step);
    model[id] = step;
  }
  std::vector<std::string> ids;
  for (int i = 0; i < 5000; ++i) ids.push_back(absl::StrCat("labeler-", i));
  std::vector<int32_t> rows(ids.size());
  index.Find(std::vector<absl::string_view>(ids.begin(), ids.end()), rows);
  for (int i = 0; i < 5000; ++i) {
    const std::string& id = ids[i];
    const auto expected = model.find(id);
    EXPECT_EQ(index.Find(id), expected == model.end()
                                  ? std::nullopt
                                  : std::optional<int32_t>(expected->second))
        << id;
    EXPECT_EQ(rows[i], expected == model.end() ? -1 : expected->second) << id;
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, IdIndexModel, testing::Values(1, 2, 3));

}  // namespace
}  // namespace allot
