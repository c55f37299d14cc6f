// SPDX-License-Identifier: Apache-2.0
// What an operator sees: pages, traces, and metrics that are all written.
#include <chrono>
#include <cstring>
#include <set>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/scratch_folder.h"
#include "tests/server/running_server.h"

namespace allot {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

grpc::Status Allocate(RunningServer& running, const std::string& pool,
                      grpc::ClientContext& context) {
  v1::AllocateRequest request;
  request.set_pool_id(pool);
  request.add_tasks()->set_task_id("t");
  v1::AllocateResponse response;
  return running.allocation().Allocate(&context, request, &response);
}

TEST(Trace, TheResponseGoesOnWithTheCallersTrace) {
  RunningServer running;
  running.AddPool();
  const std::string sent =
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  std::set<std::string> seen;
  for (int i = 0; i < 3; ++i) {
    grpc::ClientContext context;
    context.AddMetadata("traceparent", sent);
    ASSERT_TRUE(Allocate(running, "animals", context).ok());
    const auto& headers = context.GetServerInitialMetadata();
    const auto it = headers.find("traceparent");
    ASSERT_NE(it, headers.end());
    const std::string got(it->second.data(), it->second.size());
    ASSERT_EQ(got.size(), sent.size());
    EXPECT_EQ(got.substr(0, 36), sent.substr(0, 36)) << "the same trace";
    EXPECT_EQ(got.substr(52), sent.substr(52)) << "the same flags";
    EXPECT_EQ(TraceIdOf(got), TraceIdOf(sent)) << "and a valid header";
    EXPECT_NE(got, sent);
    EXPECT_TRUE(seen.insert(got).second) << "a span of its own each time";
  }
  grpc::ClientContext context;
  context.AddMetadata("traceparent", "00-zz-not-one");
  ASSERT_TRUE(Allocate(running, "animals", context).ok());
  EXPECT_EQ(context.GetServerInitialMetadata().count("traceparent"), 0u);
}

TEST(Pages, ShowPlansSlowCallsPhasesAndSettings) {
  ServerOptions options = RunningServer::TestOptions();
  options.http_listen = "127.0.0.1:0";
  options.slow_call = absl::ZeroDuration();
  options.settings = {{"workers", "2", "0", "allot.json"},
                      {"store", "<memory>", "sqlite:allot.db", "default"}};
  RunningServer running(options);
  running.AddPool();
  running.AddLabelers(2, 3);
  grpc::ClientContext context;
  context.AddMetadata(
      "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  ASSERT_TRUE(Allocate(running, "animals", context).ok());
  // The call is noted after it is answered.
  std::string page;
  for (int i = 0; i < 200 && !absl::StrContains(page, "4bf92f3577b34da6");
       ++i) {
    page = running.Get("/statusz");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_THAT(page, AllOf(HasSubstr("Last plans"), HasSubstr("Slow calls"),
                          HasSubstr("4bf92f3577b34da6a3ce929d0e0e4736"),
                          HasSubstr("Phases"), HasSubstr("solve"),
                          HasSubstr("connections"), HasSubstr("viewport")));
  const std::string config = running.Get("/configz");
  EXPECT_THAT(config,
              AllOf(HasSubstr("--workers"), HasSubstr("<td>2</td>"),
                    HasSubstr("allot.json"), HasSubstr("&lt;memory&gt;"),
                    HasSubstr("viewport"), Not(HasSubstr("<memory>"))));
}

// Every metric there is moves under some load, or says something from the
// start. What only a failure moves has tests of its own, named here.
TEST(Metrics, EachOfThemIsWritten) {
  ServerOptions options = RunningServer::TestOptions();
  options.batch_window = absl::Milliseconds(100);
  const ScratchFolder folder;
  options.allocation_log.folder = folder.path();
  RunningServer running(options);
  running.AddPool();
  running.AddLabelers(2, 1);
  const std::set<std::string> by_failure = {
      "allot_store_errors_total",              // metered_store
      "allot_access_denied_total",             // security_test
      "allot_reloads_total",                   // security_test
      "allot_connections_refused_total",       // robustness_test
      "allot_tls_certificate_expiry_seconds",  // security_test
      "allot_log_lines_dropped_total",         // log_test
      "allot_allocation_log_dropped_total",    // allocation_log_test
      "allot_allocation_log_errors_total",     // allocation_log_test
      // A pool with answers enough to fit: engine's refit tests.
      "allot_refit_version", "allot_refit_pending", "allot_refit_answers",
      "allot_refit_seconds", "allot_refit_changed_labels_ratio",
      "allot_refit_changed_confidence", "allot_calibration_gold_tasks",
      "allot_calibration_error_before", "allot_calibration_error_after",
      // What is there at one moment: worker_pool_test.
      "allot_queue_depth", "allot_workers_busy",
      // admission_test, one reason after the other
      "allot_admission_refusals_total",
      // With other replicas: two_replicas, replica_test.
      "allot_replica_conflicts_total", "allot_replica_folded_events_total",
      "allot_replica_lag_events", "allot_replica_lag_seconds",
      "allot_replica_lost_events_total"};
  v1::AllocateRequest request;
  request.set_pool_id("animals");
  request.mutable_lease_duration()->set_seconds(60);
  request.add_tasks()->set_task_id("t1");
  request.add_tasks()->set_task_id("t2");
  request.mutable_tasks(0)->set_redundancy(2);
  request.mutable_tasks(1)->set_redundancy(2);
  request.set_request_id("r");
  v1::AllocateResponse plan;
  for (int i = 0; i < 2; ++i) {  // the second one is a replay
    grpc::ClientContext context;
    ASSERT_TRUE(running.allocation().Allocate(&context, request, &plan).ok());
  }
  v1::ReportAnswersRequest report;
  report.set_pool_id("animals");
  v1::Answer& answer = *report.add_answers();
  answer.set_task_id(plan.assignments(0).task_id());
  answer.set_labeler_id(plan.assignments(0).labeler_id());
  answer.set_label(0);
  {
    grpc::ClientContext context;
    v1::ReportAnswersResponse response;
    const auto status =
        running.labelers().ReportAnswers(&context, report, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  }
  {
    grpc::ClientContext context;
    v1::ScoreRequest score;
    score.set_pool_id("animals");
    score.add_items()->mutable_task()->set_task_id(answer.task_id());
    v1::ScoreResponse response;
    ASSERT_TRUE(running.confidence().Score(&context, score, &response).ok());
  }
  {  // two of one task each, joined
    std::vector<std::thread> threads;
    for (const char* task : {"a", "b"}) {
      threads.emplace_back([&running, task] {
        v1::AllocateRequest one;
        one.set_pool_id("animals");
        one.add_tasks()->set_task_id(task);
        grpc::ClientContext context;
        v1::AllocateResponse response;
        EXPECT_TRUE(
            running.allocation().Allocate(&context, one, &response).ok());
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  // Written a moment after they are answered.
  for (int i = 0; i < 400; ++i) {
    if (running.Metric("allot_allocation_log_records_total") > 0) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  std::set<std::string> unwritten;
  std::set<std::string> written;
  const std::vector<std::string> lines =
      absl::StrSplit(running.server().metrics().Scrape(), '\n');
  for (const std::string& line : lines) {
    if (line.empty() || line[0] == '#') continue;
    std::string name = line.substr(0, line.find_first_of("{ "));
    for (const char* part : {"_bucket", "_sum", "_count"}) {
      if (absl::EndsWith(name, part)) {
        name = name.substr(0, name.size() - strlen(part));
      }
    }
    double value = 0;
    const bool moved =
        absl::SimpleAtod(line.substr(line.rfind(' ') + 1), &value) &&
        value != 0;
    (moved ? written : unwritten).insert(name);
  }
  for (const std::string& name : written) unwritten.erase(name);
  for (const std::string& name : by_failure) {
    EXPECT_EQ(written.count(name) + unwritten.count(name), 1u)
        << name << " is no more";
    unwritten.erase(name);
  }
  EXPECT_THAT(unwritten, IsEmpty());
}

TEST(Metrics, PoolsWithSeriesOfTheirOwnAreBounded) {
  RunningServer running;
  for (int i = 0; i < 130; ++i) {
    v1::UpsertPoolRequest request;
    request.mutable_pool()->set_pool_id(absl::StrCat("pool-", i));
    request.mutable_pool()->add_skills()->set_name("s");
    grpc::ClientContext context;
    v1::UpsertPoolResponse response;
    ASSERT_TRUE(running.pools().UpsertPool(&context, request, &response).ok());
  }
  std::set<std::string> pools;
  const std::vector<std::string> lines =
      absl::StrSplit(running.server().metrics().Scrape(), '\n');
  for (const std::string& line : lines) {
    const size_t at = line.find("pool=\"");
    if (at == std::string::npos) continue;
    pools.insert(line.substr(at, line.find('"', at + 6) - at));
  }
  EXPECT_EQ(pools.size(), 100u);
  EXPECT_EQ(running.Metric("allot_pools"), 130);
}

}  // namespace
}  // namespace allot
