// SPDX-License-Identifier: Apache-2.0
// What an answer counts beside others of its correlation group: of n labelers
// who err alike (copies of one model, say) each weighs
//     w = 1 / (1 + rho (n - 1)),
// the design effect of Kish (1965): together 1 for rho = 1, n for rho = 0.
#ifndef ALLOT_LIB_TRUTH_GROUP_WEIGHTS_H_
#define ALLOT_LIB_TRUTH_GROUP_WEIGHTS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace allot {

inline constexpr double kGroupCorrelation = 0.8;

// Not thread-safe: it owns the scratch. One for each thread.
class GroupWeights {
 public:
  // weights[i] of answers[i]: 1, or w where its `group` is not negative.
  // Requires 0 <= rho <= 1. O(n log n) in answers with a group.
  template <typename Answer>
  void Find(std::span<const Answer> answers, double rho,
            std::vector<double>& weights) {
    weights.assign(answers.size(), 1.0);
    grouped_.clear();
    for (size_t i = 0; i < answers.size(); ++i) {
      if (answers[i].group < 0) continue;
      grouped_.emplace_back(answers[i].group, static_cast<int32_t>(i));
    }
    std::sort(grouped_.begin(), grouped_.end());
    for (size_t begin = 0, end = 0; begin < grouped_.size(); begin = end) {
      while (end < grouped_.size() &&
             grouped_[end].first == grouped_[begin].first) {
        ++end;
      }
      const double others = static_cast<double>(end - begin) - 1;
      for (size_t i = begin; i < end; ++i) {
        weights[grouped_[i].second] = 1 / (1 + others * rho);
      }
    }
  }

 private:
  std::vector<std::pair<int32_t, int32_t>> grouped_;  // (group, answer)
};

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_GROUP_WEIGHTS_H_
