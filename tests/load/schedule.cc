// SPDX-License-Identifier: Apache-2.0
#include "tests/load/schedule.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

namespace allot {
namespace {

double Total(const RateSegment& segment) {
  return segment.seconds * (segment.from_rate + segment.to_rate) / 2;
}

// The time at which the rate has summed up to `wanted`: a root of
// from t + slope t^2 / 2 = wanted, in the form that does not cancel.
double TimeOf(const RateSegment& segment, double wanted) {
  const double slope = (segment.to_rate - segment.from_rate) / segment.seconds;
  const double root = std::sqrt(std::max(
      0.0, segment.from_rate * segment.from_rate + 2 * slope * wanted));
  const double denominator = segment.from_rate + root;
  return denominator <= 0 ? 0 : 2 * wanted / denominator;
}

}  // namespace

Schedule::Schedule(std::vector<RateSegment> segments, bool poisson,
                   uint64_t seed, int thread, int threads)
    : segments_(std::move(segments)),
      poisson_(poisson),
      share_(poisson ? 1.0 / threads : 1.0),
      rng_(Rng(seed).Split(static_cast<uint64_t>(thread))) {
  assert(threads >= 1 && thread >= 0 && thread < threads);
  due_ = poisson_ ? rng_.Exponential() : thread;
  step_ = threads;
}

std::optional<double> Schedule::Next() {
  while (segment_ < segments_.size()) {
    const RateSegment& segment = segments_[segment_];
    const double total = Total(segment) * share_;
    if (due_ < passed_ + total) {
      const double time = start_ + TimeOf(segment, (due_ - passed_) / share_);
      due_ += poisson_ ? rng_.Exponential() : step_;
      return time;
    }
    passed_ += total;
    start_ += segment.seconds;
    ++segment_;
  }
  return std::nullopt;
}

double Schedule::Expected(const std::vector<RateSegment>& segments) {
  double calls = 0;
  for (const RateSegment& segment : segments) calls += Total(segment);
  return calls;
}

}  // namespace allot
