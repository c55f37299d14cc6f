// SPDX-License-Identifier: Apache-2.0
#include "lib/match/value_kernels.h"

#include <algorithm>
#include <cmath>

#include "lib/match/lookup_avx2.h"

namespace allot {
namespace {

void AddToRangePlain(const double* utility, int n, double penalty,
                     RangeSums& sums) {
  for (int i = 0; i < n; ++i) {
    const double value = utility[i] + penalty;
    if (!(value > 0)) continue;
    sums.largest_value = std::max(sums.largest_value, value);
    sums.largest_utility = std::max(sums.largest_utility, std::abs(utility[i]));
    sums.whole = sums.whole && value == std::nearbyint(value);
  }
}

void QuantisePlain(const double* utility, int n, double penalty, double scale,
                   int32_t* value, Quantised& result) {
  for (int i = 0; i < n; ++i) {
    const double scaled = (utility[i] + penalty) * scale + 0.5;
    value[i] = static_cast<int32_t>(scaled < 0 ? 0.0 : scaled);
    result.positive += value[i] > 0;
    result.largest = std::max(result.largest, value[i]);
  }
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

__attribute__((target("avx2"))) void AddToRangeAvx2(const double* utility,
                                                    int n, double penalty,
                                                    RangeSums& sums) {
  const __m256d zero = _mm256_setzero_pd(), sign = _mm256_set1_pd(-0.0);
  const __m256d add = _mm256_set1_pd(penalty);
  __m256d most = zero, most_utility = zero, fraction = zero;
  int i = 0;
  for (; i + 4 <= n; i += 4) {
    const __m256d w = _mm256_loadu_pd(utility + i);
    const __m256d value = _mm256_add_pd(w, add);
    const __m256d worth = _mm256_cmp_pd(value, zero, _CMP_GT_OQ);
    most = _mm256_max_pd(most, value);
    most_utility = _mm256_max_pd(
        most_utility, _mm256_and_pd(worth, _mm256_andnot_pd(sign, w)));
    const __m256d whole =
        _mm256_round_pd(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    fraction = _mm256_or_pd(
        fraction,
        _mm256_and_pd(worth, _mm256_cmp_pd(value, whole, _CMP_NEQ_UQ)));
  }
  sums.largest_value = std::max(sums.largest_value, Largest(most));
  sums.largest_utility = std::max(sums.largest_utility, Largest(most_utility));
  sums.whole = sums.whole && _mm256_movemask_pd(fraction) == 0;
  AddToRangePlain(utility + i, n - i, penalty, sums);
}

__attribute__((target("avx2"))) void QuantiseAvx2(const double* utility, int n,
                                                  double penalty, double scale,
                                                  int32_t* value,
                                                  Quantised& result) {
  const __m256d add = _mm256_set1_pd(penalty), times = _mm256_set1_pd(scale);
  const __m256d half = _mm256_set1_pd(0.5), zero = _mm256_setzero_pd();
  __m128i largest = _mm_setzero_si128(), positive = largest;
  int i = 0;
  for (; i + 4 <= n; i += 4) {
    const __m256d scaled = _mm256_add_pd(
        _mm256_mul_pd(_mm256_add_pd(_mm256_loadu_pd(utility + i), add), times),
        half);
    const __m128i a = _mm256_cvttpd_epi32(_mm256_max_pd(scaled, zero));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(value + i), a);
    largest = _mm_max_epi32(largest, a);
    positive = _mm_sub_epi32(positive, _mm_cmpgt_epi32(a, _mm_setzero_si128()));
  }
  alignas(16) int32_t most[4], count[4];
  _mm_store_si128(reinterpret_cast<__m128i*>(most), largest);
  _mm_store_si128(reinterpret_cast<__m128i*>(count), positive);
  for (int j = 0; j < 4; ++j) {
    result.largest = std::max(result.largest, most[j]);
    result.positive += count[j];
  }
  QuantisePlain(utility + i, n - i, penalty, scale, value + i, result);
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
  void (*range)(const double*, int, double, RangeSums&);
  void (*quantise)(const double*, int, double, double, int32_t*, Quantised&);
  double (*sum)(const double*, const int32_t*, const double*, int, int, double);
};

Kernels ChooseKernels() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) {
    return {AddToRangeAvx2, QuantiseAvx2, SumOfBestAvx2};
  }
#endif
  return {AddToRangePlain, QuantisePlain, SumOfBestPlain};
}

const Kernels kKernels = ChooseKernels();

}  // namespace

void AddToRange(const double* utility, int n, double penalty, RangeSums& sums) {
  kKernels.range(utility, n, penalty, sums);
}

Quantised Quantise(const double* utility, int n, double penalty, double scale,
                   int32_t* value) {
  Quantised result;
  kKernels.quantise(utility, n, penalty, scale, value, result);
  return result;
}

double SumOfBest(const double* utility, const int32_t* labeler,
                 const double* price, int n, int want, double penalty) {
  return kKernels.sum(utility, labeler, price, n, want, penalty);
}

}  // namespace allot
