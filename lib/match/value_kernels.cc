// SPDX-License-Identifier: Apache-2.0
#include "lib/match/value_kernels.h"

#include <algorithm>
#include <cmath>

#include "lib/match/lookup_avx2.h"
#include "lib/match/problem.h"

namespace allot {
namespace {

// A double beyond the range of an integer must not be converted.
constexpr double kMost = 1 << 30;

void ReadRowPlain(const double* utility, int n, double penalty, double scale,
                  int32_t* value, RangeSums& sums, Quantised& result) {
  for (int i = 0; i < n; ++i) {
    const double w = utility[i], worth = w + penalty;
    sums.allowed = sums.allowed && std::abs(w) <= kMaxUtility;
    const double scaled = worth * scale + 0.5;
    value[i] = scaled > 0 ? static_cast<int32_t>(std::min(scaled, kMost)) : 0;
    if (!(worth > 0)) continue;
    sums.largest_value = std::max(sums.largest_value, worth);
    sums.largest_utility = std::max(sums.largest_utility, std::abs(w));
    sums.whole = sums.whole && worth == std::nearbyint(worth);
    if (value[i] == 0) continue;
    ++result.positive;
    result.largest = std::max(result.largest, value[i]);
    result.least = std::min(result.least, value[i]);
  }
}

LabelerCheck CheckLabelersPlain(const int32_t* labeler, int n, int labelers) {
  LabelerCheck check = {true, true};
  for (int i = 0; i < n; ++i) {
    check.known = check.known && labeler[i] >= 0 && labeler[i] < labelers;
    check.ascending =
        check.ascending && (i == 0 || labeler[i - 1] < labeler[i]);
  }
  return check;
}

// The `want` largest values above 0, in descending order; the rest is 0.
struct Best {
  double value[kMostBest] = {};

  void Add(double x, int want) {
    if (!(x > value[want - 1])) return;
    int at = want - 1;
    for (; at > 0 && value[at - 1] < x; --at) value[at] = value[at - 1];
    value[at] = x;
  }
  double Sum(int want) const {
    double sum = 0;
    for (int i = 0; i < want; ++i) sum += value[i];
    return sum;
  }
};

void AddBest(const double* utility, const int32_t* labeler, const double* price,
             int n, int want, double penalty, Best& best) {
  for (int i = 0; i < n; ++i) {
    best.Add(utility[i] + penalty - price[labeler[i]], want);
  }
}

double SumOfBestPlain(const double* utility, const int32_t* labeler,
                      const double* price, int n, int want, double penalty) {
  Best best;
  AddBest(utility, labeler, price, n, want, penalty, best);
  return best.Sum(want);
}

#if defined(__x86_64__)

__attribute__((target("avx2"))) inline double Largest(__m256d v) {
  const __m128d m =
      _mm_max_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
  return std::max(_mm_cvtsd_f64(m), _mm_cvtsd_f64(_mm_unpackhi_pd(m, m)));
}

__attribute__((target("avx2"))) void ReadRowAvx2(const double* utility, int n,
                                                 double penalty, double scale,
                                                 int32_t* value,
                                                 RangeSums& sums,
                                                 Quantised& result) {
  const __m256d add = _mm256_set1_pd(penalty), times = _mm256_set1_pd(scale);
  const __m256d half = _mm256_set1_pd(0.5), zero = _mm256_setzero_pd();
  const __m256d sign = _mm256_set1_pd(-0.0), cap = _mm256_set1_pd(kMost);
  const __m256d allowed = _mm256_set1_pd(kMaxUtility);
  const __m128i none = _mm_setzero_si128();
  __m256d most = zero, most_utility = zero, fraction = zero, beyond = zero;
  __m128i largest = none, positive = none;
  // Less 1 and without a sign, so that 0 is beyond every other.
  __m128i least = _mm_set1_epi32(std::numeric_limits<int32_t>::max() - 1);
  const __m128i minus_one = _mm_set1_epi32(-1);
  int i = 0;
  for (; i + 4 <= n; i += 4) {
    const __m256d w = _mm256_loadu_pd(utility + i);
    const __m256d size = _mm256_andnot_pd(sign, w);
    beyond = _mm256_or_pd(beyond, _mm256_cmp_pd(size, allowed, _CMP_NLE_UQ));
    const __m256d worth = _mm256_add_pd(w, add);
    const __m256d counts = _mm256_cmp_pd(worth, zero, _CMP_GT_OQ);
    most = _mm256_max_pd(worth, most);
    most_utility = _mm256_max_pd(most_utility, _mm256_and_pd(counts, size));
    const __m256d whole =
        _mm256_round_pd(worth, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    fraction = _mm256_or_pd(
        fraction,
        _mm256_and_pd(counts, _mm256_cmp_pd(worth, whole, _CMP_NEQ_UQ)));
    const __m256d scaled = _mm256_add_pd(_mm256_mul_pd(worth, times), half);
    const __m128i a =
        _mm256_cvttpd_epi32(_mm256_min_pd(_mm256_max_pd(scaled, zero), cap));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(value + i), a);
    largest = _mm_max_epi32(largest, a);
    least = _mm_min_epu32(least, _mm_add_epi32(a, minus_one));
    positive = _mm_sub_epi32(positive, _mm_cmpgt_epi32(a, none));
  }
  alignas(16) int32_t high[4], low[4], count[4];
  _mm_store_si128(reinterpret_cast<__m128i*>(high), largest);
  _mm_store_si128(reinterpret_cast<__m128i*>(low), least);
  _mm_store_si128(reinterpret_cast<__m128i*>(count), positive);
  for (int j = 0; j < 4; ++j) {
    result.largest = std::max(result.largest, high[j]);
    result.least = std::min(result.least, low[j] + 1);
    result.positive += count[j];
  }
  sums.largest_value = std::max(sums.largest_value, Largest(most));
  sums.largest_utility = std::max(sums.largest_utility, Largest(most_utility));
  sums.whole = sums.whole && _mm256_movemask_pd(fraction) == 0;
  sums.allowed = sums.allowed && _mm256_movemask_pd(beyond) == 0;
  ReadRowPlain(utility + i, n - i, penalty, scale, value + i, sums, result);
}

__attribute__((target("avx2"))) LabelerCheck CheckLabelersAvx2(
    const int32_t* labeler, int n, int labelers) {
  const __m256i last = _mm256_set1_epi32(labelers - 1);
  __m256i most = _mm256_setzero_si256(), descent = most;
  int i = 0;
  // Each with the one after it.
  for (; i + 9 <= n; i += 8) {
    const __m256i l =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(labeler + i));
    const __m256i after =
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(labeler + i + 1));
    most = _mm256_max_epu32(most, l);
    descent = _mm256_or_si256(
        descent,
        _mm256_xor_si256(_mm256_cmpgt_epi32(after, l), _mm256_set1_epi32(-1)));
  }
  const __m256i within = _mm256_cmpeq_epi32(_mm256_max_epu32(most, last), last);
  LabelerCheck check = CheckLabelersPlain(labeler + i, n - i, labelers);
  if (i == 0) return check;
  check.known = check.known && _mm256_movemask_epi8(within) == -1;
  check.ascending = check.ascending && _mm256_testz_si256(descent, descent);
  return check;
}

// In two steps for each chunk: reduced values, of which the largest of eight
// interleaved parts show how large a value must be; then those that are.
__attribute__((target("avx2"))) double SumOfBestAvx2(const double* utility,
                                                     const int32_t* labeler,
                                                     const double* price, int n,
                                                     int want, double penalty) {
  constexpr int kChunk = 256;
  static_assert(kMostBest == 8);
  alignas(32) double buffer[kChunk], lanes[8];
  const __m256d add = _mm256_set1_pd(penalty), zero = _mm256_setzero_pd();
  Best best;
  for (int begin = 0; begin < n; begin += kChunk) {
    const int size = std::min(kChunk, n - begin), whole = size / 8 * 8;
    __m256d most0 = zero, most1 = zero;
    const auto reduce = [&](int i) __attribute__((target("avx2"))) {
      const __m256d r = _mm256_sub_pd(
          _mm256_add_pd(_mm256_loadu_pd(utility + begin + i), add),
          Lookup4(price, labeler + begin + i));
      _mm256_store_pd(buffer + i, r);
      return r;
    };
    for (int i = 0; i < whole; i += 8) {
      most0 = _mm256_max_pd(most0, reduce(i));
      most1 = _mm256_max_pd(most1, reduce(i + 4));
    }
    if (want == 1) {
      best.Add(Largest(_mm256_max_pd(most0, most1)), 1);
    } else {
      _mm256_store_pd(lanes, most0);
      _mm256_store_pd(lanes + 4, most1);
      Best part;
      for (const double x : lanes) part.Add(x, want);
      // As many are at least this large.
      const __m256d floor = _mm256_set1_pd(part.value[want - 1]);
      for (int i = 0; i < whole; i += 4) {
        unsigned mask = static_cast<unsigned>(_mm256_movemask_pd(
            _mm256_cmp_pd(_mm256_load_pd(buffer + i), floor, _CMP_GE_OQ)));
        for (; mask != 0; mask &= mask - 1) {
          best.Add(buffer[i + __builtin_ctz(mask)], want);
        }
      }
    }
    AddBest(utility + begin + whole, labeler + begin + whole, price,
            size - whole, want, penalty, best);
  }
  return best.Sum(want);
}

#endif

struct Kernels {
  void (*read)(const double*, int, double, double, int32_t*, RangeSums&,
               Quantised&);
  LabelerCheck (*check)(const int32_t*, int, int);
  double (*sum)(const double*, const int32_t*, const double*, int, int, double);
};

Kernels ChooseKernels() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    return {ReadRowAvx2, CheckLabelersAvx2, SumOfBestAvx2};
  }
#endif
  return {ReadRowPlain, CheckLabelersPlain, SumOfBestPlain};
}

const Kernels kKernels = ChooseKernels();

}  // namespace

Quantised ReadRow(const double* utility, int n, double penalty, double scale,
                  int32_t* value, RangeSums& sums) {
  Quantised result;
  kKernels.read(utility, n, penalty, scale, value, sums, result);
  return result;
}

LabelerCheck CheckLabelers(const int32_t* labeler, int n, int labelers) {
  return kKernels.check(labeler, n, labelers);
}

double SumOfBest(const double* utility, const int32_t* labeler,
                 const double* price, int n, int want, double penalty) {
  return kKernels.sum(utility, labeler, price, n, want, penalty);
}

}  // namespace allot
