// SPDX-License-Identifier: Apache-2.0
#include "lib/match/labeler_index.h"

#include <algorithm>

namespace allot {

template <typename V>
void LabelerIndex<V>::Count(const Flow<V>& flow) {
  if (!begin.empty()) return;
  const int num_labelers = flow.num_labelers();
  begin.assign(num_labelers + 1, 0);
  const int num_edges = flow.problem->num_edges();
  for (int e = 0; e < num_edges; ++e) ++begin[flow.labeler[e] + 1];
  for (int l = 0; l < num_labelers; ++l) begin[l + 1] += begin[l];
}

template <typename V>
void LabelerIndex<V>::Build(const Flow<V>& flow) {
  if (built_) return;
  Count(flow);
  built_ = true;
  const Problem& problem = *flow.problem;
  task.resize(problem.num_edges());
  value.resize(problem.num_edges());
  std::vector<int32_t> next(begin.begin(), begin.end() - 1);
  const int32_t num_edges = problem.num_edges();
  for (int t = 0; t < problem.num_tasks(); ++t) {
    for (int32_t e = problem.offset[t]; e < problem.offset[t + 1]; ++e) {
      // Each goes to another place in memory, which is asked for in time.
      constexpr int32_t kAhead = 16;
      const int32_t soon =
          next[flow.labeler[std::min(e + kAhead, num_edges - 1)]];
      __builtin_prefetch(&task[soon], 1);
      __builtin_prefetch(&value[soon], 1);
      const int32_t at = next[flow.labeler[e]]++;
      task[at] = t;
      value[at] = flow.worth(e);
    }
  }
}

template struct LabelerIndex<int32_t>;
template struct LabelerIndex<int64_t>;

}  // namespace allot
