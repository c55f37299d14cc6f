// SPDX-License-Identifier: Apache-2.0
// What is left of a plan that was cut short: its empty slots.
#include <algorithm>

#include "lib/match/flow.h"
#include "lib/match/kernels.h"

namespace allot {
namespace {

// Fills a slot of the task by moving a slot of one of its best labelers to
// whoever has room: of the first labeler where that gains anything, the slot
// that gains most. `closed` is a price that keeps out those without room.
// Returns the labeler that took the moved slot, or kNone.
template <typename V>
int32_t FillByMove(int32_t task, const std::vector<V>& closed, int64_t& rows,
                   Flow<V>& flow) {
  const Problem& problem = *flow.problem;
  const int32_t begin = problem.offset[task];
  Top<V> top;
  TopReduced(flow.labeler + begin, flow.value.data() + begin,
             static_cast<const V*>(nullptr), problem.offset[task + 1] - begin,
             kMostTop, top);
  for (int i = 0; i < kMostTop && top.reduced[i] > 0 && rows > 0; ++i) {
    const int32_t l = flow.labeler[begin + top.index[i]];
    V most_gained = 0;
    int32_t from = Flow<V>::kNone, to = Flow<V>::kNone;
    for (int32_t j = 0; j < flow.load[l]; ++j) {
      const auto& held = flow.holdings(l)[j];
      const int32_t first = problem.offset[held.task];
      --rows;
      const BestEdge<V> best =
          LargestReduced(flow.labeler + first, flow.value.data() + first,
                         closed.data(), problem.offset[held.task + 1] - first);
      const V gained = top.reduced[i] - held.worth + best.reduced;
      if (best.reduced <= 0 || gained <= most_gained) continue;
      most_gained = gained;
      from = held.slot;
      to = first + best.index;
    }
    if (from == Flow<V>::kNone) continue;
    flow.Move(from, to);
    flow.Fill(task, begin + top.index[i]);
    return flow.labeler[to];
  }
  return Flow<V>::kNone;
}

}  // namespace

template <typename V>
void FillFree(Flow<V>& flow) {
  const Problem& problem = *flow.problem;
  // A price that nothing is worth keeps out those who have no room.
  std::vector<V> closed(flow.num_labelers());
  const auto note = [&](int32_t l) {
    closed[l] = flow.load[l] < problem.capacity[l] ? 0 : flow.largest;
  };
  for (int l = 0; l < flow.num_labelers(); ++l) note(l);
  for (int t = 0; t < flow.num_tasks(); ++t) {
    const int32_t begin = problem.offset[t];
    bool any = true;
    while (any && flow.room(t) > 0) {
      const int32_t want = std::min(flow.room(t), kMostTop);
      Top<V> top;
      TopReduced(flow.labeler + begin, flow.value.data() + begin, closed.data(),
                 problem.offset[t + 1] - begin, want, top);
      for (int32_t i = 0; i < want && any; ++i) {
        any = top.reduced[i] > 0;
        if (!any) break;
        flow.Fill(t, begin + top.index[i]);
        note(flow.labeler[begin + top.index[i]]);
      }
    }
  }
  int64_t rows = flow.num_tasks();
  for (int t = 0; t < flow.num_tasks() && rows > 0; ++t) {
    while (flow.room(t) > 0) {
      const int32_t taker = FillByMove(t, closed, rows, flow);
      if (taker == Flow<V>::kNone) break;
      note(taker);
    }
  }
}

template void FillFree(Flow<int32_t>&);
template void FillFree(Flow<int64_t>&);

}  // namespace allot
