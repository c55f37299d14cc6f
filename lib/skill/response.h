// SPDX-License-Identifier: Apache-2.0
// One labeler, one task, in double precision: how likely is the answer right,
// and what is it worth in bits?
//
// A labeler's skill on the task is x = a . mu, normal with mean m and variance
// V = a^2 . s^2 (logits). They know the answer with probability sigma(x - b)
// and otherwise guess one of K labels, so
//
//   accuracy p = 1/K + (1 - 1/K) * knowledge,
//   knowledge  = E[sigma(x - b)] ~ sigma(z),
//   scaled logit z = (m - b) / sqrt(1 + pi/8 * V).
//
// The approximation (MacKay 1992, doi:10.1162/neco.1992.4.5.720) is exact at
// V = 0 and at m = b, and within 0.03 of the integral for V <= 4 (0.05 ever).
//
// Knowledge k = (pK - 1)/(K - 1) is the natural coordinate here: the answer
// then carries, under the task's current posterior pi,
//
//   I = p log2(1 + (K-1) k) + (1-p) log2(1 - k)
//       - 1/K sum_l u_l log2 u_l,     u_l = 1 + k (K pi_l - 1)
//
// bits about the label: the mutual information of the symmetric K-ary channel
// P(answer = l) = pi_l p + (1 - pi_l)(1 - p)/(K - 1), rearranged so that
// a guesser gives exactly 0. The sum is 0 under a uniform pi.
//
// Laws     0 <= I <= min(H(pi), log2 K). For every pi, I is convex in p with
// its
//          minimum 0 at p = 1/K, so it rises with p above 1/K; below, it
//          rises again as p falls: who is reliably wrong is informative. The
//          uniform pi maximises I for given p (it is the channel's capacity).
// Range    K >= 2, V >= 0, p in [0, 1]; pi sums to 1. Not checked.
// Cost     O(1); O(K) with a posterior. Pure functions.
#ifndef ALLOT_LIB_SKILL_RESPONSE_H_
#define ALLOT_LIB_SKILL_RESPONSE_H_

#include <span>

namespace allot {

// z above. +-infinity gives a knowledge of 1 or 0.
double ScaledLogit(double mean, double variance, double difficulty);

double ExpectedAccuracy(double mean, double variance, double difficulty,
                        int classes);

struct AccuracyGradient {
  double accuracy;
  double by_mean;      // d accuracy / d m; minus the one by difficulty
  double by_variance;  // d accuracy / d V
};
AccuracyGradient ExpectedAccuracyGradient(double mean, double variance,
                                          double difficulty, int classes);

// The scaled logit at which the accuracy is p: the inverse of
// p = 1/K + (1 - 1/K) sigma(z). -infinity for p <= 1/K, +infinity for p >= 1.
double LogitForAccuracy(double accuracy, int classes);

// Bits under a uniform posterior: 0 at p = 1/K, log2 K at p = 1, and
// log2(K/(K-1)) at p = 0.
double InformationBits(double accuracy, int classes);
// Bits under `posterior`, one entry per class.
double InformationBits(double accuracy, std::span<const double> posterior);
// d bits / d p under a uniform posterior: log2 of the odds p(K-1)/(1-p), and
// so infinite at 0 and 1.
double InformationSlope(double accuracy, int classes);

// Bits that seeing whether the answer is right would give about x itself: the
// entropy a normal x loses when its variance falls to the expected variance
// after the outcome. For a yes/no outcome that is V (1 - rho^2) exactly, with
// rho the correlation of outcome and skill, so this is
//   -1/2 log2(1 - rho^2),   rho^2 = V (dp/dm)^2 / (p (1 - p)).
// At most 0.73 (rho^2 <= 2/pi). An answer whose truth stays uncertain teaches
// less: this is the value of a gold question.
double SkillBits(double mean, double variance, double difficulty, int classes);

}  // namespace allot

#endif  // ALLOT_LIB_SKILL_RESPONSE_H_
