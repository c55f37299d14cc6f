// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/answer_channel.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace allot {
namespace {

// Of each row of K.
std::vector<float> RowEntropy(std::span<const float> rows, size_t k) {
  std::vector<float> entropy;
  entropy.reserve(rows.size() / k);
  for (size_t row = 0; row < rows.size(); row += k) {
    double bits = 0;
    for (const double x : rows.subspan(row, k)) {
      if (x > 0) bits -= x * std::log2(x);
    }
    entropy.push_back(static_cast<float>(bits));
  }
  return entropy;
}

}  // namespace

AnswerChannels::AnswerChannels(int32_t num_classes, std::vector<float> rows)
    : AnswerChannels(num_classes, rows, std::vector<float>(rows.size(), 0.0F),
                     RowEntropy(rows, static_cast<size_t>(num_classes))) {}

AnswerChannels::AnswerChannels(int32_t num_classes, std::vector<float> rows,
                               std::vector<float> variance,
                               std::vector<float> row_entropy)
    : num_classes_(num_classes),
      cells_(static_cast<size_t>(num_classes) * num_classes),
      rows_(std::move(rows)),
      variance_(std::move(variance)),
      entropy_(std::move(row_entropy)) {
  const auto k = static_cast<size_t>(num_classes);
  const size_t channels = rows_.size() / cells_;
  bound_.reserve(channels);
  std::vector<double> mean(k);
  for (size_t i = 0; i < channels; ++i) {
    std::fill(mean.begin(), mean.end(), 0.0);
    for (size_t cell = 0; cell < cells_; ++cell) {
      mean[cell % k] += rows_[i * cells_ + cell] / static_cast<double>(k);
    }
    double bound = 0;
    for (size_t c = 0; c < k; ++c) {
      double divergence = -entropy_[i * k + c];
      for (size_t l = 0; l < k; ++l) {
        const double p = rows_[i * cells_ + c * k + l];
        if (p > 0) divergence -= p * std::log2(mean[l]);
      }
      bound = std::max(bound, divergence);
    }
    // Room for the rounding of what it bounds.
    bound_.push_back(static_cast<float>(bound) + 1e-5F);
  }
}

double AnswerChannels::Bits(int32_t channel,
                            std::span<const float> posterior) const {
  constexpr double kHalfLog2E = 0.7213475204444817;
  const auto k = static_cast<size_t>(num_classes_);
  const size_t first = static_cast<size_t>(channel) * cells_;
  const float* entropy = &entropy_[static_cast<size_t>(channel) * k];
  double bits = 0;
  for (size_t c = 0; c < k; ++c) bits -= posterior[c] * entropy[c];
  for (size_t l = 0; l < k; ++l) {
    double answered = 0;
    double spread = 0;
    for (size_t c = 0; c < k; ++c) {
      const double p = posterior[c];
      answered += p * rows_[first + c * k + l];
      spread += p * p * variance_[first + c * k + l];
    }
    if (answered > 0) {
      bits -= answered * std::log2(answered) + kHalfLog2E * spread / answered;
    }
  }
  return std::max(0.0, bits);
}

}  // namespace allot
