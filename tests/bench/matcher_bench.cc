// SPDX-License-Identifier: Apache-2.0
// Measures the sparse matcher against LEMON's network simplex, in one process,
// with every objective checked equal. Thread CPU time, medians.
//
//   matcher_bench [--json] [--only=a,b] [--all] [--no-yardstick] [--scale=0.1]
//                 [--solver=auto|hungarian|auction|greedy]
//
// Deadlines are in CPU time too: on a shared machine the wall clock measures
// the neighbours. LEMON needs minutes for t100k-knn: --all includes it.
#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <new>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "lib/match/certificate.h"
#include "lib/match/matcher.h"
#include "tests/bench/lemon_yardstick.h"
#include "tests/bench/sparse_instances.h"

// What the process holds on the heap, and the most it has held: the matcher's
// memory is all there. Single-threaded where it is read.
namespace {
int64_t held_bytes = 0, peak_bytes = 0;
}  // namespace

void* operator new(size_t size) {
  void* const p = std::malloc(size);
  if (p == nullptr) throw std::bad_alloc();
  held_bytes += static_cast<int64_t>(malloc_usable_size(p));
  peak_bytes = std::max(peak_bytes, held_bytes);
  return p;
}
void operator delete(void* p) noexcept {
  if (p == nullptr) return;
  held_bytes -= static_cast<int64_t>(malloc_usable_size(p));
  std::free(p);
}
void operator delete(void* p, size_t) noexcept { operator delete(p); }

namespace allot::bench {
namespace {

double CpuMs() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 +
         static_cast<double>(now.tv_nsec) * 1e-6;
}

double WallMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e3 +
         static_cast<double>(now.tv_nsec) * 1e-6;
}

class CpuClock : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
  int64_t MonotonicNanos() const override {
    return static_cast<int64_t>(CpuMs() * 1e6);
  }
};

struct Options {
  bool json = false;
  bool all = false;
  bool yardstick = true;
  double scale = 1;
  std::vector<std::string> only;
  Solver solver = Solver::kAuto;
};

bool failed = false;

void Print(const Options& options, const std::string& name, const char* metric,
           double value, double yardstick, double ratio, double goal) {
  const bool ok = goal == 0 || ratio >= goal;
  if (options.json) {
    std::printf(
        "{\"case\":\"%s\",\"metric\":\"%s\",\"value\":%.4f,"
        "\"yardstick\":%.4f,\"ratio\":%.3f,\"goal\":%.3f,\"ok\":%s}\n",
        name.c_str(), metric, value, yardstick, ratio, goal,
        ok ? "true" : "false");
  } else {
    std::printf("%-12s %-18s %11.3f %11.3f %9.2f %8.2f %s\n", name.c_str(),
                metric, value, yardstick, ratio, goal,
                goal == 0 ? "" : (ok ? "ok" : "SHORT"));
  }
  std::fflush(stdout);
}

// Median over at least 3 runs and up to 31 while they are quick.
double Median(const std::function<void()>& run, double (*clock)()) {
  std::vector<double> times;
  double total = 0;
  while (times.size() < 3 || (times.size() < 31 && total < 1500)) {
    const double start = clock();
    run();
    times.push_back(clock() - start);
    total += times.back();
    if (total > 20000) break;
  }
  std::nth_element(times.begin(), times.begin() + times.size() / 2,
                   times.end());
  return times[times.size() / 2];
}

Assignment Solve(const Problem& problem, const MatchOptions& options) {
  absl::StatusOr<Assignment> a = Match(problem, options);
  if (!a.ok()) {
    std::fprintf(stderr, "%s\n", a.status().ToString().c_str());
    std::exit(1);
  }
  return *std::move(a);
}

void Check(bool right, const std::string& name, const char* what) {
  if (right) return;
  std::fprintf(stderr, "%s: %s\n", name.c_str(), what);
  failed = true;
}

FlowInput ToFlow(const Problem& p) {
  FlowInput in;
  in.offset = p.offset;
  in.labeler = p.labeler;
  in.redundancy = p.redundancy;
  in.capacity = p.capacity;
  for (const double w : p.utility) in.cost.push_back(std::llround(-w));
  in.unfilled = std::llround(p.penalty(0));
  return in;
}

// The certified gap of what is returned at a share of the time that an
// unhurried solve takes, and by how much the deadline is overrun at worst.
void MeasureDeadlines(const Problem& problem, const MatchOptions& match,
                      double cold_ms, const Options& options) {
  const std::string name = "t10k-knn";
  const CpuClock clock;
  const struct {
    const char* gap;
    const char* overrun;
    double share, most_gap;
  } steps[] = {{"gap_at_20%", "overrun_ms_at_20%", 0.2, 0.05},
               {"gap_at_50%", "overrun_ms_at_50%", 0.5, 0.005},
               {"gap_at_100%", "overrun_ms_at_100%", 1.0, 0}};
  for (const auto& step : steps) {
    MatchOptions timed = match;
    double worst = 0;
    std::vector<double> gaps;
    for (int i = 0; i < 5; ++i) {
      const int64_t start = clock.MonotonicNanos();
      const auto limit = static_cast<int64_t>(step.share * cold_ms * 1e6);
      timed.deadline = {&clock, start + limit};
      const Assignment a = Solve(problem, timed);
      const int64_t late = clock.MonotonicNanos() - start - limit;
      worst = std::max(worst, static_cast<double>(late) * 1e-6);
      Check(CheckAssignment(problem, a).ok(), name,
            "the certificate does not hold at a deadline");
      gaps.push_back(a.gap);
    }
    std::nth_element(gaps.begin(), gaps.begin() + 2, gaps.end());
    const double ratio = gaps[2] <= step.most_gap
                             ? std::max(1.0, step.most_gap / (gaps[2] + 1e-12))
                             : step.most_gap / gaps[2];
    Print(options, name, step.gap, gaps[2], step.most_gap, ratio, 1);
    Print(options, name, step.overrun, worst, 1, 1 / std::max(worst, 1e-3), 1);
  }
}

// The most the solve holds beside its input, answer included.
void MeasureMemory(const std::string& name, const Problem& problem,
                   const MatchOptions& match, const Options& options) {
  const size_t input =
      sizeof(int32_t) * (problem.offset.size() + problem.labeler.size() +
                         problem.redundancy.size() + problem.capacity.size()) +
      sizeof(double) *
          (problem.utility.size() + problem.unfilled_penalty.size());
  const int64_t before = held_bytes;
  peak_bytes = held_bytes;
  Solve(problem, match);
  const double peak_mb = static_cast<double>(peak_bytes - before) / 1e6;
  const double most_mb = 1.5 * static_cast<double>(input) / 1e6;
  Print(options, name, "peak_mb", peak_mb, most_mb, most_mb / peak_mb, 1);
}

void RunFamily(const Family& family, const Options& options) {
  const std::string name = family.name;
  const Problem problem = MakeInstance(family, options.scale);
  MatchOptions match;
  match.solver = options.solver;
  Assignment cold;
  const double cold_ms = Median([&] { cold = Solve(problem, match); }, &CpuMs);
  const auto certificate = CheckAssignment(problem, cold);
  Check(certificate.ok(), name, "the certificate does not hold");
  Check(options.solver == Solver::kGreedy || (cold.exact && cold.gap == 0),
        name, "not proven optimal");
  double yardstick_ms = 0;
  if (options.yardstick) {
    const YardstickResult yardstick = RunNetworkSimplex(ToFlow(problem));
    if (yardstick.available) {
      yardstick_ms = yardstick.cpu_ms;
      Check(
          std::abs(-cold.objective - static_cast<double>(yardstick.cost)) < 0.5,
          name, "the objective is not the yardstick's");
    }
  }
  Print(options, name, "cold_ms", cold_ms, yardstick_ms, yardstick_ms / cold_ms,
        yardstick_ms > 0 ? family.goal : 0);
  if (options.solver == Solver::kGreedy) return;

  const Problem changed = Replace(problem, 0.05, 99);
  Assignment again;
  const double again_ms =
      Median([&] { again = Solve(changed, match); }, &CpuMs);
  MatchOptions warm = match;
  warm.warm_price = cold.labeler_price;
  Assignment warmed;
  const double warm_ms = Median([&] { warmed = Solve(changed, warm); }, &CpuMs);
  Check(warmed.objective == again.objective, name, "warm and cold differ");
  Print(options, name, "warm_ms", warm_ms, again_ms, again_ms / warm_ms,
        family.warm_goal > 0 ? family.warm_goal : 1 / 1.1);

  if (name == "t10k-knn") MeasureDeadlines(problem, match, cold_ms, options);
  MeasureMemory(name, problem, match, options);
  // Two threads are asked to pay off from 50 ms on.
  if (cold_ms > 50) {
    MatchOptions two = match;
    two.threads = 2;
    const double one_ms = Median([&] { Solve(problem, match); }, &WallMs);
    Assignment shared;
    const double two_ms =
        Median([&] { shared = Solve(problem, two); }, &WallMs);
    Check(shared.edge == cold.edge, name, "two threads answer differently");
    Print(options, name, "two_threads_ms", two_ms, one_ms, one_ms / two_ms,
          1.5);
  }
}

Options Parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const std::string value =
        arg.substr(std::min(arg.size(), arg.find('=') + 1));
    if (arg == "--json") {
      options.json = true;
    } else if (arg == "--all") {
      options.all = true;
    } else if (arg == "--no-yardstick") {
      options.yardstick = false;
    } else if (absl::StartsWith(arg, "--only=")) {
      options.only = absl::StrSplit(value, ',');
    } else if (absl::StartsWith(arg, "--scale=")) {
      options.scale = std::atof(value.c_str());
    } else if (absl::StartsWith(arg, "--solver=")) {
      for (const Solver s : {Solver::kAuto, Solver::kHungarian,
                             Solver::kAuction, Solver::kGreedy}) {
        if (value == SolverName(s)) options.solver = s;
      }
    } else {
      std::fprintf(stderr, "unknown argument: %s\n", arg.c_str());
      std::exit(2);
    }
  }
  return options;
}

int Main(int argc, char** argv) {
  const Options options = Parse(argc, argv);
  if (!options.json) {
    std::printf("%-12s %-18s %11s %11s %9s %8s\n", "case", "metric", "value",
                "yardstick", "ratio", "goal");
  }
  for (const Family& family : Families()) {
    if (!options.only.empty() &&
        std::find(options.only.begin(), options.only.end(), family.name) ==
            options.only.end()) {
      continue;
    }
    if (options.only.empty() && !options.all &&
        family.name == std::string("t100k-knn")) {
      continue;
    }
    RunFamily(family, options);
  }
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace allot::bench

int main(int argc, char** argv) { return allot::bench::Main(argc, argv); }
