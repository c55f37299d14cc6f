// SPDX-License-Identifier: Apache-2.0
// What every policy must keep to, and what makes each its own.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "lib/study/ask_policy.h"

namespace allot {
namespace {

StudySetting Setting(int32_t labelers, int32_t tasks) {
  StudySetting setting;
  setting.labelers.assign(labelers, {.price = 0.001, .capacity = 100});
  setting.tasks.resize(tasks);
  return setting;
}

constexpr auto kAnyPair = [](int32_t, int32_t) { return true; };

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const AskPolicyInfo& policy : AskPolicies()) {
    names.push_back(policy.name);
  }
  return names;
}

class EveryPolicyTest : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(All, EveryPolicyTest, testing::ValuesIn(Names()),
                         [](const auto& name) {
                           std::string text = name.param;
                           std::erase(text, '-');
                           return text;
                         });

TEST_P(EveryPolicyTest, KeepsToRoomSlotsAndWhatIsAllowed) {
  auto policy = MakeAskPolicy(GetParam(), Setting(6, 12), {});
  ASSERT_TRUE(policy.ok()) << policy.status();
  const std::vector<OfferedLabeler> labelers = {{0, 3}, {2, 1}, {5, 4}};
  std::vector<OfferedTask> tasks;
  for (int32_t t = 0; t < 12; ++t) tasks.push_back({t, 1 + t % 2});
  const auto allowed = [](int32_t task, int32_t labeler) {
    return (task + labeler) % 3 != 0;
  };
  std::set<std::pair<int32_t, int32_t>> made;
  int64_t now = 1'800'000'000'000'000;
  for (int round = 0; round < 6; ++round) {
    now += 60'000'000;
    const auto asks = (*policy)->Choose({.now_micros = now,
                                         .labelers = labelers,
                                         .tasks = tasks,
                                         .most = 5,
                                         .allowed = allowed});
    ASSERT_TRUE(asks.ok()) << asks.status();
    EXPECT_LE(asks->size(), 5u);
    if (round == 0) {
      EXPECT_GE(asks->size(), 4u);
    }
    std::map<int32_t, int32_t> of_labeler, of_task;
    std::vector<StudyAnswer> answers;
    std::set<std::pair<int32_t, int32_t>> now_made;
    for (const Ask& ask : *asks) {
      EXPECT_TRUE(allowed(ask.task, ask.labeler));
      EXPECT_TRUE(now_made.insert({ask.task, ask.labeler}).second);
      ++of_labeler[ask.labeler];
      ++of_task[ask.task];
      if (!made.insert({ask.task, ask.labeler}).second) continue;
      answers.push_back({ask.task, ask.labeler, ask.task % 2, now});
    }
    for (const OfferedLabeler& labeler : labelers) {
      EXPECT_LE(of_labeler[labeler.labeler], labeler.room);
    }
    for (const OfferedTask& task : tasks) {
      EXPECT_LE(of_task[task.task], task.slots);
    }
    ASSERT_TRUE((*policy)->Observe(answers).ok());
  }
}

TEST_P(EveryPolicyTest, TakesThreeLikeAnswersForTheLabel) {
  auto policy = MakeAskPolicy(GetParam(), Setting(3, 4), {});
  ASSERT_TRUE(policy.ok()) << policy.status();
  std::vector<StudyAnswer> answers;
  for (int32_t t = 0; t < 4; ++t) {
    for (int32_t i = 0; i < 3; ++i) answers.push_back({t, i, t % 2});
  }
  ASSERT_TRUE((*policy)->Observe(answers).ok());
  const std::vector<int32_t> tasks = {0, 1, 2, 3};
  const auto judged = (*policy)->Judge(tasks);
  ASSERT_TRUE(judged.ok()) << judged.status();
  for (int32_t t = 0; t < 4; ++t) {
    EXPECT_EQ((*judged)[t].label, t % 2);
    EXPECT_GE((*judged)[t].confidence, 0.5);
  }
}

TEST(PoliciesTest, UnknownNamesAreRefusedWithTheListOfKnownOnes) {
  const auto policy = MakeAskPolicy("astrology", Setting(1, 1), {});
  EXPECT_EQ(policy.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(policy.status().message().find("round-robin"), std::string::npos);
}

TEST(PoliciesTest, LeastAsksTheTaskWithTheFewestAnswers) {
  auto policy = *MakeAskPolicy("least", Setting(4, 3), {});
  ASSERT_TRUE(
      policy->Observe(std::vector<StudyAnswer>{{0, 0, 1}, {2, 1, 1}}).ok());
  const std::vector<OfferedLabeler> labelers = {{3, 1}};
  const std::vector<OfferedTask> tasks = {{0, 1}, {1, 1}, {2, 1}};
  const auto asks = *policy->Choose(
      {.labelers = labelers, .tasks = tasks, .allowed = kAnyPair});
  ASSERT_EQ(asks.size(), 1u);
  EXPECT_EQ(asks[0].task, 1);
}

TEST(PoliciesTest, UncertaintyAsksWhereVotesDisagree) {
  auto policy = *MakeAskPolicy("uncertainty", Setting(5, 2), {});
  ASSERT_TRUE(policy
                  ->Observe(std::vector<StudyAnswer>{
                      {0, 0, 1}, {0, 1, 1}, {1, 0, 1}, {1, 1, 0}})
                  .ok());
  const std::vector<OfferedLabeler> labelers = {{3, 1}};
  const std::vector<OfferedTask> tasks = {{0, 1}, {1, 1}};
  EXPECT_EQ((*policy->Choose(
                {.labelers = labelers, .tasks = tasks, .allowed = kAnyPair}))[0]
                .task,
            1);
}

TEST(PoliciesTest, DynamicOverlapStopsAtItsThresholdAndAtItsMost) {
  AskPolicyOptions options;
  options.confidence = {.target_confidence = 0.89, .max_answers = 4};
  auto policy = *MakeAskPolicy("overlap", Setting(8, 3), options);
  std::vector<StudyAnswer> answers;
  for (int32_t i = 0; i < 4; ++i) answers.push_back({0, i, 1});
  ASSERT_TRUE(policy->Observe(answers).ok());
  // Nothing was known of anybody, so task 0 ran to its most answers. Now each
  // of the four was right once of once: q = 3/4, and two of them settle task 1,
  // which makes theirs 5/6.
  ASSERT_TRUE(
      policy->Observe(std::vector<StudyAnswer>{{1, 0, 1}, {1, 1, 1}}).ok());
  auto judged = *policy->Judge(std::vector<int32_t>{0, 1, 2});
  EXPECT_EQ(judged[0].verdict, Verdict::kAccept);
  EXPECT_EQ(judged[1].verdict, Verdict::kAccept);
  EXPECT_NEAR(judged[1].confidence, 25.0 / 26, 1e-5);
  EXPECT_EQ(judged[2].verdict, Verdict::kCollect);
}

}  // namespace
}  // namespace allot
