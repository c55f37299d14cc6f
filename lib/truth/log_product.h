// SPDX-License-Identifier: Apache-2.0
// The logarithm of a long product, at the cost of a multiplication a factor.
#ifndef ALLOT_LIB_TRUTH_LOG_PRODUCT_H_
#define ALLOT_LIB_TRUTH_LOG_PRODUCT_H_

#include <bit>
#include <cmath>
#include <cstdint>

namespace allot {

// Multiplies mantissas and adds exponents; takes one logarithm in hundreds.
class LogProduct {
 public:
  // factor must be a positive normal number; it counts as factor * 2^exponent.
  void Multiply(double factor, int64_t exponent = 0) {
    const auto bits = std::bit_cast<uint64_t>(factor);
    exponent_ += static_cast<int64_t>(bits >> 52) - 1023 + exponent;
    mantissa_ *= std::bit_cast<double>((bits & kFraction) | kOne);
    if (++pending_ == kMaxPending) Flush();
  }
  double Log() const {
    return log_ + std::log(mantissa_) +
           static_cast<double>(exponent_) * 0.6931471805599453094;
  }

 private:
  // Mantissas lie in [1, 2): so many of them stay below 2^512.
  static constexpr int kMaxPending = 512;
  static constexpr uint64_t kFraction = (uint64_t{1} << 52) - 1;
  static constexpr uint64_t kOne = uint64_t{1023} << 52;

  void Flush() {
    log_ += std::log(mantissa_);
    mantissa_ = 1;
    pending_ = 0;
  }

  double mantissa_ = 1;
  double log_ = 0;
  int64_t exponent_ = 0;
  int pending_ = 0;
};

}  // namespace allot

#endif  // ALLOT_LIB_TRUTH_LOG_PRODUCT_H_
