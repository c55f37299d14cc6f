// SPDX-License-Identifier: Apache-2.0
// LEMON's network simplex on the same problem: the yardstick of the sparse
// instances. A file of its own because LEMON 1.3 does not compile as C++20.
#ifndef ALLOT_TESTS_BENCH_LEMON_YARDSTICK_H_
#define ALLOT_TESTS_BENCH_LEMON_YARDSTICK_H_

#include <cstdint>
#include <vector>

namespace allot::bench {

// Minimise cost; a task's empty slot costs `unfilled`.
struct FlowInput {
  std::vector<int> offset, labeler, redundancy, capacity;
  std::vector<int64_t> cost;
  int64_t unfilled = 0;
};

struct YardstickResult {
  bool available = false;
  double cpu_ms = 0;  // of the solve alone, the network being built already
  int64_t cost = 0;
};

YardstickResult RunNetworkSimplex(const FlowInput& input);

}  // namespace allot::bench

#endif  // ALLOT_TESTS_BENCH_LEMON_YARDSTICK_H_
