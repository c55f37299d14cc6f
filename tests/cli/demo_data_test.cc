// SPDX-License-Identifier: Apache-2.0
#include "cli/demo_data.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

namespace allot {
namespace {

TEST(DemoData, IsTheSameForTheSameSeedOnly) {
  DemoOptions options;
  options.tasks = 30;
  const DemoData first = GenerateDemo(options);
  const DemoData again = GenerateDemo(options);
  options.seed = 2;
  const DemoData other = GenerateDemo(options);
  const auto text = [](const DemoData& data) {
    std::string all;
    for (const auto& answer : data.past_answers) {
      all += answer.SerializeAsString();
    }
    return all;
  };
  EXPECT_EQ(text(first), text(again));
  EXPECT_NE(text(first), text(other));
}

TEST(DemoData, GivesEachTaskDistinctLabelersAsOftenAsAsked) {
  DemoOptions options;
  options.tasks = 50;
  options.redundancy = 7;
  std::map<std::string, std::set<std::string>> labelers;
  const DemoData data = GenerateDemo(options);
  for (const auto& answer : data.past_answers) {
    EXPECT_TRUE(labelers[answer.task_id()].insert(answer.labeler_id()).second);
  }
  EXPECT_EQ(labelers.size(), 50);
  for (const auto& [task, who] : labelers) EXPECT_EQ(who.size(), 7) << task;
}

TEST(DemoData, MakesExpertsBetterThanThoseWhoClickThrough) {
  DemoOptions options;
  options.tasks = 2000;
  const DemoData data = GenerateDemo(options);
  std::map<std::string, int> truth;
  for (const auto& task : data.truth) truth[task.task_id()] = task.gold_label();
  std::map<std::string, std::pair<int, int>> by_role;  // right, all
  for (const auto& answer : data.past_answers) {
    const std::string& name =
        data.pool.label_sets(0).labels(truth[answer.task_id()]);
    auto& [right, all] =
        by_role[answer.labeler_id().substr(0, answer.labeler_id().find('-'))];
    right += answer.label_name() == name ? 1 : 0;
    ++all;
  }
  const auto accuracy = [&](const std::string& role) {
    return static_cast<double>(by_role[role].first) / by_role[role].second;
  };
  EXPECT_LT(accuracy("hasty"), 0.4);
  EXPECT_GT(accuracy("expert"), accuracy("regular") + 0.03);
}

TEST(DemoData, HoldsBackABatchOfRealAnswersWithWhoMayGetIt) {
  const auto folder = std::filesystem::path(::testing::TempDir()) / "demo_from";
  std::filesystem::create_directories(folder);
  std::ofstream answers(folder / "answers.csv");
  std::ofstream truth(folder / "truth.csv");
  answers << "task,labeler,answer\n";
  truth << "task,truth\n";
  for (int t = 0; t < 40; ++t) {
    truth << 't' << t << ",yes\n";
    for (int i = 0; i < 3; ++i) {
      answers << 't' << t << ",l" << (t + i) % 9 << ','
              << (i == 0 ? "no" : "yes") << '\n';
    }
  }
  answers.close();
  truth.close();
  const auto data = DemoFromFolder(folder.string(), DemoOptions());
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->batch.size(), 10);
  EXPECT_EQ(data->batch_answers.size(), 30);
  EXPECT_EQ(data->past_answers.size(), 90);
  std::map<std::string, std::set<std::string>> excluded;
  for (const auto& task : data->batch) {
    excluded[task.task_id()] = {task.excluded_labelers().begin(),
                                task.excluded_labelers().end()};
    EXPECT_EQ(task.excluded_labelers_size(), 6);
  }
  for (const auto& answer : data->batch_answers) {
    EXPECT_FALSE(excluded[answer.task_id()].contains(answer.labeler_id()));
  }
  EXPECT_NE(data->explanation.find("right for 100.0%"), std::string::npos)
      << data->explanation;
}

}  // namespace
}  // namespace allot
