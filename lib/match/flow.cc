// SPDX-License-Identifier: Apache-2.0
#include "lib/match/flow.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "lib/match/certificate.h"
#include "lib/match/kernels.h"

namespace allot {

template <typename V>
void Flow<V>::Link(int32_t slot, int32_t edge) {
  const int32_t l = labeler[edge];
  if (load[l] == pool_room[l]) MakeRoom(l);
  const V worth = value[edge];
  slots[slot].edge = edge;
  slots[slot].labeler = l;
  slots[slot].worth = worth;
  slots[slot].place = load[l];
  value[edge] = worth - kHeld<V>;
  holdings(l)[load[l]++] = {worth, largest, slot, slots[slot].task};
}

template <typename V>
void Flow<V>::ListHoldings(const V* free_bound) {
  // A little more than each needs, for those who come from elsewhere.
  constexpr int32_t kSpare = 1, kSparePart = 4;
  int32_t size = 0;
  for (int l = 0; l < num_labelers(); ++l) {
    pool_begin[l] = size;
    pool_room[l] = load[l] + load[l] / kSparePart + kSpare;
    size += pool_room[l];
  }
  pool = RawVector<Holding>();
  pool.reserve(size + size / 4);
  pool.resize(size);
  std::fill(load.begin(), load.end(), 0);
  for (int t = 0; t < num_tasks(); ++t) {
    const int32_t first = slot_begin[t];
    const V bound = free_bound == nullptr ? largest : free_bound[t];
    for (int32_t s = first; s < first + filled[t]; ++s) {
      const int32_t l = slots[s].labeler;
      slots[s].place = load[l];
      holdings(l)[load[l]++] = {slots[s].worth, bound, s, t};
    }
  }
}

// An overloaded labeler moves to the end of the pool, to twice the room.
template <typename V>
void Flow<V>::MakeRoom(int32_t l) {
  const int32_t room = std::max(2, 2 * pool_room[l]);
  const int32_t begin = static_cast<int32_t>(pool.size());
  if (pool.size() + room > pool.capacity()) {
    pool.reserve(pool.size() + pool.size() / 4 + room);
  }
  pool.resize(pool.size() + room);
  std::copy_n(pool.begin() + pool_begin[l], load[l], pool.begin() + begin);
  pool_begin[l] = begin;
  pool_room[l] = room;
}

template <typename V>
void Flow<V>::Unlink(int32_t slot) {
  const int32_t edge = slots[slot].edge;
  const int32_t l = slots[slot].labeler;
  value[edge] = slots[slot].worth;
  Holding* const held = holdings(l);
  const Holding last = held[--load[l]];
  held[slots[slot].place] = last;
  slots[last.slot].place = slots[slot].place;
}

template <typename V>
void Flow<V>::Fill(int task, int32_t edge) {
  Link(slot_begin[task] + filled[task], edge);
  ++filled[task];
}

template <typename V>
void Flow<V>::Empty(int32_t slot) {
  const int32_t task = slots[slot].task;
  const int32_t last = slot_begin[task] + --filled[task];
  const int32_t last_edge = slots[last].edge;
  Unlink(slot);
  if (slot != last) {
    Unlink(last);
    Link(slot, last_edge);
  }
}

template <typename V>
void Flow<V>::Move(int32_t slot, int32_t edge) {
  Unlink(slot);
  Link(slot, edge);
}

template <typename V>
void Flow<V>::EmptyAll() {
  for (int t = 0; t < num_tasks(); ++t) {
    for (int32_t s = slot_begin[t]; s < slot_begin[t] + filled[t]; ++s) {
      value[slots[s].edge] = slots[s].worth;
    }
  }
  std::fill(filled.begin(), filled.end(), 0);
  std::fill(load.begin(), load.end(), 0);
}

template <typename V>
void SetPrices(std::span<const double> price, Flow<V>& flow) {
  if (price.empty()) {
    std::fill(flow.price.begin(), flow.price.end(), V{0});
    return;
  }
  for (int l = 0; l < flow.num_labelers(); ++l) {
    const double scaled = price[l] / flow.quantum;
    flow.price[l] = static_cast<V>(
        std::clamp(scaled, 0.0, static_cast<double>(flow.largest)) + 0.5);
  }
}

template <typename V>
int64_t IntegerGap(const Flow<V>& flow) {
  const Problem& problem = *flow.problem;
  constexpr int64_t kMost = INT64_MAX / 2;
  int64_t gap = 0;
  // Every term below is >= 0, so saturating never hides a gap.
  for (int l = 0; l < flow.num_labelers(); ++l) {
    if (flow.price[l] == 0) continue;
    const int64_t room =
        std::min(problem.capacity[l], flow.num_tasks()) - flow.load[l];
    gap = room > kMost / flow.price[l]
              ? kMost
              : std::min(kMost, gap + room * flow.price[l]);
  }
  bool missing = false;
  std::vector<V> best;
  for (int t = 0; t < flow.num_tasks(); ++t) {
    const int32_t first = flow.slot_begin[t];
    const int32_t k = flow.slot_begin[t + 1] - first;
    if (k == 0) continue;
    const int32_t begin = problem.offset[t];
    const int32_t end = problem.offset[t + 1];
    V lowest = flow.largest;
    int64_t missed = 0;
    for (int32_t s = first; s < first + flow.filled[t]; ++s) {
      const V reduced = flow.slot_reduced(s);
      lowest = std::min(lowest, reduced);
      missed -= reduced;
    }
    if (!missing) {
      // Where the slots of all so far are the best, a look at the largest of
      // the others is quicker.
      const V least = flow.filled[t] < k ? V{0} : lowest;
      const V free =
          LargestReduced(flow.labeler + begin, flow.value.data() + begin,
                         flow.price.data(), end - begin)
              .reduced;
      if (lowest >= 0 && free <= least) continue;
      missing = true;
    }
    if (k <= kMostTop) {
      missed += SumOfTop(flow.labeler + begin, flow.value.data() + begin,
                         flow.price.data(), end - begin, k, kHeld<V>);
    } else {
      best.clear();
      for (int32_t e = begin; e < end; ++e) {
        best.push_back(std::max(V{0}, flow.reduced(e)));
      }
      std::nth_element(best.begin(), best.begin() + (k - 1), best.end(),
                       std::greater<>());
      missed = std::accumulate(best.begin(), best.begin() + k, missed);
    }
    gap = std::min(kMost, gap + missed);
  }
  return gap;
}

template <typename V>
Assignment ToAssignment(const Flow<V>& flow) {
  const Problem& problem = *flow.problem;
  Assignment a;
  a.quantum = flow.quantum;
  a.offset.resize(flow.num_tasks() + 1);
  a.task_price.resize(flow.num_tasks());
  a.edge.reserve(flow.slots.size());
  int64_t worth = 0;
  for (int t = 0; t < flow.num_tasks(); ++t) {
    V lowest = flow.largest;
    const int32_t begin = flow.slot_begin[t];
    for (int32_t s = begin; s < begin + flow.filled[t]; ++s) {
      a.edge.push_back(flow.slots[s].edge);
      worth += flow.slots[s].worth;
      lowest = std::min(lowest, flow.slot_reduced(s));
    }
    // A handful, and often in order.
    for (auto at = a.edge.begin() + a.offset[t]; at != a.edge.end(); ++at) {
      for (auto e = at; e != a.edge.begin() + a.offset[t] && e[-1] > *e; --e) {
        std::swap(e[-1], *e);
      }
    }
    a.offset[t + 1] = static_cast<int32_t>(a.edge.size());
    const bool full = flow.filled[t] == problem.redundancy[t];
    a.task_price[t] =
        full && flow.filled[t] > 0
            ? static_cast<double>(std::max(V{0}, lowest)) * flow.quantum
            : 0;
  }
  a.labeler_price.resize(flow.num_labelers());
  for (int l = 0; l < flow.num_labelers(); ++l) {
    a.labeler_price[l] = static_cast<double>(flow.price[l]) * flow.quantum;
  }
  if (flow.sums_exact) {
    a.objective = static_cast<double>(worth) * flow.quantum;
    for (int t = 0; t < flow.num_tasks(); ++t) {
      a.objective -= problem.redundancy[t] * problem.penalty(t);
    }
  } else {
    a.objective = Objective(problem, a);
  }
  const int64_t integer_gap = IntegerGap(flow);
  a.exact = integer_gap == 0;
  a.upper_bound =
      flow.sums_exact
          ? a.objective + static_cast<double>(integer_gap) * flow.quantum
          : UpperBound(problem, a.labeler_price);
  a.gap = RelativeGap(a.objective, a.upper_bound);
  return a;
}

template struct Flow<int32_t>;
template struct Flow<int64_t>;
template void SetPrices(std::span<const double>, Flow<int32_t>&);
template void SetPrices(std::span<const double>, Flow<int64_t>&);
template int64_t IntegerGap(const Flow<int32_t>&);
template int64_t IntegerGap(const Flow<int64_t>&);
template Assignment ToAssignment(const Flow<int32_t>&);
template Assignment ToAssignment(const Flow<int64_t>&);

}  // namespace allot
