// SPDX-License-Identifier: Apache-2.0
// What to believe of a stranger: the pool's prior for one skill, estimated from
// the labelers who have shown theirs (empirical Bayes).
//
// Model    A labeler's skill is theta ~ N(m, v). Their answers amount to a
//          normal likelihood with natural parameters (precision lambda, shift
//          eta): the sum of their sites (update.h), or SkillEvidence() below.
// Method   Against a reference prior N(m0, v0), a labeler's posterior mean is
//          m0 + d and the answers' share in it is u:
//            u = v0 lambda / (1 + v0 lambda),
//            d = v0 (eta - m0 lambda) / (1 + v0 lambda).
//          By moments, E d = u (m - m0) and
//          E (d - u (m - m0))^2 = u^2 v + v0 u (1 - u), so
//            m^ = m0 + sum d / sum u
//            v^ = (sum (d - u (m^ - m0))^2 - v0 sum u (1-u)) / sum u^2 .
//          (DerSimonian and Laird 1986, doi:10.1016/0197-2456(86)90046-2, with
//          weights bounded where evidence is thin.) If the reference is the
//          truth, the estimate is right for likelihoods of any shape; otherwise
//          it is as good as they are normal, and repeating with the estimate
//          as the reference (FitPrior) removes what is left.
//          From 20 to 80 answers each under a start of N(1, 1), a truth of
//          N(0..2, 0.25..1) comes out within 0.1 and a quarter of the variance;
//          at variance 2 the estimate is a third too low, and right once a
//          later generation starts from it.
//          The estimate is then shrunk towards the configured prior as if that
//          stood for `strength` well-known labelers.
// Exact    Sums are integers in units of 2^-30: adding and removing in any
//          order ends in the same bits, so that a replayed log and an
//          incremental history agree. Good for 10^7 labelers.
// Cost     Add, Remove and Estimate are O(1).
// Threads  Plain value; no locks.
#ifndef ALLOT_LIB_SKILL_PRIOR_H_
#define ALLOT_LIB_SKILL_PRIOR_H_

#include <cstdint>
#include <span>

#include "lib/skill/update.h"

namespace allot {

struct PriorOptions {
  // What an administrator believes of strangers, and what a pool starts from.
  SkillBelief configured = {1.0, 1.0};
  // The configured prior counts as this many well-known labelers.
  double strength = 10;
  // With less evidence than that of this many well-known labelers (sum u), the
  // configured prior is used as it is.
  double min_effective_count = 5;
  // Limits on the estimated variance, logits^2.
  double min_variance = 0.05;
  double max_variance = 9;
};

// What a labeler's answers have added to the belief they started from. Nothing
// (zeros) where the belief is not narrower than it was.
SiteTerm SkillEvidence(const SkillBelief& start, const SkillBelief& now);

// Sums over the labelers of one pool, for one skill.
class PriorAccumulator {
 public:
  explicit PriorAccumulator(const SkillBelief& reference = {1.0, 1.0})
      : reference_(reference) {}

  // Labelers without evidence (precision 0) change nothing.
  void Add(const SiteTerm& evidence) { Accumulate(evidence, 1); }
  // Undoes an Add() of the same evidence.
  void Remove(const SiteTerm& evidence) { Accumulate(evidence, -1); }

  // The sum of u: how many well-known labelers the evidence is worth.
  double effective_count() const;
  const SkillBelief& reference() const { return reference_; }

  // The prior for newcomers.
  SkillBelief Estimate(const PriorOptions& options) const;

 private:
  void Accumulate(const SiteTerm& evidence, int64_t sign);

  SkillBelief reference_;
  int64_t u_ = 0, uu_ = 0, d_ = 0, dd_ = 0, ud_ = 0;
};

// The fixed point over all labelers of a pool: `rounds` passes, each with the
// last estimate as reference, from the configured prior. O(rounds * labelers).
SkillBelief FitPrior(std::span<const SiteTerm> evidence,
                     const PriorOptions& options, int rounds = 5);

}  // namespace allot

#endif  // ALLOT_LIB_SKILL_PRIOR_H_
