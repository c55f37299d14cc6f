// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/lemon_yardstick.h"

#include <time.h>

#include <utility>

#if __has_include(<lemon/network_simplex.h>)
#include <lemon/network_simplex.h>
#include <lemon/static_graph.h>

namespace allot {
namespace bench {
namespace {

double CpuMs() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 +
         static_cast<double>(now.tv_nsec) * 1e-6;
}

}  // namespace

// Tasks, then labelers, then the hub that takes in every slot: through a
// labeler, or straight from the task for `unfilled`.
YardstickResult RunNetworkSimplex(const FlowInput& in) {
  using Graph = lemon::StaticDigraph;
  const int tasks = static_cast<int>(in.redundancy.size());
  const int labelers = static_cast<int>(in.capacity.size());
  const int hub = tasks + labelers;
  std::vector<std::pair<int, int>> arcs;
  std::vector<int64_t> upper, cost, supply(hub + 1, 0);
  for (int t = 0; t < tasks; ++t) {
    for (int e = in.offset[t]; e < in.offset[t + 1]; ++e) {
      arcs.emplace_back(t, tasks + in.labeler[e]);
      upper.push_back(1);
      cost.push_back(in.cost[e]);
    }
    arcs.emplace_back(t, hub);
    upper.push_back(in.redundancy[t]);
    cost.push_back(in.unfilled);
    supply[t] = in.redundancy[t];
    supply[hub] -= in.redundancy[t];
  }
  for (int l = 0; l < labelers; ++l) {
    arcs.emplace_back(tasks + l, hub);
    upper.push_back(in.capacity[l]);
    cost.push_back(0);
  }
  Graph graph;
  graph.build(hub + 1, arcs.begin(), arcs.end());
  Graph::ArcMap<int64_t> upper_map(graph), cost_map(graph);
  Graph::NodeMap<int64_t> supply_map(graph);
  for (size_t a = 0; a < arcs.size(); ++a) {
    upper_map[graph.arc(static_cast<int>(a))] = upper[a];
    cost_map[graph.arc(static_cast<int>(a))] = cost[a];
  }
  for (int v = 0; v <= hub; ++v) supply_map[graph.node(v)] = supply[v];
  const double start = CpuMs();
  lemon::NetworkSimplex<Graph, int64_t, int64_t> simplex(graph);
  simplex.upperMap(upper_map).costMap(cost_map).supplyMap(supply_map);
  simplex.run(decltype(simplex)::BLOCK_SEARCH);
  YardstickResult result;
  result.cpu_ms = CpuMs() - start;
  result.cost = simplex.totalCost();
  result.available = true;
  return result;
}

}  // namespace bench
}  // namespace allot

#else

namespace allot {
namespace bench {
YardstickResult RunNetworkSimplex(const FlowInput&) { return {}; }
}  // namespace bench
}  // namespace allot

#endif
