// SPDX-License-Identifier: Apache-2.0
// The passes over real-valued utilities: their range, their whole multiples of
// the quantum, and the certificate's sums. Internal to lib/match.
//
// As in kernels.h, AVX2 is chosen at run time and gives the same bits.
#ifndef ALLOT_LIB_MATCH_VALUE_KERNELS_H_
#define ALLOT_LIB_MATCH_VALUE_KERNELS_H_

#include <cstdint>
#include <limits>

namespace allot {

// What is known of the utilities read so far.
struct RangeSums {
  double largest_value = 0;    // of w + penalty, 0 if none is positive
  double largest_utility = 0;  // of |w| where w + penalty is positive
  bool whole = true;           // every positive w + penalty is a whole number
  bool allowed = true;         // every |w| is at most kMaxUtility
};
struct Quantised {
  int32_t positive = 0;  // how many values are above 0
  int32_t largest = 0;   // of these, and
  int32_t least = std::numeric_limits<int32_t>::max();
};
// value[i] = max(0, (utility[i] + penalty) * scale) rounded to whole numbers,
// which mean nothing where one is 2^31 or more.
Quantised ReadRow(const double* utility, int n, double penalty, double scale,
                  int32_t* value, RangeSums& sums);

struct LabelerCheck {
  bool known;      // all in [0, labelers)
  bool ascending;  // strictly
};
LabelerCheck CheckLabelers(const int32_t* labeler, int n, int labelers);

// The largest number of values that SumOfBest() takes.
inline constexpr int kMostBest = 8;

// The sum, from the largest down, of the `want` largest positive
// utility[i] + penalty - price[labeler[i]]. Requires 1 <= want <= kMostBest.
double SumOfBest(const double* utility, const int32_t* labeler,
                 const double* price, int n, int want, double penalty);

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_VALUE_KERNELS_H_
