// SPDX-License-Identifier: Apache-2.0
// What benches of stores share: wall time, medians, and an end where a step
// fails, since a figure without its work is none.
#ifndef ALLOT_TESTS_BENCH_MEASURE_H_
#define ALLOT_TESTS_BENCH_MEASURE_H_

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace allot {

using SteadyClock = std::chrono::steady_clock;

inline double SecondsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

inline void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::abort();
}

template <typename T>
T Check(absl::StatusOr<T> value) {
  Check(value.status());
  return *std::move(value);
}

// The upper one of two in the middle. Requires at least one value.
inline double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2,
                   values.end());
  return values[values.size() / 2];
}

}  // namespace allot

#endif  // ALLOT_TESTS_BENCH_MEASURE_H_
