// SPDX-License-Identifier: Apache-2.0
// Every feasible plan of a tiny problem, one by one.
#ifndef ALLOT_TESTS_MATCH_ENUMERATE_PLANS_H_
#define ALLOT_TESTS_MATCH_ENUMERATE_PLANS_H_

#include <cstdint>
#include <vector>

#include "lib/match/problem.h"

namespace allot {

// Calls visit(edges) for each set of edges that keeps every redundancy and
// capacity. 2^edges steps: for about 14 edges.
template <typename Visit>
void ForEachPlan(const Problem& problem, const Visit& visit) {
  std::vector<int> task_of_edge;
  for (int t = 0; t < problem.num_tasks(); ++t) {
    task_of_edge.insert(task_of_edge.end(),
                        problem.offset[t + 1] - problem.offset[t], t);
  }
  for (uint32_t set = 0; set < 1u << problem.num_edges(); ++set) {
    std::vector<int32_t> room = problem.capacity, open = problem.redundancy;
    std::vector<int32_t> edges;
    bool feasible = true;
    for (int e = 0; e < problem.num_edges() && feasible; ++e) {
      if (!(set >> e & 1)) continue;
      feasible = room[problem.labeler[e]]-- > 0 && open[task_of_edge[e]]-- > 0;
      edges.push_back(e);
    }
    if (feasible) visit(edges);
  }
}

}  // namespace allot

#endif  // ALLOT_TESTS_MATCH_ENUMERATE_PLANS_H_
