// SPDX-License-Identifier: Apache-2.0
// Calls of one task that come together, solved together.
#include <chrono>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/micro_batcher.h"
#include "tests/server/running_server.h"

namespace allot {
namespace {

// Xena is good at both, and a little better at cats; Yves knows cats alone.
// Each has room for one task.
void AddXenaAndYves(RunningServer& running) {
  running.AddPool();
  v1::UpsertLabelersRequest request;
  request.set_pool_id("animals");
  const auto add = [&](const std::string& id, double cats, double dogs) {
    v1::Labeler& labeler = *request.add_labelers();
    labeler.set_labeler_id(id);
    labeler.set_capacity(1);
    for (const auto& [skill, mean] :
         {std::pair<std::string, double>{"cats", cats}, {"dogs", dogs}}) {
      v1::SkillEstimate& estimate = *labeler.add_skills();
      estimate.set_skill(skill);
      estimate.set_mean(mean);
      estimate.set_variance(0.01);
    }
  };
  add("xena", 3.1, 3);
  add("yves", 3, -2);
  grpc::ClientContext context;
  v1::UpsertLabelersResponse response;
  ASSERT_TRUE(
      running.labelers().UpsertLabelers(&context, request, &response).ok());
}

struct Reply {
  grpc::Status status;
  v1::AllocateResponse plan;
};

Reply Ask(RunningServer& running, const std::string& task,
          const std::string& skill) {
  v1::AllocateRequest request;
  request.set_pool_id("animals");
  request.add_tasks()->set_task_id(task);
  (*request.mutable_tasks(0)->mutable_loading())[skill] = 1;
  request.mutable_lease_duration()->set_seconds(60);
  request.set_explain(true);
  grpc::ClientContext context;
  Reply reply;
  reply.status = running.allocation().Allocate(&context, request, &reply.plan);
  return reply;
}

// A cat, and shortly after it a dog.
std::pair<Reply, Reply> CatThenDog(RunningServer& running) {
  std::pair<Reply, Reply> replies;
  std::thread cat([&] { replies.first = Ask(running, "cat", "cats"); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  replies.second = Ask(running, "dog", "dogs");
  cat.join();
  return replies;
}

double UtilityOf(const Reply& reply) {
  EXPECT_TRUE(reply.status.ok()) << reply.status.error_message();
  return reply.plan.summary().objective();
}

TEST(MicroBatch, TheJointPlanIsBetterAndEachGetsItsOwnPart) {
  RunningServer alone;
  AddXenaAndYves(alone);
  const auto one_by_one = CatThenDog(alone);
  ASSERT_EQ(one_by_one.first.plan.assignments_size(), 1);
  EXPECT_EQ(one_by_one.first.plan.assignments(0).labeler_id(), "xena");

  ServerOptions options = RunningServer::TestOptions();
  options.batch_window = absl::Milliseconds(700);
  RunningServer batched(options);
  AddXenaAndYves(batched);
  const auto together = CatThenDog(batched);
  ASSERT_TRUE(together.first.status.ok());
  ASSERT_EQ(together.first.plan.assignments_size(), 1);
  EXPECT_EQ(together.first.plan.assignments(0).task_id(), "cat");
  EXPECT_EQ(together.first.plan.assignments(0).labeler_id(), "yves");
  ASSERT_EQ(together.second.plan.assignments_size(), 1);
  EXPECT_EQ(together.second.plan.assignments(0).task_id(), "dog");
  EXPECT_EQ(together.second.plan.assignments(0).labeler_id(), "xena");
  EXPECT_GT(UtilityOf(together.first) + UtilityOf(together.second),
            UtilityOf(one_by_one.first) + UtilityOf(one_by_one.second) + 0.1);
  EXPECT_EQ(batched.Metric("allot_micro_batches_total"), 1);
  EXPECT_EQ(batched.Metric("allot_micro_batched_calls_total"), 2);
  EXPECT_EQ(alone.Metric("allot_micro_batches_total"), 0);

  for (const Reply* reply : {&together.first, &together.second}) {
    const v1::PlanSummary& summary = reply->plan.summary();
    EXPECT_EQ(summary.slots(), 1);
    EXPECT_EQ(summary.filled(), 1);
    EXPECT_EQ(reply->plan.explanations_size(), 1);
    EXPECT_EQ(reply->plan.explanations(0).task_id(),
              reply->plan.assignments(0).task_id());
    EXPECT_NE(reply->plan.assignments(0).lease().lease_id(), "");
    EXPECT_NEAR(summary.objective(), reply->plan.assignments(0).utility(),
                1e-9);
    EXPECT_LE(summary.gap(), 1e-6);
  }
}

TEST(MicroBatch, WhatCannotBeJoinedIsServedAlone) {
  ServerOptions options = RunningServer::TestOptions();
  options.batch_window = absl::Milliseconds(400);
  RunningServer running(options);
  AddXenaAndYves(running);
  // The same task twice, a mistake, and a call in a hurry, all at once.
  std::thread first(
      [&] { EXPECT_TRUE(Ask(running, "t", "cats").status.ok()); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_TRUE(Ask(running, "t", "cats").status.ok());
  const Reply wrong = Ask(running, "w", "moths");
  EXPECT_EQ(wrong.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(BadRequestOf(wrong.status).field_violations(0).field(),
            "tasks[0].loading[\"moths\"]");
  v1::AllocateRequest hurry;
  hurry.set_pool_id("animals");
  hurry.add_tasks()->set_task_id("h");
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::milliseconds(1500));
  v1::AllocateResponse response;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(running.allocation().Allocate(&context, hurry, &response).ok());
  EXPECT_LT(std::chrono::steady_clock::now() - start,
            std::chrono::milliseconds(390))
      << "four windows are more than it has";
  first.join();
  EXPECT_EQ(running.Metric("allot_micro_batches_total"), 0);
}

TEST(MicroBatch, WhoGoesTakesNothingWithHim) {
  ServerOptions options = RunningServer::TestOptions();
  options.batch_window = absl::Milliseconds(500);
  RunningServer running(options);
  AddXenaAndYves(running);
  grpc::ClientContext context;
  v1::AllocateRequest request;
  request.set_pool_id("animals");
  request.add_tasks()->set_task_id("gone");
  (*request.mutable_tasks(0)->mutable_loading())["cats"] = 1;
  request.mutable_lease_duration()->set_seconds(60);
  request.set_explain(true);
  std::thread gone([&] {
    v1::AllocateResponse response;
    EXPECT_EQ(running.allocation()
                  .Allocate(&context, request, &response)
                  .error_code(),
              grpc::StatusCode::CANCELLED);
  });
  std::thread stays([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    EXPECT_TRUE(Ask(running, "stays", "cats").status.ok());
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  context.TryCancel();
  gone.join();
  stays.join();
  EXPECT_EQ(running.Metric("allot_leases_total{outcome=\"granted\"}"), 1);
}

TEST(MicroBatch, StoppingAnswersThoseWhoWait) {
  ServerOptions options = RunningServer::TestOptions();
  options.batch_window = absl::Milliseconds(300);
  RunningServer running(options);
  AddXenaAndYves(running);
  std::thread client(
      [&] { EXPECT_TRUE(Ask(running, "t", "cats").status.ok()); });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  running.server().Stop();
  client.join();
}

}  // namespace
}  // namespace allot
