// SPDX-License-Identifier: Apache-2.0
// What it costs that a change is durable before it is answered: Allocate with
// leases against without, and ReportAnswers against the rate at which the back
// end itself makes the same rows durable. Sides take turns, and the median of
// the ratios is what counts: rates drift with whatever else uses the machine.
//
//   allot_durable_bench [--json] [--store=sqlite|redis]
//                       [--only=answers|leases] FOLDER
//
// FOLDER is on the disk to be measured. Callers are threads with a pool each:
// within one, changes are made one after another, and commits of several go to
// the disk together.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "lib/engine/engine.h"
#include "tests/bench/measure.h"
#include "tests/bench/raw_inserts.h"
#include "tests/testing/redis_server.h"

namespace allot {
namespace {

constexpr int kBatch = 64;
constexpr int kLabelers = 2000;
struct Backend {
  std::string name;
  std::string address;
  double lease_goal = 0;
  std::unique_ptr<RawInserts> raw;
};

struct Line {
  std::string name;
  const char* metric;
  double value;      // a second
  double yardstick;  // a second
  double ratio;      // the median one
  std::optional<double> goal;
};

void Print(bool json, const Line& line) {
  const bool ok = !line.goal || line.ratio >= *line.goal;
  const std::string goal = line.goal ? absl::StrCat(*line.goal) : "";
  if (json) {
    std::printf(
        "{\"case\": \"%s\", \"metric\": \"%s\", \"value\": %.1f, "
        "\"yardstick\": %.1f, \"ratio\": %.3f, \"goal\": %s, \"ok\": %s}\n",
        line.name.c_str(), line.metric, line.value, line.yardstick, line.ratio,
        line.goal ? goal.c_str() : "null", ok ? "true" : "false");
  } else {
    std::printf("%-38s %-32s %10.1f %10.1f %6.2f %5s  %s\n", line.name.c_str(),
                line.metric, line.value, line.yardstick, line.ratio,
                goal.c_str(),
                !line.goal ? ""
                : ok       ? "ok"
                           : "short");
  }
  std::fflush(stdout);
}

struct Used {
  double seconds = 0;
  double cpu = 0;  // of this process
};

class Stopwatch {
 public:
  Used Read() const { return {SecondsSince(start_), Cpu() - cpu_}; }

 private:
  static double Cpu() {
    rusage use{};
    getrusage(RUSAGE_SELF, &use);
    const auto seconds = [](const timeval& time) {
      return static_cast<double>(time.tv_sec) +
             1e-6 * static_cast<double>(time.tv_usec);
    };
    return seconds(use.ru_utime) + seconds(use.ru_stime);
  }
  const SteadyClock::time_point start_ = SteadyClock::now();
  const double cpu_ = Cpu();
};

struct Sides {
  Line by_time, by_cpu;
};

// Rates of two sides that take turns, `rounds` times.
Sides Compare(int rounds, double things, const std::function<Used()>& side,
              const std::function<Used()>& yardstick) {
  std::vector<Used> mine(rounds), other(rounds);
  for (int round = 0; round < rounds; ++round) {
    if (round % 2 == 0) other[round] = yardstick();
    mine[round] = side();
    if (round % 2 == 1) other[round] = yardstick();
  }
  const auto line = [&](double Used::*used) {
    std::vector<double> rates, yardsticks, ratios;
    for (int round = 0; round < rounds; ++round) {
      rates.push_back(things / (mine[round].*used));
      yardsticks.push_back(things / (other[round].*used));
      ratios.push_back(other[round].*used / (mine[round].*used));
    }
    return Line{"", "", Median(rates), Median(yardsticks), Median(ratios), {}};
  };
  return {line(&Used::seconds), line(&Used::cpu)};
}

Pool BenchPool(const std::string& id) {
  Pool pool;
  pool.id = id;
  pool.skills.push_back({.name = "skill"});
  pool.label_sets.push_back({.name = "labels", .labels = {"a", "b"}});
  return pool;
}

void AddPool(Engine& engine, const std::string& pool) {
  Check(engine.UpsertPool(BenchPool(pool)).status());
  std::vector<LabelerUpdate> updates;
  for (int i = 0; i < kLabelers; ++i) {
    LabelerUpdate& update = updates.emplace_back();
    update.id = absl::StrCat("labeler-", i);
    update.capacity = 20;
    update.price = Price{0.01 * (i % 50), 0};
    update.skills.push_back({0, {0.001 * (i % 1999), 0.1}});
  }
  Check(engine.UpsertLabelers(pool, std::move(updates)).status());
}

// Answers of tasks in order, three each, by labelers all over the pool.
std::vector<Answer> MakeAnswers(int64_t first) {
  std::vector<Answer> answers;
  for (int64_t n = first; n < first + kBatch; ++n) {
    Answer answer;
    answer.task = absl::StrCat("task-", n / 3);
    answer.labeler = absl::StrCat("labeler-", (n * 7919) % kLabelers);
    answer.label = static_cast<int32_t>(n % 2);
    answer.handling_seconds = 0.1 * static_cast<double>(n % 600 + 1);
    answer.answered_unix_micros = 1'700'000'000'000'000 + n * 1000;
    answers.push_back(std::move(answer));
  }
  return answers;
}

void BenchAnswers(bool json, Backend& backend, Engine& engine) {
  constexpr int kRounds = 9;
  constexpr int kBatches = 20;
  AddPool(engine, "answers");
  int64_t next = 0, next_raw = 0;
  Sides sides = Compare(
      kRounds, kBatches * kBatch,
      [&] {
        std::vector<AnswerReport> reports(kBatches);
        for (AnswerReport& report : reports) {
          report.pool = "answers";
          report.answers = MakeAnswers(next);
          next += kBatch;
        }
        const Stopwatch watch;
        for (AnswerReport& report : reports) {
          Check(engine.ReportAnswers(std::move(report)).status());
        }
        return watch.Read();
      },
      [&] {
        std::vector<std::vector<Answer>> batches;
        for (int i = 0; i < kBatches; ++i, next_raw += kBatch) {
          batches.push_back(MakeAnswers(next_raw));
        }
        const Stopwatch watch;
        for (const auto& batch : batches) backend.raw->Insert(batch);
        return watch.Read();
      });
  sides.by_time.metric = "answers/s against raw inserts";
  sides.by_time.goal = 0.7;
  sides.by_cpu.metric = "the same by CPU time";
  for (Line* line : {&sides.by_time, &sides.by_cpu}) {
    line->name = absl::StrCat(backend.name, " report 64 answers");
    Print(json, *line);
  }
}

// Runs allocations, so many for each caller.
class Callers {
 public:
  Callers(Engine& engine, int callers, int tasks)
      : engine_(engine), callers_(callers), tasks_(tasks), leases_(callers) {}

  Used Run(int calls, bool leased) {
    std::vector<std::vector<Plan>> plans(callers_);
    std::vector<std::thread> threads;
    const Stopwatch watch;
    for (int c = 0; c < callers_; ++c) {
      threads.emplace_back([&, c] {
        const std::string pool = absl::StrCat("leases-", c);
        const Pool config = BenchPool(pool);
        for (int n = 0; n < calls; ++n) {
          const int64_t number = next_++;
          AllocateCall call;
          call.pool = pool;
          for (int t = 0; t < tasks_; ++t) {
            Task task = DefaultTask(config, absl::StrCat("t", number, "-", t));
            task.redundancy = 3;
            call.tasks.push_back(std::move(task));
          }
          if (leased) call.lease_micros = int64_t{3600} * 1'000'000;
          plans[c].push_back(Check(engine_.Allocate(call)));
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    const Used used = watch.Read();
    for (int c = 0; c < callers_; ++c) {
      for (const Plan& plan : plans[c]) {
        for (const PlannedPair& pair : plan.pairs) {
          if (pair.lease) leases_[c].push_back(pair.lease->id);
        }
      }
    }
    return used;
  }

  // Gives back the leases, by nobody's clock.
  void Release() {
    for (int c = 0; c < callers_; ++c) {
      if (leases_[c].empty()) continue;
      Check(engine_
                .ReleaseLeases(absl::StrCat("leases-", c), leases_[c],
                               ReleaseReason::kReleased)
                .status());
      leases_[c].clear();
    }
  }

 private:
  static inline std::atomic<int64_t> next_ = 0;  // no task twice
  Engine& engine_;
  const int callers_;
  const int tasks_;
  std::vector<std::vector<std::string>> leases_;
};

void BenchLeases(bool json, const Backend& backend, Engine& engine) {
  constexpr int kMostCallers = 64;
  constexpr int kRounds = 9;
  for (int c = 0; c < kMostCallers; ++c) {
    AddPool(engine, absl::StrCat("leases-", c));
  }
  for (const int tasks : {10, 50, 200}) {
    for (const int callers : {1, 8, kMostCallers}) {
      Callers all(engine, callers, tasks);
      const int calls = std::max(4, 2 * callers) / callers;
      const int rounds = tasks > 100 ? 5 : kRounds;
      const auto timed = [&](bool leased) {
        const Used used = all.Run(calls, leased);
        all.Release();
        return used;
      };
      // Beside leases a plan is dearer to make, as the best labelers are taken:
      // here a lease-less call has as many of them beside it as a leased one.
      const auto stepwise = [&](bool leased) {
        Used sum;
        for (int call = 0; call < calls; ++call) {
          const Used used = all.Run(1, leased);
          sum.seconds += used.seconds;
          sum.cpu += used.cpu;
          if (!leased && call + 1 < calls) all.Run(1, true);
        }
        all.Release();
        return sum;
      };
      timed(true);
      Sides sides = Compare(
          rounds, calls * callers, [&] { return timed(true); },
          [&] { return timed(false); });
      sides.by_time.metric = "leased calls/s against lease-less";
      sides.by_cpu.metric = "the same by CPU time";
      // Throughput is what many callers have together.
      if (callers == kMostCallers) sides.by_time.goal = backend.lease_goal;
      Sides beside = Compare(
          rounds, calls * callers, [&] { return stepwise(true); },
          [&] { return stepwise(false); });
      beside.by_cpu.metric = "by CPU time, both beside leases";
      for (Line* line : {&sides.by_time, &sides.by_cpu, &beside.by_cpu}) {
        line->name =
            absl::StrCat(backend.name, " allocate ", tasks, " x 3, ", callers,
                         callers == 1 ? " caller" : " callers");
        Print(json, *line);
      }
    }
  }
}

void Bench(bool json, absl::string_view only, Backend& backend) {
  const SystemClock clock;
  const std::unique_ptr<Store> store = Check(OpenStore(backend.address));
  const std::unique_ptr<Engine> engine =
      Check(Engine::Open(store.get(), &clock, {}));
  if (only.empty() || only == "answers") BenchAnswers(json, backend, *engine);
  if (only.empty() || only == "leases") BenchLeases(json, backend, *engine);
}

int Main(int argc, char** argv) {
  bool json = false;
  std::string store, only, folder;
  for (int i = 1; i < argc; ++i) {
    absl::string_view argument = argv[i];
    if (argument == "--json") {
      json = true;
    } else if (absl::ConsumePrefix(&argument, "--store=")) {
      store = std::string(argument);
    } else if (absl::ConsumePrefix(&argument, "--only=")) {
      only = std::string(argument);
    } else {
      folder = std::string(argument);
    }
  }
  if (folder.empty()) {
    std::fprintf(stderr,
                 "usage: %s [--json] [--store=sqlite|redis] "
                 "[--only=answers|leases] FOLDER\n",
                 argv[0]);
    return 2;
  }
  folder = std::filesystem::absolute(folder) / "allot_durable_bench";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  if (!json) {
    std::printf("%-38s %-32s %10s %10s %6s %5s\n", "case", "metric", "value",
                "yardstick", "ratio", "goal");
  }
  if (store.empty() || store == "sqlite") {
    Backend sqlite{"sqlite", absl::StrCat("sqlite:", folder, "/store.db"), 0.85,
                   RawSqliteInserts(folder + "/raw.db")};
    Bench(json, only, sqlite);
  }
  if (store.empty() || store == "redis") {
    if (RedisServer::Installed()) {
      const RedisServer server({"--dir", folder});
      Backend redis{"redis", server.address(), 0.6,
                    RawRedisInserts(server.port())};
      Bench(json, only, redis);
    } else {
      std::fprintf(stderr, "no redis-server here: left out\n");
    }
  }
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace allot

int main(int argc, char** argv) { return allot::Main(argc, argv); }
