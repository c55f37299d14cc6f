// SPDX-License-Identifier: Apache-2.0
// What a load test does, read from one JSON file: which pools to make, which
// calls in which mix, how fast over time, and what counts as a pass. The keys
// are described in docs/load.md.
#ifndef ALLOT_TESTS_LOAD_SCENARIO_H_
#define ALLOT_TESTS_LOAD_SCENARIO_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/load/schedule.h"

namespace allot {

// A pool that is made before the test, with labelers of random skills.
struct PoolSpec {
  std::string id;
  int skills = 16;
  int labelers = 1000;
  int classes = 2;
  int capacity = 1'000'000;
};

// One kind of call and its share of the traffic.
struct CallSpec {
  std::string name;    // in reports; default: the method
  std::string method;  // "Score", or a full path "/package.Service/Method"
  double weight = 1;
  std::string pool;
  int tasks = 1;
  int redundancy = 1;
  int answers = 5;  // per task
  // Loadings of tasks: "sparse" two skills by name, "dense" one weight per
  // skill, "none" the pool's default.
  std::string loading = "dense";
  double lease_seconds = 0;    // 0: plan without claims
  double timeout_seconds = 0;  // deadline of each call; 0: none
  // The request verbatim, as the JSON of its message, instead of a generated
  // one. Empty: generate.
  std::string request_json;
  // Different requests generated before the start, sent in turn.
  int variants = 32;
};

struct PhaseSpec {
  std::string name;
  double seconds = 10;
  // Open loop: how the rate goes. Empty in a closed loop, and where the rate is
  // only known when the phase starts.
  std::vector<RateSegment> rates;
  bool poisson = false;
  // Open loop at this share of the throughput that an earlier phase reached.
  std::string rate_of_phase;
  double rate_of_share = 0;
  // Closed loop: so many calls at any time; each is followed by the next after
  // a thinking time, exponential with this mean.
  int in_flight = 0;
  double think_seconds = 0;
  // A warm-up is left out of the summary.
  bool measured = true;

  bool closed() const { return in_flight > 0; }
};

// "p99_ms of phase steady is at most 5".
struct Threshold {
  std::string phase;  // empty: every measured phase
  std::string call;   // empty: all calls together
  std::string metric;
  std::optional<double> min;
  std::optional<double> max;
};

struct LoadScenario {
  std::string name;
  uint64_t seed = 1;
  int channels = 4;
  int threads = 1;
  double drain_seconds = 5;
  int max_outstanding = 100'000;
  std::vector<PoolSpec> pools;
  std::vector<CallSpec> calls;
  std::vector<PhaseSpec> phases;
  std::vector<Threshold> thresholds;
};

// The metrics that a threshold may name.
const std::vector<std::string>& ThresholdMetrics();

// Errors: kInvalidArgument with the path of the key at fault
// ("phases[2].rate: must be > 0") or the place where the text is no JSON.
absl::StatusOr<LoadScenario> ParseScenario(absl::string_view json);

}  // namespace allot

#endif  // ALLOT_TESTS_LOAD_SCENARIO_H_
