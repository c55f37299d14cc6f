// SPDX-License-Identifier: Apache-2.0
// Latencies without a choice of buckets beforehand: a high dynamic range
// histogram (after G. Tene's HdrHistogram). Each power of two is cut into
// equal parts, so that every quantile is right to a fixed relative error,
// from nanoseconds to hours, in memory that does not grow.
#ifndef ALLOT_TESTS_LOAD_HISTOGRAM_H_
#define ALLOT_TESTS_LOAD_HISTOGRAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace allot {

// Not thread-safe: one per thread, merged at the end.
class Histogram {
 public:
  // 2^bits parts to a power of two: a relative error of 2^-(bits + 1). With 8
  // bits that is 0.2% in 115 KiB. Requires bits in [2, 12].
  explicit Histogram(int bits = 8);

  void Add(uint64_t value);
  // Requires the same bits.
  void Merge(const Histogram& other);

  int64_t count() const { return count_; }
  uint64_t max() const { return max_; }
  double mean() const;
  // The smallest value, up to the relative error, that at least this share of
  // the values does not exceed; 0 when empty. Requires quantile in [0, 1].
  uint64_t At(double quantile) const;

 private:
  size_t Place(uint64_t value) const;
  uint64_t Middle(size_t place) const;

  int bits_;
  std::vector<int64_t> counts_;
  int64_t count_ = 0;
  uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace allot

#endif  // ALLOT_TESTS_LOAD_HISTOGRAM_H_
