// SPDX-License-Identifier: Apache-2.0
// The second direction of shortest_path.h: labelers with room who are too dear.
#include <algorithm>

#include "lib/match/kernels.h"
#include "lib/match/shortest_path.h"

namespace allot {

template <typename V>
V Repair<V>::Profit(int32_t task) const {
  if (flow_.room(task) > 0) return 0;
  V profit = flow_.largest;
  for (int32_t s = flow_.slot_begin[task]; s < flow_.slot_begin[task + 1];
       ++s) {
    profit = std::min(profit, flow_.slot_reduced(s));
  }
  return profit;
}

// Whether the labeler serves the task already.
template <typename V>
bool Repair<V>::Serves(int32_t labeler, int32_t task) const {
  const int32_t first = flow_.slot_begin[task];
  for (int32_t s = first; s < first + flow_.filled[task]; ++s) {
    if (flow_.slots[s].labeler == labeler) return true;
  }
  return false;
}

template <typename V>
void Repair<V>::PrepareSupply() {
  supplying_ = true;
  index_.Build(flow_);
  int32_t most = 0;
  for (int l = 0; l < flow_.num_labelers(); ++l) {
    most = std::max(most, index_.degree(l));
  }
  if (found_.size() < static_cast<size_t>(most) + 8) found_.resize(most + 8);
  profit_.resize(flow_.num_tasks());
  for (int t = 0; t < flow_.num_tasks(); ++t) profit_[t] = Profit(t);
}

// Brings a slot to a labeler with room whose price is positive, or lowers that
// price to 0.
template <typename V>
bool Repair<V>::Supply(int32_t source) {
  if (!supplying_) PrepareSupply();
  Begin(source);
  V shortest = flow_.price[source];
  int32_t end_labeler = source;       // who gives up a slot
  int32_t end_task = Flow<V>::kNone;  // or: whose empty slot she fills
  while (!heap_.empty()) {
    const Label label = Pop();
    if (label.distance >= shortest) break;
    const int32_t l = label.labeler;
    if (node_[l].settled || label.distance != node_[l].distance) continue;
    node_[l].settled = 1;
    tree_.push_back(l);
    if (OutOfLimits()) return false;
    // What can beat the shortest path known: the task gives up profit_ and
    // gains a - p. It may shrink meanwhile.
    const int32_t begin = index_.begin[l];
    const int found =
        FindAbove(index_.task.data() + begin, index_.value.data() + begin,
                  profit_.data(), index_.degree(l),
                  flow_.price[l] - (shortest - label.distance), found_.data())
            .count;
    for (int i = 0; i < found; ++i) {
      const V value = index_.value[begin + found_[i]];
      if (value == 0) continue;
      const V base = label.distance - value + flow_.price[l];
      const int32_t t = index_.task[begin + found_[i]];
      if (base + profit_[t] >= shortest) continue;
      if (seen_[t].search == search_ && seen_[t].distance <= base) continue;
      if (Serves(l, t)) continue;
      seen_[t].search = search_;
      seen_[t].distance = base;
      if (flow_.room(t) > 0) {
        shortest = base;
        end_task = t;
        end_labeler = l;
        continue;
      }
      const int32_t first = flow_.slot_begin[t];
      for (int32_t s = first; s < first + flow_.filled[t]; ++s) {
        const V distance = base + flow_.slot_reduced(s);
        if (distance >= shortest) continue;
        const int32_t to = flow_.slots[s].labeler;
        if (node_[to].search == search_) {
          if (distance >= node_[to].distance) continue;
        } else {
          node_[to].search = search_;
          node_[to].settled = 0;
        }
        node_[to].distance = distance;
        node_[to].via_slot = s;
        node_[to].via = l;
        if (distance + flow_.price[to] < shortest) {
          shortest = distance + flow_.price[to];
          end_labeler = to;
          end_task = Flow<V>::kNone;
        }
        Push(distance, to);
      }
    }
  }
  for (const int32_t l : tree_) {
    if (node_[l].distance >= shortest) continue;
    flow_.price[l] -= shortest - node_[l].distance;
    for (int32_t i = 0; i < flow_.load[l]; ++i) {
      touched_.push_back(flow_.holdings(l)[i].task);
    }
  }
  ++stats_->augmentations;
  if (end_task != Flow<V>::kNone) {
    flow_.Fill(end_task, flow_.FindEdge(end_task, end_labeler));
    touched_.push_back(end_task);
  }
  int32_t from = end_labeler;
  while (from != source) {
    const int32_t slot = node_[from].via_slot;
    const int32_t to = node_[from].via;
    const int32_t t = flow_.slots[slot].task;
    flow_.Move(slot, flow_.FindEdge(t, to));
    touched_.push_back(t);
    from = to;
  }
  for (const int32_t t : touched_) profit_[t] = Profit(t);
  touched_.clear();
  return true;
}

template int32_t Repair<int32_t>::Profit(int32_t) const;
template int64_t Repair<int64_t>::Profit(int32_t) const;
template bool Repair<int32_t>::Serves(int32_t, int32_t) const;
template bool Repair<int64_t>::Serves(int32_t, int32_t) const;
template void Repair<int32_t>::PrepareSupply();
template void Repair<int64_t>::PrepareSupply();
template bool Repair<int32_t>::Supply(int32_t);
template bool Repair<int64_t>::Supply(int32_t);

}  // namespace allot
