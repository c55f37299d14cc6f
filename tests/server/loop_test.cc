// SPDX-License-Identifier: Apache-2.0
// The main job over the wire: allocate, answer, score, learn, and again after a
// restart.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/running_server.h"

namespace allot {
namespace {

using ::testing::SizeIs;

v1::AllocateRequest Batch(int tasks, int redundancy) {
  v1::AllocateRequest request;
  request.set_pool_id("animals");
  for (int i = 0; i < tasks; ++i) {
    request.add_tasks()->set_task_id(absl::StrCat("t", i));
    request.mutable_tasks(i)->set_redundancy(redundancy);
  }
  return request;
}

v1::AllocateResponse Allocate(RunningServer& running,
                              const v1::AllocateRequest& request) {
  grpc::ClientContext context;
  v1::AllocateResponse response;
  const grpc::Status status =
      running.allocation().Allocate(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

v1::ReportAnswersResponse Report(RunningServer& running,
                                 const v1::ReportAnswersRequest& request) {
  grpc::ClientContext context;
  v1::ReportAnswersResponse response;
  const grpc::Status status =
      running.labelers().ReportAnswers(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response;
}

v1::ScoreResult Score(RunningServer& running, const std::string& task) {
  v1::ScoreRequest request;
  request.set_pool_id("animals");
  request.add_items()->mutable_task()->set_task_id(task);
  request.set_explain(true);
  grpc::ClientContext context;
  v1::ScoreResponse response;
  const grpc::Status status =
      running.confidence().Score(&context, request, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.results_size() == 1 ? response.results(0) : v1::ScoreResult();
}

v1::Labeler GetLabeler(RunningServer& running, const std::string& id) {
  grpc::ClientContext context;
  v1::GetLabelerRequest request;
  request.set_pool_id("animals");
  request.set_labeler_id(id);
  v1::GetLabelerResponse response;
  EXPECT_TRUE(running.labelers().GetLabeler(&context, request, &response).ok());
  return response.labeler();
}

v1::PoolStats Stats(RunningServer& running) {
  grpc::ClientContext context;
  v1::GetPoolRequest request;
  request.set_pool_id("animals");
  v1::GetPoolResponse response;
  EXPECT_TRUE(running.pools().GetPool(&context, request, &response).ok());
  return response.stats();
}

TEST(Loop, AllocateAnswerScoreAndLearn) {
  RunningServer running;
  running.AddPool();
  running.AddLabelers(6, 10, 2);

  v1::AllocateRequest request = Batch(4, 3);
  request.mutable_lease_duration()->set_seconds(60);
  request.set_explain(true);
  const v1::AllocateResponse plan = Allocate(running, request);
  ASSERT_EQ(plan.assignments_size(), 12);
  EXPECT_EQ(plan.unfilled_size(), 0);
  EXPECT_EQ(plan.explanations_size(), 12);
  EXPECT_EQ(plan.summary().slots(), 12);
  EXPECT_EQ(plan.summary().filled(), 12);
  EXPECT_LE(plan.summary().gap(), 1e-6);
  EXPECT_GE(plan.summary().upper_bound() + 1e-9, plan.summary().objective());
  std::set<std::pair<std::string, std::string>> pairs;
  for (const v1::Assignment& pair : plan.assignments()) {
    EXPECT_TRUE(pairs.emplace(pair.task_id(), pair.labeler_id()).second);
    EXPECT_GT(pair.expected_accuracy(), 0.5);
    EXPECT_LT(pair.expected_accuracy(), 1);
    EXPECT_NE(pair.lease().lease_id(), "");
  }
  EXPECT_EQ(Stats(running).open_leases(), 12);

  // Everybody says dog.
  v1::ReportAnswersRequest report;
  report.set_pool_id("animals");
  for (const v1::Assignment& pair : plan.assignments()) {
    v1::Answer* answer = report.add_answers();
    answer->set_task_id(pair.task_id());
    answer->set_labeler_id(pair.labeler_id());
    answer->set_label_name("dog");
    answer->set_lease_id(pair.lease().lease_id());
    answer->mutable_handling_time()->set_seconds(12);
  }
  const v1::ReportAnswersResponse first = Report(running, report);
  for (const v1::AnswerResult& result : first.results()) {
    EXPECT_EQ(result.outcome(), v1::AnswerResult::OUTCOME_RECORDED);
  }
  EXPECT_EQ(Stats(running).open_leases(), 0) << "answers end their leases";
  EXPECT_EQ(Stats(running).answers(), 12);
  const v1::ReportAnswersResponse second = Report(running, report);
  for (const v1::AnswerResult& result : second.results()) {
    EXPECT_EQ(result.outcome(), v1::AnswerResult::OUTCOME_DUPLICATE);
  }
  report.mutable_answers(0)->set_label_name("cat");
  EXPECT_EQ(Report(running, report).results(0).outcome(),
            v1::AnswerResult::OUTCOME_CONFLICT);

  const v1::ScoreResult score = Score(running, "t0");
  EXPECT_EQ(score.label(), 1);
  EXPECT_EQ(score.label_name(), "dog");
  EXPECT_EQ(score.answers(), 3);
  EXPECT_GT(score.confidence(), 0.9);
  ASSERT_EQ(score.posterior_size(), 2);
  EXPECT_NEAR(score.posterior(0) + score.posterior(1), 1, 1e-9);
  EXPECT_EQ(score.contributions_size(), 3);
  EXPECT_GT(score.contributions(0).bits(), 0);

  EXPECT_GT(GetLabeler(running, plan.assignments(0).labeler_id()).answers(), 0);
  EXPECT_EQ(running.Metric("allot_answers_total{outcome=\"recorded\"}"), 12);
  EXPECT_EQ(running.Metric("allot_answers_total{outcome=\"conflict\"}"), 1);
  EXPECT_EQ(running.Metric("allot_leases_total{outcome=\"granted\"}"), 12);
}

TEST(Loop, ANameMeansWhatItMeantWhenTheTaskBecameKnown) {
  RunningServer running;
  running.AddPool();
  running.AddLabelers(2, 10, 2);
  v1::ReportAnswersRequest report;
  report.set_pool_id("animals");
  report.add_tasks()->set_task_id("t");
  report.mutable_tasks(0)->set_label_set("reversed");
  report.add_answers()->set_task_id("t");
  report.mutable_answers(0)->set_labeler_id("l0");
  report.mutable_answers(0)->set_label_name("dog");
  Report(running, report);
  report.clear_tasks();  // "dog" is 0 here, though 1 in the pool's first set
  report.mutable_answers(0)->set_labeler_id("l1");
  Report(running, report);
  const v1::ScoreResult score = Score(running, "t");
  EXPECT_EQ(score.label(), 0);
  EXPECT_EQ(score.label_name(), "dog");
  EXPECT_EQ(score.contributions(1).label(), 0);
}

TEST(Loop, GoldTellsTheGoodFromTheBad) {
  RunningServer running;
  running.AddPool();
  running.AddLabelers(2, 100, 1);
  v1::ReportAnswersRequest report;
  report.set_pool_id("animals");
  for (int i = 0; i < 40; ++i) {
    const std::string task = absl::StrCat("gold", i);
    report.add_tasks()->set_task_id(task);
    report.mutable_tasks(i)->set_gold_label(i % 2);
    for (const char* labeler : {"l0", "l1"}) {
      v1::Answer* answer = report.add_answers();
      answer->set_task_id(task);
      answer->set_labeler_id(labeler);
      // l0 is always right, l1 half of the time.
      answer->set_label(labeler[1] == '0' ? i % 2 : 0);
    }
  }
  Report(running, report);
  EXPECT_GT(GetLabeler(running, "l0").skills(0).mean(),
            GetLabeler(running, "l1").skills(0).mean() + 0.5);
  v1::AllocateRequest request = Batch(1, 1);
  EXPECT_EQ(Allocate(running, request).assignments(0).labeler_id(), "l0");
}

TEST(Loop, LeasesAreRenewedReleasedAndSkipped) {
  RunningServer running;
  running.AddPool();
  running.AddLabelers(1, 10);
  v1::AllocateRequest request = Batch(3, 1);
  request.mutable_lease_duration()->set_seconds(5);
  const v1::AllocateResponse plan = Allocate(running, request);
  ASSERT_EQ(plan.assignments_size(), 3);

  v1::RenewLeasesRequest renew;
  renew.set_pool_id("animals");
  renew.add_lease_ids(plan.assignments(0).lease().lease_id());
  renew.add_lease_ids("no such lease");
  renew.mutable_lease_duration()->set_seconds(500);
  v1::RenewLeasesResponse renewed;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(
        running.allocation().RenewLeases(&context, renew, &renewed).ok());
  }
  EXPECT_EQ(renewed.results(0).outcome(), v1::LeaseResult::OUTCOME_OK);
  EXPECT_GT(renewed.results(0).expires_at().seconds(),
            plan.assignments(0).lease().expires_at().seconds() + 400);
  EXPECT_EQ(renewed.results(1).outcome(), v1::LeaseResult::OUTCOME_NOT_OPEN);

  const auto release = [&](int which, auto reason) {
    v1::ReleaseLeasesRequest released;
    released.set_pool_id("animals");
    released.add_lease_ids(plan.assignments(which).lease().lease_id());
    released.set_reason(reason);
    grpc::ClientContext context;
    v1::ReleaseLeasesResponse response;
    EXPECT_TRUE(
        running.allocation().ReleaseLeases(&context, released, &response).ok());
    EXPECT_EQ(response.results(0).outcome(), v1::LeaseResult::OUTCOME_OK);
  };
  release(1, v1::ReleaseLeasesRequest::REASON_RELEASED);
  release(2, v1::ReleaseLeasesRequest::REASON_NOT_AGAIN);
  request.clear_lease_duration();
  std::set<std::string> again;
  const v1::AllocateResponse replanned = Allocate(running, request);
  for (const v1::Assignment& pair : replanned.assignments()) {
    again.insert(pair.task_id());
  }
  EXPECT_TRUE(again.count(plan.assignments(1).task_id()))
      << "given back: she may get it again";
  EXPECT_FALSE(again.count(plan.assignments(2).task_id())) << "skipped";
  EXPECT_FALSE(again.count(plan.assignments(0).task_id())) << "still hers";
  release(0, v1::ReleaseLeasesRequest::REASON_NEVER);
  const v1::AllocateResponse last = Allocate(running, request);
  EXPECT_TRUE(std::ranges::any_of(last.unfilled(), [&](const auto& unfilled) {
    return unfilled.task_id() == plan.assignments(0).task_id() &&
           unfilled.reason() == v1::UnfilledTask::REASON_WITHDRAWN;
  })) << last.DebugString();
}

TEST(Loop, ARetriedAllocationClaimsNothingTwice) {
  RunningServer running;
  running.AddPool();
  running.AddLabelers(4, 10);
  v1::AllocateRequest request = Batch(2, 1);
  request.mutable_lease_duration()->set_seconds(60);
  request.set_request_id("call-1");
  const v1::AllocateResponse first = Allocate(running, request);
  const v1::AllocateResponse second = Allocate(running, request);
  EXPECT_EQ(first.SerializeAsString(), second.SerializeAsString());
  EXPECT_EQ(Stats(running).open_leases(), 2);
  EXPECT_EQ(running.Metric("allot_request_replays_total"), 1);

  request.mutable_tasks(0)->set_value(2);
  grpc::ClientContext context;
  v1::AllocateResponse response;
  const grpc::Status status =
      running.allocation().Allocate(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ErrorInfoOf(status).reason(), "REQUEST_ID_REUSED");
}

TEST(Loop, ARetryAfterARestartGetsTheFirstResponseOfEveryMethod) {
  const std::string path =
      testing::TempDir() + "/retry_after_restart_" + std::to_string(getpid());
  ServerOptions options = RunningServer::TestOptions();
  options.store = "sqlite:" + path;
  v1::AllocateRequest plan = Batch(2, 1);
  plan.mutable_lease_duration()->set_seconds(60);
  plan.set_request_id("same");
  v1::ReportAnswersRequest report;
  report.set_pool_id("animals");
  report.set_request_id("same");
  report.add_answers()->set_task_id("t0");
  report.mutable_answers(0)->set_labeler_id("l0");
  report.mutable_answers(0)->set_label(1);
  std::vector<std::string> responses;
  for (int start = 0; start < 2; ++start) {
    RunningServer running(options);
    if (start == 0) running.AddPool();
    if (start == 0) running.AddLabelers(4, 10);
    responses.push_back(Allocate(running, plan).SerializeAsString());
    // On a stream it is the same request.
    grpc::ClientContext stream_context;
    auto stream = running.labelers().ReportAnswersStream(&stream_context);
    v1::ReportAnswersStreamRequest chunk;
    *chunk.mutable_request() = report;
    stream->Write(chunk);
    v1::ReportAnswersStreamResponse streamed;
    ASSERT_TRUE(stream->Read(&streamed));
    responses.push_back(streamed.response().SerializeAsString());
    EXPECT_GT(streamed.response().roster_version(), 0);
    grpc::ClientContext context;
    v1::ReportAnswersResponse response;
    ASSERT_TRUE(
        running.labelers().ReportAnswers(&context, report, &response).ok());
    EXPECT_EQ(response.SerializeAsString(), responses.back());
    stream->WritesDone();
    EXPECT_TRUE(stream->Finish().ok());
    EXPECT_EQ(Stats(running).answers(), 1);
  }
  EXPECT_EQ(responses[0], responses[2]);
  EXPECT_EQ(responses[1], responses[3]);
  for (const char* end : {"", "-wal", "-shm", ".lock"}) {
    std::filesystem::remove(path + end);
  }
}

TEST(Loop, PagesOfLabelersAndPoolsAreComplete) {
  RunningServer running;
  running.AddPool();
  running.AddLabelers(25, 1);
  std::vector<std::string> ids;
  v1::ListLabelersRequest request;
  request.set_pool_id("animals");
  request.set_page_size(10);
  do {
    grpc::ClientContext context;
    v1::ListLabelersResponse response;
    ASSERT_TRUE(
        running.labelers().ListLabelers(&context, request, &response).ok());
    EXPECT_EQ(response.total_size(), 25);
    for (const v1::Labeler& labeler : response.labelers()) {
      ids.push_back(labeler.labeler_id());
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  ASSERT_THAT(ids, SizeIs(25));
  for (int i = 0; i < 25; ++i) {
    EXPECT_EQ(ids[static_cast<size_t>(i)], absl::StrCat("l", i));
  }

  for (const char* id : {"b", "a", "c"}) {
    v1::UpsertPoolRequest upsert;
    upsert.mutable_pool()->set_pool_id(id);
    upsert.mutable_pool()->add_skills()->set_name("s");
    grpc::ClientContext context;
    v1::UpsertPoolResponse response;
    ASSERT_TRUE(running.pools().UpsertPool(&context, upsert, &response).ok());
    EXPECT_TRUE(response.created());
  }
  std::vector<std::string> pools;
  v1::ListPoolsRequest list;
  list.set_page_size(3);
  do {
    grpc::ClientContext context;
    v1::ListPoolsResponse response;
    ASSERT_TRUE(running.pools().ListPools(&context, list, &response).ok());
    for (const v1::Pool& pool : response.pools()) {
      pools.push_back(pool.pool_id());
    }
    list.set_page_token(response.next_page_token());
  } while (!list.page_token().empty());
  EXPECT_THAT(pools, ::testing::ElementsAre("a", "animals", "b", "c"));
}

TEST(Loop, ARestartForgetsNothing) {
  const std::string path =
      absl::StrCat(::testing::TempDir(), "/allot_loop_", getpid(), ".db");
  const auto clean = [&] {
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::remove(absl::StrCat(path, suffix).c_str());
    }
  };
  clean();
  ServerOptions options = RunningServer::TestOptions();
  options.store = absl::StrCat("sqlite:", path);
  std::string labeler_before;
  std::string stats_before;
  double confidence_before = 0;
  {
    RunningServer running(options);
    running.AddPool();
    running.AddLabelers(5, 10);
    v1::AllocateRequest request = Batch(3, 2);
    request.mutable_lease_duration()->set_seconds(600);
    const v1::AllocateResponse plan = Allocate(running, request);
    v1::ReportAnswersRequest report;
    report.set_pool_id("animals");
    for (int i = 0; i < 4; ++i) {
      v1::Answer* answer = report.add_answers();
      answer->set_task_id(plan.assignments(i).task_id());
      answer->set_labeler_id(plan.assignments(i).labeler_id());
      answer->set_label(1);
    }
    Report(running, report);
    labeler_before = GetLabeler(running, "l0").SerializeAsString();
    stats_before = Stats(running).SerializeAsString();
    confidence_before = Score(running, "t0").confidence();
    running.server().Stop();
  }
  {
    RunningServer running(options);
    EXPECT_EQ(GetLabeler(running, "l0").SerializeAsString(), labeler_before);
    EXPECT_EQ(Stats(running).SerializeAsString(), stats_before);
    EXPECT_EQ(Score(running, "t0").confidence(), confidence_before)
        << "to the last bit";
    EXPECT_EQ(Stats(running).open_leases(), 2);
  }
  clean();
}

// ---- streams ----

TEST(Streams, AnswerInOrderOneResponsePerRequest) {
  RunningServer running;
  running.AddPool();
  running.AddLabelers(3, 100);
  grpc::ClientContext context;
  const auto stream = running.allocation().AllocateStream(&context);
  for (int i = 0; i < 20; ++i) {
    v1::AllocateStreamRequest request;
    *request.mutable_request() = Batch(1 + i % 3, 1);
    ASSERT_TRUE(stream->Write(request));
  }
  stream->WritesDone();
  v1::AllocateStreamResponse response;
  int responses = 0;
  while (stream->Read(&response)) {
    EXPECT_EQ(response.response().assignments_size(), 1 + responses % 3);
    ++responses;
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(responses, 20);
}

TEST(Streams, TheFirstErrorEndsTheStream) {
  RunningServer running;
  running.AddPool();
  running.AddLabelers(1, 100);
  grpc::ClientContext context;
  const auto stream = running.labelers().ReportAnswersStream(&context);
  v1::ReportAnswersStreamRequest chunk;
  chunk.mutable_request()->set_pool_id("animals");
  v1::Answer* answer = chunk.mutable_request()->add_answers();
  answer->set_task_id("t");
  answer->set_labeler_id("l0");
  answer->set_label(0);
  ASSERT_TRUE(stream->Write(chunk));
  v1::ReportAnswersStreamResponse acknowledged;
  ASSERT_TRUE(stream->Read(&acknowledged));
  EXPECT_EQ(acknowledged.response().results(0).outcome(),
            v1::AnswerResult::OUTCOME_RECORDED);
  answer->set_label(9);
  stream->Write(chunk);
  EXPECT_FALSE(stream->Read(&acknowledged));
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(BadRequestOf(status).field_violations(0).field(),
            "answers[0].label");
  EXPECT_EQ(Stats(running).answers(), 1) << "what was acknowledged stays";
}

TEST(Streams, ScoresComeBackInOrder) {
  RunningServer running;
  running.AddPool();
  running.AddLabelers(1, 100);
  grpc::ClientContext context;
  const auto stream = running.confidence().ScoreStream(&context);
  for (int i = 0; i < 5; ++i) {
    v1::ScoreStreamRequest request;
    request.mutable_request()->set_pool_id("animals");
    v1::ScoreItem* item = request.mutable_request()->add_items();
    item->mutable_task()->set_task_id(absl::StrCat("t", i));
    item->mutable_task()->set_value(1);
    item->add_answers()->set_labeler_id("l0");
    item->mutable_answers(0)->set_label(i % 2);
    ASSERT_TRUE(stream->Write(request));
    v1::ScoreStreamResponse response;
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.response().results(0).task_id(), absl::StrCat("t", i));
    EXPECT_EQ(response.response().results(0).label(), i % 2);
  }
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(Streams, AClientThatGoesAwayLeavesNothingBehind) {
  RunningServer running;
  running.AddPool();
  for (int i = 0; i < 10; ++i) {
    grpc::ClientContext context;
    const auto stream = running.allocation().AllocateStream(&context);
    v1::AllocateStreamRequest request;
    *request.mutable_request() = Batch(1, 1);
    stream->Write(request);
    context.TryCancel();
    EXPECT_FALSE(stream->Finish().ok());
  }
  running.server().Stop();  // hangs if a stream was left open
}

}  // namespace
}  // namespace allot
