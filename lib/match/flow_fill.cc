// SPDX-License-Identifier: Apache-2.0
// What is left of a plan that was cut short: its empty slots.
#include <algorithm>

#include "lib/match/flow.h"
#include "lib/match/kernels.h"

namespace allot {
namespace {

// A place at a labeler costs nothing where she has room. Where she has none it
// costs what the cheapest of her slots loses by moving to its refuge: its
// task's best labeler with room. Rooms only get fewer, so a cost noted before
// is a bound from below, and made true when it is to be paid. While this lasts
// a holding's free_bound is what its refuge is worth.
template <typename V>
class Filling {
 public:
  explicit Filling(Flow<V>& flow)
      : flow_(flow),
        closed_(flow.num_labelers()),
        cost_(flow.num_labelers()),
        leaver_(flow.num_labelers()),
        refuge_(flow.num_tasks(), Flow<V>::kNone),
        rows_(0) {}

  void Run(int64_t empty) {
    bool any_room = false;
    for (int l = 0; l < flow_.num_labelers(); ++l) {
      closed_[l] = has_room(l) ? 0 : flow_.largest;
      any_room = any_room || has_room(l);
    }
    if (!any_room) return;
    const int64_t most = MostMoves(flow_) + MostMoves(flow_) / 2;
    if (empty > most && FillDirectly()) return;
    std::vector<V> worth(flow_.num_tasks());
    for (int t = 0; t < flow_.num_tasks(); ++t) {
      if (flow_.filled[t] > 0) worth[t] = FindRefuge(t);
    }
    flow_.ListHoldings(worth.data());
    for (int l = 0; l < flow_.num_labelers(); ++l) FindCost(l);
    rows_ = flow_.num_tasks() + kRowsPerMove;
    std::vector<int32_t> open;
    for (int t = 0; t < flow_.num_tasks(); ++t) {
      if (flow_.room(t) > 0) open.push_back(t);
    }
    constexpr size_t kAhead = 4;
    for (size_t i = 0; i < open.size(); ++i) {
      if (i + kAhead < open.size()) flow_.PrefetchRow(open[i + kAhead]);
      while (flow_.room(open[i]) > 0 && FillSlot(open[i])) {
      }
    }
  }

 private:
  bool has_room(int32_t l) const {
    return flow_.load[l] < flow_.problem->capacity[l];
  }
  BestEdge<V> Best(int32_t task, const std::vector<V>& price) {
    --rows_;
    const int32_t begin = flow_.problem->offset[task];
    BestEdge<V> best =
        LargestReduced(flow_.labeler + begin, flow_.value.data() + begin,
                       price.data(), flow_.problem->offset[task + 1] - begin);
    best.index += begin;
    return best;
  }
  // Only labelers with room. Whether that fills all slots.
  bool FillDirectly() {
    bool full = true;
    for (int t = 0; t < flow_.num_tasks(); ++t) {
      while (flow_.room(t) > 0) {
        const BestEdge<V> best = Best(t, closed_);
        if (best.reduced <= 0) break;
        flow_.Choose(t, best.index);
        const int32_t l = flow_.labeler[best.index];
        if (!has_room(l)) closed_[l] = flow_.largest;
      }
      full = full && flow_.room(t) == 0;
    }
    return full;
  }
  // Where else the task's slots can go; returns what that is worth, 0 if there
  // is nowhere.
  V FindRefuge(int32_t task) {
    const BestEdge<V> best = Best(task, closed_);
    refuge_[task] = best.reduced > 0 ? best.index : Flow<V>::kNone;
    return std::max(V{0}, best.reduced);
  }
  void RenewRefuge(int32_t task) {
    const V worth = FindRefuge(task);
    const int32_t first = flow_.slot_begin[task];
    for (int32_t s = first; s < first + flow_.filled[task]; ++s) {
      flow_.holding(s).free_bound = worth;
    }
  }
  bool HasRefuge(int32_t task) const {
    const int32_t to = refuge_[task];
    return to != Flow<V>::kNone && !flow_.taken(to) &&
           has_room(flow_.labeler[to]);
  }
  void FindCost(int32_t l) {
    cost_[l] = closed_[l];
    if (closed_[l] == 0) return;
    const auto* const held = flow_.holdings(l);
    for (int32_t i = 0; i < flow_.load[l]; ++i) {
      if (held[i].free_bound == 0) continue;
      const V cost = std::max(V{0}, held[i].worth - held[i].free_bound);
      if (cost >= cost_[l]) continue;
      cost_[l] = cost;
      leaver_[l] = i;
    }
  }
  void NoteLoad(int32_t l) {
    closed_[l] = has_room(l) ? 0 : flow_.largest;
    FindCost(l);
  }
  // Whether there was anything worth filling the slot with.
  bool FillSlot(int32_t task) {
    for (;;) {
      const BestEdge<V> best = Best(task, rows_ > 0 ? cost_ : closed_);
      if (best.reduced <= 0) return false;
      const int32_t l = flow_.labeler[best.index];
      if (!has_room(l)) {
        const auto leaver = flow_.holdings(l)[leaver_[l]];
        if (!HasRefuge(leaver.task)) {
          RenewRefuge(leaver.task);
          FindCost(l);
          continue;
        }
        const int32_t to = refuge_[leaver.task];
        flow_.Move(leaver.slot, to);
        RenewRefuge(leaver.task);
        NoteLoad(flow_.labeler[to]);
      }
      flow_.Fill(task, best.index);
      if (HasRefuge(task)) {
        flow_.holding(flow_.slot_begin[task] + flow_.filled[task] - 1)
            .free_bound = flow_.value[refuge_[task]];
      } else {
        RenewRefuge(task);
      }
      NoteLoad(l);
      return true;
    }
  }

  Flow<V>& flow_;
  std::vector<V> closed_, cost_;  // [labelers]
  std::vector<int32_t> leaver_;   // [labelers] place of the slot that costs it
  std::vector<int32_t> refuge_;   // [tasks] edge, or kNone
  int64_t rows_;  // that may be read until nobody moves any more
};

}  // namespace

template <typename V>
void FillFree(Flow<V>& flow) {
  int64_t empty = 0;
  for (int t = 0; t < flow.num_tasks(); ++t) empty += flow.room(t);
  if (empty > 0) Filling<V>(flow).Run(empty);
}

template void FillFree(Flow<int32_t>&);
template void FillFree(Flow<int64_t>&);

}  // namespace allot
