// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/engine_fixture.h"
#include "tests/testing/faulty_store.h"

namespace allot {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ReportTest : public EngineTest {
 protected:
  void SetUp() override {
    MakePool();
    Add({MakeLabeler("a"), MakeLabeler("b")});
  }
  int64_t Answers() { return engine_->GetPool("p")->stats.answers; }
};

TEST_F(ReportTest, ARetriedReportIsADuplicateAndTeachesNothing) {
  Report({{.task = "t", .labeler = "a", .label = 1},
          {.task = "t", .labeler = "b", .label = 1}});
  const double once = Get("a").skills[0].mean;
  const AnswerReceipt again =
      Report({{.task = "t", .labeler = "a", .label = 1}});
  EXPECT_THAT(again.outcomes, ElementsAre(AnswerOutcome::kDuplicate));
  EXPECT_EQ(Get("a").skills[0].mean, once);
  EXPECT_EQ(Answers(), 2);
}

TEST_F(ReportTest, TheFirstAnswerStandsAgainstADifferentOne) {
  Report({{.task = "t", .labeler = "a", .label = 1}});
  EXPECT_THAT(Report({{.task = "t", .labeler = "a", .label = 0}}).outcomes,
              ElementsAre(AnswerOutcome::kConflict));
}

TEST_F(ReportTest, DuplicatesInsideOneReportAreSeen) {
  EXPECT_THAT(Report({{.task = "t", .labeler = "a", .label = 1},
                      {.task = "t", .labeler = "a", .label = 1},
                      {.task = "t", .labeler = "a", .label = 0}})
                  .outcomes,
              ElementsAre(AnswerOutcome::kRecorded, AnswerOutcome::kDuplicate,
                          AnswerOutcome::kConflict));
  EXPECT_EQ(Answers(), 1);
}

TEST_F(ReportTest, AnUnknownLabelerIsNamedAndNothingIsRecorded) {
  AnswerReport report;
  report.pool = "p";
  report.answers = {{.task = "t", .labeler = "a", .label = 1},
                    {.task = "t", .labeler = "zoe", .label = 1}};
  const auto receipt = engine_->ReportAnswers(report);
  EXPECT_EQ(receipt.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(receipt.status().message()),
              HasSubstr("answers[1].labeler_id"));
  EXPECT_EQ(Answers(), 0);
}

TEST_F(ReportTest, ALabelBeyondTheTasksClassesIsRefused) {
  AnswerReport report;
  report.pool = "p";
  report.answers = {{.task = "t", .labeler = "a", .label = 2}};
  EXPECT_THAT(std::string(engine_->ReportAnswers(report).status().message()),
              HasSubstr("answers[0].label: must be in [0, 2)"));
}

TEST_F(ReportTest, ATaskIsFixedByItsFirstSpecification) {
  Task task = MakeTask("t");
  task.num_classes = 5;
  Report({{.task = "t", .labeler = "a", .label = 4}}, {task});
  task.num_classes = 2;
  EXPECT_THAT(
      Report({{.task = "t", .labeler = "b", .label = 4}}, {task}).outcomes,
      ElementsAre(AnswerOutcome::kRecorded));
}

TEST_F(ReportTest, AFailedAppendChangesNothing) {
  engine_.reset();
  FaultyStore faulty(std::move(store_));
  auto engine = Engine::Open(&faulty, &clock_, {});
  faulty.FailAppend(1, absl::UnavailableError("try again"));
  ASSERT_TRUE(engine.ok());
  AnswerReport report;
  report.pool = "p";
  report.answers = {{.task = "t", .labeler = "a", .label = 1}};
  EXPECT_EQ((*engine)->ReportAnswers(report).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ((*engine)->GetPool("p")->stats.answers, 0);
  EXPECT_TRUE((*engine)->ReportAnswers(report).ok());
  EXPECT_EQ((*engine)->GetPool("p")->stats.answers, 1);
}

TEST_F(ReportTest, SkillsMayBeAppendedButNeverMoved) {
  Pool wider = SimplePool(2);
  EXPECT_TRUE(engine_->UpsertPool(wider).ok());
  EXPECT_EQ(Get("a").skills.size(), 2u);
  Pool renamed = SimplePool(2);
  renamed.skills[0].name = "other";
  EXPECT_EQ(engine_->UpsertPool(renamed).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(ReportTest, AnUpsertKeepsWhatItDoesNotMention) {
  Report({{.task = "t", .labeler = "a", .label = 1},
          {.task = "t", .labeler = "b", .label = 1}});
  const double learned = Get("a").skills[0].mean;
  LabelerUpdate update;
  update.id = "a";
  update.capacity = 7;
  Add({update});
  EXPECT_EQ(Get("a").capacity, 7);
  EXPECT_EQ(Get("a").skills[0].mean, learned);
}

}  // namespace
}  // namespace allot
