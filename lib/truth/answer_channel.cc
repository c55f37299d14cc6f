// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/answer_channel.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace allot {
namespace {

double Entropy(std::span<const float> p) {
  double bits = 0;
  for (const double x : p) {
    if (x > 0) bits -= x * std::log2(x);
  }
  return bits;
}

}  // namespace

AnswerChannels::AnswerChannels(int32_t num_classes, std::vector<float> rows)
    : num_classes_(num_classes),
      cells_(static_cast<size_t>(num_classes) * num_classes),
      rows_(std::move(rows)) {
  const auto k = static_cast<size_t>(num_classes);
  const size_t channels = rows_.size() / cells_;
  entropy_.reserve(channels * k);
  bound_.reserve(channels);
  std::vector<double> mean(k);
  for (size_t i = 0; i < channels; ++i) {
    std::fill(mean.begin(), mean.end(), 0.0);
    for (size_t cell = 0; cell < cells_; ++cell) {
      mean[cell % k] += rows_[i * cells_ + cell] / static_cast<double>(k);
    }
    double bound = 0;
    for (size_t c = 0; c < k; ++c) {
      const std::span<const float> row(&rows_[i * cells_ + c * k], k);
      entropy_.push_back(static_cast<float>(Entropy(row)));
      double divergence = 0;
      for (size_t l = 0; l < k; ++l) {
        if (row[l] > 0) divergence += row[l] * std::log2(row[l] / mean[l]);
      }
      bound = std::max(bound, divergence);
    }
    // Room for the rounding of what it bounds.
    bound_.push_back(static_cast<float>(bound) + 1e-5F);
  }
}

double AnswerChannels::Bits(int32_t channel,
                            std::span<const float> posterior) const {
  const auto k = static_cast<size_t>(num_classes_);
  const float* rows = &rows_[static_cast<size_t>(channel) * cells_];
  const float* entropy = &entropy_[static_cast<size_t>(channel) * k];
  double known = 0;
  for (size_t c = 0; c < k; ++c) known += posterior[c] * entropy[c];
  double bits = 0;
  for (size_t l = 0; l < k; ++l) {
    double answered = 0;
    for (size_t c = 0; c < k; ++c) answered += posterior[c] * rows[c * k + l];
    if (answered > 0) bits -= answered * std::log2(answered);
  }
  return std::max(0.0, bits - known);
}
}  // namespace allot
