// SPDX-License-Identifier: Apache-2.0
// What an operator sees: pages and traces.
#include <chrono>
#include <set>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/running_server.h"

namespace allot {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
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

}  // namespace
}  // namespace allot
