// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/tempering.h"

#include <algorithm>
#include <cmath>

namespace allot {

double EvidencePower(int64_t num_answers) {
  return EffectiveEvidencePower(static_cast<double>(num_answers));
}

double EffectiveEvidencePower(double effective_answers) {
  const double others = std::max(effective_answers, 1.0) - 1;
  return std::max(0.2, 0.7 / (1 + 0.1 * others));
}

double NextAnswerWeight(int64_t num_answers) {
  const auto n = static_cast<double>(num_answers);
  return (n + 1) * EffectiveEvidencePower(n + 1) -
         n * EffectiveEvidencePower(n);
}

void Temper(std::span<const double> prior, double effective_answers,
            TaskPosterior* posterior) {
  if (effective_answers <= 0) return;
  const double power = EffectiveEvidencePower(effective_answers);
  std::vector<double>& p = posterior->probability;
  double sum = 0;
  for (size_t k = 0; k < p.size(); ++k) {
    const double before = prior.empty() ? 1 : prior[k];
    p[k] = before > 0 ? before * std::pow(p[k] / before, power) : 0;
    sum += p[k];
  }
  posterior->entropy_bits = 0;
  for (double& probability : p) {
    probability /= sum;
    if (probability > 0) {
      posterior->entropy_bits -= probability * std::log2(probability);
    }
  }
  const auto top = std::max_element(p.begin(), p.end());
  posterior->label = static_cast<int32_t>(top - p.begin());
  posterior->confidence = *top;
  for (double& bits : posterior->contribution_bits) bits *= power;
}

}  // namespace allot
