// SPDX-License-Identifier: Apache-2.0
#include "lib/match/shortest_path.h"

#include <algorithm>

#include "lib/match/kernels.h"

namespace allot {

template <typename V>
Repair<V>::Repair(Flow<V>& flow, LabelerIndex& index)
    : flow_(flow),
      index_(index),
      node_(flow.num_labelers()),
      seen_(flow.num_tasks()) {
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
  ++search_;
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
  kept_.resize(flow_.slots.size());
  for (size_t s = 0; s < kept_.size(); ++s) kept_[s] = flow_.slots[s].edge;
  const std::vector<int32_t> kept_count = flow_.filled;
  all_free_ = std::all_of(flow_.price.begin(), flow_.price.end(),
                          [](V p) { return p == 0; });
  flow_.EmptyAll();
  for (int t = 0; t < flow_.num_tasks(); ++t) {
    const int32_t k = flow_.room(t);
    if (k == 0) continue;
    const std::span<const int32_t> kept =
        std::span<const int32_t>(kept_).subspan(flow_.slot_begin[t],
                                                kept_count[t]);
    if (k <= kMostTop) {
      FillBest(t, k, kept);
    } else {
      FillBestOfMany(t, k);
    }
  }
}

// The k best of positive reduced value; among equals those kept.
template <typename V>
void Repair<V>::FillBest(int32_t task, int32_t k,
                         std::span<const int32_t> kept) {
  const Problem& problem = *flow_.problem;
  const int32_t begin = problem.offset[task];
  Top<V> top;
  TopReduced(flow_.labeler + begin, flow_.value.data() + begin,
             all_free_ ? nullptr : flow_.price.data(),
             problem.offset[task + 1] - begin, k, top);
  const V least = std::max(V{0}, top.reduced[k - 1]);
  int32_t i = 0;
  for (; i < k && top.reduced[i] > least; ++i) {
    flow_.Fill(task, begin + top.index[i]);
  }
  for (const int32_t e : kept) {
    if (flow_.reduced(e) == least && flow_.room(task) > 0) flow_.Fill(task, e);
  }
  if (least == 0) return;
  for (; flow_.room(task) > 0; ++i) {
    const int32_t e = begin + top.index[i];
    if (!flow_.taken(e)) flow_.Fill(task, e);
  }
}

template <typename V>
void Repair<V>::FillBestOfMany(int32_t task, int32_t k) {
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
  for (const int32_t e : order_) flow_.Fill(task, e);
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
    leavers_.clear();
    for (int32_t s = flow_.first[l]; s != Flow<V>::kNone;
         s = flow_.slots[s].next) {
      if (flow_.slots[s].next != Flow<V>::kNone) {
        flow_.PrefetchRow(flow_.slots[flow_.slots[s].next].task);
      }
      const int32_t t = flow_.slots[s].task;
      const int32_t begin = problem.offset[t];
      V best = 0;
      int32_t to = Flow<V>::kNone;
      const BestEdge<V> free =
          LargestReduced(flow_.labeler + begin, flow_.value.data() + begin,
                         flow_.price.data(), problem.offset[t + 1] - begin);
      if (free.reduced > 0) {
        best = free.reduced;
        to = begin + free.index;
      }
      work -= problem.offset[t + 1] - problem.offset[t];
      leavers_.push_back({flow_.slot_reduced(s) - best, s, to});
    }
    std::nth_element(leavers_.begin(), leavers_.begin() + (excess - 1),
                     leavers_.end(), [](const Leaver& x, const Leaver& y) {
                       return x.loss != y.loss ? x.loss < y.loss
                                               : x.slot < y.slot;
                     });
    const V raise = leavers_[excess - 1].loss;
    flow_.price[l] += raise;
    for (int32_t i = 0; i < excess; ++i) {
      const Leaver& leaver = leavers_[i];
      if (leaver.to == Flow<V>::kNone) {
        flow_.Empty(leaver.slot);
        continue;
      }
      const int32_t to = flow_.labeler[leaver.to];
      const bool has_room = flow_.load[to] < problem.capacity[to];
      // Ties among overloaded labelers would go round in circles.
      if (raise == 0 && !has_room) continue;
      flow_.Move(leaver.slot, leaver.to);
      if (flow_.load[to] == problem.capacity[to] + 1) queue.push_back(to);
    }
  }
}

// The slot is about to let its edge go.
template <typename V>
void Repair<V>::NoteFreed(int32_t slot) {
  V& best = seen_[flow_.slots[slot].task].best_free;
  best = std::max(best, flow_.slot_reduced(slot));
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
    for (int32_t s = flow_.first[l]; s != Flow<V>::kNone;
         s = flow_.slots[s].next) {
      if (flow_.slots[s].next != Flow<V>::kNone) {
        flow_.PrefetchRow(flow_.slots[flow_.slots[s].next].task);
      }
      const int32_t t = flow_.slots[s].task;
      const V base = label.distance + flow_.slot_reduced(s);
      // A task reached before at no more than this has nothing new to offer.
      if (seen_[t].search == search_ && seen_[t].distance <= base) continue;
      seen_[t].search = search_;
      seen_[t].distance = base;
      if (base < shortest) {
        shortest = base;
        end_slot = s;
        end_labeler = Flow<V>::kNone;
      }
      if (base - seen_[t].best_free >= shortest) continue;
      // What can beat the shortest path known; it may shrink meanwhile.
      const int32_t begin = problem.offset[t];
      const int found = FindAbove(
          flow_.labeler + begin, flow_.value.data() + begin, flow_.price.data(),
          problem.offset[t + 1] - begin, base - shortest, found_.data());
      V best_free = base - shortest;
      for (int i = 0; i < found; ++i) {
        const int32_t e = begin + found_[i];
        const int32_t to = flow_.labeler[e];
        const V distance = base - flow_.reduced(e);
        if (flow_.taken(e)) continue;
        best_free = std::max(best_free, base - distance);
        if (distance >= shortest || flow_.value[e] == 0) continue;
        if (node_[to].search == search_) {
          if (distance >= node_[to].distance) continue;
        } else {
          node_[to].search = search_;
          node_[to].settled = 0;
        }
        node_[to].distance = distance;
        node_[to].via_slot = s;
        node_[to].via_edge = e;
        if (flow_.load[to] < problem.capacity[to]) {
          shortest = distance;
          end_labeler = to;
        } else {
          if (flow_.first[to] != Flow<V>::kNone) {
            flow_.PrefetchRow(flow_.slots[flow_.first[to]].task);
          }
          Push(distance, to);
        }
      }
      seen_[t].best_free = best_free;
    }
  }
  for (const int32_t l : tree_) {
    if (node_[l].distance < shortest)
      flow_.price[l] += shortest - node_[l].distance;
  }
  ++stats_->augmentations;
  int32_t from;
  if (end_labeler == Flow<V>::kNone) {
    from = flow_.labeler[flow_.slots[end_slot].edge];
  } else {
    from = end_labeler;
  }
  // The moves are made from the path's end backwards; Empty() renumbers slots
  // of its own task only, which no earlier move of the path holds.
  const bool empties = end_labeler == Flow<V>::kNone;
  const int32_t emptied = end_slot;
  while (from != source) {
    const int32_t slot = node_[from].via_slot;
    const int32_t parent = flow_.labeler[flow_.slots[slot].edge];
    NoteFreed(slot);
    flow_.Move(slot, node_[from].via_edge);
    from = parent;
  }
  if (empties) {
    NoteFreed(emptied);
    flow_.Empty(emptied);
  }
  return true;
}

// What the task's worst slot is worth, 0 if one is empty.
// Makes an interrupted flow feasible: overloaded labelers keep the slots that
// lose most, and what they drop goes to whoever has room, in task order.
template <typename V>
void Repair<V>::CutBack() {
  const Problem& problem = *flow_.problem;
  for (int l = 0; l < flow_.num_labelers(); ++l) {
    const int32_t excess = flow_.load[l] - problem.capacity[l];
    if (excess <= 0) continue;
    std::vector<int32_t> held;
    for (int32_t s = flow_.first[l]; s != Flow<V>::kNone;
         s = flow_.slots[s].next) {
      held.push_back(flow_.slots[s].edge);
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
      for (int32_t s = flow_.first[l]; s != Flow<V>::kNone;
           s = flow_.slots[s].next) {
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
  int64_t excess = 0;
  for (int l = 0; l < flow_.num_labelers(); ++l) {
    const int32_t over = flow_.load[l] - flow_.problem->capacity[l];
    if (over > 0) excess += over;
    // As many slots as the tasks have is all she could be missing.
    if (over < 0 && flow_.price[l] > 0) {
      excess += std::min(-over, flow_.num_tasks());
    }
  }
  return excess;
}

template <typename V>
RepairResult Repair<V>::Run(const RepairLimits& limits, SolveStats& stats) {
  limits_ = limits;
  stats_ = &stats;
  result_ = RepairResult::kOptimal;
  scans_ = 0;
  in_value_.clear();
  touched_.clear();
  const Problem& problem = *flow_.problem;
  ContentTasks();
  const int num_labelers = flow_.num_labelers();
  if (Excess() > limits.hopeless_excess) return RepairResult::kCapped;
  RaisePrices();
  if (result_ == RepairResult::kOptimal && Excess() > limits.most_excess) {
    return RepairResult::kCapped;
  }
  for (Seen& task : seen_) task.best_free = flow_.largest;
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
  if (result_ == RepairResult::kDeadline) CutBack();
  return result_;
}

template class Repair<int32_t>;
template class Repair<int64_t>;

}  // namespace allot
