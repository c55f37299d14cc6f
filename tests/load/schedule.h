// SPDX-License-Identifier: Apache-2.0
// When calls are meant to start. In an open loop that does not depend on when
// answers come: latency counted from these times is free of coordinated
// omission (a server that stalls is charged for every call that should have
// started meanwhile).
#ifndef ALLOT_TESTS_LOAD_SCHEDULE_H_
#define ALLOT_TESTS_LOAD_SCHEDULE_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "lib/base/rng.h"

namespace allot {

// A stretch of time over which the rate moves in a straight line.
struct RateSegment {
  double seconds = 0;    // > 0
  double from_rate = 0;  // calls a second at its start, >= 0
  double to_rate = 0;    // and at its end, >= 0
};

// The arrivals of one thread out of several. Constant: arrival n of all
// threads is when the rate has summed up to n, and each thread takes every
// `threads`-th of them. Poisson: each thread draws its own, at its share of the
// rate; together they are again Poisson.
class Schedule {
 public:
  // Requires threads >= 1, 0 <= thread < threads.
  Schedule(std::vector<RateSegment> segments, bool poisson, uint64_t seed,
           int thread, int threads);

  // Seconds from the start of the first segment, never falling; nothing once
  // the segments are over.
  std::optional<double> Next();

  // Calls that all threads together are expected to start.
  static double Expected(const std::vector<RateSegment>& segments);

 private:
  const std::vector<RateSegment> segments_;
  const bool poisson_;
  const double share_;  // of the rate that is this thread's
  double step_ = 1;     // between arrivals at a constant rate
  Rng rng_;
  double due_ = 0;     // the sum of the rate at the next arrival
  double passed_ = 0;  // the same at the start of the segment
  double start_ = 0;   // of the segment, seconds
  size_t segment_ = 0;
};

}  // namespace allot

#endif  // ALLOT_TESTS_LOAD_SCHEDULE_H_
