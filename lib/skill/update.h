// SPDX-License-Identifier: Apache-2.0
// Learning a labeler's skills from answers.
//
// Model    x = a . mu is the labeler's skill on the task; they know the answer
//          with probability sigma(x - b), else guess one of K labels. If q is
//          the probability, from all evidence but this answer, that the label
//          they gave is the true one, the answer's likelihood is
//
//            L(x) = q p(x) + (1 - q) (1 - p(x)) / (K - 1)
//                 = (1/K) (1 + (K q - 1) sigma(x - b))
//
//          Gold is q = 1 (right) or q = 0 (wrong). q = 1/K says nothing of the
//          truth and so teaches nothing. The division by K - 1 matters: without
//          it an answer of which nothing is known would count as a wrong one
//          whenever K > 2.
// Method   Assumed-density filtering and expectation propagation (Minka 2001,
//          arXiv:1301.2294) with independent normals per skill. The moments of
//          N(x; m, V) L(x) are taken by 20-point Gauss-Hermite quadrature. From
//          x they spread to skill d by regression, with gain g = a_d s_d^2 / V:
//            mu_d  += g (m' - m)
//            s_d^2 += g^2 (V' - V)
//          which is the exact marginal of the rank-one updated normal; its
//          correlations between skills are dropped.
// Sites    What one answer adds to a belief is kept as a *site*: a change of
//          natural parameters (1/s^2, mu/s^2) per loaded skill. When later
//          answers change q, take the site away, make it again, put it back:
//          each answer counts exactly once however often it is revised.
//          The caller's duty: q never includes the answer's own influence, or
//          beliefs confirm themselves.
// Bounds   The right answer of a labeler thought poor makes their skill less
//          certain, not more: a site's precision may be negative. (Cutting it
//          at 0 costs one to two points of coverage of 90% intervals.) One
//          answer at most doubles a variance, and none lifts it above
//          max_variance; variances are positive always. Sites are cut so that
//          they do not narrow a belief below min_variance. Means move without
//          bound, but only logarithmically in the number of answers.
// Shapes   beliefs[t] and site[t] belong to loading[t]: gather the labeler's
//          loaded skills, update, scatter. Equal lengths, loading not empty.
// Range    q in [0, 1], K >= 2, beliefs finite with variance > 0. Not checked.
// Cost     O(20 + loaded skills) per update, no allocation.
// Threads  Pure functions. The same bits on every machine.
#ifndef ALLOT_LIB_SKILL_UPDATE_H_
#define ALLOT_LIB_SKILL_UPDATE_H_

#include <span>

#include "absl/container/inlined_vector.h"
#include "lib/skill/loading.h"

namespace allot {

// A normal belief about one skill of one labeler, in logits.
struct SkillBelief {
  double mean = 0;
  double variance = 1;
};

// What one answer adds to the belief about one skill: precision (1/logits^2)
// and precision times mean (1/logits).
struct SiteTerm {
  double precision = 0;
  double shift = 0;
};
// One term per nonzero of the task's loading. A site of zeros is no answer.
using SkillSite = absl::InlinedVector<SiteTerm, 1>;

// One answer, seen from the labeler's side.
struct AnswerEvidence {
  std::span<const SkillWeight> loading;
  double difficulty = 0;           // logits
  double difficulty_variance = 0;  // logits^2
  int classes = 2;
  // q: the probability that the answered label is the truth, given everything
  // but this answer.
  double belief = 0.5;
};

struct SkillUpdateOptions {
  // No answer narrows a belief below this (logits^2), so that a labeler who
  // changes can still be followed.
  double min_variance = 1e-3;
  // No answer, and no answer's removal, widens a belief above this (logits^2).
  // At least the widest prior.
  double max_variance = 25;
  // Share of the new site that UpdateSite() takes; the rest stays the old
  // one. In (0, 1]. Below 1 steadies revisions that depend on each other.
  double damping = 1;
};

// The moments of N(x; mean, variance) L(x) and its integral.
struct TiltedMoments {
  double mean;
  double variance;
  // The integral of N L. With q = 1: the expected accuracy, without MacKay's
  // approximation.
  double probability;
};
// Quadrature error of the moments, in standard deviations: below 1e-6 for
// variance <= 1, 2e-4 for 4, 1e-2 for 25. Takes 0 <= variance.
TiltedMoments MatchMoments(double mean, double variance, double difficulty,
                           int classes, double belief);

// Marginal -> cavity: takes a site out of the beliefs. A cavity without
// positive precision (only by bookkeeping errors, such as a site taken out
// twice) keeps the marginal's mean and gets max_variance.
void RemoveSite(std::span<const SiteTerm> site,
                const SkillUpdateOptions& options,
                std::span<SkillBelief> beliefs);

// The site that this answer should have, given the cavity. `site` holds the old
// one on entry (zeros for a new answer) and the new one on return. Returns the
// probability of the answer under the cavity, over labels: 1/K is "nothing
// known", small values are surprises.
double UpdateSite(const AnswerEvidence& answer,
                  const SkillUpdateOptions& options,
                  std::span<const SkillBelief> cavity,
                  std::span<SiteTerm> site);

// Cavity -> marginal: puts a site into the beliefs. A site of negative
// precision that was made for other beliefs widens these fourfold at most.
void ApplySite(std::span<const SiteTerm> site, std::span<SkillBelief> beliefs);

// Remove, update, apply. With a site of zeros this is the first, filtering
// update by an answer. Returns what UpdateSite() does.
double ReviseAnswer(const AnswerEvidence& answer,
                    const SkillUpdateOptions& options,
                    std::span<SkillBelief> beliefs, std::span<SiteTerm> site);

}  // namespace allot

#endif  // ALLOT_LIB_SKILL_UPDATE_H_
