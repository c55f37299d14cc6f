// SPDX-License-Identifier: Apache-2.0
// What --batch_window brings and costs. Rounds of callers who come at once with
// one task each, to labelers of different skills who have room for one task;
// leased, so that what is taken is taken until the round is over. Utility of
// all plans, CPU a call of server and callers together, and latency, for
// several windows, over real connections; once with many more labelers than
// tasks and once with hardly more, where who is taken matters.
//
//   ./tests/bench/run micro-batch
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "allot/v1/allocation.grpc.pb.h"
#include "allot/v1/labeler.grpc.pb.h"
#include "allot/v1/pool.grpc.pb.h"
#include "grpcpp/grpcpp.h"
#include "lib/base/rng.h"
#include "server/server.h"

namespace allot {
namespace {

constexpr int kSkills = 8;
constexpr int kClients = 32;
constexpr int kRounds = 25;
constexpr int kTasks = kRounds * kClients;

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) +
           1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Outcome {
  double utility = 0;
  double cpu_us_per_call = 0;
  double seconds = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  int failed = 0;
};

Outcome Measure(int labelers, absl::Duration window) {
  const SystemClock clock;
  Logger log(&clock, Severity::kError, [](absl::string_view) {});
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  options.http_listen = "";
  options.store = "memory:";
  options.latency_target = absl::ZeroDuration();
  options.batch_window = window;
  auto server = Server::Start(options, &clock, &log);
  if (!server.ok()) return {};
  const auto channel = grpc::CreateChannel((*server)->grpc_address(),
                                           grpc::InsecureChannelCredentials());
  {
    v1::UpsertPoolRequest request;
    request.mutable_pool()->set_pool_id("p");
    for (int s = 0; s < kSkills; ++s) {
      request.mutable_pool()->add_skills()->set_name(absl::StrCat("s", s));
    }
    grpc::ClientContext context;
    v1::UpsertPoolResponse response;
    v1::PoolService::NewStub(channel)->UpsertPool(&context, request, &response);
  }
  {
    Rng rng(7);
    v1::UpsertLabelersRequest request;
    request.set_pool_id("p");
    for (int i = 0; i < labelers; ++i) {
      v1::Labeler& labeler = *request.add_labelers();
      labeler.set_labeler_id(absl::StrCat("l", i));
      labeler.set_capacity(1);
      for (int s = 0; s < kSkills; ++s) {
        v1::SkillEstimate& estimate = *labeler.add_skills();
        estimate.set_skill(absl::StrCat("s", s));
        estimate.set_mean(1 + 1.5 * rng.Normal());
        estimate.set_variance(0.1);
      }
    }
    grpc::ClientContext context;
    v1::UpsertLabelersResponse response;
    v1::LabelerService::NewStub(channel)->UpsertLabelers(&context, request,
                                                         &response);
  }
  std::vector<double> latencies(kTasks);
  std::vector<double> utilities(kTasks);
  std::vector<std::string> leases(kTasks);
  std::atomic<int> failed{0};
  const auto release = [&]() noexcept {
    grpc::ClientContext context;
    v1::ReleaseLeasesRequest request;
    v1::ReleaseLeasesResponse response;
    request.set_pool_id("p");
    for (std::string& lease : leases) {
      if (!lease.empty()) request.add_lease_ids(std::move(lease));
      lease.clear();
    }
    v1::AllocationService::NewStub(channel)->ReleaseLeases(&context, request,
                                                           &response);
  };
  std::barrier round(kClients, release);
  const double cpu = CpuSeconds();
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> clients;
  for (int c = 0; c < kClients; ++c) {
    clients.emplace_back([&, c] {
      const auto stub = v1::AllocationService::NewStub(channel);
      for (int t = c; t < kTasks; t += kClients) {
        v1::AllocateRequest request;
        request.set_pool_id("p");
        v1::Task& task = *request.add_tasks();
        task.set_task_id(absl::StrCat("t", t));
        (*task.mutable_loading())[absl::StrCat("s", t % kSkills)] = 1;
        request.mutable_lease_duration()->set_seconds(3600);
        grpc::ClientContext context;
        v1::AllocateResponse response;
        const auto sent = std::chrono::steady_clock::now();
        if (!stub->Allocate(&context, request, &response).ok()) ++failed;
        const auto i = static_cast<size_t>(t);
        latencies[i] = std::chrono::duration<double, std::milli>(
                           std::chrono::steady_clock::now() - sent)
                           .count();
        utilities[i] = response.summary().objective();
        if (response.assignments_size() == 1) {
          leases[i] = response.assignments(0).lease().lease_id();
        }
        round.arrive_and_wait();
      }
    });
  }
  for (std::thread& client : clients) client.join();
  Outcome outcome;
  outcome.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  outcome.cpu_us_per_call = 1e6 * (CpuSeconds() - cpu) / kTasks;
  outcome.failed = failed;
  for (const double utility : utilities) outcome.utility += utility;
  std::sort(latencies.begin(), latencies.end());
  outcome.p50_ms = latencies[kTasks / 2];
  outcome.p99_ms = latencies[kTasks * 99 / 100];
  return outcome;
}

int Main() {
  std::printf("%d rounds of %d callers with one task each\n", kRounds,
              kClients);
  std::printf("%-8s %-8s %9s %8s %10s %14s %8s %8s %7s\n", "labelers", "window",
              "utility", "gain", "calls/s", "CPU us/call", "p50 ms", "p99 ms",
              "failed");
  for (const int labelers : {600, 40}) {
    double alone = 0;
    for (const int millis : {0, 1, 2, 5, 10}) {
      const Outcome outcome = Measure(labelers, absl::Milliseconds(millis));
      if (millis == 0) alone = outcome.utility;
      std::printf("%-8d %-8s %9.2f %7.2f%% %10.0f %14.0f %8.2f %8.2f %7d\n",
                  labelers, absl::StrCat(millis, " ms").c_str(),
                  outcome.utility, 100 * (outcome.utility / alone - 1),
                  kTasks / outcome.seconds, outcome.cpu_us_per_call,
                  outcome.p50_ms, outcome.p99_ms, outcome.failed);
    }
  }
  return 0;
}

}  // namespace
}  // namespace allot

int main() { return allot::Main(); }
