// SPDX-License-Identifier: Apache-2.0
#include "lib/skill/moment_kernel.h"

#include <cstddef>

#include "lib/skill/elementary.h"

namespace allot {
namespace {

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
  for (int j = 0; j < kMomentPairs; ++j) {
    right[j] = Likelihood(centre + deviation * kMomentNode[j], classes_times_q);
  }
  for (int j = 0; j < kMomentPairs; ++j) {
    left[j] = Likelihood(centre - deviation * kMomentNode[j], classes_times_q);
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

}  // namespace

std::span<const MomentKernel> MomentKernels() {
  static constexpr MomentKernel kAll[] = {
    {PlainLikelihoods, "plain"},
#if defined(__x86_64__)
    {Avx2Likelihoods, "avx2"},
#endif
  };
#if defined(__x86_64__)
  static const size_t usable = __builtin_cpu_supports("avx2") ? 2 : 1;
#else
  constexpr size_t usable = 1;
#endif
  return {kAll, usable};
}

const MomentKernel& BestMomentKernel() { return MomentKernels().back(); }

}  // namespace allot
