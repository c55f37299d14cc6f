// SPDX-License-Identifier: Apache-2.0
#include "lib/match/greedy.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "lib/match/certificate.h"
#include "lib/match/flow.h"
#include "lib/match/reading.h"

namespace allot {
namespace {

// A full labeler's price must turn away whoever came too late. What the best
// of those would have gained over her own second choice is unknown to greedy;
// the value of the last pair accepted is a cheap stand-in.
template <typename V>
void SuggestPrices(Flow<V>& flow) {
  const Problem& problem = *flow.problem;
  for (int l = 0; l < flow.num_labelers(); ++l) {
    flow.price[l] = 0;
    if (flow.load[l] == 0 || flow.load[l] < problem.capacity[l]) continue;
    V lowest = flow.largest;
    for (int32_t i = 0; i < flow.load[l]; ++i) {
      const auto& held = flow.holdings(l)[i];
      const int32_t t = held.task;
      V second = 0;
      for (int32_t e = problem.offset[t]; e < problem.offset[t + 1]; ++e) {
        second = std::max(second, flow.value[e]);
      }
      const V gain = held.worth - second;
      lowest = std::min(lowest, std::max(V{0}, gain));
    }
    flow.price[l] = lowest;
  }
}

template <typename V>
Assignment Solve(const Problem& problem, Reading& reading,
                 std::span<const double> warm_price) {
  Flow<V> flow = MakeFlow<V>(problem, reading);
  std::vector<std::pair<V, int32_t>> order;
  std::vector<int32_t> task_of;
  order.reserve(problem.num_edges());
  task_of.resize(problem.num_edges());
  for (int t = 0; t < problem.num_tasks(); ++t) {
    for (int32_t e = problem.offset[t]; e < problem.offset[t + 1]; ++e) {
      task_of[e] = t;
      if (flow.value[e] > 0 && flow.room(t) > 0) {
        order.emplace_back(-flow.value[e], e);
      }
    }
  }
  std::sort(order.begin(), order.end());
  for (const auto& [negative_value, e] : order) {
    const int32_t l = problem.labeler[e];
    if (flow.room(task_of[e]) > 0 && flow.load[l] < problem.capacity[l]) {
      flow.Fill(task_of[e], e);
    }
  }
  SuggestPrices(flow);
  Assignment best = ToAssignment(flow);
  const auto offer = [&](std::span<const double> price) {
    SetPrices(price, flow);
    Assignment other = ToAssignment(flow);
    if (other.upper_bound >= best.upper_bound) return;
    best = std::move(other);
  };
  offer({});
  if (!warm_price.empty()) offer(warm_price);
  best.solver = Solver::kGreedy;
  return best;
}

}  // namespace

Assignment SolveGreedy(const Problem& problem, Reading& reading,
                       std::span<const double> warm_price) {
  return FitsInt32(reading) ? Solve<int32_t>(problem, reading, warm_price)
                            : Solve<int64_t>(problem, reading, warm_price);
}

}  // namespace allot
