// SPDX-License-Identifier: Apache-2.0
// Many clients at once: what each one sees adds up.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/server/running_server.h"

namespace allot {
namespace {

constexpr int kClients = 4;
constexpr int kRounds = 12;
constexpr int kLabelers = 40;

// One client's life: a batch of its own, leased; one answer a lease; a score.
struct Client {
  RunningServer& running;
  int number;
  int answers = 0;
  int leases = 0;

  void Run() {
    for (int round = 0; round < kRounds; ++round) {
      const v1::AllocateResponse plan = Allocate(round);
      Report(plan);
      Score(plan);
    }
  }

  v1::AllocateResponse Allocate(int round) {
    v1::AllocateRequest request;
    request.set_pool_id("animals");
    request.mutable_lease_duration()->set_seconds(600);
    for (int i = 0; i < 3; ++i) {
      v1::Task& task = *request.add_tasks();
      task.set_task_id(absl::StrCat("c", number, "-r", round, "-t", i));
      task.set_label_set("species");
      task.set_redundancy(2);
    }
    grpc::ClientContext context;
    v1::AllocateResponse plan;
    const grpc::Status status =
        running.allocation().Allocate(&context, request, &plan);
    EXPECT_TRUE(status.ok()) << status.error_message();
    leases += plan.assignments_size();
    return plan;
  }

  void Report(const v1::AllocateResponse& plan) {
    if (plan.assignments().empty()) return;
    v1::ReportAnswersRequest request;
    request.set_pool_id("animals");
    for (const v1::Assignment& assignment : plan.assignments()) {
      v1::Answer& answer = *request.add_answers();
      answer.set_task_id(assignment.task_id());
      answer.set_labeler_id(assignment.labeler_id());
      answer.set_label_name("cat");
    }
    grpc::ClientContext context;
    v1::ReportAnswersResponse response;
    const grpc::Status status =
        running.labelers().ReportAnswers(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    answers += request.answers_size();
  }

  void Score(const v1::AllocateResponse& plan) {
    for (const v1::Assignment& assignment : plan.assignments()) {
      v1::ScoreRequest request;
      request.set_pool_id("animals");
      request.add_items()->mutable_task()->set_task_id(assignment.task_id());
      grpc::ClientContext context;
      v1::ScoreResponse response;
      const grpc::Status status =
          running.confidence().Score(&context, request, &response);
      EXPECT_TRUE(status.ok()) << status.error_message();
      EXPECT_EQ(response.results(0).label_name(), "cat");
    }
  }
};

TEST(Concurrency, WhatManyClientsReportIsThereOnceAndNoLeaseIsLeft) {
  ServerOptions options = RunningServer::TestOptions();
  options.workers = 4;
  RunningServer running(options);
  running.AddPool();
  running.AddLabelers(kLabelers, 3);
  std::vector<Client> clients;
  for (int i = 0; i < kClients; ++i) clients.push_back({running, i});
  {
    std::vector<std::thread> threads;
    for (Client& client : clients) {
      threads.emplace_back([&client] { client.Run(); });
    }
    for (std::thread& thread : threads) thread.join();
  }
  int answers = 0;
  int leases = 0;
  for (const Client& client : clients) {
    answers += client.answers;
    leases += client.leases;
  }
  EXPECT_EQ(answers, kClients * kRounds * 3 * 2) << "capacity was enough";
  EXPECT_EQ(leases, answers);
  v1::GetPoolRequest request;
  request.set_pool_id("animals");
  grpc::ClientContext context;
  v1::GetPoolResponse response;
  ASSERT_TRUE(running.pools().GetPool(&context, request, &response).ok());
  EXPECT_EQ(response.stats().answers(), answers);
  EXPECT_EQ(response.stats().open_leases(), 0);
}

}  // namespace
}  // namespace allot
