// SPDX-License-Identifier: Apache-2.0
// Hard cases that are not errors: the plan says what it could not do, and why.
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/server/running_server.h"

namespace allot {
namespace {

v1::AllocateResponse Allocate(RunningServer& running,
                              const v1::AllocateRequest& request) {
  grpc::ClientContext context;
  v1::AllocateResponse response;
  const grpc::Status status =
      running.allocation().Allocate(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

v1::AllocateRequest Batch(int tasks, int redundancy) {
  v1::AllocateRequest request;
  request.set_pool_id("animals");
  for (int i = 0; i < tasks; ++i) {
    request.add_tasks()->set_task_id(absl::StrCat("t", i));
    request.mutable_tasks(i)->set_redundancy(redundancy);
  }
  return request;
}

void ExpectWhole(const v1::AllocateResponse& plan) {
  int missing = 0;
  for (const v1::UnfilledTask& task : plan.unfilled()) {
    EXPECT_GE(task.missing(), 1);
    EXPECT_NE(task.reason(), v1::UnfilledTask::REASON_UNSPECIFIED);
    missing += task.missing();
  }
  EXPECT_EQ(plan.summary().filled(), plan.assignments_size());
  EXPECT_EQ(plan.summary().filled() + missing, plan.summary().slots());
  EXPECT_LE(plan.summary().gap(), 1e-6);
}

TEST(OrdinaryAnswers, FewerLabelersThanSlots) {
  RunningServer running;
  running.AddPool();
  running.AddLabelers(2, 3);
  const v1::AllocateResponse plan = Allocate(running, Batch(5, 2));
  ExpectWhole(plan);
  EXPECT_EQ(plan.summary().filled(), 6) << "2 labelers of capacity 3";
  EXPECT_EQ(plan.unfilled(0).reason(), v1::UnfilledTask::REASON_CAPACITY);
}

TEST(OrdinaryAnswers, MoreLabelersWantedThanThereAre) {
  RunningServer running;
  running.AddPool();
  running.AddLabelers(2, 10);
  const v1::AllocateResponse plan = Allocate(running, Batch(1, 5));
  ExpectWhole(plan);
  ASSERT_EQ(plan.unfilled_size(), 1);
  EXPECT_EQ(plan.unfilled(0).missing(), 3);
  EXPECT_EQ(plan.unfilled(0).reason(),
            v1::UnfilledTask::REASON_NO_ELIGIBLE_LABELER);
}

TEST(OrdinaryAnswers, NobodyAtAll) {
  RunningServer running;
  running.AddPool();
  const v1::AllocateResponse plan = Allocate(running, Batch(2, 1));
  ExpectWhole(plan);
  EXPECT_EQ(plan.assignments_size(), 0);
  EXPECT_EQ(plan.unfilled_size(), 2);
}

TEST(OrdinaryAnswers, NobodyIsQualified) {
  RunningServer running;
  running.AddPool();
  running.AddLabelers(3, 3);
  v1::AllocateRequest request = Batch(1, 1);
  request.mutable_tasks(0)->add_required_qualifications("radiologist");
  const v1::AllocateResponse plan = Allocate(running, request);
  ExpectWhole(plan);
  EXPECT_EQ(plan.unfilled(0).reason(),
            v1::UnfilledTask::REASON_NO_ELIGIBLE_LABELER);
}

TEST(OrdinaryAnswers, EverybodyIsExcluded) {
  RunningServer running;
  running.AddPool();
  running.AddLabelers(2, 3);
  v1::AllocateRequest request = Batch(1, 1);
  for (const char* id : {"l0", "l1", "somebody unknown"}) {
    request.mutable_tasks(0)->add_excluded_labelers(id);
  }
  EXPECT_EQ(Allocate(running, request).unfilled(0).reason(),
            v1::UnfilledTask::REASON_NO_ELIGIBLE_LABELER);
}

TEST(OrdinaryAnswers, CapacityOfZero) {
  RunningServer running;
  running.AddPool();
  running.AddLabelers(3, 0);
  const v1::AllocateResponse plan = Allocate(running, Batch(2, 1));
  ExpectWhole(plan);
  EXPECT_EQ(plan.assignments_size(), 0);
  EXPECT_EQ(plan.unfilled(0).reason(), v1::UnfilledTask::REASON_CAPACITY);
}

TEST(OrdinaryAnswers, AllLabelersAlike) {
  RunningServer running;
  running.AddPool();
  running.AddLabelers(20, 2);
  const v1::AllocateRequest request = Batch(10, 3);
  const v1::AllocateResponse plan = Allocate(running, request);
  ExpectWhole(plan);
  EXPECT_EQ(plan.summary().filled(), 30);
  // Same input, same plan.
  v1::AllocateResponse again = Allocate(running, request);
  ASSERT_EQ(again.assignments_size(), plan.assignments_size());
  for (int i = 0; i < plan.assignments_size(); ++i) {
    EXPECT_EQ(again.assignments(i).SerializeAsString(),
              plan.assignments(i).SerializeAsString());
  }
}

TEST(OrdinaryAnswers, LabelersWhoCostMoreThanTheyTell) {
  RunningServer running;
  running.AddPool();
  running.AddLabelers(2, 3);
  v1::UpsertLabelersRequest dear;
  dear.set_pool_id("animals");
  for (const char* id : {"l0", "l1"}) {
    v1::Labeler* labeler = dear.add_labelers();
    labeler->set_labeler_id(id);
    labeler->mutable_price()->set_per_answer(1000);
  }
  grpc::ClientContext context;
  v1::UpsertLabelersResponse response;
  ASSERT_TRUE(
      running.labelers().UpsertLabelers(&context, dear, &response).ok());
  EXPECT_EQ(response.updated(), 2);
  const v1::AllocateResponse plan = Allocate(running, Batch(1, 1));
  ExpectWhole(plan);
  EXPECT_EQ(plan.unfilled(0).reason(),
            v1::UnfilledTask::REASON_NOT_WORTH_ITS_PRICE);
  v1::AllocateRequest broke = Batch(1, 1);
  broke.set_budget(0);
  broke.mutable_policy()->set_cost(0);  // money is no object, but there is none
  EXPECT_EQ(Allocate(running, broke).unfilled(0).reason(),
            v1::UnfilledTask::REASON_BUDGET);
}

TEST(OrdinaryAnswers, OneTaskAndAHundredThousandLabelers) {
  RunningServer running;
  running.AddPool();
  running.AddLabelers(100'000, 1);
  const v1::AllocateResponse plan = Allocate(running, Batch(1, 64));
  ExpectWhole(plan);
  EXPECT_EQ(plan.summary().filled(), 64);
  std::set<std::string> distinct;
  for (const v1::Assignment& pair : plan.assignments()) {
    distinct.insert(pair.labeler_id());
  }
  EXPECT_EQ(distinct.size(), 64u);
}

}  // namespace
}  // namespace allot
