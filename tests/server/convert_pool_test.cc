// SPDX-License-Identifier: Apache-2.0
// Pools and labelers that the door lets in and turns away.
#include "server/convert_pool.h"

#include <functional>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/convert_labeler.h"
#include "tests/server/convert_testing.h"

namespace allot {
namespace {

using ::testing::DoubleNear;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// ---- pools ----

struct BadPool {
  const char* name;
  std::function<void(v1::Pool&)> spoil;
  const char* field;
  const char* description;
};

class MalformedPool : public ::testing::TestWithParam<BadPool> {};

v1::Pool SmallPool() {
  v1::Pool pool;
  pool.set_pool_id("animals");
  pool.add_skills()->set_name("cats");
  return pool;
}

TEST_P(MalformedPool, IsRefusedWithTheFieldAtFault) {
  v1::Pool pool = SmallPool();
  GetParam().spoil(pool);
  const auto violations = ViolationsOf(ToPool(pool).status());
  ASSERT_THAT(violations, SizeIs(1));
  EXPECT_EQ(violations[0].field(), GetParam().field);
  EXPECT_THAT(violations[0].description(), HasSubstr(GetParam().description));
}

INSTANTIATE_TEST_SUITE_P(
    , MalformedPool,
    ::testing::Values(
        BadPool{"NoId", [](auto& p) { p.clear_pool_id(); }, "pool.pool_id",
                "must not be empty"},
        BadPool{"NoSkill", [](auto& p) { p.clear_skills(); }, "pool.skills",
                "must have 1 to 256 entries, got 0"},
        BadPool{"SkillTwice", [](auto& p) { p.add_skills()->set_name("cats"); },
                "pool.skills[1].name", "duplicates pool.skills[0].name"},
        BadPool{"PriorMeanNan",
                [](auto& p) { p.mutable_skills(0)->set_prior_mean(kNan); },
                "pool.skills[0].prior_mean", "must be in [-20, 20], got NaN"},
        BadPool{"PriorVarianceZero",
                [](auto& p) { p.mutable_skills(0)->set_prior_variance(0); },
                "pool.skills[0].prior_variance", "must be in [0.0001, 100]"},
        BadPool{"OneLabel",
                [](auto& p) {
                  v1::LabelSet* set = p.add_label_sets();
                  set->set_name("s");
                  set->add_labels("only");
                },
                "pool.label_sets[0].labels",
                "must have 2 to 1000 entries, got 1"},
        BadPool{"LabelTwice",
                [](auto& p) {
                  v1::LabelSet* set = p.add_label_sets();
                  set->set_name("s");
                  for (int i = 0; i < 2; ++i) set->add_labels("same");
                },
                "pool.label_sets[0].labels[1]",
                "duplicates pool.label_sets[0].labels[0]"},
        BadPool{"PolicyWithoutName", [](auto& p) { p.add_policies(); },
                "pool.policies[0].name", "must not be empty"},
        BadPool{"PolicyWeightInfinite",
                [](auto& p) {
                  p.add_policies()->set_name("x");
                  p.mutable_policies(0)->set_balance(kInfinity);
                },
                "pool.policies[0].balance", "got infinity"},
        BadPool{"FairAnswersZero",
                [](auto& p) {
                  p.add_policies()->set_name("x");
                  p.mutable_policies(0)->set_fair_answers(0);
                },
                "pool.policies[0].fair_answers",
                "must be in [1, 1000000], got 0"},
        BadPool{"DriftNegative",
                [](auto& p) { p.mutable_learning()->set_drift_per_day(-1); },
                "pool.learning.drift_per_day", "must be in [0, 10], got -1"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ConvertPool, ComesBackWithItsDefaultsFilledIn) {
  v1::Pool in = SmallPool();
  in.add_policies()->set_name("usual");
  const auto pool = ToPool(in);
  ASSERT_TRUE(pool.ok()) << pool.status();
  v1::Pool out;
  ToProto(*pool, &out);
  EXPECT_EQ(out.skills(0).prior_mean(), 1);
  EXPECT_EQ(out.skills(0).prior_variance(), 1);
  EXPECT_EQ(out.policies(0).quality(), 1);
  EXPECT_EQ(out.policies(0).target_confidence(), 0.95);
  EXPECT_TRUE(out.learning().learn_prior());
  EXPECT_EQ(out.learning().difficulty_variance(), 0.5);
}

// ---- labelers ----

struct BadLabeler {
  const char* name;
  std::function<void(v1::Labeler&)> spoil;
  const char* field;
  const char* description;
};

class MalformedLabeler : public ::testing::TestWithParam<BadLabeler> {};

TEST_P(MalformedLabeler, IsRefusedWithTheFieldAtFault) {
  v1::UpsertLabelersRequest request;
  request.set_pool_id("animals");
  request.add_labelers()->set_labeler_id("ana");
  GetParam().spoil(*request.mutable_labelers(0));
  const auto violations =
      ViolationsOf(ToLabelerUpdates(request, TwoSkills()).status());
  ASSERT_THAT(violations, SizeIs(1));
  EXPECT_EQ(violations[0].field(), GetParam().field);
  EXPECT_THAT(violations[0].description(), HasSubstr(GetParam().description));
}

INSTANTIATE_TEST_SUITE_P(
    , MalformedLabeler,
    ::testing::Values(
        BadLabeler{"PriceNegative",
                   [](auto& l) { l.mutable_price()->set_per_answer(-1); },
                   "labelers[0].price.per_answer",
                   "must be in [0, 1e+06], got -1"},
        BadLabeler{"PriceNan",
                   [](auto& l) { l.mutable_price()->set_per_hour(kNan); },
                   "labelers[0].price.per_hour", "got NaN"},
        BadLabeler{
            "CapacityTooLarge", [](auto& l) { l.set_capacity(2'000'000'000); },
            "labelers[0].capacity", "must be in [0, 1000000], got 2000000000"},
        BadLabeler{"CapacityNegative", [](auto& l) { l.set_capacity(-1); },
                   "labelers[0].capacity", "must be in [0, 1000000], got -1"},
        BadLabeler{"UnknownSkill",
                   [](auto& l) {
                     l.add_skills()->set_skill("birds");
                     l.mutable_skills(0)->set_variance(1);
                   },
                   "labelers[0].skills[0].skill", "got \"birds\""},
        BadLabeler{"SkillWithoutVariance",
                   [](auto& l) { l.add_skills()->set_skill("cats"); },
                   "labelers[0].skills[0].variance",
                   "must be in [0.0001, 100]"},
        BadLabeler{"QualificationTwice",
                   [](auto& l) {
                     l.add_qualifications("q");
                     l.add_qualifications("q");
                   },
                   "labelers[0].qualifications[1]",
                   "duplicates labelers[0].qualifications[0]"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(ConvertLabeler, AbsentFieldsStayAbsent) {
  v1::UpsertLabelersRequest request;
  request.add_labelers()->set_labeler_id("ana");
  const auto updates = ToLabelerUpdates(request, TwoSkills());
  ASSERT_TRUE(updates.ok()) << updates.status();
  const LabelerUpdate& update = updates->front();
  EXPECT_FALSE(update.price || update.capacity || update.qualifications ||
               update.correlation_group);
  EXPECT_THAT(update.skills, IsEmpty());
}

TEST(ConvertLabeler, ClearingQualificationsIsNotTheSameAsNotNamingAny) {
  v1::UpsertLabelersRequest request;
  request.add_labelers()->set_labeler_id("ana");
  request.mutable_labelers(0)->set_clear_qualifications(true);
  const auto updates = ToLabelerUpdates(request, TwoSkills());
  ASSERT_TRUE(updates->front().qualifications.has_value());
  EXPECT_THAT(*updates->front().qualifications, IsEmpty());
}

TEST(ConvertLabeler, HandlingTimesAreThoseOfAThirtySecondTask) {
  LabelerInfo info;
  info.labeler.speed.mean = std::log(2.0);  // twice as fast
  v1::Labeler out;
  ToProto(info, TwoSkills(), &out);
  const auto seconds = [](const google::protobuf::Duration& duration) {
    return static_cast<double>(duration.seconds()) + 1e-9 * duration.nanos();
  };
  EXPECT_THAT(seconds(out.handling_time().median()), DoubleNear(15, 1e-6));
  EXPECT_THAT(seconds(out.handling_time().p95()),
              DoubleNear(QuantileSeconds(info.labeler.speed, 30, 0.95), 1e-6));
}

TEST(ConvertLabeler, APageTokenLeadsToTheNextRow) {
  LabelerPage page;
  page.next_row = 1234;
  v1::ListLabelersResponse response;
  ToProto(page, TwoSkills(), &response);
  v1::ListLabelersRequest request;
  request.set_page_token(response.next_page_token());
  request.set_page_size(7);
  EXPECT_EQ(ToPageRequest(request)->first_row, 1234);
  EXPECT_EQ(ToPageRequest(request)->limit, 7);
  request.set_page_token("made up");
  EXPECT_EQ(ViolationsOf(ToPageRequest(request).status())[0].field(),
            "page_token");
}

}  // namespace
}  // namespace allot
