// SPDX-License-Identifier: Apache-2.0
#include "lib/match/labeler_index.h"

namespace allot {

void LabelerIndex::Build(const Problem& problem, const int32_t* labeler) {
  const int num_labelers = problem.num_labelers();
  // Counted one place ahead, so that filling moves each begin into place.
  begin.assign(num_labelers + 2, 0);
  for (int e = 0; e < problem.num_edges(); ++e) ++begin[labeler[e] + 2];
  for (int l = 0; l < num_labelers; ++l) begin[l + 2] += begin[l + 1];
  edge.resize(problem.num_edges());
  task.resize(problem.num_edges());
  for (int t = 0; t < problem.num_tasks(); ++t) {
    for (int32_t e = problem.offset[t]; e < problem.offset[t + 1]; ++e) {
      const int32_t at = begin[labeler[e] + 1]++;
      edge[at] = e;
      task[at] = t;
    }
  }
  begin.pop_back();
}

}  // namespace allot
