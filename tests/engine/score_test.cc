// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "lib/truth/calibration.h"
#include "tests/engine/engine_fixture.h"

namespace allot {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class ScoreTest : public EngineTest {
 protected:
  void SetUp() override {
    MakePool(SimplePool(1, 3));
    Add({WithSkill(MakeLabeler("expert", 9, 0.1), 4),
         WithSkill(MakeLabeler("fair", 9, 0.1), 1),
         WithSkill(MakeLabeler("poor", 9, 0.1), -2)});
  }
  ScoreCall Call(std::vector<Answer> answers, bool explain = false) const {
    ScoreCall call;
    call.pool = "p";
    call.explain = explain;
    call.items.push_back(
        {.task = MakeTask("t"), .answers = std::move(answers)});
    return call;
  }
  TaskConfidence Score(const ScoreCall& call) {
    auto sheet = engine_->Score(call);
    EXPECT_TRUE(sheet.ok()) << sheet.status();
    return sheet.ok() ? sheet->tasks[0] : TaskConfidence();
  }
};

TEST_F(ScoreTest, TheExpertOutweighsTwoPoorAnswers) {
  const TaskConfidence result =
      Score(Call({{.task = "t", .labeler = "expert", .label = 2},
                  {.task = "t", .labeler = "poor", .label = 0}}));
  EXPECT_EQ(result.label, 2);
  EXPECT_GT(result.confidence, 0.8);
  EXPECT_NEAR(
      std::accumulate(result.posterior.begin(), result.posterior.end(), 0.0), 1,
      1e-9);
}

TEST_F(ScoreTest, DecidesByTheTargetAndTheLimit) {
  ScoreCall sure = Call({{.task = "t", .labeler = "expert", .label = 2}});
  sure.policy.confidence.target_confidence = 0.6;
  EXPECT_EQ(Score(sure).verdict, Verdict::kAccept);
  ScoreCall unsure = Call({{.task = "t", .labeler = "poor", .label = 2}});
  const TaskConfidence more = Score(unsure);
  EXPECT_EQ(more.verdict, Verdict::kCollect);
  EXPECT_GE(more.more_answers, 1);
  unsure.policy.confidence.max_answers = 1;
  EXPECT_EQ(Score(unsure).verdict, Verdict::kEscalate);
}

TEST_F(ScoreTest, ContributionsNameWhoSpokeForAndAgainst) {
  const TaskConfidence result =
      Score(Call({{.task = "t", .labeler = "expert", .label = 2},
                  {.task = "t", .labeler = "fair", .label = 0}},
                 true));
  ASSERT_THAT(result.contributions, SizeIs(2));
  EXPECT_EQ(result.contributions[0].labeler, "expert");
  EXPECT_GT(result.contributions[0].bits, 0);
  EXPECT_LT(result.contributions[1].bits, 0);
  EXPECT_GT(result.contributions[0].expected_accuracy,
            result.contributions[1].expected_accuracy);
}

TEST_F(ScoreTest, WithoutGoldNoAgreementMakesUsSurerThanPoolsAreAlike) {
  std::vector<LabelerUpdate> experts;
  std::vector<Answer> answers;
  for (int i = 0; i < 60; ++i) {
    const std::string id = absl::StrCat("e", i);
    experts.push_back(WithSkill(MakeLabeler(id), 6));
    answers.push_back({.task = "t", .labeler = id, .label = 2});
  }
  Add(experts);
  const double certain = CalibrationMap::Fit({}, 0)->Apply(1.0);
  EXPECT_LT(certain, 1 - 1e-6);
  EXPECT_NEAR(Score(Call(answers)).confidence, certain, 1e-9);
}

TEST_F(ScoreTest, ScoresWhatWasReportedWhenNoAnswersAreSent) {
  Report({{.task = "t", .labeler = "expert", .label = 1}});
  ScoreCall call;
  call.pool = "p";
  call.items.push_back({.task = MakeTask("t")});
  EXPECT_EQ(Score(call).label, 1);
  EXPECT_EQ(Score(call).answers, 1);
  call.items[0].task.id = "unheard of";
  const auto sheet = engine_->Score(call);
  EXPECT_EQ(sheet.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(sheet.status().message()),
              HasSubstr("items[0].task.task_id"));
}

TEST_F(ScoreTest, AnswersSentAgainCountAsTheReportedOnes) {
  const std::vector<Answer> answers = {
      {.task = "t", .labeler = "fair", .label = 1},
      {.task = "t", .labeler = "poor", .label = 1}};
  Add({WithSkill(MakeLabeler("fair"), 1, 1.5)});
  Report(answers);
  ScoreCall stored;
  stored.pool = "p";
  stored.items.push_back({.task = MakeTask("t")});
  EXPECT_DOUBLE_EQ(Score(Call(answers)).confidence, Score(stored).confidence);
}

TEST_F(ScoreTest, NoMoreIsCollectedThanItIsWorth) {
  Add({WithSkill(MakeLabeler("dear", 9, 50), 1)});
  ScoreCall call = Call({{.task = "t", .labeler = "dear", .label = 2}});
  EXPECT_EQ(Score(call).verdict, Verdict::kEscalate);
  call.policy.weights.must_fill = true;
  EXPECT_EQ(Score(call).verdict, Verdict::kCollect) << "whatever it costs";
}

TEST_F(ScoreTest, AnAnswerDoesNotVouchForItself) {
  // Skill learned from the very answers being scored must not raise their
  // confidence: sent for an unknown task they count the same. Vague skills
  // would learn the most.
  const auto vague = [this] {
    Add({WithSkill(MakeLabeler("fair"), 1, 2),
         WithSkill(MakeLabeler("poor"), 0, 2)});
  };
  vague();
  Report({{.task = "t", .labeler = "fair", .label = 1},
          {.task = "t", .labeler = "poor", .label = 1}});
  ScoreCall stored;
  stored.pool = "p";
  stored.items.push_back({.task = MakeTask("t")});
  const double learned = Score(stored).confidence;
  store_ = *OpenStore("memory:");
  Restart();
  SetUp();
  vague();
  const double fresh =
      Score(Call({{.task = "t", .labeler = "fair", .label = 1},
                  {.task = "t", .labeler = "poor", .label = 1}}))
          .confidence;
  EXPECT_NEAR(learned, fresh, 1e-3);
}

TEST_F(ScoreTest, CopiesOfOneModelCountLessThanIndependentWitnesses) {
  std::vector<Answer> answers;
  for (const char* id : {"m1", "m2", "m3"}) {
    Add({WithSkill(MakeLabeler(id), 1)});
    answers.push_back({.task = "t", .labeler = id, .label = 1});
  }
  const double independent = Score(Call(answers)).confidence;
  for (const char* id : {"m1", "m2", "m3"}) {
    LabelerUpdate update;
    update.id = id;
    update.correlation_group = "one model";
    Add({update});
  }
  EXPECT_LT(Score(Call(answers)).confidence, independent - 0.02);
}

TEST_F(ScoreTest, AFurtherCopyThatAgreesNeverMakesUsLessSure) {
  std::vector<Answer> answers;
  double last = 0;
  for (int i = 0; i < 8; ++i) {
    LabelerUpdate copy = WithSkill(MakeLabeler(absl::StrCat("m", i)), 1);
    copy.correlation_group = "one model";
    Add({copy});
    answers.push_back({.task = "t", .labeler = copy.id, .label = 1});
    const double confidence = Score(Call(answers)).confidence;
    EXPECT_GE(confidence, last) << i + 1 << " copies";
    last = confidence;
  }
}

TEST_F(ScoreTest, AnAnswerCountsForLessThanItsModelSays) {
  // Tempering: seven tenths of the evidence of a single answer.
  const TaskConfidence result = Score(
      Call({{.task = "t", .labeler = "expert", .label = 2}}, /*explain=*/true));
  const double accuracy = result.contributions.at(0).expected_accuracy;
  const double evidence = std::log2(accuracy / (1 - accuracy)) - std::log2(0.5);
  EXPECT_NEAR(result.contributions[0].bits, 0.7 * evidence, 0.1 * evidence);
}

}  // namespace
}  // namespace allot
