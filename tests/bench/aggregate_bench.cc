// SPDX-License-Identifier: Apache-2.0
// Fits Dawid-Skene to rows "task labeler label" of a text file and prints one
// JSON object: what was reached, how long it took, how much memory it held.
//
//   allot_aggregate_bench ROWS.txt CLASSES [THREADS]
//
// `seconds` is the median of five fits, CPU time of the process (with more
// than one thread: wall time). `bytes_per_answer` is the high-water mark of the
// heap during a fit, the answers included.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <new>
#include <vector>

#include "lib/truth/dawid_skene.h"

namespace {

std::atomic<int64_t> held{0}, high_water{0};

void* Counted(std::size_t size) {
  // The size is kept in front of the block.
  void* block = std::malloc(size + 16);
  if (block == nullptr) throw std::bad_alloc();
  *static_cast<std::size_t*>(block) = size;
  const int64_t now = held += static_cast<int64_t>(size);
  int64_t seen = high_water;
  while (now > seen && !high_water.compare_exchange_weak(seen, now)) {
  }
  return static_cast<char*>(block) + 16;
}

void Release(void* pointer) {
  if (pointer == nullptr) return;
  void* block = static_cast<char*>(pointer) - 16;
  held -= static_cast<int64_t>(*static_cast<std::size_t*>(block));
  std::free(block);
}

double CpuSeconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

double WallSeconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

void* operator new(std::size_t size) { return Counted(size); }
void operator delete(void* pointer) noexcept { Release(pointer); }
void operator delete(void* pointer, std::size_t) noexcept { Release(pointer); }

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s ROWS.txt CLASSES [THREADS]\n", argv[0]);
    return 2;
  }
  const int classes = std::atoi(argv[2]);
  allot::DawidSkeneOptions options;
  options.threads = argc > 3 ? std::atoi(argv[3]) : 1;
  options.keep_confusion = false;

  allot::AnswerSet answers;
  {
    std::vector<allot::LabelAnswer> rows;
    std::ifstream file(argv[1]);
    allot::LabelAnswer row;
    int32_t tasks = 0, labelers = 0;
    while (file >> row.task >> row.labeler >> row.label) {
      rows.push_back(row);
      tasks = std::max(tasks, row.task + 1);
      labelers = std::max(labelers, row.labeler + 1);
    }
    auto built = allot::AnswerSet::Build(tasks, labelers, classes, rows);
    if (!built.ok()) {
      std::fprintf(stderr, "%s\n", built.status().ToString().c_str());
      return 1;
    }
    answers = *std::move(built);
  }
  std::vector<double> seconds;
  double log_likelihood = 0;
  int iterations = 0;
  int64_t bytes = 0;
  for (int repeat = 0; repeat < 5; ++repeat) {
    high_water = held.load();
    const double start = options.threads > 1 ? WallSeconds() : CpuSeconds();
    const auto fit = allot::FitDawidSkene(answers, {}, options);
    seconds.push_back((options.threads > 1 ? WallSeconds() : CpuSeconds()) -
                      start);
    if (!fit.ok()) {
      std::fprintf(stderr, "%s\n", fit.status().ToString().c_str());
      return 1;
    }
    log_likelihood = fit->log_likelihood;
    iterations = fit->iterations;
    // Eigen's blocks do not pass through operator new: the posterior is added.
    bytes = high_water + fit->posterior.size() * int64_t{sizeof(float)};
  }
  std::sort(seconds.begin(), seconds.end());
  std::printf(
      "{\"log_likelihood\": %.17g, \"iterations\": %d, \"seconds\": %.9f, "
      "\"bytes_per_answer\": %.2f}\n",
      log_likelihood, iterations, seconds[2],
      static_cast<double>(bytes) / static_cast<double>(answers.size()));
  return 0;
}
