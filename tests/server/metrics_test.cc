// SPDX-License-Identifier: Apache-2.0
// Metrics that are all written: every series there is gets provoked.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/base/rng.h"
#include "tests/cli/scratch_folder.h"
#include "tests/server/occupied.h"
#include "tests/server/running_server.h"
#include "tests/server/test_certificates.h"
#include "tests/testing/redis_server.h"

namespace allot {
namespace {

using ::testing::IsEmpty;

// Names of series, and which of them ever were anything but 0.
class Seen {
 public:
  void Look(RunningServer& running) {
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
      (moved ? written_ : there_).insert(name);
    }
  }
  // Does it again until all `names` were written, for as long as a slow
  // machine may need.
  template <typename Provocation>
  void Provoke(RunningServer& running, const std::vector<std::string>& names,
               Provocation again) {
    const auto all = [&] {
      return std::all_of(
          names.begin(), names.end(),
          [&](const std::string& name) { return written_.contains(name); });
    };
    const auto end =
        std::chrono::steady_clock::now() + std::chrono::seconds(20);
    Look(running);
    while (!all() && std::chrono::steady_clock::now() < end) {
      again();
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      Look(running);
    }
    for (const std::string& name : names) {
      EXPECT_TRUE(written_.contains(name)) << name;
    }
  }
  std::set<std::string> Unwritten() const {
    std::set<std::string> names;
    std::set_difference(there_.begin(), there_.end(), written_.begin(),
                        written_.end(), std::inserter(names, names.end()));
    return names;
  }
  bool Knows(const std::string& name) const {
    return there_.contains(name) || written_.contains(name);
  }

 private:
  std::set<std::string> written_, there_;
};

grpc::Status Allocate(RunningServer& running, const std::string& task,
                      bool lease = false) {
  v1::AllocateRequest request;
  request.set_pool_id("animals");
  request.add_tasks()->set_task_id(task);
  if (lease) request.mutable_lease_duration()->set_seconds(60);
  v1::AllocateResponse response;
  grpc::ClientContext context;
  return running.allocation().Allocate(&context, request, &response);
}

// Plans, a retry, answers, scores, two calls joined.
void DoOrdinaryWork(Seen& seen) {
  ServerOptions options = RunningServer::TestOptions();
  options.batch_window = absl::Milliseconds(100);
  RunningServer running(options);
  running.AddPool();
  running.AddLabelers(2, 1);
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
      threads.emplace_back(
          [&running, task] { EXPECT_TRUE(Allocate(running, task).ok()); });
    }
    for (std::thread& thread : threads) thread.join();
  }
  seen.Look(running);
}

// TLS, tokens that are read anew, those without one, too many connections.
void KnockAtTheDoor(Seen& seen) {
  TestFolder folder;
  TestAuthority authority("authority");
  {
    const Certified own = authority.Issue("allotd");
    ServerOptions options = RunningServer::TestOptions();
    options.tls.certificate = folder.Write("tls.crt", own.certificate);
    options.tls.key = folder.Write("tls.key", own.key);
    RunningServer running(options);
    seen.Provoke(running, {"allot_tls_certificate_expiry_seconds"}, [] {});
  }
  ServerOptions options = RunningServer::TestOptions();
  options.tokens = folder.Write(
      "tokens.json", absl::StrCat(R"({"tokens": [{"name": "n", "sha256": ")",
                                  std::string(64, 'a'),
                                  R"(", "role": "admin", "pools": ["*"]}]})"));
  options.max_connections = 1;
  RunningServer running(options);
  seen.Provoke(running,
               {"allot_access_denied_total", "allot_log_lines_dropped_total"},
               [&] {  // more lines a second than are written
                 std::vector<std::thread> threads;
                 for (int i = 0; i < 8; ++i) {
                   threads.emplace_back([&] {
                     for (int k = 0; k < 25; ++k) Allocate(running, "t");
                   });
                 }
                 for (std::thread& thread : threads) thread.join();
               });
  running.server().Reload(options);
  seen.Provoke(running, {"allot_reloads_total"}, [] {});
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto another =
      grpc::CreateCustomChannel(running.server().grpc_address(),
                                grpc::InsecureChannelCredentials(), arguments);
  seen.Provoke(running, {"allot_connections_refused_total"},
               [&] { another->GetState(true); });
}

// Plans that are logged, until the disk takes no more.
void LogPlans(Seen& seen) {
  const ScratchFolder scratch;
  ServerOptions options = RunningServer::TestOptions();
  options.allocation_log.folder = scratch.path() + "/log";
  options.allocation_log.file_bytes = 1;  // a file a plan
  RunningServer running(options);
  running.AddPool();
  const auto plan = [&] { EXPECT_TRUE(Allocate(running, "t").ok()); };
  seen.Provoke(running, {"allot_allocation_log_records_total"}, plan);
  std::filesystem::remove_all(options.allocation_log.folder);
  seen.Provoke(running,
               {"allot_allocation_log_dropped_total",
                "allot_allocation_log_errors_total"},
               plan);
}

// A worker that is busy, one call that waits, one too many.
void Crowd(Seen& seen) {
  ServerOptions options = RunningServer::TestOptions();
  options.workers = 1;
  options.queue = 1;
  RunningServer running(options);
  running.AddPool();
  std::thread waits;
  {
    Occupied occupied(running);
    waits = std::thread([&] { EXPECT_TRUE(Allocate(running, "t").ok()); });
    occupied.WaitFor(1);
    EXPECT_FALSE(Allocate(running, "u").ok());
    seen.Provoke(running,
                 {"allot_queue_depth", "allot_workers_busy",
                  "allot_admission_refusals_total"},
                 [] {});
  }
  waits.join();
}

// Answers and gold, enough for a fit that thinks again about some tasks: three
// labelers know, seven guess.
void Learn(Seen& seen) {
  RunningServer running;
  running.AddPool();
  running.AddLabelers(10, 100);
  Rng rng(1);
  int tasks = 0;
  const auto report_100_tasks = [&] {
    v1::ReportAnswersRequest report;
    report.set_pool_id("animals");
    for (const int end = tasks + 100; tasks < end; ++tasks) {
      const auto truth = static_cast<int>(rng.Below(2));
      v1::Task& task = *report.add_tasks();
      task.set_task_id(absl::StrCat("t", tasks));
      if (tasks % 2 == 0) task.set_gold_label(truth);
      for (int l = 0; l < 10; ++l) {
        v1::Answer& answer = *report.add_answers();
        answer.set_task_id(task.task_id());
        answer.set_labeler_id(absl::StrCat("l", l));
        answer.set_label(rng.Bernoulli(l < 3 ? 0.9 : 0.5) ? truth : 1 - truth);
      }
    }
    grpc::ClientContext context;
    v1::ReportAnswersResponse response;
    const auto status =
        running.labelers().ReportAnswers(&context, report, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
  };
  report_100_tasks();
  // Again, as a fit may be over before one looks.
  seen.Provoke(running, {"allot_refit_pending"}, report_100_tasks);
  seen.Provoke(
      running,
      {"allot_refit_version", "allot_refit_answers", "allot_refit_seconds",
       "allot_refit_changed_labels_ratio", "allot_refit_changed_confidence",
       "allot_calibration_gold_tasks", "allot_calibration_error_before",
       "allot_calibration_error_after"},
      [] {});
}

// Two servers on one store, which then goes away and loses what it had.
void Share(Seen& seen) {
  RedisServer redis;
  ServerOptions options = RunningServer::TestOptions();
  options.store = absl::StrCat(redis.address(), "?timeout=1s");
  RunningServer one(options), other(options);
  one.AddPool();
  one.AddLabelers(100, 1000);
  std::atomic<bool> over{false};
  std::thread busy([&] {
    for (int i = 0; !over; ++i) {
      Allocate(one, absl::StrCat("one-", i), true);
    }
  });
  int calls = 0;
  seen.Provoke(
      other,
      {"allot_replica_conflicts_total", "allot_replica_folded_events_total",
       "allot_replica_lag_events", "allot_replica_lag_seconds"},
      [&] { Allocate(other, absl::StrCat("other-", calls++), true); });
  over = true;
  busy.join();
  redis.Kill();
  seen.Provoke(other, {"allot_store_errors_total"}, [] {});
  redis.Wipe();
  redis.Start();
  seen.Provoke(other, {"allot_replica_lost_events_total"}, [] {});
}

TEST(Metrics, EachOfThemIsWritten) {
  Seen seen;
  DoOrdinaryWork(seen);
  KnockAtTheDoor(seen);
  LogPlans(seen);
  Crowd(seen);
  Learn(seen);
  std::set<std::string> needs_redis;
  if (RedisServer::Installed()) {
    Share(seen);
  } else {
    needs_redis = {
        "allot_replica_conflicts_total",   "allot_replica_folded_events_total",
        "allot_replica_lag_events",        "allot_replica_lag_seconds",
        "allot_replica_lost_events_total", "allot_store_errors_total"};
  }
  std::set<std::string> unwritten = seen.Unwritten();
  for (const std::string& name : needs_redis) {
    EXPECT_TRUE(seen.Knows(name)) << name << " is no more";
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
