// SPDX-License-Identifier: Apache-2.0
// What the learning loop finds out, in whole pools.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "lib/base/rng.h"
#include "lib/skill/response.h"
#include "tests/engine/engine_fixture.h"

namespace allot {
namespace {

double RankCorrelation(const std::vector<double>& x,
                       const std::vector<double>& y) {
  const auto ranks = [](const std::vector<double>& values) {
    std::vector<size_t> order(values.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::ranges::sort(order, {}, [&](size_t i) { return values[i]; });
    std::vector<double> rank(values.size());
    for (size_t i = 0; i < order.size(); ++i) {
      rank[order[i]] = static_cast<double>(i);
    }
    return rank;
  };
  const std::vector<double> a = ranks(x), b = ranks(y);
  const double n = static_cast<double>(a.size());
  double squares = 0;
  for (size_t i = 0; i < a.size(); ++i)
    squares += (a[i] - b[i]) * (a[i] - b[i]);
  return 1 - 6 * squares / (n * (n * n - 1));
}

class LearningTest : public EngineTest {
 protected:
  // Tasks of five answers each by random labelers of known skill.
  void Simulate(int labelers, int tasks, int classes, bool gold,
                uint64_t seed) {
    MakePool(SimplePool(1, classes));
    Rng rng(seed);
    std::vector<LabelerUpdate> updates;
    for (int i = 0; i < labelers; ++i) {
      skill_.push_back(1 + rng.Normal());
      updates.push_back(MakeLabeler(absl::StrCat("l", i)));
    }
    Add(updates);
    for (int t = 0; t < tasks; ++t) {
      Task task = MakeTask(absl::StrCat("t", t));
      const auto truth = static_cast<int32_t>(rng.Below(classes));
      if (gold) task.gold_label = truth;
      std::vector<int> who(labelers);
      for (int i = 0; i < labelers; ++i) who[i] = i;
      Shuffle(who, rng);
      std::vector<Answer> answers;
      for (int a = 0; a < 5; ++a) {
        const double p = ExpectedAccuracy(skill_[who[a]], 0, 0, classes);
        int32_t label = truth;
        if (!rng.Bernoulli(p)) {
          label = static_cast<int32_t>(
              (truth + 1 + static_cast<int32_t>(rng.Below(classes - 1))) %
              classes);
        }
        answers.push_back({.task = task.id,
                           .labeler = absl::StrCat("l", who[a]),
                           .label = label});
      }
      Report(answers, {task});
      truth_.push_back(truth);
    }
  }
  std::vector<double> Learned() const {
    std::vector<double> means;
    for (size_t i = 0; i < skill_.size(); ++i) {
      means.push_back(Get(absl::StrCat("l", i)).skills[0].mean);
    }
    return means;
  }

  std::vector<double> skill_;
  std::vector<int32_t> truth_;
};

TEST_F(LearningTest, RanksLabelersByGold) {
  Simulate(40, 1500, 4, true, 11);
  EXPECT_GT(RankCorrelation(skill_, Learned()), 0.93);
}

TEST_F(LearningTest, RanksLabelersWithoutAnyGold) {
  Simulate(40, 600, 4, false, 12);
  EXPECT_GT(RankCorrelation(skill_, Learned()), 0.9);
}

TEST_F(LearningTest, BeliefsWithoutGoldDoNotRunAway) {
  Simulate(30, 1500, 2, false, 13);
  double bias = 0;
  for (size_t i = 0; i < skill_.size(); ++i) bias += Learned()[i] - skill_[i];
  EXPECT_LT(std::abs(bias / static_cast<double>(skill_.size())), 0.4);
}

TEST_F(LearningTest, LateGoldCorrectsWhatTheCrowdBelieved) {
  MakePool();
  Add({MakeLabeler("right"), MakeLabeler("w1"), MakeLabeler("w2")});
  std::vector<Task> tasks;
  for (int t = 0; t < 20; ++t) {
    const std::string id = absl::StrCat("t", t);
    Report({{.task = id, .labeler = "right", .label = 1},
            {.task = id, .labeler = "w1", .label = 0},
            {.task = id, .labeler = "w2", .label = 0}});
    tasks.push_back(MakeTask(id));
    tasks.back().gold_label = 1;
  }
  EXPECT_LT(Get("right").skills[0].mean, Get("w1").skills[0].mean);
  Report({}, tasks);
  EXPECT_GT(Get("right").skills[0].mean, Get("w1").skills[0].mean + 1);
}

TEST_F(LearningTest, HandlingTimesTeachSpeed) {
  MakePool();
  Add({MakeLabeler("quick"), MakeLabeler("slow")});
  for (int t = 0; t < 30; ++t) {
    const std::string id = absl::StrCat("t", t);
    Report(
        {{.task = id, .labeler = "quick", .label = 1, .handling_seconds = 10},
         {.task = id, .labeler = "slow", .label = 1, .handling_seconds = 90}});
  }
  EXPECT_NEAR(ExpectedSeconds(Get("quick").speed, 30), 10, 3);
  EXPECT_NEAR(ExpectedSeconds(Get("slow").speed, 30), 90, 20);
}

TEST_F(LearningTest, NewcomersStartFromWhatThePoolTurnedOutToBe) {
  Simulate(60, 800, 2, true, 14);
  double mean = 0;
  for (const double skill : skill_) mean += skill;
  mean /= static_cast<double>(skill_.size());
  Add({MakeLabeler("newcomer")});
  EXPECT_NEAR(Get("newcomer").skills[0].mean, mean, 0.35);
  EXPECT_FLOAT_EQ(
      static_cast<float>(Get("newcomer").skills[0].mean),
      static_cast<float>(engine_->GetPool("p")->stats.newcomer_prior[0].mean));
}

TEST_F(LearningTest, ThePriorIsEstimatedAgainAsAnswersComeIn) {
  MakePool();
  const double configured = engine_->GetPool("p")->stats.newcomer_prior[0].mean;
  std::vector<LabelerUpdate> labelers = {MakeLabeler("c")};
  for (int i = 0; i < 30; ++i) {
    labelers.push_back(MakeLabeler(absl::StrCat("l", i)));
  }
  Add(labelers);
  for (int t = 0; t < 25; ++t) {
    Task task = MakeTask(absl::StrCat("t", t));
    task.gold_label = 1;
    std::vector<Answer> answers;
    for (int i = 0; i < 30; ++i) {
      answers.push_back(
          {.task = task.id, .labeler = absl::StrCat("l", i), .label = 1});
    }
    Report(answers, {task});
  }
  EXPECT_GT(engine_->GetPool("p")->stats.newcomer_prior[0].mean,
            configured + 0.5);
  EXPECT_FLOAT_EQ(
      static_cast<float>(Get("c").skills[0].mean),
      static_cast<float>(engine_->GetPool("p")->stats.newcomer_prior[0].mean))
      << "who has not answered is a newcomer still";
}

TEST_F(LearningTest, IdleSkillsFadeWhenThePoolDrifts) {
  Pool pool = SimplePool();
  pool.learning.drift_per_day = 0.05;
  pool.learning.learn_prior = false;
  MakePool(pool);
  Add({MakeLabeler("a"), MakeLabeler("b")});
  for (int t = 0; t < 50; ++t) {
    Task task = MakeTask(absl::StrCat("t", t));
    task.gold_label = 1;
    Report({{.task = task.id, .labeler = "a", .label = 1}}, {task});
  }
  const double sharp = Get("a").skills[0].variance;
  clock_.Advance(absl::Hours(24 * 10));
  Task task = MakeTask("later");
  task.gold_label = 1;
  Report({{.task = "later", .labeler = "a", .label = 1}}, {task});
  EXPECT_GT(Get("a").skills[0].variance, sharp + 0.2);
}

}  // namespace
}  // namespace allot
