// SPDX-License-Identifier: Apache-2.0
// Runs a scenario against a server and measures it.
#ifndef ALLOT_TESTS_LOAD_LOAD_RUNNER_H_
#define ALLOT_TESTS_LOAD_LOAD_RUNNER_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/load/connection.h"
#include "tests/load/histogram.h"
#include "tests/load/requests.h"
#include "tests/load/scenario.h"

namespace allot {

inline constexpr int kGrpcCodes = 17;

// What became of some calls. Latencies count from the intended start to the
// answer, in nanoseconds.
struct CallStats {
  int64_t started = 0;
  std::array<int64_t, kGrpcCodes> codes{};
  // Still without answer when the scenario was over; their latency so far is
  // in `all`.
  int64_t unanswered = 0;
  // Never started: there were LoadScenario::max_outstanding calls open already.
  int64_t not_started = 0;
  // Answered while their phase lasted: what a throughput is made of.
  int64_t in_time = 0;
  int64_t ok_in_time = 0;
  int64_t response_bytes = 0;
  Histogram ok;
  Histogram all;

  void Merge(const CallStats& other);
  int64_t answered() const;
};

// The server process, where it runs on this machine.
struct ProcessUse {
  double cpu_seconds = 0;
  int64_t resident_bytes = 0;
};

struct PhaseResult {
  std::string name;
  bool measured = true;
  double start_seconds = 0;  // since the start of the scenario
  double seconds = 0;
  double intended_rate = 0;      // open loop
  int in_flight = 0;             // closed loop
  std::vector<CallStats> calls;  // one per LoadScenario::calls
  // How late the client itself started calls: large values mean that the
  // client was the bottleneck, or had no core.
  Histogram lag;
  double client_cpu_seconds = 0;
  std::optional<double> server_cpu_seconds;
  std::optional<int64_t> server_resident_bytes;  // at the end
};

// One interval of the run, by the time of the answer.
struct TimelinePoint {
  double seconds = 0;  // its start
  int64_t started = 0;
  int64_t ok = 0;
  int64_t failed = 0;
  uint64_t p50 = 0;  // nanoseconds, over all answers
  uint64_t p99 = 0;
  std::optional<int64_t> server_resident_bytes;
};

// One way in which calls failed, in the server's words or gRPC's.
struct Failure {
  int code = 0;
  std::string message;
  int64_t calls = 0;
};

struct LoadResult {
  std::vector<PhaseResult> phases;
  // By falling number, the most frequent ones.
  std::vector<Failure> failures;
  double timeline_step = 0;  // seconds
  std::vector<TimelinePoint> timeline;
};

// The process's CPU time and memory; nothing if there is no such process, or 0
// is asked for.
std::optional<ProcessUse> UseOf(int pid);

// Requires one source per LoadScenario::calls. `server_pid` 0: not known.
// Errors: kUnavailable if the server cannot be reached at the start.
absl::StatusOr<LoadResult> RunLoad(const LoadScenario& scenario,
                                   const std::vector<RequestSource>& sources,
                                   const Connector& connector, int server_pid);

// Calls the server once with `bytes`.
absl::StatusOr<std::string> CallOnce(const Connector& connector,
                                     const std::string& path,
                                     const std::string& bytes);

}  // namespace allot

#endif  // ALLOT_TESTS_LOAD_LOAD_RUNNER_H_
