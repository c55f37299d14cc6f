// SPDX-License-Identifier: Apache-2.0
// From a problem in real numbers to one in integers, in one pass. Internal to
// lib/match.
//
// The problem is larger than the caches near a core, so each row is checked,
// measured and quantised while it is at hand. The quantum depends on the
// largest value of all: rows are quantised by the largest seen so far, and
// those read before a larger one came are quantised again at the end.
#ifndef ALLOT_LIB_MATCH_READING_H_
#define ALLOT_LIB_MATCH_READING_H_

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/status/status.h"
#include "lib/match/flow.h"
#include "lib/match/problem.h"
#include "lib/match/raw_vector.h"

namespace allot {

struct Reading {
  double largest_value = 0;    // of w + penalty, 0 if none is positive
  double largest_utility = 0;  // of |w| among the pairs worth making
  bool whole = true;           // all w + penalty are whole numbers of 28 bits
  // What flow.h calls a, in 32 bits, its range where positive, and how many of
  // a task's are. Means nothing unless FitsInt32().
  RawVector<int32_t> value;     // [edges]
  RawVector<int32_t> positive;  // [tasks]
  int32_t least = std::numeric_limits<int32_t>::max();
  int32_t largest = 0;
};

// The status is Validate(problem)'s.
absl::Status ReadProblem(const Problem& problem, Reading& reading);

// 32 bits hold every utility to 2^-24 of the largest, or exactly.
bool FitsInt32(const Reading& reading);

// An empty flow with every price 0. Takes the reading's values. Requires, for
// int32_t, FitsInt32(reading).
template <typename V>
Flow<V> MakeFlow(const Problem& problem, Reading& reading);

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_READING_H_
