// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/update.h"

#include <algorithm>
#include <cmath>

#include "lib/skill/moment_kernel.h"

namespace allot {
namespace {

constexpr int kPairs = kMomentPairs;
constexpr const double* kNode = kMomentNode;
// The weights of the nodes over sqrt(2 pi).
constexpr double kWeight[kPairs] = {
    0.26079306344955485915,    0.16173933398399996172,
    0.061506372063976906552,   0.01399783744710100335,
    0.0018301031310804927956,  0.0001288262799619294494,
    4.4021210902308528331e-6,  6.1274902599829475405e-8,
    2.4820623623151786456e-10, 1.2578006724379270154e-13};

// The largest share of its variance that one answer may add to a belief.
constexpr double kMostWidening = 1;
// A cavity with less of the marginal's precision than this is a bookkeeping
// error and not a belief.
constexpr double kImproper = 1e-6;

}  // namespace

TiltedMoments MatchMoments(double mean, double variance, double difficulty,
                           int classes, double belief) {
  const double deviation = std::sqrt(variance);
  const double centre = mean - difficulty;
  const double classes_times_q = classes * belief;
  double right[kPairs], left[kPairs];
  static const MomentKernel& kernel = BestMomentKernel();
  kernel.likelihoods(centre, deviation, classes_times_q, right, left);
  double total = 0, first = 0, second = 0;
  for (int j = 0; j < kPairs; ++j) {
    const double both = kWeight[j] * (right[j] + left[j]);
    const double difference = kWeight[j] * (right[j] - left[j]);
    total += both;
    first += kNode[j] * difference;
    second += kNode[j] * kNode[j] * both;
  }
  const double shift = first / total;  // in standard deviations
  const double ratio = second / total - shift * shift;
  return {mean + deviation * shift, variance * std::max(ratio, 0.0),
          total / classes};
}

void RemoveSite(std::span<const SiteTerm> site,
                const SkillUpdateOptions& options,
                std::span<SkillBelief> beliefs) {
  for (size_t t = 0; t < beliefs.size(); ++t) {
    SkillBelief& belief = beliefs[t];
    // Not 1/s^2 - tau: a term of zeros must leave the belief's bits alone.
    const double left = 1 - site[t].precision * belief.variance;
    if (!(left > kImproper)) {
      belief.variance = options.max_variance;
      continue;
    }
    belief.mean = (belief.mean - site[t].shift * belief.variance) / left;
    belief.variance = std::min(belief.variance / left, options.max_variance);
  }
}

double UpdateSite(const AnswerEvidence& answer,
                  const SkillUpdateOptions& options,
                  std::span<const SkillBelief> cavity,
                  std::span<SiteTerm> site) {
  double mean = 0, variance = answer.difficulty_variance;
  for (size_t t = 0; t < cavity.size(); ++t) {
    const double weight = static_cast<double>(answer.loading[t].weight);
    mean += weight * cavity[t].mean;
    variance += weight * weight * cavity[t].variance;
  }
  const TiltedMoments tilted = MatchMoments(mean, variance, answer.difficulty,
                                            answer.classes, answer.belief);
  const double moved = tilted.mean - mean;
  const double narrowed = variance - tilted.variance;
  for (size_t t = 0; t < cavity.size(); ++t) {
    const SkillBelief& belief = cavity[t];
    const double weight = static_cast<double>(answer.loading[t].weight);
    const double gain =
        variance > 0 ? weight * belief.variance / variance : 0.0;
    // The marginal this answer should lead to, as a change of the natural
    // parameters of the cavity; written without differences of reciprocals.
    const double most = std::max(
        belief.variance,
        std::min((1 + kMostWidening) * belief.variance, options.max_variance));
    const double after = std::clamp(belief.variance - gain * gain * narrowed,
                                    1e-9 * belief.variance, most);
    SiteTerm target;
    target.precision = (belief.variance - after) / (belief.variance * after);
    target.shift = gain * moved / after + belief.mean * target.precision;
    // Only as much of it as leaves the marginal at min_variance.
    const double room =
        std::max(1 / options.min_variance - 1 / belief.variance, 0.0);
    if (target.precision > room) {
      const double share = room / target.precision;
      target.precision *= share;
      target.shift *= share;
    }
    const double take = options.damping;
    site[t].precision += take * (target.precision - site[t].precision);
    site[t].shift += take * (target.shift - site[t].shift);
  }
  return tilted.probability;
}

void ApplySite(std::span<const SiteTerm> site, std::span<SkillBelief> beliefs) {
  for (size_t t = 0; t < beliefs.size(); ++t) {
    SkillBelief& belief = beliefs[t];
    const double sum = std::max(1 + site[t].precision * belief.variance,
                                1 / (2 + 2 * kMostWidening));
    belief.mean = (belief.mean + site[t].shift * belief.variance) / sum;
    belief.variance = belief.variance / sum;
  }
}

double ReviseAnswer(const AnswerEvidence& answer,
                    const SkillUpdateOptions& options,
                    std::span<SkillBelief> beliefs, std::span<SiteTerm> site) {
  RemoveSite(site, options, beliefs);
  const double probability = UpdateSite(answer, options, beliefs, site);
  ApplySite(site, beliefs);
  return probability;
}

}  // namespace allot
