// SPDX-License-Identifier: Apache-2.0
#include "tests/load/histogram.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>

namespace allot {

Histogram::Histogram(int bits)
    : bits_(bits),
      counts_(static_cast<size_t>(64 - bits + 1) << static_cast<size_t>(bits)) {
  assert(bits >= 2 && bits <= 12);
}

// Values below 2^bits have a place each; above, the highest set bit picks a
// row and the `bits` bits below it a place in the row.
size_t Histogram::Place(uint64_t value) const {
  if (value < uint64_t{1} << bits_) return value;
  const int shift = 63 - std::countl_zero(value) - bits_;
  return (static_cast<size_t>(shift + 1) << bits_) +
         ((value >> shift) - (uint64_t{1} << bits_));
}

uint64_t Histogram::Middle(size_t place) const {
  if (place < size_t{1} << bits_) return place;
  const int shift = static_cast<int>(place >> bits_) - 1;
  const uint64_t low =
      ((uint64_t{1} << bits_) + (place & ((size_t{1} << bits_) - 1))) << shift;
  return low + (shift > 0 ? uint64_t{1} << (shift - 1) : 0);
}

void Histogram::Add(uint64_t value) {
  ++counts_[Place(value)];
  ++count_;
  sum_ += static_cast<double>(value);
  max_ = std::max(max_, value);
}

void Histogram::Merge(const Histogram& other) {
  assert(bits_ == other.bits_);
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

double Histogram::mean() const {
  return count_ == 0 ? 0 : sum_ / static_cast<double>(count_);
}

uint64_t Histogram::At(double quantile) const {
  if (count_ == 0) return 0;
  const int64_t wanted = std::clamp<int64_t>(
      static_cast<int64_t>(std::ceil(quantile * static_cast<double>(count_))),
      1, count_);
  int64_t seen = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= wanted) return std::min(Middle(i), max_);
  }
  return max_;
}

}  // namespace allot
