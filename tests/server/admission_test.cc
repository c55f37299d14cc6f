// SPDX-License-Identifier: Apache-2.0
// What callers see when there is too much to do: refusals that say when to come
// again, urgent calls first, pools side by side, work that stops when nobody
// waits for it.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/occupied.h"
#include "tests/server/running_server.h"

namespace allot {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

ServerOptions OneWorker() {
  ServerOptions options = RunningServer::TestOptions();
  options.workers = 1;
  return options;
}

v1::AllocateRequest Tasks(int count, const std::string& pool = "animals") {
  v1::AllocateRequest request;
  request.set_pool_id(pool);
  for (int i = 0; i < count; ++i) {
    request.add_tasks()->set_task_id(absl::StrCat("t", i));
    request.mutable_tasks(i)->set_redundancy(count == 1 ? 1 : 3);
  }
  return request;
}

void AddVariedLabelers(RunningServer& running, int count, int capacity) {
  v1::UpsertLabelersRequest request;
  request.set_pool_id("animals");
  for (int i = 0; i < count; ++i) {
    v1::Labeler& labeler = *request.add_labelers();
    labeler.set_labeler_id(absl::StrCat("v", i));
    labeler.set_capacity(capacity);
    for (const char* skill : {"cats", "dogs"}) {
      v1::SkillEstimate& estimate = *labeler.add_skills();
      estimate.set_skill(skill);
      estimate.set_mean(0.001 * ((i * 7919 + skill[0] * 31) % 2000));
      estimate.set_variance(0.25);
    }
  }
  grpc::ClientContext context;
  v1::UpsertLabelersResponse response;
  const grpc::Status status =
      running.labelers().UpsertLabelers(&context, request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
}

struct Reply {
  grpc::Status status;
  v1::AllocateResponse response;
  std::string pushback;
  double seconds = 0;
};

struct Wishes {
  milliseconds deadline{60'000};
  std::string priority;
};

Reply Allocate(RunningServer& running, const v1::AllocateRequest& request,
               const Wishes& wishes = {},
               grpc::ClientContext* context = nullptr) {
  grpc::ClientContext own;
  if (context == nullptr) context = &own;
  context->set_deadline(std::chrono::system_clock::now() + wishes.deadline);
  if (!wishes.priority.empty()) {
    context->AddMetadata("allot-priority", wishes.priority);
  }
  Reply reply;
  const auto start = steady_clock::now();
  reply.status =
      running.allocation().Allocate(context, request, &reply.response);
  reply.seconds =
      std::chrono::duration<double>(steady_clock::now() - start).count();
  const auto& trailers = context->GetServerTrailingMetadata();
  const auto it = trailers.find("grpc-retry-pushback-ms");
  if (it != trailers.end()) {
    reply.pushback = std::string(it->second.data(), it->second.size());
  }
  return reply;
}

std::string ReasonOf(const Reply& reply) {
  return ErrorInfoOf(reply.status).reason();
}

double Refused(RunningServer& running, const std::string& reason) {
  return running.Metric(
      absl::StrCat("allot_admission_refusals_total{reason=\"", reason, "\"}"));
}

TEST(Admission, ARefusedCallIsToldWhenToComeAgain) {
  ServerOptions options = OneWorker();
  options.queue = 1;
  RunningServer running(options);
  running.AddPool();
  Occupied occupied(running);
  std::thread first([&] {
    EXPECT_TRUE(Allocate(running, Tasks(1)).status.ok()) << "it waited";
  });
  occupied.WaitFor(1);
  const Reply refused = Allocate(running, Tasks(1));
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(refused), "QUEUE_FULL");
  EXPECT_LT(refused.seconds, 1) << "at once";
  int pushback = 0;
  ASSERT_TRUE(absl::SimpleAtoi(refused.pushback, &pushback));
  EXPECT_GE(pushback, 10);
  EXPECT_EQ(RetryInfoOf(refused.status).retry_delay().nanos() / 1'000'000,
            pushback)
      << "both say the same";
  occupied.LetGo();
  first.join();
}

TEST(Admission, WhatCannotBeInTimeIsRefusedAtOnce) {
  RunningServer running(OneWorker());
  running.AddPool();
  AddVariedLabelers(running, 400, 1000);
  // It learns what such calls take, whatever else the machine is busy with...
  double usual = 60;
  for (int i = 0; i < 5; ++i) {
    const Reply reply = Allocate(running, Tasks(200));
    ASSERT_TRUE(reply.status.ok()) << reply.status.error_message();
    usual = std::min(usual, reply.seconds);
  }
  Occupied occupied(running);
  std::vector<std::thread> waiting;
  for (int i = 0; i < 20; ++i) {
    waiting.emplace_back([&] { Allocate(running, Tasks(200)); });
  }
  occupied.WaitFor(20);
  // ...so that twenty of them are known to take too long.
  const auto deadline =
      milliseconds(static_cast<int64_t>(usual * 1000 * 3) + 20);
  const Reply refused = Allocate(running, Tasks(200), {deadline, ""});
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED)
      << refused.status.error_message();
  EXPECT_EQ(ReasonOf(refused), "DEADLINE_TOO_SHORT");
  EXPECT_EQ(Refused(running, "deadline_too_short"), 1);
  EXPECT_TRUE(refused.pushback.size() > 0 && refused.pushback[0] != '-')
      << "it will fare better when those are done: " << refused.pushback;
  occupied.LetGo();
  for (std::thread& thread : waiting) thread.join();
}

TEST(Admission, UrgentCallsComeBeforeBatchesBeforeBackfills) {
  RunningServer running(OneWorker());
  running.AddPool();
  running.AddLabelers(9, 1000);
  Mutex mutex;
  // By when their leases end: the order in which they were planned.
  std::map<absl::Time, std::string> order;
  std::vector<std::thread> threads;
  {
    Occupied occupied(running);
    int expected = 0;
    const auto send = [&](const std::string& name, int tasks,
                          const std::string& priority) {
      threads.emplace_back([&, name, tasks, priority] {
        v1::AllocateRequest request = Tasks(tasks);
        for (auto& task : *request.mutable_tasks()) {
          task.set_task_id(absl::StrCat(name, task.task_id()));
        }
        request.mutable_lease_duration()->set_seconds(60);
        const Reply reply =
            Allocate(running, request, {milliseconds(60'000), priority});
        ASSERT_GT(reply.response.assignments_size(), 0)
            << reply.status.error_message();
        const auto& end = reply.response.assignments(0).lease().expires_at();
        MutexLock lock(mutex);
        order[absl::FromUnixSeconds(end.seconds()) +
              absl::Nanoseconds(end.nanos())] = name;
      });
      occupied.WaitFor(++expected);
    };
    send("backfill", 1, "backfill");
    send("batch", 2, "");
    send("lowered", 1, "batch");
    send("not-raised", 2, "interactive");
    send("urgent", 1, "");
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<std::string> names;
  for (const auto& [end, name] : order) names.push_back(name);
  EXPECT_THAT(names, testing::ElementsAre("urgent", "batch", "lowered",
                                          "not-raised", "backfill"));
}

TEST(Admission, WhoIsUrgentWaitsLess) {
  RunningServer running(OneWorker());
  running.AddPool();
  AddVariedLabelers(running, 400, 100'000);
  std::vector<Reply> replies(10);
  std::vector<std::thread> threads;
  {
    Occupied occupied(running);
    const auto send = [&](const v1::AllocateRequest& request,
                          const Wishes& wishes) {
      Reply& reply = replies[threads.size()];
      threads.emplace_back([&running, &reply, request, wishes] {
        reply = Allocate(running, request, wishes);
      });
      occupied.WaitFor(static_cast<int>(threads.size()));
    };
    send(Tasks(20), {milliseconds(60'000), "backfill"});
    for (int i = 0; i < 8; ++i) send(Tasks(100), {});
    send(Tasks(1), {});
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<absl::Duration> waited;
  for (const Reply& reply : replies) {
    ASSERT_TRUE(reply.status.ok()) << reply.status.error_message();
    const auto& queue = reply.response.summary().phases().queue();
    waited.push_back(absl::Seconds(queue.seconds()) +
                     absl::Nanoseconds(queue.nanos()));
  }
  const absl::Duration backfill = waited.front(), urgent = waited.back();
  const std::span batches = std::span(waited).subspan(1, 8);
  EXPECT_LE(std::ranges::count_if(batches, [&](auto w) { return w < urgent; }),
            2)
      << "it came last and is served first";
  EXPECT_LE(
      std::ranges::count_if(batches, [&](auto w) { return w > backfill; }), 2)
      << "it came first and is served last";
}

TEST(Admission, ABusyPoolLeavesRoomForTheOthers) {
  ServerOptions options = OneWorker();
  options.queue = 8;
  RunningServer running(options);
  running.AddPool();
  v1::UpsertPoolRequest other;
  other.mutable_pool()->set_pool_id("plants");
  other.mutable_pool()->add_skills()->set_name("moss");
  {
    grpc::ClientContext context;
    v1::UpsertPoolResponse response;
    ASSERT_TRUE(running.pools().UpsertPool(&context, other, &response).ok());
  }
  std::atomic<int> gave_way{0};
  std::vector<std::thread> threads;
  {
    Occupied occupied(running);
    // With the one that runs, 7/8 of the limit: as many as batches may be.
    for (int i = 0; i < 7; ++i) {
      threads.emplace_back([&] {
        const Reply reply = Allocate(running, Tasks(2));
        gave_way += ReasonOf(reply) == "GAVE_WAY";
      });
    }
    occupied.WaitFor(7);
    EXPECT_EQ(ReasonOf(Allocate(running, Tasks(2))), "CONCURRENCY_LIMIT");
    threads.emplace_back([&] {
      const Reply reply = Allocate(running, Tasks(2, "plants"));
      EXPECT_TRUE(reply.status.ok()) << reply.status.error_message();
    });
    while (Refused(running, "gave_way") < 1) std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(gave_way, 1) << "one of the busy pool's";
}

TEST(Admission, QuotasAreKeptPerPool) {
  ServerOptions options = RunningServer::TestOptions();
  QuotaRule rule;
  rule.pool = "animals";
  rule.calls_per_second = 0.01;
  rule.burst = 3;
  options.quotas = {rule};
  RunningServer running(options);
  running.AddPool();  // the first one
  EXPECT_TRUE(Allocate(running, Tasks(1)).status.ok());
  EXPECT_TRUE(Allocate(running, Tasks(1)).status.ok());
  const Reply refused = Allocate(running, Tasks(1));
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(ReasonOf(refused), "QUOTA_EXCEEDED");
  EXPECT_GT(RetryInfoOf(refused.status).retry_delay().seconds(), 50);
  EXPECT_EQ(ReasonOf(Allocate(running, Tasks(1, "plants"))), "POOL_NOT_FOUND")
      << "no quota there";
  EXPECT_EQ(Refused(running, "quota"), 1);
}

TEST(Admission, TheLimitFollowsMeasuredLatency) {
  ServerOptions options = OneWorker();
  options.latency_target = absl::Milliseconds(1);
  RunningServer running(options);
  running.AddPool();
  AddVariedLabelers(running, 400, 100'000);
  std::atomic<bool> over{false};
  std::atomic<int> served{0};
  std::atomic<int> refused{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < 24; ++c) {
    clients.emplace_back([&] {
      while (!over) {
        const Reply reply = Allocate(running, Tasks(20));
        if (reply.status.ok()) {
          ++served;
        } else {
          EXPECT_EQ(reply.status.error_code(),
                    grpc::StatusCode::RESOURCE_EXHAUSTED);
          ++refused;
          std::this_thread::sleep_for(milliseconds(5));
        }
      }
    });
  }
  const auto start = steady_clock::now();
  int least = 257;
  while ((refused == 0 || least >= 20) &&
         steady_clock::now() - start < std::chrono::seconds(30)) {
    std::this_thread::sleep_for(milliseconds(1));
    least = std::min(least, running.server().workers().limit());
  }
  EXPECT_LT(least, 20) << "24 in flight are too many for one worker";
  over = true;
  for (std::thread& client : clients) client.join();
  EXPECT_GT(served, 0);
  EXPECT_GT(refused, 0);
  EXPECT_GT(Refused(running, "over_limit") + Refused(running, "gave_way"), 0);
}

TEST(Admission, WhoGoesWhileWaitingIsNotServed) {
  RunningServer running(OneWorker());
  running.AddPool();
  Occupied occupied(running);
  grpc::ClientContext context;
  std::thread client([&] {
    EXPECT_EQ(Allocate(running, Tasks(1), {}, &context).status.error_code(),
              grpc::StatusCode::CANCELLED);
  });
  occupied.WaitFor(1);
  context.TryCancel();
  client.join();
  while (running.server().workers().waiting() > 0) std::this_thread::yield();
  EXPECT_EQ(Refused(running, "cancelled"), 1) << "with the worker still busy";
}

// A batch that takes a good while to solve exactly.
v1::AllocateRequest Large() {
  v1::AllocateRequest request = Tasks(60);
  for (int i = 0; i < request.tasks_size(); ++i) {
    v1::Task& task = *request.mutable_tasks(i);
    task.set_difficulty(0.01 * (i % 97));
    task.set_value(1 + 0.013 * (i % 83));
    (*task.mutable_loading())["cats"] = static_cast<float>(1 + i % 13);
    (*task.mutable_loading())["dogs"] = static_cast<float>(1 + i % 7);
  }
  return request;
}

TEST(Admission, AClientWhoGoesStopsTheSolving) {
  RunningServer running(OneWorker());
  running.AddPool();
  AddVariedLabelers(running, 150, 2);
  v1::AllocateRequest request = Large();
  const double whole = Allocate(running, request).seconds;
  request.mutable_lease_duration()->set_seconds(600);
  grpc::ClientContext context;
  std::thread client([&] {
    EXPECT_EQ(Allocate(running, request, {}, &context).status.error_code(),
              grpc::StatusCode::CANCELLED);
  });
  while (running.server().workers().running() == 0) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::duration<double>(whole / 10));
  const auto start = steady_clock::now();
  context.TryCancel();
  client.join();
  while (running.server().workers().running() > 0) std::this_thread::yield();
  const double stopped =
      std::chrono::duration<double>(steady_clock::now() - start).count();
  EXPECT_LT(stopped, whole / 2) << "it took " << whole << " s as a whole";
  EXPECT_EQ(running.Metric("allot_leases_total{outcome=\"granted\"}"), 0)
      << "nothing is claimed for somebody who has gone";
}

TEST(Admission, APlanIsThereByItsDeadline) {
  RunningServer running(OneWorker());
  running.AddPool();
  AddVariedLabelers(running, 150, 2);
  const v1::AllocateRequest request = Large();
  const double whole = Allocate(running, request).seconds;
  const auto deadline =
      milliseconds(static_cast<int64_t>(whole * 1000 * 0.6) + 5);
  int in_time = 0;
  for (int i = 0; i < 8; ++i) {
    const Reply reply = Allocate(running, request, {deadline, ""});
    in_time += reply.status.ok();
    if (reply.status.ok()) {
      EXPECT_GT(reply.response.assignments_size(), 0);
      EXPECT_GE(reply.response.summary().gap(), 0);
    }
  }
  EXPECT_GE(in_time, 3) << "of 8, each given " << deadline.count()
                        << " ms of the " << whole << " s it takes";
}

TEST(Admission, AStreamWaitsWhereACallIsRefused) {
  ServerOptions options = OneWorker();
  RunningServer running(options);
  running.AddPool();
  running.server().workers().SetLimit(1);
  Occupied occupied(running);
  EXPECT_EQ(ReasonOf(Allocate(running, Tasks(1))), "CONCURRENCY_LIMIT");
  grpc::ClientContext context;
  const auto stream = running.allocation().AllocateStream(&context);
  v1::AllocateStreamRequest request;
  *request.mutable_request() = Tasks(1);
  ASSERT_TRUE(stream->Write(request));
  occupied.WaitFor(1);
  occupied.LetGo();
  v1::AllocateStreamResponse response;
  EXPECT_TRUE(stream->Read(&response));
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(Admission, ACancelledStreamLeavesNothingBehind) {
  RunningServer running(OneWorker());
  running.AddPool();
  Occupied occupied(running);
  grpc::ClientContext context;
  const auto stream = running.allocation().AllocateStream(&context);
  v1::AllocateStreamRequest request;
  *request.mutable_request() = Tasks(1);
  ASSERT_TRUE(stream->Write(request));
  occupied.WaitFor(1);
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  while (running.server().workers().waiting() > 0) std::this_thread::yield();
  EXPECT_EQ(Refused(running, "cancelled"), 1);
}

}  // namespace
}  // namespace allot
