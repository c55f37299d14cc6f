// SPDX-License-Identifier: Apache-2.0
#include "lib/match/reading.h"

#include <algorithm>
#include <cmath>

#include "lib/base/status_macros.h"
#include "lib/match/value_kernels.h"

namespace allot {
namespace {

// The quantum is a power of two, so that scaling is exact: utilities that
// already are multiples of it, integers for example, are not rounded at all.
template <typename V>
int QuantumExponent(double largest_value) {
  if (largest_value == 0) return 0;
  int exponent = 0;
  std::frexp(largest_value, &exponent);
  exponent -= sizeof(V) == 4 ? 28 : 40;
  return std::max(exponent, std::numeric_limits<double>::min_exponent);
}

// Every term of the certificate is then a whole number of at most 2^29 quanta,
// and their sum stays below 2^53.
bool SumsExact(const Problem& problem, const Reading& reading, double quantum) {
  if (!reading.whole) return false;
  int64_t terms = problem.num_slots();
  for (const int32_t c : problem.capacity) {
    terms += std::min(c, problem.num_tasks());
  }
  double penalty = 0;
  for (const double p : problem.unfilled_penalty) {
    if (p != std::nearbyint(p)) return false;
    penalty = std::max(penalty, p);
  }
  return terms < (1 << 23) && penalty <= quantum * kMaxValue<int32_t>;
}

bool AllHaveCapacity(const Problem& problem) {
  return std::all_of(problem.capacity.begin(), problem.capacity.end(),
                     [](int32_t c) { return c > 0; });
}

// Edges to labelers without capacity are never used: sets their values to 0 and
// returns how many were positive.
template <typename V>
int32_t DropUnusable(const Problem& problem, int task, V* value) {
  int32_t dropped = 0;
  for (int32_t e = problem.offset[task]; e < problem.offset[task + 1]; ++e) {
    if (problem.capacity[problem.labeler[e]] > 0) continue;
    dropped += value[e] > 0;
    value[e] = 0;
  }
  return dropped;
}

}  // namespace

bool FitsInt32(const Reading& reading) {
  return reading.whole || reading.largest_value <= 8 * reading.largest_utility;
}

absl::Status ReadProblem(const Problem& problem, Reading& reading) {
  ALLOT_RETURN_IF_ERROR(ValidateShape(problem));
  const int num_tasks = problem.num_tasks();
  const int num_labelers = problem.num_labelers();
  const bool all_have_capacity = AllHaveCapacity(problem);
  reading.value.resize(problem.num_edges());
  reading.positive.resize(num_tasks);
  RangeSums sums;
  int exponent = 0;
  const auto read = [&](int t) {
    const int32_t begin = problem.offset[t];
    const Quantised row =
        ReadRow(problem.utility.data() + begin, problem.offset[t + 1] - begin,
                problem.penalty(t), std::ldexp(1.0, -exponent),
                reading.value.data() + begin, sums);
    reading.least = std::min(reading.least, row.least);
    reading.largest = std::max(reading.largest, row.largest);
    reading.positive[t] = row.positive;
    if (!all_have_capacity) {
      reading.positive[t] -= DropUnusable(problem, t, reading.value.data());
    }
  };
  bool sorted = true;
  int again = 0;  // rows before this one are still to be quantised
  double largest_value = 0;
  for (int t = 0; t < num_tasks; ++t) {
    const int32_t begin = problem.offset[t];
    const LabelerCheck check =
        CheckLabelers(problem.labeler.data() + begin,
                      problem.offset[t + 1] - begin, num_labelers);
    if (!check.known) return Validate(problem);
    sorted = sorted && check.ascending;
    read(t);
    if (sums.largest_value == largest_value) continue;
    largest_value = sums.largest_value;
    const int needed = QuantumExponent<int32_t>(largest_value);
    if (needed == exponent) continue;
    exponent = needed;
    reading.least = std::numeric_limits<int32_t>::max();
    reading.largest = 0;
    again = t + 1;
  }
  // A row in ascending order names nobody twice; one in disorder may.
  if (!sums.allowed || !sorted) ALLOT_RETURN_IF_ERROR(Validate(problem));
  for (int t = 0; t < again; ++t) read(t);
  reading.largest_value = sums.largest_value;
  reading.largest_utility = sums.largest_utility;
  reading.whole = sums.whole && sums.largest_value <= kMaxValue<int32_t>;
  return absl::OkStatus();
}

template <typename V>
Flow<V> MakeFlow(const Problem& problem, Reading& reading) {
  Flow<V> flow;
  flow.problem = &problem;
  flow.labeler = problem.labeler.data();
  const int exponent = QuantumExponent<V>(reading.largest_value);
  flow.quantum = std::ldexp(1.0, exponent);
  flow.sums_exact = SumsExact(problem, reading, flow.quantum);
  const int num_tasks = problem.num_tasks();
  const int num_labelers = problem.num_labelers();
  if constexpr (sizeof(V) == sizeof(int32_t)) {
    flow.value = std::move(reading.value);
    flow.least = reading.least;
    flow.largest = reading.largest;
  } else {
    reading.value = RawVector<int32_t>();
    flow.value.resize(problem.num_edges());
    flow.least = std::numeric_limits<V>::max();
    const double scale = std::ldexp(1.0, -exponent);
    const bool all_have_capacity = AllHaveCapacity(problem);
    for (int t = 0; t < num_tasks; ++t) {
      const double penalty = problem.penalty(t);
      int32_t positive = 0;
      for (int32_t e = problem.offset[t]; e < problem.offset[t + 1]; ++e) {
        const double scaled = (problem.utility[e] + penalty) * scale + 0.5;
        const V a = static_cast<V>(scaled < 0 ? 0.0 : scaled);
        flow.value[e] = a;
        if (a == 0) continue;
        ++positive;
        flow.least = std::min(flow.least, a);
        flow.largest = std::max(flow.largest, a);
      }
      if (!all_have_capacity) {
        positive -= DropUnusable(problem, t, flow.value.data());
      }
      reading.positive[t] = positive;
    }
  }
  flow.least = std::min(flow.least, flow.largest);
  flow.slot_begin.resize(num_tasks + 1);
  flow.slot_begin[0] = 0;
  for (int t = 0; t < num_tasks; ++t) {
    flow.slot_begin[t + 1] =
        flow.slot_begin[t] +
        std::min(problem.redundancy[t], reading.positive[t]);
  }
  const int32_t slots = flow.slot_begin[num_tasks];
  flow.price.assign(num_labelers, 0);
  flow.filled.assign(num_tasks, 0);
  flow.slots.resize(slots);
  for (int t = 0; t < num_tasks; ++t) {
    for (int32_t s = flow.slot_begin[t]; s < flow.slot_begin[t + 1]; ++s) {
      flow.slots[s].task = t;
    }
  }
  flow.load.assign(num_labelers, 0);
  flow.pool_begin.assign(num_labelers, 0);
  flow.pool_room.assign(num_labelers, 0);
  reading.positive = RawVector<int32_t>();
  return flow;
}

template Flow<int32_t> MakeFlow(const Problem&, Reading&);
template Flow<int64_t> MakeFlow(const Problem&, Reading&);

}  // namespace allot
