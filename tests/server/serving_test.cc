// SPDX-License-Identifier: Apache-2.0
// What an operator relies on: health, probes, metrics, logs, overload, drain.
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "grpcpp/generic/generic_stub.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/server/running_server.h"

namespace allot {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

grpc::Status CallRaw(const std::shared_ptr<grpc::Channel>& channel,
                     const std::string& method, const std::string& request,
                     std::string* response) {
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  const grpc::Slice slice(request);
  const grpc::ByteBuffer bytes(&slice, 1);
  grpc::ByteBuffer reply;
  grpc::Status status;
  const auto call = stub.PrepareUnaryCall(&context, method, bytes, &queue);
  call->StartCall();
  call->Finish(&reply, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  std::vector<grpc::Slice> slices;
  if (status.ok() && reply.Dump(&slices).ok()) {
    for (const grpc::Slice& part : slices) {
      response->append(reinterpret_cast<const char*>(part.begin()),
                       part.size());
    }
  }
  return status;
}

// grpc.health.v1.HealthCheckRequest{service} and the status in its response.
int Health(RunningServer& running, const std::string& service) {
  std::string request;
  if (!service.empty()) {
    request = absl::StrCat(
        "\x0A", std::string(1, static_cast<char>(service.size())), service);
  }
  std::string response;
  const grpc::Status status = CallRaw(
      running.channel(), "/grpc.health.v1.Health/Check", request, &response);
  return status.ok() && response.size() == 2 ? response[1] : -1;
}
constexpr int kServing = 1;

TEST(Serving, HealthIsReportedPerService) {
  RunningServer running;
  for (const char* service :
       {"", "allot.v1.AllocationService", "allot.v1.ConfidenceService",
        "allot.v1.LabelerService", "allot.v1.PoolService"}) {
    EXPECT_EQ(Health(running, service), kServing) << service;
  }
  EXPECT_EQ(Health(running, "allot.v1.NoSuchService"), -1);
}

TEST(Serving, ProbesAndPagesAnswer) {
  ServerOptions options = RunningServer::TestOptions();
  options.http_listen = "127.0.0.1:0";
  RunningServer running(options);
  running.AddPool();
  int code = 0;
  EXPECT_EQ(running.Get("/healthz", &code), "ok\n");
  EXPECT_EQ(code, 200);
  running.Get("/readyz", &code);
  EXPECT_EQ(code, 200);
  EXPECT_THAT(running.Get("/statusz", &code), HasSubstr("animals"));
  EXPECT_EQ(code, 200);
  EXPECT_THAT(running.Get("/metrics", &code), HasSubstr("allot_build_info"));
  running.Get("/metrics/more", &code);
  EXPECT_EQ(code, 404);
  running.Get("/../../etc/passwd", &code);
  EXPECT_NE(code, 200);
}

TEST(Serving, MethodsAreCountedFromZero) {
  RunningServer running;
  const auto handled = [](absl::string_view code) {
    return absl::StrCat(
        "grpc_server_handled_total{grpc_code=\"", code,
        "\",grpc_method=\"UpsertPool\",grpc_service=\"allot.v1.PoolService\","
        "grpc_type=\"unary\"}");
  };
  EXPECT_EQ(running.Metric(handled("OK")), 0) << "there before the first call";
  EXPECT_EQ(running.Metric(handled("Internal")), 0);
  running.AddPool();
  grpc::ClientContext context;
  v1::UpsertPoolResponse response;
  running.pools().UpsertPool(&context, v1::UpsertPoolRequest(), &response);
  EXPECT_EQ(running.Metric(handled("OK")), 1);
  EXPECT_EQ(running.Metric(handled("InvalidArgument")), 1);
  EXPECT_EQ(running.Metric("allot_roster_labelers{pool=\"animals\"}"), 0);
  EXPECT_EQ(running.Metric("allot_ready"), 1);
  EXPECT_GT(running.Metric("process_resident_memory_bytes"), 1e6);
  EXPECT_GT(running.Metric("process_start_time_seconds"), 1.5e9);
  EXPECT_GE(running.Metric("allot_store_seconds_count{op=\"append\"}"), 1);
}

TEST(Serving, FailedCallsAreLoggedWithWhatIsNeededToFindThem) {
  RunningServer running;
  running.AddPool();
  v1::AllocateRequest request;
  request.set_pool_id("animals");
  request.set_request_id("r-17");
  grpc::ClientContext context;
  context.AddMetadata(
      "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  v1::AllocateResponse response;
  running.allocation().Allocate(&context, request, &response);
  nlohmann::json found;
  for (const std::string& line : running.LogLines()) {
    const auto json = nlohmann::json::parse(line);
    if (json.contains("method")) found = json;
  }
  EXPECT_EQ(found["method"], "Allocate");
  EXPECT_EQ(found["code"], "InvalidArgument");
  EXPECT_EQ(found["reason"], "INVALID_FIELD");
  EXPECT_EQ(found["severity"], "INFO");
  EXPECT_EQ(found["pool"], "animals");
  EXPECT_EQ(found["request_id"], "r-17");
  EXPECT_EQ(found["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_GT(found["seconds"], 0);
}

TEST(Serving, ACallWhoseDeadlineIsOverIsNotServed) {
  RunningServer running;
  running.AddPool();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() -
                       std::chrono::milliseconds(1));
  v1::GetPoolRequest request;
  request.set_pool_id("animals");
  v1::GetPoolResponse response;
  EXPECT_EQ(running.pools().GetPool(&context, request, &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST(Serving, TooMuchAtOnceIsRefusedWithAHintWhenToTryAgain) {
  ServerOptions options = RunningServer::TestOptions();
  options.workers = 1;
  options.queue = 1;
  RunningServer running(options);
  running.AddPool();
  running.AddLabelers(3'000, 5);
  v1::AllocateRequest request;
  request.set_pool_id("animals");
  for (int i = 0; i < 60; ++i) {
    request.add_tasks()->set_task_id(absl::StrCat("t", i));
    request.mutable_tasks(i)->set_redundancy(3);
  }
  std::atomic<int> served{0};
  std::atomic<int> refused{0};
  std::atomic<int> others{0};
  std::atomic<bool> hinted{true};
  std::vector<std::thread> clients;
  for (int c = 0; c < 12; ++c) {
    clients.emplace_back([&] {
      grpc::ClientContext context;
      v1::AllocateResponse response;
      const grpc::Status status =
          running.allocation().Allocate(&context, request, &response);
      if (status.ok()) {
        ++served;
      } else if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
        ++refused;
        hinted = hinted && ErrorInfoOf(status).reason() == "QUEUE_FULL" &&
                 RetryInfoOf(status).retry_delay().nanos() > 0;
      } else {
        ++others;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_GE(served, 1);
  EXPECT_GE(refused, 1);
  EXPECT_EQ(others, 0);
  EXPECT_TRUE(hinted);
  EXPECT_EQ(
      running.Metric("allot_admission_refusals_total{reason=\"queue_full\"}"),
      refused);
}

TEST(Serving, StoppingLetsRunningCallsFinish) {
  ServerOptions options = RunningServer::TestOptions();
  options.workers = 1;
  options.drain = absl::Minutes(5);  // however slow the machine
  RunningServer running(options);
  running.AddPool();
  running.AddLabelers(3'000, 5);
  v1::AllocateRequest request;
  request.set_pool_id("animals");
  for (int i = 0; i < 60; ++i) {
    request.add_tasks()->set_task_id(absl::StrCat("t", i));
    request.mutable_tasks(i)->set_redundancy(3);
  }
  std::atomic<int> failed{0};
  std::vector<std::thread> clients;
  for (int c = 0; c < 4; ++c) {
    clients.emplace_back([&] {
      grpc::ClientContext context;
      v1::AllocateResponse response;
      if (!running.allocation().Allocate(&context, request, &response).ok()) {
        ++failed;
      }
    });
  }
  const std::string started =
      "grpc_server_started_total{grpc_method=\"Allocate\",grpc_service=\"allot."
      "v1.AllocationService\",grpc_type=\"unary\"}";
  while (running.Metric(started) < 4) std::this_thread::yield();
  running.server().Stop();
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(failed, 0) << "no admitted call is lost";
}

TEST(Serving, TwoServersCannotShareAPort) {
  RunningServer running;
  ServerOptions options = RunningServer::TestOptions();
  options.listen = running.server().grpc_address();
  const SystemClock clock;
  Logger log(&clock, Severity::kError, [](absl::string_view) {});
  const auto second = Server::Start(options, &clock, &log);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("cannot listen on"));
}

TEST(Serving, BadAddressesAreNamed) {
  const SystemClock clock;
  Logger log(&clock, Severity::kError, [](absl::string_view) {});
  ServerOptions options = RunningServer::TestOptions();
  options.http_listen = "localhost";
  EXPECT_EQ(Server::Start(options, &clock, &log).status().code(),
            absl::StatusCode::kInvalidArgument);
  options = RunningServer::TestOptions();
  options.store = "papyrus:scroll";
  EXPECT_EQ(Server::Start(options, &clock, &log).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace allot
