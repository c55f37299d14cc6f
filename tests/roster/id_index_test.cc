// SPDX-License-Identifier: Apache-2.0
#include "lib/roster/id_index.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "lib/base/rng.h"

namespace allot {
namespace {

TEST(IdIndex, AnEmptyIndexFindsNothing) {
  EXPECT_EQ(IdIndex().Find("ana"), std::nullopt);
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
  for (int i = 0; i < 5000; ++i) {
    const std::string id = absl::StrCat("labeler-", i);
    const auto expected = model.find(id);
    EXPECT_EQ(index.Find(id), expected == model.end()
                                  ? std::nullopt
                                  : std::optional<int32_t>(expected->second))
        << id;
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, IdIndexModel, testing::Values(1, 2, 3));

}  // namespace
}  // namespace allot
