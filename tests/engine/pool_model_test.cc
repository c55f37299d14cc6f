// SPDX-License-Identifier: Apache-2.0
// What is set aside of a pool's history, and what a fit makes of it.
#include "lib/engine/pool_model.h"

#include <gtest/gtest.h>

#include "lib/engine/refit_inputs.h"

namespace allot {
namespace {

Task BinaryTask() {
  Task task;
  task.num_classes = 2;
  return task;
}

TEST(RefitInputs, TheWindowKeepsTheLastAnswersAndForgetsTheRest) {
  RefitInputs inputs;
  const Task task = BinaryTask();
  constexpr auto kChunk = static_cast<int64_t>(RefitCut::kChunk);
  constexpr int64_t kAnswers = RefitInputs::kWindow + 5 * kChunk;
  for (int32_t a = 0; a < kAnswers; ++a) {
    inputs.AddAnswer(task, /*ordinal=*/a, /*labeler=*/0, -1, 0);
  }
  inputs.EndEvent(/*unix_micros=*/1, kAnswers);
  ASSERT_NE(inputs.pending(), nullptr);
  const RefitCut& cut = *inputs.pending();
  EXPECT_NEAR(static_cast<double>(cut.in_window), RefitInputs::kWindow, kChunk);
  ASSERT_LE(cut.in_window, static_cast<int64_t>(cut.chunks.size()) * kChunk);
  EXPECT_EQ(cut.at(cut.in_window - 1).task, kAnswers - 1);
  EXPECT_EQ(cut.at(0).task, kAnswers - cut.in_window);
}

TEST(RefitInputs, AFitThatWasOvertakenLeavesTheNewerCutPending) {
  RefitInputs inputs;
  const Task task = BinaryTask();
  int64_t answers = 0;
  const auto add = [&](int count) {
    for (int a = 0; a < count; ++a) inputs.AddAnswer(task, a, 0, -1, 0);
    inputs.EndEvent(1, answers += count);
  };
  add(100);
  add(100);
  ASSERT_EQ(inputs.pending()->version, 2);
  inputs.Done(1);
  EXPECT_NE(inputs.pending(), nullptr);
  inputs.Done(2);
  EXPECT_EQ(inputs.pending(), nullptr);
}

TEST(PoolModel, OfSeveralGoldLabelsOfATaskTheLastCounts) {
  RefitInputs inputs;
  const Task task = BinaryTask();
  for (int32_t t = 0; t < 60; ++t) {
    for (int32_t i = 0; i < 3; ++i) inputs.AddAnswer(task, t, i, -1, t % 2);
    inputs.AddGold(t, 1 - t % 2);
  }
  for (int32_t t = 0; t < 60; ++t) inputs.AddGold(t, t % 2);
  inputs.EndEvent(1, 180);
  const auto model = FitPoolModel(*inputs.pending(), /*threads=*/1);
  ASSERT_TRUE(model.ok()) << model.status();
  const SpaceModel* space = model->Find(task.label_set, 2);
  ASSERT_NE(space, nullptr);
  EXPECT_EQ(space->gold_tasks, 60);
  EXPECT_GT(space->mean_accuracy, 0.9);
}

TEST(PoolModel, IsFoundByLabelSetAndNumberOfClasses) {
  RefitInputs inputs;
  Task four = BinaryTask();
  four.num_classes = 4;
  for (int32_t t = 0; t < 100; ++t) {
    inputs.AddAnswer(four, t, t % 4, -1, t % 3);
    inputs.AddAnswer(BinaryTask(), 1000 + t, t % 4, -1, t % 2);
  }
  inputs.EndEvent(1, 200);
  const auto model = FitPoolModel(*inputs.pending(), 1);
  ASSERT_TRUE(model.ok()) << model.status();
  for (const int32_t classes : {2, 4}) {
    const SpaceModel* space = model->Find(four.label_set, classes);
    ASSERT_NE(space, nullptr);
    EXPECT_EQ(space->model.num_classes, classes);
  }
  EXPECT_EQ(model->Find(four.label_set, 3), nullptr);
  EXPECT_EQ(model->Find("another", 2), nullptr);
}

}  // namespace
}  // namespace allot
