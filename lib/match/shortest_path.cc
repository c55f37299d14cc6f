// SPDX-License-Identifier: Apache-2.0
#include "lib/match/shortest_path.h"

#include <algorithm>

#include "lib/match/kernels.h"

namespace allot {

template <typename V>
Repair<V>::Repair(Flow<V>& flow, LabelerIndex<V>& index)
    : flow_(flow), index_(index), free_bound_(flow.num_tasks()) {
  int32_t most = 0;
  for (int t = 0; t < flow.num_tasks(); ++t) {
    most =
        std::max(most, flow.problem->offset[t + 1] - flow.problem->offset[t]);
  }
  found_.resize(most + 8);
}

template <typename V>
void Repair<V>::Push(V distance, int32_t labeler) {
  heap_.push_back({distance, labeler});
  size_t hole = heap_.size() - 1;
  while (hole > 0) {
    const size_t parent = (hole - 1) / 4;
    if (heap_[parent].distance <= distance) break;
    heap_[hole] = heap_[parent];
    hole = parent;
  }
  heap_[hole] = {distance, labeler};
}

template <typename V>
typename Repair<V>::Label Repair<V>::Pop() {
  const Label top = heap_.front();
  const Label last = heap_.back();
  heap_.pop_back();
  const size_t size = heap_.size();
  if (size == 0) return top;
  size_t hole = 0;
  for (size_t child = 1; child < size; child = 4 * hole + 1) {
    const size_t end = std::min(child + 4, size);
    size_t least = child;
    for (size_t c = child + 1; c < end; ++c) {
      if (heap_[c].distance < heap_[least].distance) least = c;
    }
    if (heap_[least].distance >= last.distance) break;
    heap_[hole] = heap_[least];
    hole = least;
  }
  heap_[hole] = last;
  return top;
}

template <typename V>
void Repair<V>::Begin(int32_t source) {
  if (++search_ == 1) {
    node_.resize(flow_.num_labelers());
    seen_.resize(flow_.num_tasks());
  }
  heap_.clear();
  tree_.clear();
  node_[source].search = search_;
  node_[source].settled = 0;
  node_[source].distance = 0;
  Push(0, source);
}

template <typename V>
bool Repair<V>::OutOfLimits() {
  ++scans_;
  if (scans_ % 64 == 0 && limits_.deadline.Passed()) {
    result_ = RepairResult::kDeadline;
  } else if (scans_ > limits_.most_scans) {
    result_ = RepairResult::kCapped;
  }
  return result_ != RepairResult::kOptimal;
}

template <typename V>
void Repair<V>::ContentTasks() {
  all_free_ = std::all_of(flow_.price.begin(), flow_.price.end(),
                          [](V p) { return p == 0; });
  std::fill(flow_.load.begin(), flow_.load.end(), 0);
  for (int t = 0; t < flow_.num_tasks(); ++t) {
    kept_.clear();
    const int32_t first = flow_.slot_begin[t];
    for (int32_t s = first; s < first + flow_.filled[t]; ++s) {
      flow_.value[flow_.slots[s].edge] = flow_.slots[s].worth;
      kept_.push_back(flow_.slots[s].edge);
    }
    flow_.filled[t] = 0;
    const int32_t k = flow_.room(t);
    if (k == 0) continue;
    if (k <= kMostTop) {
      ChooseBest(t, k);
    } else {
      ChooseBestOfMany(t, k);
    }
  }
}

// The k best of positive reduced value; among equals those kept.
template <typename V>
void Repair<V>::ChooseBest(int32_t task, int32_t k) {
  const Problem& problem = *flow_.problem;
  const int32_t begin = problem.offset[task];
  Top<V> top;
  TopReduced(flow_.labeler + begin, flow_.value.data() + begin,
             all_free_ ? nullptr : flow_.price.data(),
             problem.offset[task + 1] - begin, k, top);
  const V least = std::max(V{0}, top.reduced[k - 1]);
  free_bound_[task] = least;
  int32_t i = 0;
  for (; i < k && top.reduced[i] > least; ++i) {
    flow_.Choose(task, begin + top.index[i]);
  }
  for (const int32_t e : kept_) {
    if (flow_.reduced(e) == least && flow_.room(task) > 0) {
      flow_.Choose(task, e);
    }
  }
  if (least == 0) return;
  for (; flow_.room(task) > 0; ++i) {
    const int32_t e = begin + top.index[i];
    if (!flow_.taken(e)) flow_.Choose(task, e);
  }
}

template <typename V>
void Repair<V>::ChooseBestOfMany(int32_t task, int32_t k) {
  const Problem& problem = *flow_.problem;
  order_.clear();
  for (int32_t e = problem.offset[task]; e < problem.offset[task + 1]; ++e) {
    if (flow_.reduced(e) > 0) order_.push_back(e);
  }
  if (static_cast<int32_t>(order_.size()) > k) {
    std::nth_element(order_.begin(), order_.begin() + (k - 1), order_.end(),
                     [&](int32_t x, int32_t y) {
                       const V rx = flow_.reduced(x), ry = flow_.reduced(y);
                       return rx != ry ? rx > ry : x < y;
                     });
    order_.resize(k);
  }
  for (const int32_t e : order_) flow_.Choose(task, e);
  free_bound_[task] = flow_.largest;
}

// The task's unused edges are worth no more than `bound` from now on.
template <typename V>
void Repair<V>::NoteBound(int32_t task, V bound) {
  free_bound_[task] = bound;
  const int32_t first = flow_.slot_begin[task];
  for (int32_t s = first; s < first + flow_.filled[task]; ++s) {
    flow_.holding(s).free_bound = bound;
  }
}

// Frees one slot of an overloaded labeler.
template <typename V>
bool Repair<V>::Relieve(int32_t source) {
  const Problem& problem = *flow_.problem;
  Begin(source);
  V shortest = flow_.largest + 1;
  int32_t end_labeler = Flow<V>::kNone;  // kNone: end_slot is left empty
  int32_t end_slot = Flow<V>::kNone;
  while (!heap_.empty()) {
    const Label label = Pop();
    if (label.distance >= shortest) break;
    const int32_t l = label.labeler;
    if (node_[l].settled || label.distance != node_[l].distance) continue;
    node_[l].settled = 1;
    tree_.push_back(l);
    if (OutOfLimits()) return false;
    auto* const held = flow_.holdings(l);
    const V offset = label.distance - flow_.price[l];
    waiting_.clear();
    for (int32_t i = 0; i < flow_.load[l]; ++i) {
      const V base = offset + held[i].worth;
      if (base < shortest) {
        shortest = base;
        end_slot = held[i].slot;
        end_labeler = Flow<V>::kNone;
      }
      if (base - held[i].free_bound >= shortest) continue;
      flow_.PrefetchRow(held[i].task);
      waiting_.push_back({base, i});
    }
    for (const Waiting& waiting : waiting_) {
      const V base = waiting.base;
      const int32_t t = held[waiting.place].task;
      if (base - free_bound_[t] >= shortest) {
        held[waiting.place].free_bound = free_bound_[t];
        continue;
      }
      // A task reached before at no more than this has nothing new to offer.
      if (seen_[t].search == search_ && seen_[t].distance <= base) continue;
      seen_[t].search = search_;
      seen_[t].distance = base;
      // What can beat the shortest path known; it may shrink meanwhile.
      const int32_t begin = problem.offset[t];
      const Above<V> above = FindAbove(
          flow_.labeler + begin, flow_.value.data() + begin, flow_.price.data(),
          problem.offset[t + 1] - begin, base - shortest, found_.data());
      free_bound_[t] = std::max(V{0}, above.largest);
      held[waiting.place].free_bound = free_bound_[t];
      const int32_t s = held[waiting.place].slot;
      for (int i = 0; i < above.count; ++i) {
        const int32_t e = begin + found_[i];
        if (flow_.value[e] <= 0) continue;
        const int32_t to = flow_.labeler[e];
        const V distance = base - flow_.value[e] + flow_.price[to];
        if (distance >= shortest) continue;
        if (node_[to].search == search_) {
          if (distance >= node_[to].distance) continue;
        } else {
          node_[to].search = search_;
          node_[to].settled = 0;
        }
        node_[to].distance = distance;
        node_[to].via_slot = s;
        node_[to].via = e;
        if (flow_.load[to] < problem.capacity[to]) {
          shortest = distance;
          end_labeler = to;
        } else {
          if (flow_.load[to] > 0) __builtin_prefetch(flow_.holdings(to));
          Push(distance, to);
        }
      }
    }
  }
  for (const int32_t l : tree_) {
    if (node_[l].distance < shortest)
      flow_.price[l] += shortest - node_[l].distance;
  }
  ++stats_->augmentations;
  Follow(source, end_labeler, end_slot);
  return true;
}

// Makes the moves of the path found, from its end backwards. Where it ends by
// leaving a slot empty there is no end labeler. Empty() renumbers slots of its
// own task only, which no earlier move of the path holds.
template <typename V>
void Repair<V>::Follow(int32_t source, int32_t end_labeler, int32_t end_slot) {
  // The edge that the slot lets go is one that its task does without.
  const auto freed = [&](int32_t slot) {
    return std::max(free_bound_[flow_.slots[slot].task],
                    flow_.slot_reduced(slot));
  };
  int32_t from = end_labeler;
  if (from == Flow<V>::kNone) {
    from = flow_.slots[end_slot].labeler;
  }
  while (from != source) {
    const int32_t slot = node_[from].via_slot;
    const int32_t parent = flow_.slots[slot].labeler;
    const V bound = freed(slot);
    flow_.Move(slot, node_[from].via);
    NoteBound(flow_.slots[slot].task, bound);
    from = parent;
  }
  if (end_labeler == Flow<V>::kNone) {
    const int32_t t = flow_.slots[end_slot].task;
    const V bound = freed(end_slot);
    flow_.Empty(end_slot);
    NoteBound(t, bound);
  }
}

// Makes an interrupted flow feasible: overloaded labelers keep the slots that
// lose most, and what they drop goes to whoever has room, in task order.
template <typename V>
void Repair<V>::CutBack() {
  const Problem& problem = *flow_.problem;
  for (int l = 0; l < flow_.num_labelers(); ++l) {
    const int32_t excess = flow_.load[l] - problem.capacity[l];
    if (excess <= 0) continue;
    std::vector<int32_t> held;
    for (int32_t i = 0; i < flow_.load[l]; ++i) {
      held.push_back(flow_.slots[flow_.holdings(l)[i].slot].edge);
    }
    std::sort(held.begin(), held.end(), [&](int32_t x, int32_t y) {
      if (flow_.value[x] != flow_.value[y]) {
        return flow_.value[x] < flow_.value[y];
      }
      return x > y;
    });
    held.resize(excess);
    // Empty() renumbers slots, so each edge is found again by its task.
    for (const int32_t e : held) {
      for (int32_t i = 0; i < flow_.load[l]; ++i) {
        const int32_t s = flow_.holdings(l)[i].slot;
        if (flow_.slots[s].edge != e) continue;
        flow_.Empty(s);
        break;
      }
    }
  }
  FillFree(flow_);
}

template <typename V>
int64_t Repair<V>::Excess() const {
  const Problem& problem = *flow_.problem;
  // As many slots as the tasks have is all a labeler could be missing.
  const int32_t most = flow_.num_tasks();
  int64_t excess = 0;
  for (int l = 0; l < flow_.num_labelers(); ++l) {
    const int32_t room = problem.capacity[l] - flow_.load[l];
    excess += std::max(-room, 0);
    excess += flow_.price[l] > 0 ? std::clamp(room, 0, most) : 0;
  }
  return excess;
}

template <typename V>
RepairResult Repair<V>::Run(const RepairLimits& limits, SolveStats& stats) {
  limits_ = limits;
  stats_ = &stats;
  result_ = RepairResult::kOptimal;
  scans_ = 0;
  supplying_ = false;
  touched_.clear();
  const Problem& problem = *flow_.problem;
  ContentTasks();
  const int num_labelers = flow_.num_labelers();
  const bool limited = limits.most_excess != INT64_MAX;
  if (limited && Excess() > limits.hopeless_excess) {
    return RepairResult::kCapped;
  }
  flow_.ListHoldings(free_bound_.data());
  RaisePrices();
  if (limited && result_ == RepairResult::kOptimal &&
      Excess() > limits.most_excess) {
    return RepairResult::kCapped;
  }
  bool going = result_ == RepairResult::kOptimal;
  for (int l = 0; l < num_labelers && going; ++l) {
    while (going && flow_.load[l] > problem.capacity[l]) going = Relieve(l);
  }
  for (int l = 0; l < num_labelers && going; ++l) {
    while (going && flow_.price[l] > 0 && flow_.load[l] < problem.capacity[l]) {
      going = Supply(l);
    }
  }
  stats.scanned += scans_;
  if (result_ == RepairResult::kDeadline && limits.cut_back) CutBack();
  return result_;
}

template class Repair<int32_t>;
template class Repair<int64_t>;

}  // namespace allot
