// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/speed.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace allot {
namespace {

// Variance of log T around log(base) - mean, for the next answer.
double PredictiveVariance(const SpeedBelief& belief) {
  return NoiseVariance(belief) * (1 + 1 / belief.count);
}

}  // namespace

double NoiseVariance(const SpeedBelief& belief) {
  return belief.rate / (belief.shape - 1);
}

SpeedBelief ObserveTime(const SpeedBelief& belief, double seconds,
                        double base_seconds) {
  const double reach = kSpeedOutlier * std::sqrt(PredictiveVariance(belief));
  // tau = log(base) - log(T) but for the noise.
  const double surprise = std::clamp(
      std::log(base_seconds) - std::log(seconds) - belief.mean, -reach, reach);
  SpeedBelief next;
  next.count = belief.count + 1;
  next.mean = belief.mean + surprise / next.count;
  next.shape = belief.shape + 0.5;
  next.rate =
      belief.rate + 0.5 * belief.count / next.count * surprise * surprise;
  return next;
}

double TimeFactor(const SpeedBelief& belief) {
  return std::exp(-belief.mean + 0.5 * PredictiveVariance(belief));
}

double QuantileSeconds(const SpeedBelief& belief, double base_seconds,
                       double probability) {
  return base_seconds *
         std::exp(-belief.mean + NormalQuantile(probability) *
                                     std::sqrt(PredictiveVariance(belief)));
}

double NormalQuantile(double probability) {
  if (probability == 0.5) return 0;
  // In the upper half by symmetry, as a tail: 1 - probability keeps its digits.
  const bool lower = probability < 0.5;
  const double tail = lower ? probability : 1 - probability;
  // Newton's method on the logarithm of the tail, which is concave, from a
  // start right of the root (the tail is below exp(-x^2/2) / 2): every step
  // stays on that side.
  double x = std::sqrt(std::max(0.0, -2 * std::log(2 * tail)));
  for (int step = 0; step < 50; ++step) {
    const double here = 0.5 * std::erfc(x / std::numbers::sqrt2);
    const double density =
        std::exp(-0.5 * x * x) / std::sqrt(2 * std::numbers::pi);
    const double move = std::log(here / tail) * here / density;
    x += move;
    if (std::abs(move) < 1e-14 * std::max(1.0, x)) break;
  }
  return lower ? -x : x;
}

}  // namespace allot
