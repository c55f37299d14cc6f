// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/prior.h"

#include <algorithm>
#include <cmath>

namespace allot {
namespace {

constexpr double kUnit = 0x1.0p30;
// No single labeler counts as further out than this, in logits.
constexpr double kReach = 20;

// To the nearest; the C library's way is a call.
int64_t ToUnits(double x) {
  return static_cast<int64_t>(x * kUnit + std::copysign(0.5, x));
}

double FromUnits(int64_t units) { return static_cast<double>(units) / kUnit; }

}  // namespace

SiteTerm SkillEvidence(const SkillBelief& start, const SkillBelief& now) {
  const double precision = 1 / now.variance - 1 / start.variance;
  // Below the rounding of beliefs kept in single precision.
  if (!(precision > 1e-6 / now.variance)) return {};
  return {precision, now.mean / now.variance - start.mean / start.variance};
}

void PriorAccumulator::Accumulate(const SiteTerm& evidence, int64_t sign) {
  if (!(evidence.precision > 0)) return;
  const double v0 = reference_.variance;
  const double scale = 1 + v0 * evidence.precision;
  const double u = v0 * evidence.precision / scale;
  const double d = std::clamp(
      v0 * (evidence.shift - reference_.mean * evidence.precision) / scale,
      -kReach, kReach);
  u_ += sign * ToUnits(u);
  uu_ += sign * ToUnits(u * u);
  d_ += sign * ToUnits(d);
  dd_ += sign * ToUnits(d * d);
  ud_ += sign * ToUnits(u * d);
}

double PriorAccumulator::effective_count() const { return FromUnits(u_); }

SkillBelief PriorAccumulator::Estimate(const PriorOptions& options) const {
  const double u = FromUnits(u_), uu = FromUnits(uu_);
  if (!(u > 0) || u < options.min_effective_count) return options.configured;
  const double shift = FromUnits(d_) / u;
  const double spread =
      FromUnits(dd_) - 2 * shift * FromUnits(ud_) + shift * shift * uu;
  // One degree of freedom of about u^2 / uu went into the mean.
  const double count = u * u / uu;
  const double unbiased = count > 1 ? spread * count / (count - 1) : spread;
  const double variance =
      std::clamp((unbiased - reference_.variance * (u - uu)) / uu,
                 options.min_variance, options.max_variance);
  const double share = u / (u + options.strength);
  const SkillBelief& configured = options.configured;
  SkillBelief prior;
  prior.mean =
      configured.mean + share * (reference_.mean + shift - configured.mean);
  prior.variance =
      configured.variance + share * (variance - configured.variance);
  return prior;
}

SkillBelief FitPrior(std::span<const SiteTerm> evidence,
                     const PriorOptions& options, int rounds) {
  SkillBelief prior = options.configured;
  for (int round = 0; round < rounds; ++round) {
    PriorAccumulator sums(prior);
    for (const SiteTerm& one : evidence) sums.Add(one);
    prior = sums.Estimate(options);
  }
  return prior;
}

}  // namespace allot
