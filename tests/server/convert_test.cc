// SPDX-License-Identifier: Apache-2.0
// What the door lets in and what it turns away. Every row of the tables below
// is one malformed request: the field at fault and what is said about it.
#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/rpc/error_details.pb.h"
#include "gtest/gtest.h"
#include "server/convert_allocation.h"
#include "server/convert_confidence.h"
#include "server/convert_labeler.h"
#include "server/convert_pool.h"
#include "server/convert_task.h"
#include "server/grpc_status.h"

namespace allot {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Pool TwoSkills() {
  Pool pool;
  pool.id = "animals";
  pool.skills = {{.name = "cats"}, {.name = "dogs"}};
  pool.label_sets = {{.name = "species", .labels = {"cat", "dog", "other"}},
                     {.name = "yes-no", .labels = {"no", "yes"}}};
  Policy careful;
  careful.name = "careful";
  careful.confidence.target_confidence = 0.99;
  pool.policies = {Policy{.name = "usual"}, careful};
  return pool;
}

TaskClasses NothingRemembered(absl::string_view) {
  return DefaultClasses(TwoSkills());
}

std::vector<google::rpc::BadRequest::FieldViolation> ViolationsOf(
    const absl::Status& status) {
  google::rpc::BadRequest detail;
  const auto payload =
      status.GetPayload("type.googleapis.com/google.rpc.BadRequest");
  if (payload) detail.ParseFromString(std::string(*payload));
  return {detail.field_violations().begin(), detail.field_violations().end()};
}

v1::AllocateRequest OneTask() {
  v1::AllocateRequest request;
  request.set_pool_id("animals");
  request.add_tasks()->set_task_id("t1");
  return request;
}

absl::StatusOr<AllocateCall> Convert(const v1::AllocateRequest& request) {
  return ToAllocateCall(request, TwoSkills(), 0, std::nullopt);
}

// ---- tasks: what is filled in ----

TEST(ConvertTask, FillsInTheDefaultsOfThePool) {
  const auto call = Convert(OneTask());
  ASSERT_TRUE(call.ok()) << call.status();
  const Task& task = call->tasks[0];
  EXPECT_THAT(task.loading,
              ElementsAre(SkillWeight{0, 0.5f}, SkillWeight{1, 0.5f}));
  EXPECT_EQ(task.label_set, "species");
  EXPECT_EQ(task.num_classes, 3);
  EXPECT_EQ(task.redundancy, 1);
  EXPECT_EQ(task.base_seconds, 30);
  EXPECT_EQ(task.value, 1);
  EXPECT_FALSE(task.difficulty_variance.has_value());
  EXPECT_EQ(call->policy.name, "usual");
  EXPECT_FALSE(call->budget.has_value());
  EXPECT_FALSE(call->lease_micros.has_value());
}

TEST(ConvertTask, NormalisesALoadingBySkillRow) {
  v1::AllocateRequest request = OneTask();
  (*request.mutable_tasks(0)->mutable_loading())["dogs"] = 3;
  (*request.mutable_tasks(0)->mutable_loading())["cats"] = -1;
  const auto call = Convert(request);
  ASSERT_TRUE(call.ok()) << call.status();
  EXPECT_THAT(call->tasks[0].loading,
              ElementsAre(SkillWeight{0, -0.25f}, SkillWeight{1, 0.75f}));
}

TEST(ConvertTask, LeavesOutSkillsOfWeightZero) {
  v1::AllocateRequest request = OneTask();
  request.mutable_tasks(0)->add_loading_vector(0);
  request.mutable_tasks(0)->add_loading_vector(5);
  const auto call = Convert(request);
  ASSERT_TRUE(call.ok()) << call.status();
  EXPECT_THAT(call->tasks[0].loading, ElementsAre(SkillWeight{1, 1.0f}));
}

TEST(ConvertTask, MakesAPriorSumToOneExactly) {
  v1::AllocateRequest request = OneTask();
  for (const double p : {0.5, 0.25, 0.2505}) {
    request.mutable_tasks(0)->add_prior(p);
  }
  const auto call = Convert(request);
  ASSERT_TRUE(call.ok()) << call.status();
  const std::vector<double>& prior = call->tasks[0].prior;
  EXPECT_THAT(prior[0] + prior[1] + prior[2], DoubleNear(1, 1e-15));
}

TEST(ConvertTask, ANumberOfClassesWithoutALabelSetHasNoNames) {
  v1::AllocateRequest request = OneTask();
  request.mutable_tasks(0)->set_num_classes(7);
  const auto call = Convert(request);
  ASSERT_TRUE(call.ok()) << call.status();
  EXPECT_EQ(call->tasks[0].num_classes, 7);
  EXPECT_EQ(call->tasks[0].label_set, "");
}

TEST(ConvertAllocate, ABudgetOfZeroIsALimitAndNotItsAbsence) {
  v1::AllocateRequest request = OneTask();
  request.set_budget(0);
  const auto call = Convert(request);
  ASSERT_TRUE(call.ok()) << call.status();
  EXPECT_EQ(call->budget, 0.0);
}

TEST(ConvertAllocate, TheEarlierOfDeadlineAndTimeLimitCounts) {
  v1::AllocateRequest request = OneTask();
  request.mutable_time_limit()->set_seconds(2);
  const int64_t now = 1'000;
  EXPECT_EQ(
      ToAllocateCall(request, TwoSkills(), now, std::nullopt)->deadline_nanos,
      now + 2'000'000'000);
  EXPECT_EQ(ToAllocateCall(request, TwoSkills(), now, 5'000)->deadline_nanos,
            5'000);
}

TEST(ConvertAllocate, ALabelerNamedTwiceIsAskedOnce) {
  v1::AllocateRequest request = OneTask();
  for (const char* id : {"b", "a", "b"}) request.add_labeler_ids(id);
  EXPECT_THAT(Convert(request)->labelers, ElementsAre("b", "a"));
}

TEST(ConvertAllocate, PoliciesComeByNameInlineOrByDefault) {
  v1::AllocateRequest request = OneTask();
  request.set_policy_name("careful");
  EXPECT_EQ(Convert(request)->policy.confidence.target_confidence, 0.99);
  request.mutable_policy()->set_cost(7);
  EXPECT_EQ(Convert(request)->policy.weights.cost, 7);
  EXPECT_EQ(Convert(request)->policy.weights.quality, 1);
}

TEST(ConvertAllocate, AnUnknownPolicyIsNotFound) {
  v1::AllocateRequest request = OneTask();
  request.set_policy_name("reckless");
  const absl::Status status = Convert(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReasonOf(status), "POLICY_NOT_FOUND");
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"reckless\""));
}

// ---- the table of malformed requests ----

struct BadAllocate {
  const char* name;
  std::function<void(v1::AllocateRequest&)> spoil;
  const char* field;
  const char* description;
};

class MalformedAllocate : public ::testing::TestWithParam<BadAllocate> {};

TEST_P(MalformedAllocate, IsRefusedWithTheFieldAtFault) {
  v1::AllocateRequest request = OneTask();
  GetParam().spoil(request);
  const absl::Status status = Convert(request).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ReasonOf(status), "INVALID_FIELD");
  const auto violations = ViolationsOf(status);
  ASSERT_THAT(violations, SizeIs(1));
  EXPECT_EQ(violations[0].field(), GetParam().field);
  EXPECT_THAT(violations[0].description(), HasSubstr(GetParam().description));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(absl::StrCat(GetParam().field, ": ")));
}

v1::Task& First(v1::AllocateRequest& request) {
  return *request.mutable_tasks(0);
}

INSTANTIATE_TEST_SUITE_P(
    , MalformedAllocate,
    ::testing::Values(
        BadAllocate{"EmptyBatch", [](auto& r) { r.clear_tasks(); }, "tasks",
                    "must have 1 to 10000 entries, got 0"},
        BadAllocate{"TooManyTasks",
                    [](auto& r) {
                      for (int i = 1; i < 10'001; ++i) {
                        r.add_tasks()->set_task_id(absl::StrCat("x", i));
                      }
                    },
                    "tasks", "must have 1 to 10000 entries, got 10001"},
        BadAllocate{"DuplicateTask",
                    [](auto& r) { r.add_tasks()->set_task_id("t1"); },
                    "tasks[1].task_id", "duplicates tasks[0].task_id: \"t1\""},
        BadAllocate{"EmptyTaskId", [](auto& r) { First(r).set_task_id(""); },
                    "tasks[0].task_id", "must not be empty"},
        BadAllocate{
            "LongTaskId",
            [](auto& r) { First(r).set_task_id(std::string(10'000, 'x')); },
            "tasks[0].task_id", "must have at most 256 bytes, got 10000"},
        BadAllocate{"RedundancyZero",
                    [](auto& r) { First(r).set_redundancy(0); },
                    "tasks[0].redundancy", "must be in [1, 64], got 0"},
        BadAllocate{"Redundancy65",
                    [](auto& r) { First(r).set_redundancy(65); },
                    "tasks[0].redundancy", "must be in [1, 64], got 65"},
        BadAllocate{"OneClass", [](auto& r) { First(r).set_num_classes(1); },
                    "tasks[0].num_classes", "must be in [2, 1000], got 1"},
        BadAllocate{"UnknownSkill",
                    [](auto& r) { (*First(r).mutable_loading())["birds"] = 1; },
                    "tasks[0].loading[\"birds\"]",
                    "must be a skill of pool \"animals\""},
        BadAllocate{"LoadingNan",
                    [](auto& r) {
                      (*First(r).mutable_loading())["cats"] =
                          static_cast<float>(kNan);
                    },
                    "tasks[0].loading[\"cats\"]", "got NaN"},
        BadAllocate{"LoadingAllZero",
                    [](auto& r) { (*First(r).mutable_loading())["cats"] = 0; },
                    "tasks[0].loading", "must not be 0 for every skill"},
        BadAllocate{"LoadingTwice",
                    [](auto& r) {
                      (*First(r).mutable_loading())["cats"] = 1;
                      First(r).add_loading_vector(1);
                    },
                    "tasks[0].loading_vector", "must be empty when loading"},
        BadAllocate{"LoadingVectorLength",
                    [](auto& r) { First(r).add_loading_vector(1); },
                    "tasks[0].loading_vector", "of the pool (2), got 1"},
        BadAllocate{"UnknownLabelSet",
                    [](auto& r) { First(r).set_label_set("breeds"); },
                    "tasks[0].label_set", "got \"breeds\""},
        BadAllocate{"ClassesDisagree",
                    [](auto& r) {
                      First(r).set_label_set("yes-no");
                      First(r).set_num_classes(3);
                    },
                    "tasks[0].num_classes", "must be 2 as in label set"},
        BadAllocate{"DifficultyInfinite",
                    [](auto& r) { First(r).set_difficulty(kInfinity); },
                    "tasks[0].difficulty",
                    "must be in [-20, 20], got infinity"},
        BadAllocate{"DifficultyVarianceNegative",
                    [](auto& r) { First(r).set_difficulty_variance(-1); },
                    "tasks[0].difficulty_variance",
                    "must be in [0, 100], got -1"},
        BadAllocate{"PriorLength", [](auto& r) { First(r).add_prior(1); },
                    "tasks[0].prior", "one entry per class (3), got 1"},
        BadAllocate{"PriorSum",
                    [](auto& r) {
                      for (const double p : {0.5, 0.3, 0.1}) {
                        First(r).add_prior(p);
                      }
                    },
                    "tasks[0].prior", "must sum to 1 within 0.001, got 0.9"},
        BadAllocate{"PriorNan",
                    [](auto& r) {
                      for (const double p : {0.5, kNan, 0.5}) {
                        First(r).add_prior(p);
                      }
                    },
                    "tasks[0].prior[1]", "got NaN"},
        BadAllocate{"HandlingTimeZero",
                    [](auto& r) { First(r).mutable_base_handling_time(); },
                    "tasks[0].base_handling_time", "must be in (0 s, 86400 s]"},
        BadAllocate{"HandlingTimeMalformed",
                    [](auto& r) {
                      First(r).mutable_base_handling_time()->set_seconds(1);
                      First(r).mutable_base_handling_time()->set_nanos(-1);
                    },
                    "tasks[0].base_handling_time", "must be a valid duration"},
        BadAllocate{"ValueNan", [](auto& r) { First(r).set_value(kNan); },
                    "tasks[0].value", "got NaN"},
        BadAllocate{"ValueNegative", [](auto& r) { First(r).set_value(-2); },
                    "tasks[0].value", "must be in [0, 1e+06], got -2"},
        BadAllocate{"TooManyQualifications",
                    [](auto& r) {
                      for (int i = 0; i < 65; ++i) {
                        First(r).add_required_qualifications("q");
                      }
                    },
                    "tasks[0].required_qualifications",
                    "must have at most 64 entries, got 65"},
        BadAllocate{"ExcludedEmpty",
                    [](auto& r) { First(r).add_excluded_labelers(""); },
                    "tasks[0].excluded_labelers[0]", "must not be empty"},
        BadAllocate{"GoldOutOfRange",
                    [](auto& r) { First(r).set_gold_label(3); },
                    "tasks[0].gold_label", "must be in [0, 2], got 3"},
        BadAllocate{"InlinePolicyNan",
                    [](auto& r) { r.mutable_policy()->set_quality(kNan); },
                    "policy.quality", "must be in [0, 1e+06], got NaN"},
        BadAllocate{"InlinePolicyShareZero",
                    [](auto& r) { r.mutable_policy()->set_max_share(0); },
                    "policy.max_share", "must be in (0, 1], got 0"},
        BadAllocate{
            "InlinePolicyTargetOne",
            [](auto& r) { r.mutable_policy()->set_target_confidence(1); },
            "policy.target_confidence", "must be in [0.5, 1), got 1"},
        BadAllocate{"BudgetNegative", [](auto& r) { r.set_budget(-0.5); },
                    "budget", "must be a finite number >= 0, got -0.5"},
        BadAllocate{"BudgetNan", [](auto& r) { r.set_budget(kNan); }, "budget",
                    "must be a finite number >= 0"},
        BadAllocate{"TimeLimitTooLong",
                    [](auto& r) { r.mutable_time_limit()->set_seconds(61); },
                    "time_limit", "must be in (0 s, 60 s], got 61 s"},
        BadAllocate{"GapNan", [](auto& r) { r.set_gap_tolerance(kNan); },
                    "gap_tolerance", "must be in [0, 1], got NaN"},
        BadAllocate{
            "LeaseTooShort",
            [](auto& r) { r.mutable_lease_duration()->set_nanos(999'999'999); },
            "lease_duration", "must be in [1 s, 604800 s]"},
        BadAllocate{"LabelerIdEmpty", [](auto& r) { r.add_labeler_ids(""); },
                    "labeler_ids[0]", "must not be empty"},
        BadAllocate{"RequestIdLong",
                    [](auto& r) { r.set_request_id(std::string(257, 'r')); },
                    "request_id", "must have at most 256 bytes, got 257"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Violations, AllOfThemAreReportedInOrderUpToALimit) {
  v1::AllocateRequest request = OneTask();
  First(request).set_redundancy(0);
  First(request).set_value(-1);
  request.set_gap_tolerance(2);
  const absl::Status status = Convert(request).status();
  const auto violations = ViolationsOf(status);
  ASSERT_THAT(violations, SizeIs(3));
  EXPECT_EQ(violations[0].field(), "tasks[0].redundancy");
  EXPECT_EQ(violations[1].field(), "tasks[0].value");
  EXPECT_EQ(violations[2].field(), "gap_tolerance");
  EXPECT_THAT(std::string(status.message()), HasSubstr("(and 2 more)"));

  for (int i = 0; i < 5'000; ++i) request.add_tasks();
  const absl::Status many = Convert(request).status();
  EXPECT_THAT(ViolationsOf(many), SizeIs(Violations::kMaxKept));
  // An error travels in trailers, which clients limit to 8 KiB.
  EXPECT_LT(ToGrpcStatus(many).error_details().size(), 6'000u);
}

TEST(Violations, TextOfTheCallerIsCutAndEscaped) {
  EXPECT_EQ(Quote("a\nb"), "\"a\\nb\"");
  EXPECT_EQ(Quote(std::string(100, 'x')),
            absl::StrCat("\"", std::string(64, 'x'), "...\" (100 bytes)"));
  EXPECT_EQ(Quote(absl::StrCat(std::string(63, 'x'), "\xC3\xA9", "yy")),
            absl::StrCat("\"", std::string(63, 'x'), "...\" (67 bytes)"));
}

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
