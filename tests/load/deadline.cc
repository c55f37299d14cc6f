// SPDX-License-Identifier: Apache-2.0
// How long after its deadline a large exact Allocate still keeps the server
// busy, and its caller waiting.
//
//   allot-load-deadline [TASKS [LABELERS [CALLS]]]
//
// A server in this process plans TASKS tasks among LABELERS labelers of 16
// skills, 3 labelers a task, for one caller after the other. The deadlines lie
// evenly between 5% and 95% of what a plan takes that is left alone. Of each
// call: when its caller got an answer, be it a plan, DEADLINE_EXCEEDED or,
// where no such call is that short, a refusal, and when no thread of the server
// worked for it any more, both counted from the deadline. Prints one JSON
// object; times in milliseconds, 0 for what was over before the deadline. A
// DEADLINE_EXCEEDED may be the client library's own: what the server does is
// what `stopped` tells. Anything but those or a sound plan ends the run with 1.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "allot/v1/allocation.grpc.pb.h"
#include "server/server.h"
#include "tests/load/requests.h"

namespace allot {
namespace {

using Time = std::chrono::system_clock::time_point;

// As many pairs as it says, of as many slots as were asked for, and a bound.
bool IsSound(const v1::AllocateResponse& plan, int slots) {
  return plan.summary().slots() == slots &&
         plan.summary().filled() == plan.assignments_size() &&
         plan.summary().upper_bound() >= plan.summary().objective();
}

double MillisAfter(Time deadline) {
  return std::max(0.0, std::chrono::duration<double, std::milli>(
                           std::chrono::system_clock::now() - deadline)
                           .count());
}

void Print(const char* name, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    return values[static_cast<size_t>(share *
                                      static_cast<double>(values.size() - 1))];
  };
  std::printf(",\"%s_p50\":%.3f,\"%s_p99\":%.3f,\"%s_max\":%.3f", name, at(0.5),
              name, at(0.99), name, at(1));
}

int Run(int tasks, int labelers, int calls) {
  const SystemClock clock;
  Logger log(&clock, Severity::kError, [](absl::string_view) {});
  ServerOptions options;
  options.listen = "127.0.0.1:0";
  options.http_listen = "";
  options.store = "memory:";
  auto server = Server::Start(options, &clock, &log);
  if (!server.ok()) return 1;
  const auto connector = Connector::Make({.target = (*server)->grpc_address()});
  LoadScenario scenario;
  scenario.pools.push_back({.id = "pool", .labelers = labelers});
  if (!connector.ok() || !SetUpPools(scenario, *connector).ok()) return 1;
  const CallSpec spec{.name = "Allocate",
                      .method = "Allocate",
                      .pool = "pool",
                      .tasks = tasks,
                      .redundancy = 3,
                      .variants = 1};
  const auto source = RequestSource::Make(scenario, spec, 1);
  v1::AllocateRequest request;
  if (!source.ok() || !request.ParseFromString(source->RequestBytes(0))) {
    return 1;
  }
  const auto stub = v1::AllocationService::NewStub(connector->NewChannel());

  double alone_ms = 0;
  for (int i = 0; i < 3; ++i) {  // the first one is slower than the others
    grpc::ClientContext context;
    v1::AllocateResponse response;
    const Time sent = std::chrono::system_clock::now();
    if (!stub->Allocate(&context, request, &response).ok() ||
        !IsSound(response, 3 * tasks) || response.summary().gap() != 0) {
      std::fprintf(stderr, "no proven plan without a deadline\n");
      return 1;
    }
    alone_ms = MillisAfter(sent);
  }
  std::vector<double> answered, stopped;
  int plans = 0, refused = 0;
  for (int i = 0; i < calls; ++i) {
    const double share = 0.05 + 0.9 * (i % 19) / 18;
    grpc::ClientContext context;
    v1::AllocateResponse response;
    const Time deadline =
        std::chrono::system_clock::now() +
        std::chrono::microseconds(static_cast<int64_t>(1e3 * alone_ms * share));
    context.set_deadline(deadline);
    const grpc::Status status = stub->Allocate(&context, request, &response);
    answered.push_back(MillisAfter(deadline));
    plans += status.ok();
    // At once: even what no deadline cuts short takes longer.
    const bool too_short =
        status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
    refused += too_short;
    if (status.ok() ? !IsSound(response, 3 * tasks)
                    : !too_short && status.error_code() !=
                                        grpc::StatusCode::DEADLINE_EXCEEDED) {
      std::fprintf(stderr, "call %d: %s\n", i,
                   status.ok() ? "its plan does not add up"
                               : status.error_message().c_str());
      return 1;
    }
    const WorkerPool& workers = (*server)->workers();
    while (workers.running() > 0 || workers.waiting() > 0) {
      std::this_thread::yield();
    }
    stopped.push_back(MillisAfter(deadline));
  }
  std::printf("{\"alone_ms\":%.3f,\"calls\":%d,\"plans\":%d,\"refused\":%d",
              alone_ms, calls, plans, refused);
  Print("answered_ms", answered);
  Print("stopped_ms", stopped);
  std::printf("}\n");
  return 0;
}

}  // namespace
}  // namespace allot

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const auto number = [&](int at, int otherwise) {
    return argc > at ? std::atoi(argv[at]) : otherwise;
  };
  return allot::Run(number(1, 1024), number(2, 100'000), number(3, 95));
}
