// SPDX-License-Identifier: Apache-2.0
#include "lib/match/flow.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "lib/match/certificate.h"

namespace allot {

ValueRange FindRange(const Problem& problem) {
  ValueRange range;
  for (int t = 0; t < problem.num_tasks(); ++t) {
    const double penalty = problem.penalty(t);
    for (int e = problem.offset[t]; e < problem.offset[t + 1]; ++e) {
      const double value = problem.utility[e] + penalty;
      if (!(value > 0)) continue;
      range.largest_value = std::max(range.largest_value, value);
      range.largest_utility =
          std::max(range.largest_utility, std::abs(problem.utility[e]));
    }
  }
  return range;
}

bool FitsInt32(const ValueRange& range) {
  return range.largest_value <= 8 * range.largest_utility;
}

template <typename V>
void Flow<V>::Link(int32_t slot, int32_t edge) {
  const int32_t l = problem->labeler[edge];
  slot_edge[slot] = edge;
  taken[edge] = 1;
  previous[slot] = kNone;
  next[slot] = first[l];
  if (first[l] != kNone) previous[first[l]] = slot;
  first[l] = slot;
  ++load[l];
}

template <typename V>
void Flow<V>::Unlink(int32_t slot) {
  const int32_t edge = slot_edge[slot];
  const int32_t l = problem->labeler[edge];
  taken[edge] = 0;
  if (previous[slot] != kNone) {
    next[previous[slot]] = next[slot];
  } else {
    first[l] = next[slot];
  }
  if (next[slot] != kNone) previous[next[slot]] = previous[slot];
  --load[l];
}

template <typename V>
void Flow<V>::Fill(int task, int32_t edge) {
  Link(slot_begin[task] + filled[task], edge);
  ++filled[task];
}

template <typename V>
void Flow<V>::Empty(int32_t slot) {
  const int32_t task = slot_task[slot];
  const int32_t last = slot_begin[task] + --filled[task];
  const int32_t last_edge = slot_edge[last];
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
  std::fill(filled.begin(), filled.end(), 0);
  std::fill(first.begin(), first.end(), kNone);
  std::fill(load.begin(), load.end(), 0);
  std::fill(taken.begin(), taken.end(), uint8_t{0});
}

template <typename V>
Flow<V> MakeFlow(const Problem& problem, const ValueRange& range) {
  Flow<V> flow;
  flow.problem = &problem;
  // A power of two, so that scaling is exact: utilities that already are
  // multiples of it, integers for example, are not rounded at all.
  int exponent = 0;
  std::frexp(range.largest_value, &exponent);
  exponent -= sizeof(V) == 4 ? 28 : 40;
  exponent = std::max(exponent, std::numeric_limits<double>::min_exponent);
  if (range.largest_value == 0) exponent = 0;
  flow.quantum = std::ldexp(1.0, exponent);
  const double scale = std::ldexp(1.0, -exponent);

  const int num_tasks = problem.num_tasks();
  const int num_labelers = problem.num_labelers();
  flow.value.resize(problem.num_edges());
  flow.slot_begin.resize(num_tasks + 1);
  flow.slot_begin[0] = 0;
  V largest = 0;
  for (int t = 0; t < num_tasks; ++t) {
    const double penalty = problem.penalty(t);
    const int32_t k = problem.redundancy[t];
    int32_t usable = 0;
    for (int e = problem.offset[t]; e < problem.offset[t + 1]; ++e) {
      const double scaled = (problem.utility[e] + penalty) * scale;
      V a = scaled > 0 ? static_cast<V>(scaled + 0.5) : V{0};
      if (problem.capacity[problem.labeler[e]] == 0) a = 0;
      flow.value[e] = a;
      usable += a > 0;
      largest = std::max(largest, a);
    }
    flow.slot_begin[t + 1] = flow.slot_begin[t] + std::min(k, usable);
  }
  flow.largest = largest;
  const int32_t slots = flow.slot_begin[num_tasks];
  flow.price.assign(num_labelers, 0);
  flow.filled.assign(num_tasks, 0);
  flow.slot_edge.resize(slots);
  flow.slot_task.resize(slots);
  for (int t = 0; t < num_tasks; ++t) {
    std::fill(flow.slot_task.begin() + flow.slot_begin[t],
              flow.slot_task.begin() + flow.slot_begin[t + 1], t);
  }
  flow.next.resize(slots);
  flow.previous.resize(slots);
  flow.first.assign(num_labelers, Flow<V>::kNone);
  flow.load.assign(num_labelers, 0);
  flow.taken.assign(problem.num_edges(), 0);
  return flow;
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
  std::vector<V> best;
  for (int t = 0; t < flow.num_tasks(); ++t) {
    const size_t k = flow.slot_begin[t + 1] - flow.slot_begin[t];
    if (k == 0) continue;
    best.clear();
    int64_t missed = 0;
    for (int e = problem.offset[t]; e < problem.offset[t + 1]; ++e) {
      const V r = flow.reduced(e);
      if (flow.taken[e]) missed -= r;
      if (r > 0) best.push_back(r);
    }
    if (best.size() > k) {
      std::nth_element(best.begin(), best.begin() + (k - 1), best.end(),
                       std::greater<>());
      best.resize(k);
    }
    for (const V r : best) missed += r;
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
  for (int t = 0; t < flow.num_tasks(); ++t) {
    V lowest = flow.largest;
    const int32_t begin = flow.slot_begin[t];
    for (int32_t s = begin; s < begin + flow.filled[t]; ++s) {
      a.edge.push_back(flow.slot_edge[s]);
      lowest = std::min(lowest, flow.reduced(flow.slot_edge[s]));
    }
    std::sort(a.edge.begin() + a.offset[t], a.edge.end());
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
  a.objective = Objective(problem, a);
  a.upper_bound = UpperBound(problem, a.labeler_price);
  a.gap = RelativeGap(a.objective, a.upper_bound);
  return a;
}

template struct Flow<int32_t>;
template struct Flow<int64_t>;
template Flow<int32_t> MakeFlow(const Problem&, const ValueRange&);
template Flow<int64_t> MakeFlow(const Problem&, const ValueRange&);
template void SetPrices(std::span<const double>, Flow<int32_t>&);
template void SetPrices(std::span<const double>, Flow<int64_t>&);
template int64_t IntegerGap(const Flow<int32_t>&);
template int64_t IntegerGap(const Flow<int64_t>&);
template Assignment ToAssignment(const Flow<int32_t>&);
template Assignment ToAssignment(const Flow<int64_t>&);

}  // namespace allot
