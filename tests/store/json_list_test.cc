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

TEST(JsonList, WritesWholeNumbersInTheirShortestForm) {
  std::string text;
  ASSERT_TRUE(
      AppendJson(std::vector<double>{0, -0.0, 1, -1, 30, 99'999, 100'000,
                                     100'001, 0.5, 99'999.5, 1e300},
                 text)
          .ok());
  EXPECT_EQ(text, "[0,-0,1,-1,30,99999,1e+05,100001,0.5,99999.5,1e+300]");
}

TEST(JsonList, WritesTasksAndLeasesAsListsOfTheirFields) {
  Task task;
  task.id = "t\"1\n";
  task.loading = {{0, 1}};
  std::string text;
  ASSERT_TRUE(AppendJson(std::vector<Task>{task}, text).ok());
  EXPECT_EQ(
      text,
      R"([["t\"1\u000a",[[0,1]],2,"",0,null,null,30,1,1,null,null,null]])");
  EXPECT_EQ(*ParseTasks(text), std::vector<Task>{task});
  text.clear();
  const std::vector<Lease> leases = {{"L1", "t\\", "日本", 5},
                                     {"", "", "", -1}};
  ASSERT_TRUE(AppendJson(leases, text).ok());
  EXPECT_EQ(text, R"([["L1","t\\","日本",5],["","","",-1]])");
  EXPECT_EQ(*ParseLeases(text), leases);
}

TEST(JsonList, ReadsJsonAsOthersWriteIt) {
  EXPECT_EQ(
      ParseLeases(R"( [ ["\/\b\f\n\r\t\u001f" , "", "", 7] ] )")->at(0).id,
      "/\b\f\n\r\t\x1f");
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
  for (const char* text :
       {R"([["L1","t","a"]])", R"([["L1","t","a",1,2]])", R"([["L1","t","a)",
        R"([["\u0100","t","a",1]])", R"([["\x","t","a",1]])",
        R"([["\u00","t","a",1]])", R"([[null,"t","a",1]])",
        R"([["L1","t","a",1e3]])", "null", "7"}) {
    EXPECT_EQ(ParseLeases(text).status().code(), absl::StatusCode::kDataLoss)
        << text;
  }
  std::string text;
  EXPECT_FALSE(AppendJson(std::vector<double>{INFINITY}, text).ok());
  EXPECT_FALSE(AppendJson(Loading{{0, NAN}}, text).ok());
}

}  // namespace
}  // namespace allot
