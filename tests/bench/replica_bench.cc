// SPDX-License-Identifier: Apache-2.0
// What sharing a log in Redis costs: answers against Redis's own rate for the
// same rows, allocations with leases against those without, and how much
// replicas that change one pool are in each other's way. Sides take turns, and
// the median of the ratios is what counts.
//
//   allot_replica_bench FOLDER    (on the disk to be measured)
#include <hiredis/hiredis.h>

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
#include "tests/testing/redis_server.h"

namespace allot {
namespace {

constexpr int kBatch = 64;
using SteadyClock = std::chrono::steady_clock;

double SecondsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::abort();
}

template <typename T>
T Check(absl::StatusOr<T> value) {
  Check(value.status());
  return *std::move(value);
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2,
                   values.end());
  return values[values.size() / 2];
}

std::vector<Answer> MakeAnswers(int64_t first, int labelers) {
  std::vector<Answer> answers;
  for (int64_t n = first; n < first + kBatch; ++n) {
    Answer answer;
    answer.task = absl::StrCat("task-", n / 3);
    answer.labeler = absl::StrCat("labeler-", (n * 7919) % labelers);
    answer.label = static_cast<int32_t>(n % 2);
    answer.handling_seconds = 0.1 * static_cast<double>(n % 600 + 1);
    answer.answered_unix_micros = 1'700'000'000'000'000 + n * 1000;
    answers.push_back(std::move(answer));
  }
  return answers;
}

// The yardstick: each answer an entry of a stream with its fields, a batch one
// transaction in one round trip.
class RawStream {
 public:
  explicit RawStream(int port) : context_(redisConnect("127.0.0.1", port)) {}
  ~RawStream() { redisFree(context_); }

  void Insert(const std::vector<Answer>& answers) {
    redisAppendCommand(context_, "MULTI");
    for (const Answer& answer : answers) {
      redisAppendCommand(
          context_,
          "XADD raw * task %s labeler %s label %d handling_seconds %.17g "
          "answered_unix_micros %lld",
          answer.task.c_str(), answer.labeler.c_str(), answer.label,
          *answer.handling_seconds,
          static_cast<long long>(answer.answered_unix_micros));
    }
    redisAppendCommand(context_, "EXEC");
    for (size_t i = 0; i < answers.size() + 2; ++i) {
      void* reply = nullptr;
      if (redisGetReply(context_, &reply) != REDIS_OK) std::abort();
      freeReplyObject(reply);
    }
  }

 private:
  redisContext* context_;
};

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

void BenchAnswers(const RedisServer& server) {
  constexpr int kRounds = 11;
  constexpr int kBatches = 40;
  constexpr int kLabelers = 5000;
  const SystemClock clock;
  const std::unique_ptr<Store> store = Check(OpenStore(server.address()));
  const auto engine = OpenEngine(*store, clock, "answers", kLabelers);
  RawStream raw(server.port());
  std::vector<double> ratios, raw_rates, rates;
  int64_t next = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::vector<Answer>> batches;
    for (int i = 0; i < kBatches; ++i, next += kBatch) {
      batches.push_back(MakeAnswers(next, kLabelers));
    }
    const auto time_raw = [&] {
      const auto start = SteadyClock::now();
      for (const auto& batch : batches) raw.Insert(batch);
      return SecondsSince(start);
    };
    double raw_seconds = 0;
    if (round % 2 == 0) raw_seconds = time_raw();
    const auto start = SteadyClock::now();
    for (const auto& batch : batches) {
      AnswerReport report;
      report.pool = "answers";
      report.answers = batch;
      Check(engine->ReportAnswers(std::move(report)).status());
    }
    const double seconds = SecondsSince(start);
    if (round % 2 == 1) raw_seconds = time_raw();
    ratios.push_back(raw_seconds / seconds);
    raw_rates.push_back(kBatches * kBatch / raw_seconds);
    rates.push_back(kBatches * kBatch / seconds);
  }
  std::printf(
      "ReportAnswers, durable batches of %d: %.0f answers/s, raw %.0f "
      "answers/s, median ratio %.2f\n",
      kBatch, Median(rates), Median(raw_rates), Median(ratios));
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

void BenchLeases(const RedisServer& server, int tasks) {
  constexpr int kRounds = 60;
  const SystemClock clock;
  const std::unique_ptr<Store> store = Check(OpenStore(server.address()));
  const std::string pool = absl::StrCat("leases", tasks);
  const auto engine = OpenEngine(*store, clock, pool, 2000);
  std::vector<double> ratios, with, without;
  for (int round = 0; round < kRounds; ++round) {
    AllocateCall call = BenchCall(pool, round, tasks);
    const auto timed = [&](std::vector<double>& milliseconds) {
      const auto start = SteadyClock::now();
      Plan plan = Check(engine->Allocate(call));
      milliseconds.push_back(1e3 * SecondsSince(start));
      return plan;
    };
    timed(without);
    call.lease_micros = 60'000'000;
    const Plan plan = timed(with);
    ratios.push_back(without.back() / with.back());
    std::vector<std::string> ids;
    for (const PlannedPair& pair : plan.pairs) ids.push_back(pair.lease->id);
    Check(engine->ReleaseLeases(pool, ids, ReleaseReason::kReleased).status());
  }
  std::printf(
      "Allocate of %d tasks, redundancy 3, 2000 labelers: %.2f ms, with leases "
      "%.2f ms, median ratio %.2f\n",
      tasks, Median(without), Median(with), Median(ratios));
}

void BenchReplicas(const RedisServer& server, int replicas) {
  constexpr int kCalls = 300;
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
  const allot::RedisServer server({"--dir", argv[1]});
  allot::BenchAnswers(server);
  for (const int tasks : {10, 50, 200}) allot::BenchLeases(server, tasks);
  for (const int replicas : {1, 2, 3}) allot::BenchReplicas(server, replicas);
  return 0;
}
