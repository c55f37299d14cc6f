// SPDX-License-Identifier: Apache-2.0
// The dense assignment solver beside scipy's linear_sum_assignment, in one run
// on one thread (CPU time, medians), and its warm start beside its cold one.
// Each objective is checked: against scipy's, and against the dual bound. Then
// a roster too large for its matrix: 1,024 tasks x 100,000 labelers by skills
// of 32 dimensions, priced out by MatchDense(), and the memory that took.
//
//   allot_dense_bench [--json] [--quick] [--only=CASE,...] [--no-yardstick]
//
// A case is named as in the table: "geo 1000", "tie 2000", ..., "roster".
// Exit code 1 if an objective is wrong; a missed goal is only reported.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "lib/base/rng.h"
#include "lib/match/dense_assignment.h"
#include "lib/match/pricing.h"

namespace allot {
namespace {

struct Matrix {
  int rows, columns;
  std::vector<int32_t> costs;
};

struct Case {
  const char* kind;
  int rows, columns;
  double goal;       // times scipy; 0: not compared
  double warm_goal;  // times the cold solve; 0: not measured
};

constexpr Case kCases[] = {
    {"ureal", 1000, 1000, 60, 0},  {"ureal", 2000, 2000, 60, 0},
    {"ureal", 5000, 5000, 100, 0}, {"geo", 200, 200, 5, 0},
    {"geo", 1000, 1000, 12, 40},   {"geo", 2000, 2000, 25, 10},
    {"geo", 5000, 5000, 60, 0},    {"tie", 2000, 2000, 30, 10},
    {"rank1", 1000, 1000, 70, 0},  {"uint", 64, 10000, 20, 0},
    {"geo", 1024, 10000, 60, 10},
};

// The product of two clustered 16-dimensional skill vectors, as a probability.
std::vector<double> Skills(int rows, int columns, Rng& rng) {
  constexpr int kDims = 16, kClusters = 24;
  std::vector<double> centre(kClusters * kDims);
  for (double& x : centre) x = 0.6 * rng.Normal();
  const auto draw = [&](int count) {
    std::vector<double> points;
    for (int i = 0; i < count; ++i) {
      const int cluster = static_cast<int>(rng.Below(kClusters));
      for (int d = 0; d < kDims; ++d)
        points.push_back(centre[cluster * kDims + d] + 0.25 * rng.Normal());
    }
    return points;
  };
  const std::vector<double> a = draw(rows), b = draw(columns);
  std::vector<double> score;
  score.reserve(int64_t{rows} * columns);
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) {
      double dot = 0;
      for (int d = 0; d < kDims; ++d)
        dot += a[i * kDims + d] * b[j * kDims + d];
      score.push_back(1 / (1 + std::exp(-dot)));
    }
  }
  return score;
}

Matrix Generate(const std::string& kind, int rows, int columns) {
  Rng rng(static_cast<uint64_t>(rows) * 7919 + columns);
  Matrix m{rows, columns, {}};
  m.costs.reserve(int64_t{rows} * columns);
  if (kind == "geo" || kind == "tie") {
    const double scale = kind == "geo" ? 1e6 : 1e2;
    for (const double score : Skills(rows, columns, rng))
      m.costs.push_back(static_cast<int32_t>(std::lround(scale * (1 - score))));
    return m;
  }
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) {
      if (kind == "ureal") {
        m.costs.push_back(static_cast<int32_t>(rng.Below(100000001)));
      } else if (kind == "uint") {
        m.costs.push_back(1 + static_cast<int32_t>(rng.Below(10000)));
      } else {  // rank1: Machol and Wien
        m.costs.push_back((i + 1) * (j + 1));
      }
    }
  }
  return m;
}

double CpuMs() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 +
         static_cast<double>(now.tv_nsec) * 1e-6;
}

double Median(std::vector<double>& times) {
  std::nth_element(times.begin(), times.begin() + times.size() / 2,
                   times.end());
  return times[times.size() / 2];
}

DenseAssignment Solve(const Matrix& m, const DenseOptions& options) {
  DenseProblem problem;
  problem.costs = m.costs;
  problem.rows = m.rows;
  problem.columns = m.columns;
  auto answer = SolveDenseAssignment(problem, options);
  if (!answer.ok() || !answer->optimal || answer->bound != answer->objective) {
    std::fprintf(stderr, "not proven optimal: %s\n",
                 answer.status().ToString().c_str());
    std::exit(1);
  }
  return *std::move(answer);
}

double ColdMs(const Matrix& m, int64_t& objective) {
  std::vector<double> times;
  double total = 0;
  while (times.size() < 3 || (times.size() < 31 && total < 1000)) {
    const double start = CpuMs();
    objective = Solve(m, {}).objective;
    times.push_back(CpuMs() - start);
    total += times.back();
  }
  return Median(times);
}

// Rounds of 5% of the rows changing every cost by up to 10%.
double WarmMs(Matrix m) {
  DenseWarmStart warm;
  DenseOptions options;
  options.warm_start = &warm;
  Solve(m, options);
  Rng rng(17);
  std::vector<double> times;
  for (int round = 0; round < 15; ++round) {
    std::vector<int32_t> changed;
    for (int i = 0; i < m.rows; ++i) {
      if (!rng.Bernoulli(0.05)) continue;
      changed.push_back(i);
      for (int j = 0; j < m.columns; ++j) {
        int32_t& cost = m.costs[int64_t{m.columns} * i + j];
        cost = static_cast<int32_t>(
            std::lround(cost * (0.9 + 0.2 * rng.Uniform())));
      }
    }
    options.changed_rows = changed;
    const double start = CpuMs();
    const DenseAssignment answer = Solve(m, options);
    times.push_back(CpuMs() - start);
    if (round == 0 && Solve(m, {}).objective != answer.objective) {
      std::fprintf(stderr, "warm and cold objectives differ\n");
      std::exit(1);
    }
  }
  return Median(times);
}

// Median CPU time of scipy; its objective must be ours. < 0: no scipy here.
double ScipyMs(const Matrix& m, double budget_s, int64_t objective) {
  char path[] = "/tmp/allot_dense_XXXXXX";
  const int file = mkstemp(path);
  FILE* out = file < 0 ? nullptr : fdopen(file, "wb");
  if (out == nullptr) return -1;
  const int32_t head[2] = {m.rows, m.columns};
  std::fwrite(head, sizeof head, 1, out);
  std::fwrite(m.costs.data(), sizeof(int32_t), m.costs.size(), out);
  std::fclose(out);
  const std::string command =
      std::string("OMP_NUM_THREADS=1 /usr/bin/python3 " ALLOT_BENCH_DIR
                  "/scipy_assignment.py ") +
      path + " " + std::to_string(budget_s);
  double ms = -1;
  long long theirs = 0;
  if (FILE* in = popen(command.c_str(), "r")) {
    if (std::fscanf(in, "%lf %lld", &ms, &theirs) != 2) ms = -1;
    pclose(in);
  }
  std::remove(path);
  if (ms >= 0 && theirs != objective) {
    std::fprintf(stderr, "objective %lld, scipy's %lld\n",
                 static_cast<long long>(objective), theirs);
    std::exit(1);
  }
  return ms;
}

// ---- the roster -----------------------------------------------------------

// In MB, or -1 where /proc does not tell. VmHWM is the most since the start, or
// since it was reset.
double PeakMemoryMb() {
  FILE* status = std::fopen("/proc/self/status", "r");
  if (status == nullptr) return -1;
  char line[256];
  double kb = -1;
  while (std::fgets(line, sizeof line, status) != nullptr) {
    if (std::sscanf(line, "VmHWM: %lf kB", &kb) == 1) break;
  }
  std::fclose(status);
  return kb < 0 ? -1 : kb / 1024;
}
void ResetPeakMemory() {
  if (FILE* clear = std::fopen("/proc/self/clear_refs", "w")) {
    std::fputs("5", clear);
    std::fclose(clear);
  }
}

struct RosterRun {
  double ms = 0, peak_mb = 0;
  int64_t rounds = 0;
};

// Every task wants 3 labelers, everybody takes 1 or 2 tasks.
RosterRun SolveRoster() {
  constexpr int kTasks = 1024, kLabelers = 100000, kDims = 32, kBlock = 256;
  Rng rng(11);
  std::vector<float> task(kTasks * kDims), skill(int64_t{kLabelers} * kDims);
  for (float& x : task) x = static_cast<float>(rng.Normal() * 0.25);
  for (float& x : skill) x = static_cast<float>(rng.Normal() * 0.5 + 0.2);
  std::vector<int32_t> redundancy(kTasks, 3), capacity(kLabelers);
  for (int32_t& c : capacity) c = 1 + static_cast<int32_t>(rng.Below(2));
  // By dimension, so that a block of labelers is one vector loop.
  std::vector<float> by_dim(skill.size());
  for (int l = 0; l < kLabelers; ++l) {
    for (int d = 0; d < kDims; ++d) {
      by_dim[int64_t{d} * kLabelers + l] = skill[int64_t{l} * kDims + d];
    }
  }
  const auto scan = [&](const ScanRequest& request, ScanSink& sink) {
    float score[kBlock];
    for (int first = 0; first < kLabelers; first += kBlock) {
      const int count = std::min(kBlock, kLabelers - first);
      for (int t = request.task_begin; t < request.task_end; ++t) {
        std::fill_n(score, kBlock, 0.0f);
        for (int d = 0; d < kDims; ++d) {
          const float a = task[t * kDims + d];
          const float* b = by_dim.data() + int64_t{d} * kLabelers + first;
          for (int l = 0; l < count; ++l) score[l] += a * b[l];
        }
        for (int l = 0; l < count; ++l) {
          const double w = score[l];
          // Prices are not negative, and looked up only for few.
          if (w > sink.threshold(t)) sink.Add(t, first + l, w);
        }
      }
    }
  };
  ResetPeakMemory();
  const double before = PeakMemoryMb();
  const double start = CpuMs();
  const auto capacity_of = [&](int labeler) { return capacity[labeler]; };
  const DenseMatchProblem problem{redundancy, kLabelers, capacity_of, {}};
  const auto answer = MatchDense(problem, scan, {});
  RosterRun run;
  run.ms = CpuMs() - start;
  run.peak_mb = before < 0 ? -1 : std::max(0.1, PeakMemoryMb() - before);
  if (!answer.ok() || !answer->assignment.exact) {
    std::fprintf(stderr, "the roster is not proven optimal: %s\n",
                 answer.status().ToString().c_str());
    std::exit(1);
  }
  run.rounds = answer->assignment.stats.pricing_rounds;
  return run;
}

// Whether `name` is one of the comma-separated `only`, or that is empty.
bool Wanted(const std::string& only, const std::string& name) {
  return only.empty() ||
         ("," + only + ",").find("," + name + ",") != std::string::npos;
}

void PrintRoster(bool json) {
  constexpr double kGoalMb = 200;
  const RosterRun run = SolveRoster();
  const bool ok = run.peak_mb >= 0 && run.peak_mb < kGoalMb;
  const double ratio = kGoalMb / run.peak_mb;
  if (json) {
    std::printf(
        "{\"case\": \"roster\", \"metric\": \"peak_mb_over_roster\", "
        "\"value\": %.1f, \"yardstick\": %g, \"ratio\": %.2f, \"goal\": 1, "
        "\"ok\": %s, \"cpu_ms\": %.0f, \"rounds\": %lld}\n",
        run.peak_mb, kGoalMb, ratio, ok ? "true" : "false", run.ms,
        static_cast<long long>(run.rounds));
  } else {
    std::printf(
        "%-24s %-18s %10.1f %12g %9.1f %7d  %s (CPU %.0f ms, %lld rounds)\n",
        "roster", "peak_mb", run.peak_mb, kGoalMb, ratio, 1,
        ok ? "ok" : "short", run.ms, static_cast<long long>(run.rounds));
  }
}

void Print(bool json, const std::string& name, const char* metric, double value,
           double yardstick, double goal) {
  const double ratio = yardstick / value;
  const char* ok = ratio >= goal ? "true" : "false";
  if (json) {
    std::printf(
        "{\"case\": \"%s\", \"metric\": \"%s\", \"value\": %.4f, "
        "\"yardstick\": %.4f, \"ratio\": %.2f, \"goal\": %g, \"ok\": %s}\n",
        name.c_str(), metric, value, yardstick, ratio, goal, ok);
  } else {
    std::printf("%-24s %-18s %10.3f %12.3f %9.1f %7g  %s\n", name.c_str(),
                metric, value, yardstick, ratio, goal,
                ratio >= goal ? "ok" : "short");
  }
  std::fflush(stdout);
}

int Main(int argc, char** argv) {
  bool json = false, quick = false, yardstick = true;
  std::string only;
  for (int a = 1; a < argc; ++a) {
    if (std::strcmp(argv[a], "--json") == 0) {
      json = true;
    } else if (std::strcmp(argv[a], "--quick") == 0) {
      quick = true;
    } else if (std::strncmp(argv[a], "--only=", 7) == 0) {
      only = argv[a] + 7;
    } else if (std::strcmp(argv[a], "--no-yardstick") == 0) {
      yardstick = false;
    } else {
      std::fprintf(stderr,
                   "usage: %s [--json] [--quick] [--only=CASE,...] "
                   "[--no-yardstick]\n",
                   argv[0]);
      return 2;
    }
  }
  if (!json)
    std::printf("%-24s %-18s %10s %12s %9s %7s\n", "case", "metric", "allot",
                "yardstick", "ratio", "goal");
  // First: memory that other cases leave behind would hide what it takes.
  if (!quick && Wanted(only, "roster")) PrintRoster(json);
  for (const Case& c : kCases) {
    if (quick && int64_t{c.rows} * c.columns > 5000000) continue;
    std::string name = std::string(c.kind) + " " + std::to_string(c.rows);
    if (c.columns != c.rows) name += " x " + std::to_string(c.columns);
    if (!Wanted(only, name)) continue;
    const Matrix m = Generate(c.kind, c.rows, c.columns);
    int64_t objective = 0;
    const double cold = ColdMs(m, objective);
    const double scipy =
        yardstick ? ScipyMs(m, quick ? 0.2 : 1.0, objective) : -1;
    if (scipy >= 0) Print(json, name, "cold_ms_vs_scipy", cold, scipy, c.goal);
    if (c.warm_goal > 0)
      Print(json, name + " warm 5%", "warm_ms_vs_cold", WarmMs(m), cold,
            c.warm_goal);
  }
  return 0;
}

}  // namespace
}  // namespace allot

int main(int argc, char** argv) { return allot::Main(argc, argv); }
