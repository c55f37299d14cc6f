// SPDX-License-Identifier: Apache-2.0
#include "cli/data_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "tests/cli/scratch_folder.h"

namespace allot {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(DataFolder, IdsBecomeRowsInOrderOfFirstAppearance) {
  ScratchFolder folder;
  folder.Write("answers.csv",
               "task,labeler,answer\n"
               "t9,ana,cat\n"
               "t1,bo,dog\n"
               "t9,bo,cat\n");
  const auto data = ReadDataFolder(folder.path());
  ASSERT_TRUE(data.ok()) << data.status().ToString();
  EXPECT_THAT(data->tasks, ElementsAre("t9", "t1"));
  EXPECT_THAT(data->labelers, ElementsAre("ana", "bo"));
  EXPECT_THAT(data->classes, ElementsAre("cat", "dog"));
  ASSERT_EQ(data->answers.size(), 3u);
  EXPECT_EQ(data->answers[2].task, 0);
  EXPECT_EQ(data->answers[2].labeler, 1);
  EXPECT_EQ(data->answers[2].label, 0);
  EXPECT_TRUE(data->duration_s.empty());
  const auto set = BuildAnswerSet(*data);
  ASSERT_TRUE(set.ok());
  EXPECT_EQ(set->size(), 3);
}

TEST(DataFolder, ColumnsAreFoundByNameAndOthersSkipped) {
  ScratchFolder folder;
  folder.Write("answers.csv",
               "answer,note,labeler,duration_s,task,started_at\n"
               "yes,\"a, \"\"b\"\"\nc\",l1,2.5,t1,2024-05-01T00:00:10Z\n"
               "no,,l2,,t1,\n"
               "no,,l3,,t1,2024-05-01T00:00:10.5\n");
  const auto data = ReadDataFolder(folder.path());
  ASSERT_TRUE(data.ok()) << data.status().ToString();
  EXPECT_THAT(data->classes, ElementsAre("yes", "no"));
  EXPECT_DOUBLE_EQ(data->duration_s[0], 2.5);
  EXPECT_TRUE(std::isnan(data->duration_s[1]));
  EXPECT_DOUBLE_EQ(data->started_at[0], 1714521610);
  EXPECT_TRUE(std::isnan(data->started_at[1]));
  EXPECT_DOUBLE_EQ(data->started_at[2], 1714521610.5);  // no zone: UTC
}

TEST(DataFolder, NumberedClassesAreOrderedByValue) {
  ScratchFolder folder;
  folder.Write("answers.csv", "task,labeler,answer\nt,a,10\nt,b,2\nt,c,-1\n");
  folder.Write("truth.csv", "task,truth\nt,2\n");
  const auto data = ReadDataFolder(folder.path());
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(data->kind, AnswerKind::kCategorical);
  EXPECT_THAT(data->classes, ElementsAre("-1", "2", "10"));
  EXPECT_EQ(data->answers[0].label, 2);
  EXPECT_EQ(data->truth[0].label, 1);
}

TEST(DataFolder, AFractionMakesASetNumeric) {
  ScratchFolder folder;
  folder.Write("answers.csv", "task,labeler,answer\nt,a,10\nt,b,2.5\n");
  folder.Write("truth.csv", "task,truth\nt,3\nu,4\n");
  const auto data = ReadDataFolder(folder.path());
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(data->kind, AnswerKind::kNumeric);
  EXPECT_DOUBLE_EQ(data->measured[1].value, 2.5);
  ASSERT_EQ(data->measured_truth.size(), 1u);
  EXPECT_EQ(data->truth_without_answers, 1);
  EXPECT_FALSE(BuildAnswerSet(*data).ok());
}

TEST(DataFolder, ManyDifferentIntegersAreNumericUnlessToldOtherwise) {
  ScratchFolder folder;
  std::string text = "task,labeler,answer\n";
  for (int i = 0; i < 30; ++i) {
    absl::StrAppend(&text, "t,l", i, ",", i * 7, "\n");
  }
  folder.Write("answers.csv", text);
  ReadOptions options;
  auto data = ReadDataFolder(folder.path(), {}, options);
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(data->kind, AnswerKind::kNumeric);
  options.kind = AnswerKind::kCategorical;
  data = ReadDataFolder(folder.path(), {}, options);
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(data->classes.size(), 30u);
}

TEST(DataFolder, GivenClassesFixTheOrderAndRefuseOthers) {
  ScratchFolder folder;
  const std::string file =
      folder.Write("a.csv", "task,labeler,answer\nt,a,high\nt,b,low\n");
  ReadOptions options;
  options.classes = {"low", "mid", "high"};
  const auto data = ReadDataFolder(file, {}, options);
  ASSERT_TRUE(data.ok());
  EXPECT_EQ(data->answers[0].label, 2);
  options.classes = {"low", "mid"};
  EXPECT_EQ(ReadDataFolder(file, {}, options).status().message(),
            file + ":2: answer: want one of the classes given, got \"high\"");
}

TEST(DataFolder, GzipIsReadLikePlainText) {
  ScratchFolder folder;
  std::string text = "task,labeler,answer\r\n";
  for (int i = 0; i < 40'000; ++i) {  // more than one block
    absl::StrAppend(&text, "task-", i / 4, ",labeler-", i % 97, ",", i % 3,
                    "\r\n");
  }
  folder.WriteGzip("answers.csv.gz", text);
  folder.WriteGzip("truth.csv.gz", "task,truth\ntask-7,2\n");
  const auto data = ReadDataFolder(folder.path());
  ASSERT_TRUE(data.ok()) << data.status().ToString();
  EXPECT_EQ(data->answers.size(), 40'000u);
  EXPECT_EQ(data->tasks.size(), 10'000u);
  EXPECT_EQ(data->labelers.size(), 97u);
  ASSERT_EQ(data->truth.size(), 1u);
  EXPECT_EQ(data->tasks[data->truth[0].task], "task-7");
}

TEST(DataFolder, PairsNameTheItemsOfEachTask) {
  ScratchFolder folder;
  folder.Write("answers.csv", "task,labeler,answer\np2,a,left\np1,a,right\n");
  folder.Write("pairs.csv", "task,left,right\np1,x,y\np2,y,z\n");
  const auto data = ReadDataFolder(folder.path());
  ASSERT_TRUE(data.ok());
  EXPECT_THAT(data->items, ElementsAre("x", "y", "z"));
  EXPECT_EQ(data->pairs[0].left, 1);  // p2
  EXPECT_EQ(data->pairs[0].right, 2);
}

TEST(DataFolder, GoldIsReadAgainstTheClassesOfTheAnswers) {
  ScratchFolder folder;
  const std::string file =
      folder.Write("a.csv", "task,labeler,answer\nt,a,x\nu,b,y\n");
  const auto data = ReadDataFolder(file);
  ASSERT_TRUE(data.ok());
  const auto gold =
      ReadGold(folder.Write("gold.csv", "task,truth\nu,x\nv,x\n"), *data);
  ASSERT_TRUE(gold.ok());
  ASSERT_EQ(gold->size(), 1u);
  EXPECT_EQ(gold->front().task, 1);
  EXPECT_EQ(gold->front().label, 0);
}

struct Broken {
  const char* text;
  const char* message;  // after the file's name
};

class DataFolderErrors : public testing::TestWithParam<Broken> {};

TEST_P(DataFolderErrors, AreReportedWithFileAndLine) {
  ScratchFolder folder;
  const std::string file = folder.Write("answers.csv", GetParam().text);
  const auto data = ReadDataFolder(file);
  EXPECT_EQ(data.status().message(), file + GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Files, DataFolderErrors,
    testing::Values(
        Broken{"", ": is empty; want a line of column names"},
        Broken{"task,labeler\nt,a\n",
               ":1: no column \"answer\" in the header, which names task, "
               "labeler"},
        Broken{"task,task,labeler,answer\n",
               ":1: column \"task\" is named twice"},
        Broken{"task,labeler,answer\nt,a,1\n\n\nt,b\n",
               ":5: want 3 fields, got 2; a field that holds a comma needs "
               "quotes"},
        Broken{"task,labeler,answer\nt,a,\"x\ny\"\nt,,1\n",
               ":4: labeler: must not be empty"},
        Broken{"task,labeler,answer\nt,a,\"1\n", ":2: broken quoting"},
        Broken{"task,labeler,answer\nt,a,a\"b\n", ":2: broken quoting"},
        Broken{"task,labeler,answer,duration_s\nt,a,1,fast\n",
               ":2: duration_s: want seconds, got \"fast\""},
        Broken{"task,labeler,answer,started_at\nt,a,1,noon\n",
               ":2: started_at: want RFC 3339 (2024-05-01T09:30:00Z) or Unix "
               "seconds, got \"noon\""}));

TEST(DataFolder, ContradictingTruthIsReported) {
  ScratchFolder folder;
  folder.Write("answers.csv", "task,labeler,answer\nt,a,x\nt,b,y\n");
  const std::string truth =
      folder.Write("truth.csv", "task,truth\nt,x\nt,x\nt,y\n");
  EXPECT_EQ(ReadDataFolder(folder.path()).status().message(),
            truth + ":4: truth: task \"t\" is already \"x\", got \"y\"");
}

TEST(DataFolder, AMissingFileIsNotFound) {
  ScratchFolder folder;
  const auto file = ReadDataFolder(folder.path() + "/none.csv");
  EXPECT_EQ(file.status().code(), absl::StatusCode::kNotFound);
  const auto directory = ReadDataFolder(folder.path());
  EXPECT_THAT(std::string(directory.status().message()),
              HasSubstr("holds neither answers.csv nor answers.csv.gz"));
}

TEST(DataFolder, ATruncatedGzipFileIsAnError) {
  ScratchFolder folder;
  std::string text = "task,labeler,answer\n";
  for (int i = 0; i < 20'000; ++i) {
    absl::StrAppend(&text, "t", i * 7919 % 10007, ",a,1\n");
  }
  const std::string file = folder.WriteGzip("answers.csv.gz", text);
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  EXPECT_FALSE(ReadDataFolder(file).ok());
}

TEST(DataFolder, AByteOrderMarkIsSkipped) {
  ScratchFolder folder;
  const std::string file = folder.Write(
      "a.csv", "\xEF\xBB\xBFtask,labeler,answer\nt,a,1");  // no last newline
  const auto data = ReadDataFolder(file);
  ASSERT_TRUE(data.ok()) << data.status().ToString();
  EXPECT_EQ(data->answers.size(), 1u);
}

}  // namespace
}  // namespace allot
