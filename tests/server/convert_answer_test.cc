// SPDX-License-Identifier: Apache-2.0
// Answers and scores that the door lets in and turns away.
#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/convert_confidence.h"
#include "server/convert_labeler.h"
#include "tests/server/convert_testing.h"

namespace allot {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// ---- answers ----

v1::ReportAnswersRequest OneAnswer() {
  v1::ReportAnswersRequest request;
  v1::Answer* answer = request.add_answers();
  answer->set_task_id("t1");
  answer->set_labeler_id("ana");
  answer->set_label(1);
  return request;
}

absl::StatusOr<AnswerReport> Convert(const v1::ReportAnswersRequest& request) {
  return ToAnswerReport(request, TwoSkills(), 77, NothingRemembered);
}

TEST(ConvertAnswer, ANameMeansTheLabelOfItsTasksOwnSet) {
  v1::ReportAnswersRequest request = OneAnswer();
  request.mutable_answers(0)->set_label_name("other");
  EXPECT_EQ(Convert(request)->answers[0].label, 2);
  // A specification in the same request counts,
  v1::Task* task = request.add_tasks();
  task->set_task_id("t1");
  task->set_label_set("yes-no");
  request.mutable_answers(0)->set_label_name("yes");
  EXPECT_EQ(Convert(request)->answers[0].label, 1);
  // and so does one from before.
  request.clear_tasks();
  const auto remembered = [](absl::string_view) {
    return TaskClasses{"yes-no", 2};
  };
  EXPECT_EQ(
      ToAnswerReport(request, TwoSkills(), 77, remembered)->answers[0].label,
      1);
  EXPECT_EQ(ViolationsOf(Convert(request).status())[0].field(),
            "answers[0].label_name");
}

TEST(ConvertAnswer, IsDatedByItsArrivalUnlessItSaysWhen) {
  v1::ReportAnswersRequest request = OneAnswer();
  EXPECT_EQ(Convert(request)->answers[0].answered_unix_micros, 77);
  request.mutable_answers(0)->mutable_answered_at()->set_seconds(3);
  EXPECT_EQ(Convert(request)->answers[0].answered_unix_micros, 3'000'000);
}

struct BadAnswer {
  const char* name;
  std::function<void(v1::ReportAnswersRequest&)> spoil;
  const char* field;
  const char* description;
};

class MalformedAnswer : public ::testing::TestWithParam<BadAnswer> {};

TEST_P(MalformedAnswer, IsRefusedWithTheFieldAtFault) {
  v1::ReportAnswersRequest request = OneAnswer();
  GetParam().spoil(request);
  const auto violations = ViolationsOf(Convert(request).status());
  ASSERT_THAT(violations, SizeIs(1));
  EXPECT_EQ(violations[0].field(), GetParam().field);
  EXPECT_THAT(violations[0].description(), HasSubstr(GetParam().description));
}

INSTANTIATE_TEST_SUITE_P(
    , MalformedAnswer,
    ::testing::Values(
        BadAnswer{"NoLabel",
                  [](auto& r) { r.mutable_answers(0)->clear_value(); },
                  "answers[0].label", "must be set, or label_name"},
        BadAnswer{"LabelNegative",
                  [](auto& r) { r.mutable_answers(0)->set_label(-1); },
                  "answers[0].label", "must be in [0, 2], got -1"},
        BadAnswer{"LabelTooLarge",
                  [](auto& r) { r.mutable_answers(0)->set_label(3); },
                  "answers[0].label", "must be in [0, 2], got 3"},
        BadAnswer{"UnknownLabelName",
                  [](auto& r) { r.mutable_answers(0)->set_label_name("cow"); },
                  "answers[0].label_name", "got \"cow\""},
        BadAnswer{
            "HandlingTimeNegative",
            [](auto& r) {
              r.mutable_answers(0)->mutable_handling_time()->set_seconds(-3);
            },
            "answers[0].handling_time", "must be in (0 s, 86400 s], got -3"},
        BadAnswer{"TimestampMalformed",
                  [](auto& r) {
                    r.mutable_answers(0)->mutable_answered_at()->set_nanos(-1);
                  },
                  "answers[0].answered_at", "must be a valid timestamp"},
        BadAnswer{"NoAnswersAndNoGold", [](auto& r) { r.clear_answers(); },
                  "answers", "must not be empty unless tasks has gold labels"}),
    [](const auto& row) { return std::string(row.param.name); });

// ---- scores ----

TEST(ConvertScore, AnItemWithoutAnswersAsksForThoseReported) {
  v1::ScoreRequest request;
  request.add_items()->mutable_task()->set_task_id("t1");
  auto call = ToScoreCall(request, TwoSkills(), 0, NothingRemembered);
  ASSERT_TRUE(call.ok()) << call.status();
  EXPECT_FALSE(call->items[0].answers.has_value());
  EXPECT_TRUE(call->items[0].task_is_id_only);

  request.mutable_items(0)->mutable_task()->set_difficulty(1);
  v1::Answer* answer = request.mutable_items(0)->add_answers();
  answer->set_labeler_id("ana");
  answer->set_label_name("dog");
  call = ToScoreCall(request, TwoSkills(), 0, NothingRemembered);
  ASSERT_TRUE(call.ok()) << call.status();
  EXPECT_FALSE(call->items[0].task_is_id_only);
  EXPECT_EQ(call->items[0].answers->front().label, 1);
  EXPECT_EQ(call->items[0].answers->front().task, "t1");
}

TEST(ConvertScore, OneLabelerAnswersATaskOnce) {
  v1::ScoreRequest request;
  v1::ScoreItem* item = request.add_items();
  item->mutable_task()->set_task_id("t1");
  for (int i = 0; i < 2; ++i) {
    item->add_answers()->set_labeler_id("ana");
    item->mutable_answers(i)->set_label(i);
  }
  const auto call = ToScoreCall(request, TwoSkills(), 0, NothingRemembered);
  EXPECT_EQ(ViolationsOf(call.status())[0].field(),
            "items[0].answers[1].labeler_id");
}

}  // namespace
}  // namespace allot
