// SPDX-License-Identifier: Apache-2.0
// How much replicas that change one pool, in Redis, are in each other's way.
//
//   allot_replica_bench FOLDER    (on the disk to be measured)
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/engine/engine.h"
#include "tests/bench/measure.h"
#include "tests/testing/redis_server.h"

namespace allot {
namespace {

Pool BenchPool(const std::string& id) {
  Pool pool;
  pool.id = id;
  pool.skills.push_back({.name = "skill"});
  pool.label_sets.push_back({.name = "labels", .labels = {"a", "b"}});
  return pool;
}

std::unique_ptr<Engine> OpenEngine(Store& store, const Clock& clock,
                                   const std::string& pool, int labelers) {
  std::unique_ptr<Engine> engine = Check(Engine::Open(&store, &clock, {}));
  Check(engine->UpsertPool(BenchPool(pool)).status());
  std::vector<LabelerUpdate> updates;
  for (int i = 0; i < labelers; ++i) {
    LabelerUpdate& update = updates.emplace_back();
    update.id = absl::StrCat("labeler-", i);
    update.capacity = 20;
    update.price = Price{0.01 * (i % 50), 0};
    update.skills.push_back({0, {0.001 * (i % 1999), 0.1}});
  }
  Check(engine->UpsertLabelers(pool, std::move(updates)).status());
  return engine;
}

AllocateCall BenchCall(const std::string& pool, int round, int tasks) {
  AllocateCall call;
  call.pool = pool;
  for (int t = 0; t < tasks; ++t) {
    Task task = DefaultTask(BenchPool(pool), absl::StrCat("t", round, "-", t));
    task.redundancy = 3;
    call.tasks.push_back(std::move(task));
  }
  return call;
}

void BenchReplicas(const RedisServer& server, int replicas) {
  constexpr int kCalls = 90;
  const SystemClock clock;
  const std::string pool = absl::StrCat("replicas", replicas);
  std::vector<std::unique_ptr<Store>> stores;
  std::vector<std::unique_ptr<Engine>> engines;
  for (int i = 0; i < replicas; ++i) {
    stores.push_back(Check(OpenStore(server.address())));
    engines.push_back(
        i == 0 ? OpenEngine(*stores[0], clock, pool, 2000)
               : Check(Engine::Open(stores.back().get(), &clock, {})));
  }
  std::vector<std::thread> threads;
  const auto start = SteadyClock::now();
  for (int i = 0; i < replicas; ++i) {
    threads.emplace_back([&, i] {
      for (int n = i; n < kCalls; n += replicas) {
        AllocateCall call = BenchCall(pool, n, 10);
        call.lease_micros = 60'000'000;
        Check(engines[i]->Allocate(call).status());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds = SecondsSince(start);
  int64_t conflicts = 0;
  for (const auto& engine : engines) {
    conflicts += engine->replica_stats().conflicts;
  }
  std::printf(
      "%d replicas, one pool: %.0f leased Allocates of 10 tasks a second, %.2f "
      "conflicts each\n",
      replicas, kCalls / seconds, static_cast<double>(conflicts) / kCalls);
}

}  // namespace
}  // namespace allot

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: allot_replica_bench FOLDER\n");
    return 2;
  }
  setvbuf(stdout, nullptr, _IOLBF, 0);
  const allot::RedisServer server({"--dir", argv[1]});
  for (const int replicas : {1, 2, 3}) allot::BenchReplicas(server, replicas);
  return 0;
}
