// SPDX-License-Identifier: Apache-2.0
// How long will this labeler take?
//
//   log T = log(base seconds) - tau_i + noise,   noise ~ N(0, sigma_i^2)
//
// log T varies by labeler (speed tau_i: 0 is the task's reference pace, log 2
// twice as fast) and by answer. Both tau_i and sigma_i^2 are unknown and share
// a normal-gamma posterior, updated exactly by each observed time:
//
//   tau | sigma^2 ~ N(mean, sigma^2 / count),   1/sigma^2 ~ Gamma(shape, rate)
//
// Prediction uses the posterior mean of sigma^2: the exact predictive, a
// log-Student, has no finite mean. Its variance, sigma^2 (1 + 1/count), is
// matched.
//
// Times far outside the expected (a labeler who went to lunch) are pulled in to
// kOutlier predictive deviations before they count, so that one of them moves a
// posterior by no more than a plausible one.
// Units    seconds, natural logarithms.   Cost O(1).   Pure functions.
// Source   DeGroot, Optimal Statistical Decisions (1970), section 9.6;
// log-normal
//          times after van der Linden (2006), doi:10.3102/10769986031002181.
#ifndef ALLOT_LIB_SKILL_SPEED_H_
#define ALLOT_LIB_SKILL_SPEED_H_

namespace allot {

// The defaults are the prior of a newcomer: pace unknown to a factor of about
// 1.8 either way, single answers varying by as much, worth four observations.
struct SpeedBelief {
  double mean = 0;   // of tau
  double count = 1;  // observations that the mean is worth, > 0
  double shape = 3;  // > 1, so that sigma^2 has a mean
  double rate = 0.7;
};

inline constexpr double kSpeedOutlier = 4;

// The posterior mean of sigma^2.
double NoiseVariance(const SpeedBelief& belief);

// The belief after one more answer. Requires seconds > 0 and base_seconds > 0.
SpeedBelief ObserveTime(const SpeedBelief& belief, double seconds,
                        double base_seconds);

// E[T] / base seconds: the time_factor of scoring.h.
double TimeFactor(const SpeedBelief& belief);

inline double ExpectedSeconds(const SpeedBelief& belief, double base_seconds) {
  return base_seconds * TimeFactor(belief);
}

// The time that T stays below with the given probability, in (0, 1): for lease
// expiry. QuantileSeconds(b, base, 0.5) is the median.
double QuantileSeconds(const SpeedBelief& belief, double base_seconds,
                       double probability);

// The inverse of the standard normal distribution function, for probabilities
// in (0, 1), to 1e-12.
double NormalQuantile(double probability);

}  // namespace allot

#endif  // ALLOT_LIB_SKILL_SPEED_H_
