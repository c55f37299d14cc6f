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

// Of random reports: several answers to a task in a call, answers to tasks that
// have some already, duplicates, gold that is known from the start or comes
// late, handling times.
class RandomReports {
 public:
  static constexpr int kLabelers = 150;
  static constexpr int kTasks = 60;

  explicit RandomReports(uint64_t seed) : rng_(seed) {}

  AnswerReport Next(const Pool& pool) {
    AnswerReport report;
    report.pool = "p";
    const auto first = static_cast<int>(rng_.Below(kTasks));
    for (int n = static_cast<int>(rng_.Below(12)); n >= 0; --n) {
      const int task = (first + static_cast<int>(rng_.Below(5))) % kTasks;
      Answer& answer = report.answers.emplace_back();
      answer.task = absl::StrCat("t", task);
      answer.labeler = absl::StrCat("l", rng_.Below(kLabelers));
      answer.label = rng_.Bernoulli(0.7) ? task % 3 : (task + 1) % 3;
      if (rng_.Bernoulli(0.5))
        answer.handling_seconds = 1 + 50 * rng_.Uniform();
    }
    if (rng_.Bernoulli(0.2)) {
      Task& task = report.tasks.emplace_back(
          DefaultTask(pool, absl::StrCat("t", first)));
      task.gold_label = first % 3;
    }
    return report;
  }

 private:
  Rng rng_;
};

class RandomReportsTest : public EngineTest,
                          public testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    Pool pool = SimplePool(2, 3);
    pool.learning.drift_per_day = 0.01;
    MakePool(pool);
    std::vector<LabelerUpdate> labelers;
    for (int i = 0; i < RandomReports::kLabelers; ++i) {
      labelers.push_back(MakeLabeler(absl::StrCat("l", i)));
      if (i % 7 == 0) labelers.back().correlation_group = "models";
    }
    Add(labelers);
  }
  // All that is believed of anybody.
  std::vector<double> Beliefs() const {
    std::vector<double> all;
    for (int i = 0; i < RandomReports::kLabelers; ++i) {
      const Labeler labeler = Get(absl::StrCat("l", i));
      for (const SkillBelief& skill : labeler.skills) {
        all.push_back(skill.mean);
        all.push_back(skill.variance);
      }
      all.push_back(ExpectedSeconds(labeler.speed, 30));
      all.push_back(static_cast<double>(labeler.answers));
    }
    return all;
  }
};

TEST_P(RandomReportsTest, AreLearnedFromAlikeWhenTheyAreMadeAndWhenReplayed) {
  RandomReports reports(GetParam());
  const std::shared_ptr<const Pool> pool = *engine_->FindPool("p");
  for (int n = 0; n < 150; ++n) {
    ASSERT_TRUE(engine_->ReportAnswers(reports.Next(*pool)).ok());
    clock_.Advance(absl::Hours(1));
  }
  const std::vector<double> before = Beliefs();
  Restart();
  EXPECT_EQ(Beliefs(), before);
}

TEST_P(RandomReportsTest, TeachTheSameInWhateverOrderTasksTakeTurns) {
  RandomReports reports(GetParam());
  const std::shared_ptr<const Pool> pool = *engine_->FindPool("p");
  std::vector<AnswerReport> made;
  for (int n = 0; n < 40; ++n) made.push_back(reports.Next(*pool));
  for (const AnswerReport& report : made) {
    ASSERT_TRUE(engine_->ReportAnswers(report).ok());
  }
  const std::vector<double> mixed = Beliefs();
  store_ = *OpenStore("memory:");
  Restart();
  SetUp();
  for (AnswerReport& report : made) {
    // By task, in the order of their first answers.
    std::vector<Answer> sorted;
    while (!report.answers.empty()) {
      const std::string task = report.answers[0].task;
      for (const Answer& answer : report.answers) {
        if (answer.task == task) sorted.push_back(answer);
      }
      std::erase_if(report.answers,
                    [&](const Answer& answer) { return answer.task == task; });
    }
    report.answers = std::move(sorted);
    ASSERT_TRUE(engine_->ReportAnswers(std::move(report)).ok());
  }
  const std::vector<double> by_task = Beliefs();
  ASSERT_EQ(by_task.size(), mixed.size());
  for (size_t i = 0; i < mixed.size(); ++i) {
    EXPECT_NEAR(by_task[i], mixed[i], 1e-5 * (1 + std::abs(mixed[i])));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomReportsTest, testing::Range(1, 6));

TEST_F(LearningTest, AnswersTeachTheSameTogetherAndOneByOne) {
  const auto learned = [&](bool together) {
    store_ = *OpenStore("memory:");
    Restart();
    MakePool(SimplePool(1, 3));
    std::vector<LabelerUpdate> labelers;
    for (int i = 0; i < 20; ++i) {
      labelers.push_back(
          WithSkill(MakeLabeler(absl::StrCat("l", i)), 0.1 * i, 0.5));
    }
    Add(labelers);
    Rng rng(5);
    for (int t = 0; t < 120; ++t) {
      std::vector<Answer> answers;
      const auto first = static_cast<int>(rng.Below(20));
      for (int a = 0; a < 4; ++a) {
        answers.push_back({.task = absl::StrCat("t", t),
                           .labeler = absl::StrCat("l", (first + a) % 20),
                           .label = rng.Bernoulli(0.7) ? 0 : 1 + a % 2});
      }
      if (together) {
        Report(answers);
      } else {
        for (const Answer& answer : answers) Report({answer});
      }
    }
    std::vector<double> means;
    for (int i = 0; i < 20; ++i) {
      means.push_back(Get(absl::StrCat("l", i)).skills[0].mean);
    }
    return means;
  };
  const std::vector<double> together = learned(true), apart = learned(false);
  for (size_t i = 0; i < together.size(); ++i) {
    // A belief that moved by less than what is noticed is not revised.
    EXPECT_NEAR(together[i], apart[i], 0.02);
  }
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
