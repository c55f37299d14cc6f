// SPDX-License-Identifier: Apache-2.0
// The step of shortest_path.h before any search: overloaded labelers raise
// their own prices.
#include <algorithm>

#include "lib/match/kernels.h"
#include "lib/match/shortest_path.h"

namespace allot {

// The `excess` slots of a labeler that lose least by leaving, into leaving_;
// returns the most that one of them loses. Rows are read in the order of what
// is known to be lost at least, until nobody else can be among them.
template <typename V>
V Repair<V>::FindLeavers(int32_t labeler, int32_t excess, int64_t& work) {
  const Problem& problem = *flow_.problem;
  const auto less = [](const Leaver& x, const Leaver& y) {
    return x.loss != y.loss ? x.loss < y.loss : x.slot < y.slot;
  };
  const auto more = [&](const Leaver& x, const Leaver& y) {
    return less(y, x);
  };
  const auto* held = flow_.holdings(labeler);
  const V price = flow_.price[labeler];
  leavers_.clear();
  for (int32_t i = 0; i < flow_.load[labeler]; ++i) {
    const V bound = std::min(held[i].free_bound, free_bound_[held[i].task]);
    leavers_.push_back({held[i].worth - price - std::max(V{0}, bound),
                        held[i].slot, Flow<V>::kNone});
  }
  std::make_heap(leavers_.begin(), leavers_.end(), more);
  leaving_.clear();
  while (!leavers_.empty()) {
    std::pop_heap(leavers_.begin(), leavers_.end(), more);
    Leaver leaver = leavers_.back();
    leavers_.pop_back();
    const bool enough = static_cast<int32_t>(leaving_.size()) == excess;
    if (enough && leaver.loss >= leaving_.front().loss) break;
    if (!leavers_.empty()) {
      flow_.PrefetchRow(flow_.slots[leavers_.front().slot].task);
    }
    const int32_t t = flow_.slots[leaver.slot].task;
    const int32_t begin = problem.offset[t];
    const int32_t size = problem.offset[t + 1] - begin;
    work -= size;
    const BestEdge<V> best =
        LargestReduced(flow_.labeler + begin, flow_.value.data() + begin,
                       flow_.price.data(), size);
    free_bound_[t] = std::max(V{0}, best.reduced);
    leaver.loss = flow_.slot_reduced(leaver.slot) - free_bound_[t];
    if (best.reduced > 0) leaver.to = begin + best.index;
    if (enough) {
      if (!less(leaver, leaving_.front())) continue;
      std::pop_heap(leaving_.begin(), leaving_.end(), less);
      leaving_.pop_back();
    }
    leaving_.push_back(leaver);
    std::push_heap(leaving_.begin(), leaving_.end(), less);
  }
  return leaving_.front().loss;
}

// An overloaded labeler's price rises until as many slots as she has too many
// lose nothing by leaving for their next best choice, and they leave. Tasks
// stay content and she stays full, so this is a step of the method that needs
// no search; whom the slots go to may be overloaded next. Ends when the work
// exceeds a few passes over the edges or every raise would be 0.
template <typename V>
void Repair<V>::RaisePrices() {
  const Problem& problem = *flow_.problem;
  std::vector<int32_t> queue;
  for (int l = 0; l < flow_.num_labelers(); ++l) {
    if (flow_.load[l] > problem.capacity[l]) queue.push_back(l);
  }
  int64_t work = 4 * static_cast<int64_t>(problem.num_edges());
  for (size_t head = 0; head < queue.size() && work > 0; ++head) {
    const int32_t l = queue[head];
    const int32_t excess = flow_.load[l] - problem.capacity[l];
    if (excess <= 0) continue;
    if (OutOfLimits()) return;
    const V raise = FindLeavers(l, excess, work);
    flow_.price[l] += raise;
    for (const Leaver& leaver : leaving_) {
      if (leaver.to == Flow<V>::kNone) {
        flow_.Empty(leaver.slot);
        continue;
      }
      const int32_t to = flow_.labeler[leaver.to];
      const bool has_room = flow_.load[to] < problem.capacity[to];
      // Ties among overloaded labelers would go round in circles.
      if (raise == 0 && !has_room) continue;
      // What it leaves is worth no more than what it goes to: its bound holds.
      flow_.Move(leaver.slot, leaver.to);
      if (flow_.load[to] == problem.capacity[to] + 1) queue.push_back(to);
    }
  }
}

template int32_t Repair<int32_t>::FindLeavers(int32_t, int32_t, int64_t&);
template int64_t Repair<int64_t>::FindLeavers(int32_t, int32_t, int64_t&);
template void Repair<int32_t>::RaisePrices();
template void Repair<int64_t>::RaisePrices();

}  // namespace allot
