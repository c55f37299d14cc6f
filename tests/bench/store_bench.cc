// SPDX-License-Identifier: Apache-2.0
// How fast answers become durable, against SQLite's own insert rate of the same
// rows, and how fast a log is loaded. Rates on one machine drift with whatever
// else uses the disk: the two sides take turns, and the median of the ratios is
// what counts.
//
//   allot_store_bench FOLDER    (on the disk to be measured)
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/store/sqlite_store.h"
#include "tests/bench/measure.h"
#include "tests/bench/raw_inserts.h"

namespace allot {
namespace {

constexpr int kBatch = 64;

// Answers of tasks in order, three each, by labelers all over the pool: the
// order in which they come in life.
std::vector<Answer> MakeAnswers(int64_t first, int count) {
  std::vector<Answer> answers;
  for (int64_t n = first; n < first + count; ++n) {
    Answer answer;
    answer.task = absl::StrCat("task-", n / 3);
    answer.labeler = absl::StrCat("labeler-", (n * 7919) % 100'003);
    answer.label = static_cast<int32_t>(n % 4);
    answer.handling_seconds = 0.1 * static_cast<double>(n % 600);
    answer.answered_unix_micros = 1'700'000'000'000'000 + n * 1000;
    answers.push_back(std::move(answer));
  }
  return answers;
}

Event Recorded(std::vector<Answer> answers) {
  return {"pool", 0, AnswersRecorded{std::move(answers)}};
}

void BenchInsert(const std::filesystem::path& folder) {
  const std::unique_ptr<RawInserts> raw =
      RawSqliteInserts((folder / "raw.db").string());
  const std::unique_ptr<Store> store =
      Check(OpenSqlite((folder / "store.db").string()));
  constexpr int kRounds = 15;
  constexpr int kBatches = 100;
  std::vector<double> ratios, raw_rates, store_rates;
  int64_t next = 0;
  int64_t after = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<std::vector<Answer>> batches;
    std::vector<Event> events;
    for (int i = 0; i < kBatches; ++i, next += kBatch) {
      batches.push_back(MakeAnswers(next, kBatch));
      events.push_back(Recorded(batches.back()));
    }
    const auto time_raw = [&] {
      const auto start = SteadyClock::now();
      for (const auto& batch : batches) raw->Insert(batch);
      return SecondsSince(start);
    };
    const auto time_store = [&] {
      const auto start = SteadyClock::now();
      for (const Event& event : events) {
        after = Check(store->Append("pool", after, std::span(&event, 1)));
      }
      return SecondsSince(start);
    };
    double raw_seconds = 0, store_seconds = 0;
    if (round % 2 == 0) raw_seconds = time_raw();
    store_seconds = time_store();
    if (round % 2 == 1) raw_seconds = time_raw();
    ratios.push_back(raw_seconds / store_seconds);
    raw_rates.push_back(kBatches * kBatch / raw_seconds);
    store_rates.push_back(kBatches * kBatch / store_seconds);
  }
  std::printf(
      "durable batches of %d, one thread: store %.0f answers/s, raw %.0f "
      "answers/s, median ratio %.2f\n",
      kBatch, Median(store_rates), Median(raw_rates), Median(ratios));
}

void BenchThreads(const std::filesystem::path& folder, int threads) {
  const std::unique_ptr<Store> store = Check(
      OpenSqlite((folder / absl::StrCat("threads", threads, ".db")).string()));
  constexpr int kAppends = 1200;
  std::vector<std::vector<double>> milliseconds(threads);
  std::vector<std::thread> workers;
  const auto start = SteadyClock::now();
  for (int t = 0; t < threads; ++t) {
    workers.emplace_back([&, t] {
      // A pool for each: within one, changes are made one after another.
      const std::string pool = absl::StrCat("pool", t);
      int64_t after = 0;
      for (int i = t; i < kAppends; i += threads) {
        Event event = Recorded(MakeAnswers(int64_t{i} * kBatch, kBatch));
        event.pool = pool;
        const auto begin = SteadyClock::now();
        after = Check(store->Append(pool, after, std::span(&event, 1)));
        milliseconds[t].push_back(1e3 * SecondsSince(begin));
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  const double seconds = SecondsSince(start);
  std::vector<double> all;
  for (const auto& some : milliseconds) {
    all.insert(all.end(), some.begin(), some.end());
  }
  std::sort(all.begin(), all.end());
  std::printf(
      "durable batches of %d, %d threads: %.0f answers/s; an append takes "
      "p50 %.2f ms, p99 %.2f ms\n",
      kBatch, threads, kAppends * kBatch / seconds, all[all.size() / 2],
      all[all.size() * 99 / 100]);
}

void BenchLoad(const std::filesystem::path& folder) {
  const std::string path = (folder / "load.db").string();
  constexpr int kAnswers = 1'000'000;
  constexpr int kLabelers = 100'000;
  constexpr int kTasks = kAnswers / 3 + 1;
  {
    const std::unique_ptr<Store> store = Check(OpenSqlite(path));
    std::vector<Event> events;
    LabelersUpserted upserted;
    for (int i = 0; i < kLabelers; ++i) {
      LabelerUpdate update;
      update.id = absl::StrCat("labeler-", i);
      update.price = Price{0.01 * (i % 50), 0};
      update.capacity = 10;
      update.qualifications = {"english"};
      upserted.labelers.push_back(std::move(update));
    }
    events.push_back({"pool", 0, std::move(upserted)});
    for (int i = 0; i < kTasks; ++i) {
      if (i % 500 == 0) events.push_back({"pool", 0, TasksRecorded{}});
      Task task;
      task.id = absl::StrCat("task-", i);
      task.loading = {{i % 8, 0.6f}, {8 + i % 8, 0.4f}};
      task.num_classes = 4;
      task.difficulty = 0.001 * (i % 1000);
      std::get<TasksRecorded>(events.back().body).tasks.push_back(task);
    }
    for (int64_t first = 0; first < kAnswers; first += kBatch) {
      events.push_back(Recorded(MakeAnswers(first, kBatch)));
    }
    Check(store->Append("pool", 0, events).status());
  }
  const auto begin = SteadyClock::now();
  const std::unique_ptr<Store> store = Check(OpenSqlite(path));
  const double open_seconds = SecondsSince(begin);
  std::vector<double> seconds;
  for (int round = 0; round < 5; ++round) {
    const auto start = SteadyClock::now();
    int64_t answers = 0;
    Check(store->LoadAll({}, [&](int64_t, Event&& event) {
      if (const auto* recorded = std::get_if<AnswersRecorded>(&event.body)) {
        answers += static_cast<int64_t>(recorded->answers.size());
      }
      return absl::OkStatus();
    }));
    if (answers < kAnswers) std::abort();
    seconds.push_back(SecondsSince(start));
  }
  std::printf(
      "%d answers, %d tasks, %d labelers (%.0f MB): open %.2f s, load %.2f s\n",
      kAnswers, kTasks, kLabelers,
      static_cast<double>(std::filesystem::file_size(path)) / 1e6, open_seconds,
      Median(seconds));
}

void BenchCheckpoint(const std::filesystem::path& folder) {
  const std::unique_ptr<Store> store =
      Check(OpenSqlite((folder / "checkpoint.db").string()));
  const std::vector<Checkpoint> checkpoints = {
      {"pool", 1, std::string(100'000'000, 'x')}};
  Check(store->SaveCheckpoints(checkpoints));
  std::vector<double> alone, beside;
  std::atomic<bool> saving = true;
  double save_seconds = 0;
  std::thread saver([&] {
    const auto start = SteadyClock::now();
    Check(store->SaveCheckpoints(checkpoints));
    save_seconds = SecondsSince(start);
    saving = false;
  });
  int64_t next = 0;
  int64_t after = 0;
  const auto append = [&] {
    const Event event = Recorded(MakeAnswers(next, kBatch));
    next += kBatch;
    const auto start = SteadyClock::now();
    after = Check(store->Append("pool", after, std::span(&event, 1)));
    return 1e3 * SecondsSince(start);
  };
  while (saving) beside.push_back(append());
  saver.join();
  for (size_t i = 0; i < beside.size(); ++i) alone.push_back(append());
  std::sort(alone.begin(), alone.end());
  std::sort(beside.begin(), beside.end());
  const auto start = SteadyClock::now();
  Check(store->LoadCheckpoints().status());
  std::printf(
      "checkpoint of 100 MB: saved in %.2f s, loaded in %.2f s; an append "
      "takes p50 %.2f ms, p99 %.2f ms, worst %.2f ms meanwhile, and p50 %.2f "
      "ms, p99 %.2f ms after\n",
      save_seconds, SecondsSince(start), beside[beside.size() / 2],
      beside[beside.size() * 99 / 100], beside.back(), alone[alone.size() / 2],
      alone[alone.size() * 99 / 100]);
}

}  // namespace
}  // namespace allot

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: allot_store_bench FOLDER\n");
    return 2;
  }
  const std::filesystem::path folder =
      std::filesystem::path(argv[1]) / "allot_store_bench";
  std::filesystem::create_directories(folder);
  allot::BenchInsert(folder);
  for (const int threads : {1, 8}) allot::BenchThreads(folder, threads);
  allot::BenchLoad(folder);
  allot::BenchCheckpoint(folder);
  std::filesystem::remove_all(folder);
  return 0;
}
