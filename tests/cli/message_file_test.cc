// SPDX-License-Identifier: Apache-2.0
#include "cli/message_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

namespace allot {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::Pool Animals() {
  v1::Pool pool;
  v1::LabelSet& labels = *pool.add_label_sets();
  labels.set_name("animal");
  for (const char* name : {"cat", "dog", "7"}) labels.add_labels(name);
  v1::Skill& skill = *pool.add_skills();
  skill.set_name("pets");
  skill.set_prior_variance(0.5);
  return pool;
}

std::string Write(const std::string& text) {
  const std::string path =
      ::testing::TempDir() + "/" +
      ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".csv";
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

TEST(MessageFile, TakesLabelsByNameOrNumberAndNamesFirst) {
  const auto answers = ReadMessages<v1::Answer>(
      Write("task,labeler,answer\nt,a,dog\nt,b,1\nt,c,7\nt,d,bird\n"),
      AnswerSchema(Animals()));
  ASSERT_TRUE(answers.ok()) << answers.status();
  ASSERT_EQ(answers->size(), 4);
  EXPECT_EQ((*answers)[0].label_name(), "dog");
  EXPECT_EQ((*answers)[1].label(), 1);
  EXPECT_EQ((*answers)[2].label_name(), "7");
  // Perhaps a name of the task's own label set: for the server to decide.
  EXPECT_EQ((*answers)[3].label_name(), "bird");
}

TEST(MessageFile, ReadsTimesAndDurationsOfAnswers) {
  const auto answers = ReadMessages<v1::Answer>(
      Write("task,labeler,answer,duration_s,answered_at\n"
            "t,a,cat,2.5,2026-05-01T12:00:00Z\n"
            "t,b,cat,0,1777636800\n"
            "t,c,cat,,2026-05-01 12:00:00\n"),
      AnswerSchema(Animals()));
  ASSERT_TRUE(answers.ok()) << answers.status();
  EXPECT_EQ((*answers)[0].handling_time().seconds(), 2);
  EXPECT_EQ((*answers)[0].handling_time().nanos(), 500000000);
  EXPECT_FALSE((*answers)[1].has_handling_time());
  for (const v1::Answer& answer : *answers) {
    EXPECT_EQ(answer.answered_at().seconds(), 1777636800);
  }
}

TEST(MessageFile, ReadsSkillsOfLabelersWithThePoolsPriorVariance) {
  const auto labelers = ReadMessages<v1::Labeler>(
      Write("labeler,price,capacity,qualifications,skill:pets,variance:cars\n"
            "ana,0.05,3,fr;night,1.5,0.2\nbob,,,,,\n"),
      LabelerSchema(Animals()));
  ASSERT_TRUE(labelers.ok()) << labelers.status();
  const v1::Labeler& ana = (*labelers)[0];
  EXPECT_EQ(ana.price().per_answer(), 0.05);
  EXPECT_EQ(ana.capacity(), 3);
  EXPECT_THAT(ana.qualifications(), ElementsAre("fr", "night"));
  EXPECT_EQ(ana.skills(0).mean(), 1.5);
  EXPECT_EQ(ana.skills(0).variance(), 0.5);
  EXPECT_EQ(ana.skills(1).variance(), 0.2);
  EXPECT_FALSE((*labelers)[1].has_price());
  EXPECT_FALSE((*labelers)[1].has_capacity());
}

TEST(MessageFile, ReadsLoadingsAndGoldOfTasks) {
  const auto tasks = ReadMessages<v1::Task>(
      Write("task,redundancy,gold,loading:pets,base_seconds,requires\n"
            "t1,3,dog,0.8,12.5,fr\n"),
      TaskSchema(Animals()));
  ASSERT_TRUE(tasks.ok()) << tasks.status();
  const v1::Task& task = (*tasks)[0];
  EXPECT_EQ(task.redundancy(), 3);
  EXPECT_EQ(task.gold_label(), 1);
  EXPECT_FLOAT_EQ(task.loading().at("pets"), 0.8F);
  EXPECT_EQ(task.base_handling_time().seconds(), 12);
  EXPECT_THAT(task.required_qualifications(), ElementsAre("fr"));
}

TEST(MessageFile, NamesFileLineColumnAndFieldOfABadCell) {
  const std::string path = Write(
      "task,labeler,answer,duration_s\nt,a,cat,2\n"
      "t,bob,cat,soon\n");
  const auto answers = ReadMessages<v1::Answer>(path, AnswerSchema(Animals()));
  EXPECT_EQ(answers.status().message(),
            path + ":3:11: duration_s: want a number, got \"soon\"");
  EXPECT_EQ(answers.status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(MessageFile, RefusesARequiredCellThatIsEmpty) {
  const std::string path = Write("task,labeler,answer\nt,,cat\n");
  EXPECT_EQ(ReadMessages<v1::Answer>(path, AnswerSchema(Animals()))
                .status()
                .message(),
            path + ":2:3: labeler: want a value, got \"\"");
}

TEST(MessageFile, SaysWhichColumnIsMissingAndWhatThereIs) {
  const std::string path = Write("question,labeler,answer\nt,a,cat\n");
  EXPECT_EQ(ReadMessages<v1::Answer>(path, AnswerSchema(Animals()))
                .status()
                .message(),
            path +
                ":1: want a column \"task\" (id of the task); the header "
                "has question, labeler, answer");
}

TEST(MessageFile, RefusesTwoColumnsOfOneMeaning) {
  const auto answers = ReadMessages<v1::Answer>(
      Write("task,task_id,labeler,answer\n"), AnswerSchema(Animals()));
  EXPECT_THAT(std::string(answers.status().message()),
              HasSubstr("\"task\" and \"task_id\" mean the same"));
}

TEST(MessageFile, ListsColumnsThatItDoesNotUse) {
  const auto file = MessageFile<v1::Answer>::Open(
      Write("task,labeler,answer,mood\n"), AnswerSchema(Animals()));
  ASSERT_TRUE(file.ok());
  EXPECT_THAT((*file)->ignored_columns(), ElementsAre("mood"));
}

TEST(MessageFile, ReadsJsonLinesAsMessagesOfTheContract) {
  const auto tasks = ReadMessages<v1::Task>(
      Write("{\"task_id\": \"t1\", \"prior\": [0.5, 0.5]}\n"
            "{\"taskId\": \"t2\", \"baseHandlingTime\": \"12s\"}\n"),
      TaskSchema(Animals()));
  ASSERT_TRUE(tasks.ok()) << tasks.status();
  EXPECT_EQ((*tasks)[0].prior_size(), 2);
  EXPECT_EQ((*tasks)[1].base_handling_time().seconds(), 12);
}

TEST(MessageFile, NamesTheLineOfBadJson) {
  const std::string path =
      Write("{\"task_id\": \"t1\"}\n{\"redundancy\": \"many\"}\n");
  const auto tasks = ReadMessages<v1::Task>(path, TaskSchema(Animals()));
  EXPECT_THAT(std::string(tasks.status().message()), HasSubstr(path + ":2: "));
}

TEST(MessageFile, RefusesATruthThatIsNoLabel) {
  const std::string path = Write("task,truth\nt1,bird\n");
  EXPECT_EQ(
      ReadMessages<v1::Task>(path, TruthSchema(Animals())).status().message(),
      path + ":2:4: truth: want a label's name or number, got \"bird\"");
}

}  // namespace
}  // namespace allot
