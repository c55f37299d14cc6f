// SPDX-License-Identifier: Apache-2.0
// What admission and access cost a call, in one thread, without tokens: looking
// at the request, taking it in, taking it up, and learning from it.
//
//   ./tests/bench/run admission
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "allot/v1/allocation.pb.h"
#include "server/access.h"
#include "server/admission.h"
#include "server/decode.h"
#include "server/peek.h"

namespace allot {
namespace {

struct Nothing final : Job {
  void Run() override {}
  void Evicted() override {}
};

int Main() {
  const SystemClock clock;
  Metrics metrics("0");
  // No worker takes anything up: what is measured stays in this thread.
  WorkerPool workers(&clock, {.workers = 1, .queue = 100});
  struct Stopper final : Job {
    void Run() override {
      while (!over) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    void Evicted() override {}
    std::atomic<bool> over{false};
  } stopper;
  workers.Submit(&stopper);
  Admission admission(&clock, &workers, &metrics, 10'000'000);
  Access access;
  v1::AllocateRequest request;
  request.set_pool_id("animals");
  request.set_request_id("0123456789abcdef");
  request.add_tasks()->set_task_id("task-1");
  const grpc::ByteBuffer bytes = Encode(request);
  const PeekPlan plan = PlanPeek(*v1::AllocateRequest::descriptor());
  constexpr int kRounds = 41;
  constexpr int kCalls = 20'000;
  std::vector<double> nanos;
  Nothing job;
  for (int round = 0; round < kRounds; ++round) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kCalls; ++i) {
      Ticket ticket;
      const int64_t now = clock.MonotonicNanos();
      if (!access.Check("", Role::kAllocate).ok()) return 1;
      const Peeked peeked = Peek(bytes, plan);
      job.priority = Priority::kInteractive;
      if (!admission
               .Admit(
                   &job,
                   {peeked.pool_hash, 0, bytes.Length(), now + 1'000'000'000},
                   ticket)
               .ok()) {
        return 1;
      }
      workers.Remove(&job);
      admission.Finish(ticket, true, now, now, clock.MonotonicNanos(), 0);
    }
    nanos.push_back(std::chrono::duration<double, std::nano>(
                        std::chrono::steady_clock::now() - start)
                        .count() /
                    kCalls);
  }
  stopper.over = true;
  std::sort(nanos.begin(), nanos.end());
  const double median = nanos[nanos.size() / 2];
  std::printf(
      "admission and access: %.0f ns a call (median of %d), goal 1000: "
      "%s\n",
      median, kRounds, median < 1000 ? "ok" : "missed");
  return 0;
}

}  // namespace
}  // namespace allot

int main() { return allot::Main(); }
