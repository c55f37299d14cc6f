// SPDX-License-Identifier: Apache-2.0
// How labelers err, with what few answers leave open averaged over.
//
// Dawid and Skene's model (dawid_skene.h) with a hierarchy:
//
//   z_t ~ prior,  prior ~ Dirichlet(10, ...)
//   P(answer = l | z_t = c, labeler i) = M_i(c, l)
//   M_i(c, .) ~ Dirichlet(kappa m(c, .)),  m(c, .) ~ Dirichlet(10 o(c, .)),
//   o(c, l) = 0.7 [c = l] + 0.3 / (K - 1) [c != l],
//
// kappa even in ln kappa on {e^0, e^0.5, ..., e^6}. A point fit takes three
// lucky answers at their word, and labels and matrices then vouch for each
// other. Here neither is fitted: the classes z are drawn in turn with the
// matrices integrated out (collapsed Gibbs sampling), m and kappa are drawn
// given z, and everything returned is a mean over the draws. How alike the
// labelers of a pool are, and so how much a newcomer is like the others, is
// learned from the pool.
//
// Draws      `chains` start from the majority (ties by lot), each forgets its
//            first `discarded` sweeps and keeps `kept`. m is drawn by way of
//            the expected number of tables (Antoniak 1974), not a drawn one.
// Gold       has its class throughout.
// Symmetry   Renaming the classes renames the result up to the noise of the
//            draws. o tells right from wrong: without it a pool and its mirror
//            image are equally probable.
// Threads    Deterministic in the options' seed on any number of threads.
// Memory     Besides the result, per chain: 8 K + 4 bytes a task, 12 K^2 + 4 K
//            a labeler.
// Cost       O((discarded + kept) chains K (answers + labelers K)).
// Errors     kInvalidArgument: options out of range, or as IndexGold().
//
// Kim and Ghahramani (2012), "Bayesian classifier combination". Teh et al.
// (2006), "Hierarchical Dirichlet processes", doi:10.1198/016214506000000302.
#ifndef ALLOT_LIB_TRUTH_CONFUSION_SAMPLER_H_
#define ALLOT_LIB_TRUTH_CONFUSION_SAMPLER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/base/matrix.h"
#include "lib/truth/answer_set.h"

namespace allot {

struct ConfusionSamplerOptions {
  int chains = 2;      // >= 1
  int discarded = 20;  // >= 0
  int kept = 40;       // >= 1
  int threads = 1;     // >= 1
  uint64_t seed = 1;
};

struct ConfusionBelief {
  // [T x K] P(true class | all answers); 1/K without answers.
  MatrixF posterior;
  // The mean matrices, rows = truth, [L + 1 x K x K]; the last is that of
  // somebody who has not answered yet.
  std::vector<float> mean;
  std::vector<double> class_prior;  // [K], mean, sums to 1
  double concentration = 0;         // kappa, geometric mean
};

absl::StatusOr<ConfusionBelief> SampleConfusions(
    const AnswerSet& answers, std::span<const GoldLabel> gold = {},
    const ConfusionSamplerOptions& options = {});

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_CONFUSION_SAMPLER_H_
