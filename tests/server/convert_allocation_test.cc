// SPDX-License-Identifier: Apache-2.0
// Calls of Allocate that the door lets in and turns away. Every row of the
// table is one malformed request: the field at fault and what is said about it.
#include "server/convert_allocation.h"

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/convert_task.h"
#include "server/grpc_status.h"
#include "tests/server/convert_testing.h"

namespace allot {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

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
        BadAllocate{"DuplicateOfTheFirstOfMany",
                    [](auto& r) {
                      for (int i = 2; i < 40; ++i) {
                        r.add_tasks()->set_task_id(absl::StrCat("t", i));
                      }
                      r.add_tasks()->set_task_id("t1");
                    },
                    "tasks[39].task_id", "duplicates tasks[0].task_id: \"t1\""},
        BadAllocate{"DuplicateOfALateOneOfMany",
                    [](auto& r) {
                      for (int i = 2; i < 40; ++i) {
                        r.add_tasks()->set_task_id(absl::StrCat("t", i));
                      }
                      r.add_tasks()->set_task_id("t30");
                    },
                    "tasks[39].task_id",
                    "duplicates tasks[29].task_id: \"t30\""},
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

}  // namespace
}  // namespace allot
