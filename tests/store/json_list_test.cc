// SPDX-License-Identifier: Apache-2.0
#include "lib/store/json_list.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "lib/base/rng.h"

namespace allot {
namespace {

TEST(JsonList, ReadsBackTheSameBits) {
  Rng rng(7);
  std::vector<double> numbers = {-0.0,
                                 std::numeric_limits<double>::denorm_min()};
  while (numbers.size() < 20'000) {
    const double number = std::bit_cast<double>(rng.NextU64());
    if (std::isfinite(number)) numbers.push_back(number);
  }
  std::string text;
  ASSERT_TRUE(AppendJson(numbers, text).ok());
  const absl::StatusOr<std::vector<double>> read = ParseNumbers(text);
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), numbers.size());
  for (size_t i = 0; i < numbers.size(); ++i) {
    EXPECT_EQ(std::bit_cast<uint64_t>((*read)[i]),
              std::bit_cast<uint64_t>(numbers[i]));
  }
}

TEST(JsonList, WritesJson) {
  std::string text;
  ASSERT_TRUE(AppendJson(Loading{{0, 0.5f}, {3, -0.25f}}, text).ok());
  EXPECT_EQ(text, "[[0,0.5],[3,-0.25]]");
  text.clear();
  ASSERT_TRUE(AppendJson(SkillBeliefs{{2, {1.5, 0.1}}}, text).ok());
  EXPECT_EQ(text, "[[2,1.5,0.1]]");
  text.clear();
  ASSERT_TRUE(AppendJson(Loading{}, text).ok());
  EXPECT_EQ(text, "[]");
}

TEST(JsonList, ReadsJsonAsOthersWriteIt) {
  EXPECT_EQ(*ParseLoading(" [ [0, 0.5] ,\n[3,-2.5e-1]\t] "),
            (Loading{{0, 0.5f}, {3, -0.25f}}));
  EXPECT_TRUE(ParseNumbers("[]")->empty());
}

TEST(JsonList, RefusesWhatIsNoListOfNumbers) {
  for (const char* text :
       {"", "[", "]", "[1", "[1,]", "[1]]", "[1 2]", "[[0,1],[2]]", "[a]",
        "[[0,1,2,3]]", "[99999999999999999999999]", "{}", "[1]x"}) {
    EXPECT_EQ(ParseLoading(text).status().code(), absl::StatusCode::kDataLoss)
        << text;
    EXPECT_EQ(ParseSkillBeliefs(text).status().code(),
              absl::StatusCode::kDataLoss)
        << text;
  }
  std::string text;
  EXPECT_FALSE(AppendJson(std::vector<double>{INFINITY}, text).ok());
  EXPECT_FALSE(AppendJson(Loading{{0, NAN}}, text).ok());
}

}  // namespace
}  // namespace allot
