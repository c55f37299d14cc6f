// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/update.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "lib/skill/elementary.h"

namespace allot {
namespace {

// The positive roots of the 20th Hermite polynomial for the weight
// exp(-t^2/2), and their weights over sqrt(2 pi): a rule for averages under the
// standard normal, exact for polynomials up to degree 39.
constexpr int kPairs = 10;
constexpr double kNode[kPairs] = {
    0.34696415708135592797, 1.0429453488027510315, 1.7452473208141267149,
    2.4586636111723677513,  3.1890148165533894149, 3.9439673506573162603,
    4.7345813340460553439,  5.5787388058932011527, 6.5105901570136544864,
    7.6190485416797582914};
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

// L(x) up to the factor 1/K, as a sum of positive parts: 1 - sigma and K q
// sigma, so that nothing cancels for an oracle's wrong answer.
ALLOT_SKILL_INLINE double Likelihood(double logit, double classes_times_q) {
  constexpr double kFar = 500;
  double y = logit;
  y = y > kFar ? kFar : y;
  y = y < -kFar ? -kFar : y;
  const double e = ExpD(-y);
  const double knows = 1 / (1 + e);
  return e * knows + classes_times_q * knows;
}

// At centre + deviation * node for all positive nodes, then at centre -
// deviation * node.
ALLOT_SKILL_INLINE void LikelihoodsBody(double centre, double deviation,
                                        double classes_times_q,
                                        double* __restrict right,
                                        double* __restrict left) {
  for (int j = 0; j < kPairs; ++j) {
    right[j] = Likelihood(centre + deviation * kNode[j], classes_times_q);
  }
  for (int j = 0; j < kPairs; ++j) {
    left[j] = Likelihood(centre - deviation * kNode[j], classes_times_q);
  }
}

void PlainLikelihoods(double centre, double deviation, double classes_times_q,
                      double* right, double* left) {
  LikelihoodsBody(centre, deviation, classes_times_q, right, left);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) void Avx2Likelihoods(double centre,
                                                     double deviation,
                                                     double classes_times_q,
                                                     double* right,
                                                     double* left) {
  LikelihoodsBody(centre, deviation, classes_times_q, right, left);
}
#endif

using Likelihoods = decltype(&PlainLikelihoods);

Likelihoods BestLikelihoods() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return Avx2Likelihoods;
#endif
  return PlainLikelihoods;
}

}  // namespace

TiltedMoments MatchMoments(double mean, double variance, double difficulty,
                           int classes, double belief) {
  const double deviation = std::sqrt(variance);
  const double centre = mean - difficulty;
  const double classes_times_q = classes * belief;
  double right[kPairs], left[kPairs];
  static const Likelihoods likelihoods = BestLikelihoods();
  likelihoods(centre, deviation, classes_times_q, right, left);
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
