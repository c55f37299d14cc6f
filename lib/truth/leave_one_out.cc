// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/leave_one_out.h"

#include <algorithm>
#include <cmath>

namespace allot {
namespace {

// Gauss-Hermite for the standard normal (Abramowitz and Stegun 1964, table
// 25.10, rescaled).
constexpr int kNodes = 5;
constexpr double kNode[kNodes] = {-2.856970013872806, -1.355626179974266, 0,
                                  1.355626179974266, 2.856970013872806};
constexpr double kWeight[kNodes] = {0.011257411327720689, 0.22207592200561266,
                                    0.53333333333333333, 0.22207592200561266,
                                    0.011257411327720689};

constexpr double kPiOverEight = 0.39269908169872414;

}  // namespace

void LeaveOneOut::Beliefs(int32_t num_classes, std::span<const double> prior,
                          double difficulty_mean, double difficulty_variance,
                          std::span<const BelievedAnswer> answers,
                          std::span<double> belief) {
  const size_t n = answers.size();
  const auto classes = static_cast<size_t>(num_classes);
  const int nodes = difficulty_variance > 0 ? kNodes : 1;
  const double spread = std::sqrt(difficulty_variance);
  odds_.resize(n * nodes);
  miss_.resize(n * nodes);
  evidence_.assign(classes * nodes, 0.0);
  double base[kNodes] = {};
  for (size_t i = 0; i < n; ++i) {
    const double scale =
        1 / std::sqrt(1 + kPiOverEight * answers[i].logit_variance);
    for (int b = 0; b < nodes; ++b) {
      const double difficulty =
          difficulty_mean + (nodes == 1 ? 0 : spread * kNode[b]);
      const double z =
          std::clamp((answers[i].logit_mean - difficulty) * scale, -30.0, 30.0);
      const double odds_known = std::exp(z);
      const double odds = 1 + num_classes * odds_known;
      const double miss = 1 / ((1 + odds_known) * num_classes);
      odds_[i * nodes + b] = odds;
      miss_[i * nodes + b] = miss;
      base[b] += std::log(miss);
      evidence_[b * classes + answers[i].label] += std::log(odds);
    }
  }
  double top = -HUGE_VAL;
  for (int b = 0; b < nodes; ++b) {
    for (size_t k = 0; k < classes; ++k) {
      double& cell = evidence_[b * classes + k];
      cell += base[b];
      top = std::max(top, cell);
    }
  }
  double node_sum[kNodes] = {};
  for (int b = 0; b < nodes; ++b) {
    const double weight = nodes == 1 ? 1 : kWeight[b];
    for (size_t k = 0; k < classes; ++k) {
      double& cell = evidence_[b * classes + k];
      cell = std::exp(cell - top) * weight * (prior.empty() ? 1 : prior[k]);
      node_sum[b] += cell;
    }
  }
  for (size_t i = 0; i < n; ++i) {
    double agree = 0, disagree = 0;
    for (int b = 0; b < nodes; ++b) {
      const double mine = evidence_[b * classes + answers[i].label];
      const double miss = miss_[i * nodes + b];
      agree += mine / (odds_[i * nodes + b] * miss);
      disagree += (node_sum[b] - mine) / miss;
    }
    const double total = agree + disagree;
    // All evidence underflowed but the answer's own: nothing is left to judge
    // it by.
    belief[i] = total > 0 ? agree / total : 1.0 / num_classes;
  }
}

}  // namespace allot
