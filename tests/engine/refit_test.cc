// SPDX-License-Identifier: Apache-2.0
// The periodic re-fit: when it is due, what Score makes of it, and that a
// restart leads to the same bits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/base/rng.h"
#include "tests/engine/engine_fixture.h"

namespace allot {
namespace {

class RefitTest : public EngineTest {
 protected:
  void SetUp() override {
    MakePool();
    std::vector<LabelerUpdate> labelers;
    for (int i = 0; i < 6; ++i) labelers.push_back(MakeLabeler(Name(i)));
    Add(labelers);
  }
  static std::string Name(int i) { return absl::StrCat("l", i); }

  // Tasks [first, last) with 5 answers each of labelers who are right with
  // 0.85, but for l5, who always says 1.
  void ReportTasks(int first, int last, double gold_share = 0) {
    Rng rng(static_cast<uint64_t>(first) + 1);
    for (int t = first; t < last; ++t) {
      const auto truth = static_cast<int32_t>(rng.Below(2));
      Task task = MakeTask(absl::StrCat("t", t));
      if (rng.Bernoulli(gold_share)) task.gold_label = truth;
      std::vector<Answer> answers;
      for (int i = 0; i < 5; ++i) {
        const int32_t label = rng.Bernoulli(0.85) ? truth : 1 - truth;
        answers.push_back(
            {.task = task.id, .labeler = Name(i), .label = label});
      }
      answers.push_back({.task = task.id, .labeler = Name(5), .label = 1});
      Report(std::move(answers), {task});
    }
  }
  TaskConfidence Score(std::vector<Answer> answers) {
    ScoreCall call;
    call.pool = "p";
    call.items.push_back(
        {.task = MakeTask("fresh"), .answers = std::move(answers)});
    auto sheet = engine_->Score(call);
    EXPECT_TRUE(sheet.ok()) << sheet.status();
    return sheet.ok() ? sheet->tasks[0] : TaskConfidence();
  }
  TaskConfidence ScoreKnown(const std::string& id) {
    ScoreCall call;
    call.pool = "p";
    call.items.push_back({.task = MakeTask(id)});
    return engine_->Score(call)->tasks[0];
  }
  RefitReport Stats() { return engine_->GetPool("p")->stats.refit; }
};

TEST_F(RefitTest, NothingIsDueBeforeTwentyAnswers) {
  ReportTasks(0, 3);  // 18 answers
  EXPECT_FALSE(Stats().pending);
  EXPECT_EQ(engine_->Refit("p")->version, 0);
  EXPECT_EQ(ScoreKnown("t0").model_version, 0);
  ReportTasks(3, 4);
  EXPECT_TRUE(Stats().pending);
  EXPECT_EQ(*engine_->RefitDue(), 1);
  EXPECT_EQ(*engine_->RefitDue(), 0);
  EXPECT_EQ(ScoreKnown("t0").model_version, 1);
}

TEST_F(RefitTest, IsDueWhenAnswersOrGoldHaveGrownOrAnHourHasPassed) {
  ReportTasks(0, 103);  // 618 answers, of which a sixteenth is six tasks
  ASSERT_TRUE(engine_->Refit("p").ok());
  int tasks = 103;
  for (; !Stats().pending; ++tasks) ReportTasks(tasks, tasks + 1);
  EXPECT_LE(tasks, 103 + 7);
  const int64_t version = engine_->Refit("p")->version;
  ReportTasks(tasks, tasks + 6);
  EXPECT_FALSE(Stats().pending);
  std::vector<Task> gold;
  for (int t = 0; t < 5; ++t) {
    gold.push_back(MakeTask(absl::StrCat("t", t)));
    gold.back().gold_label = 0;
  }
  Report({}, gold);
  EXPECT_TRUE(Stats().pending);
  EXPECT_EQ(engine_->Refit("p")->version, version + 1);
  EXPECT_EQ(Stats().gold_tasks, 5);
  clock_.Advance(absl::Minutes(61));
  EXPECT_FALSE(Stats().pending);
  ReportTasks(tasks + 6, tasks + 7);
  EXPECT_TRUE(Stats().pending);
}

TEST_F(RefitTest, ALabelerWhoAlwaysSaysTheSameLosesTheirVoice) {
  ReportTasks(0, 150);
  ASSERT_TRUE(engine_->Refit("p").ok());
  const TaskConfidence constant =
      Score({{.task = "fresh", .labeler = Name(5), .label = 1}});
  const TaskConfidence other =
      Score({{.task = "fresh", .labeler = Name(0), .label = 1}});
  EXPECT_NEAR(constant.posterior[1], 0.5, 0.08);
  EXPECT_GT(other.posterior[1], 0.65);
}

TEST_F(RefitTest, PlansGoByTheFitAndReportItsAccuracies) {
  ReportTasks(0, 150);
  ASSERT_TRUE(engine_->Refit("p").ok());
  Add({MakeLabeler("new")});
  const auto ask = [&](std::vector<std::string> labelers) {
    AllocateCall call = Batch({MakeTask("fresh")});
    call.labelers = std::move(labelers);
    const Plan plan = Allocate(call);
    return plan.pairs.empty() ? PlannedPair() : plan.pairs[0];
  };
  const PlannedPair known = ask({Name(0)});
  const PlannedPair stranger = ask({"new"});
  const PlannedPair constant = ask({Name(5)});
  EXPECT_NEAR(known.expected_accuracy, 0.85, 0.06);
  EXPECT_NEAR(constant.expected_accuracy, 0.5, 0.06);
  // What the six are in the mean.
  EXPECT_NEAR(stranger.expected_accuracy, 0.79, 0.06);
  EXPECT_GT(known.bits, stranger.bits);
  EXPECT_LT(constant.bits, 0.05);
  EXPECT_EQ(ask({Name(5), "new"}).labeler, "new");
  EXPECT_EQ(ask({Name(5), "new", Name(0)}).labeler, Name(0));
}

TEST_F(RefitTest, ARestartScoresTheSameToTheLastBit) {
  ReportTasks(0, 120, 0.1);
  ASSERT_TRUE(engine_->RefitDue().ok());
  ReportTasks(120, 140);
  ASSERT_TRUE(engine_->RefitDue().ok());
  const auto scores = [&] {
    std::vector<double> all;
    for (int t = 0; t < 140; ++t) {
      all.push_back(ScoreKnown(absl::StrCat("t", t)).confidence);
    }
    return all;
  };
  const std::vector<double> before = scores();
  const RefitReport stats = Stats();
  Restart();  // from the log
  EXPECT_EQ(scores(), before);
  EXPECT_EQ(Stats().version, stats.version);
  ASSERT_TRUE(engine_->SaveCheckpoints().ok());
  Restart();  // from the checkpoint
  EXPECT_EQ(engine_->recovery().checkpoints_used, 1);
  EXPECT_EQ(scores(), before);
  EXPECT_EQ(Stats().ece_after, stats.ece_after);
}

TEST_F(RefitTest, ACheckpointWithAFitPendingLeadsToTheSameScores) {
  ReportTasks(0, 60, 0.2);
  ASSERT_TRUE(Stats().pending);
  ASSERT_TRUE(engine_->SaveCheckpoints().ok());
  // Folding on from the checkpoint and from the start agree.
  Restart();
  EXPECT_FALSE(Stats().pending);
  ReportTasks(60, 130);
  ASSERT_TRUE(engine_->RefitDue().ok());
  const double from_checkpoint = ScoreKnown("t7").confidence;
  const int64_t version = Stats().version;
  store_ = *OpenStore("memory:");
  Restart();
  SetUp();
  ReportTasks(0, 60, 0.2);
  ReportTasks(60, 130);
  ASSERT_TRUE(engine_->RefitDue().ok());
  EXPECT_EQ(Stats().version, version);
  EXPECT_EQ(ScoreKnown("t7").confidence, from_checkpoint);
}

TEST_F(RefitTest, ReportsHowOnlineAndBatchDiffer) {
  ReportTasks(0, 120, 0.2);
  ASSERT_TRUE(engine_->RefitDue().ok());
  const RefitReport stats = Stats();
  EXPECT_GT(stats.changed_confidence, 0);
  EXPECT_LT(stats.changed_labels, 0.2);
  EXPECT_GT(stats.gold_tasks, 10);
  EXPECT_EQ(stats.answers, 714);  // of 720: when the last cut was made
}

TEST_F(RefitTest, ReportsTheLabelsThatTheFitTurns) {
  // One class in twenty is a 1: skills alone take anybody's word for it, a fit
  // that knows the share of each class doubts a labeler who is often wrong.
  Rng rng(2);
  for (int t = 0; t < 100; ++t) {
    const int32_t truth = t % 20 == 0 ? 1 : 0;
    const std::string id = absl::StrCat("t", t);
    std::vector<Answer> answers;
    for (int i = 0; i < (t < 60 ? 5 : 1); ++i) {
      answers.push_back({.task = id,
                         .labeler = Name(i),
                         .label = rng.Bernoulli(0.75) ? truth : 1 - truth});
    }
    Report(std::move(answers));
  }
  ASSERT_TRUE(engine_->RefitDue().ok());
  EXPECT_GT(Stats().changed_labels, 0);
}

TEST_F(RefitTest, ATaskHarderThanThoseFittedIsBelievedLess) {
  ReportTasks(0, 120);
  ASSERT_TRUE(engine_->RefitDue().ok());
  ScoreCall call;
  call.pool = "p";
  Task hard = MakeTask("hard");
  hard.difficulty = 2;
  for (const Task& task : {MakeTask("usual"), hard}) {
    std::vector<Answer> answers;
    for (int i = 0; i < 3; ++i) {
      answers.push_back({.task = task.id, .labeler = Name(i), .label = 0});
    }
    call.items.push_back({.task = task, .answers = answers});
  }
  const auto sheet = engine_->Score(call);
  ASSERT_TRUE(sheet.ok()) << sheet.status();
  EXPECT_LT(sheet->tasks[1].confidence, sheet->tasks[0].confidence - 0.03);
}

TEST_F(RefitTest, AStrangerIsBelievedByTheSkillThatTheCallerVouchesFor) {
  ReportTasks(0, 120);
  ASSERT_TRUE(engine_->RefitDue().ok());
  Add({MakeLabeler("newcomer"), WithSkill(MakeLabeler("vouched"), 4),
       WithSkill(MakeLabeler("doubted"), -3)});
  const auto confidence = [&](const std::string& labeler) {
    return Score({{.task = "fresh", .labeler = labeler, .label = 1}})
        .posterior[1];
  };
  EXPECT_GT(confidence("vouched"), confidence("newcomer") + 0.03);
  EXPECT_LT(confidence("doubted"), confidence("newcomer") - 0.03);
}

TEST_F(RefitTest, ANewKindOfTaskIsJudgedByTheSkillItAsksFor) {
  Pool pool = SimplePool(2);
  pool.id = "two";
  ASSERT_TRUE(engine_->UpsertPool(pool).ok());
  std::vector<LabelerUpdate> labelers;
  for (int i = 0; i < 6; ++i) {
    labelers.push_back(MakeLabeler(Name(i)));
    labelers.back().skills = {{0, {1.5, 0.5}}, {1, {i == 0 ? 4.0 : 1.5, 0.01}}};
  }
  ASSERT_TRUE(engine_->UpsertLabelers("two", labelers).ok());
  const auto task_of = [](std::string id, int32_t skill) {
    Task task;
    task.id = std::move(id);
    task.label_set = "labels";
    task.loading = {{skill, 1.0}};
    return task;
  };
  Rng rng(3);
  for (int t = 0; t < 60; ++t) {
    const auto truth = static_cast<int32_t>(rng.Below(2));
    AnswerReport report;
    report.pool = "two";
    report.tasks = {task_of(absl::StrCat("t", t), 0)};
    for (int i = 0; i < 6; ++i) {
      report.answers.push_back(
          {.task = report.tasks[0].id,
           .labeler = Name(i),
           .label = rng.Bernoulli(0.85) ? truth : 1 - truth});
    }
    ASSERT_TRUE(engine_->ReportAnswers(std::move(report)).ok());
  }
  ASSERT_TRUE(engine_->RefitDue().ok());
  const auto confidence = [&](int labeler, int32_t skill) {
    ScoreCall call;
    call.pool = "two";
    call.items.push_back(
        {.task = task_of("fresh", skill),
         .answers = {{{.task = "fresh", .labeler = Name(labeler)}}}});
    return engine_->Score(call)->tasks[0].confidence;
  };
  EXPECT_GT(confidence(0, 1) - confidence(0, 0),
            confidence(1, 1) - confidence(1, 0) + 0.02);
}

// The loop closed: the label that Score is surest of is never fed back as
// truth, so that an early mistake of the crowd does not harden. Labelers hardly
// better than chance stay what they are, and confidence with them.
TEST_F(RefitTest, BeliefInABarelyInformedCrowdDoesNotRunAway) {
  Rng rng(11);
  int right = 0;
  double claimed = 0;
  constexpr int kTasks = 600;
  for (int t = 0; t < kTasks; ++t) {
    const auto truth = static_cast<int32_t>(rng.Below(2));
    const std::string id = absl::StrCat("t", t);
    std::vector<Answer> answers;
    for (int i = 0; i < 5; ++i) {
      answers.push_back({.task = id,
                         .labeler = Name(i),
                         .label = rng.Bernoulli(0.56) ? truth : 1 - truth});
    }
    Report(answers);
    if (t % 20 == 0) {
      ASSERT_TRUE(engine_->RefitDue().ok());
    }
    if (t < kTasks / 2) continue;
    const TaskConfidence score = ScoreKnown(id);
    right += score.label == truth ? 1 : 0;
    claimed += score.confidence;
  }
  EXPECT_LT(claimed / (kTasks / 2), 0.75);
  EXPECT_LT(claimed - right, 0.15 * kTasks / 2);
}

}  // namespace
}  // namespace allot
