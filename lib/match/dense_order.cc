// SPDX-License-Identifier: Apache-2.0
#include "lib/match/dense_order.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace allot::dense {
namespace {

constexpr int kSample = 64;
// With fewer pairs in order nothing is gained: the prices are no better than
// those at hand.
constexpr double kNearlyAll = 0.95;
constexpr int32_t kLook = 256;  // rows between two looks at the deadline
constexpr int kBlock = 16;      // Sampled columns stand together: a cache line.

class Sampler {
 public:
  explicit Sampler(const RowView& first)
      : first_(first), size_(first.columns) {}

  double Cost(int32_t i, int32_t j) const {
    return first_.cells[int64_t{size_} * i + j] ^ first_.flip;
  }
  int32_t Row(int k) const {
    return static_cast<int32_t>(int64_t{size_} * k / kSample);
  }
  int32_t Column(int k) const {
    const int block = k / kBlock, blocks = kSample / kBlock;
    return static_cast<int32_t>(int64_t{size_} * block / blocks) + k % kBlock;
  }

  // Weights of the sampled columns and rows; each sum to 0.
  void LeadingPair(double* column_weight, double* row_weight) const;
  // Whether the sample follows the order of its weights.
  bool Holds(const double* column_weight, const double* row_weight) const;
  // Ascending by score, ties by index; empty if the deadline passed.
  std::vector<int32_t> RowsByScore(const double* column_weight,
                                   const Deadline& deadline) const;
  std::vector<int32_t> ColumnsByScore(const double* row_weight,
                                      const Deadline& deadline) const;

 private:
  static void Centre(double* x, int count, int stride) {
    double mean = 0;
    for (int k = 0; k < count; ++k) mean += x[k * stride];
    mean /= count;
    for (int k = 0; k < count; ++k) x[k * stride] -= mean;
  }
  std::vector<int32_t> Sorted(const std::vector<double>& score) const {
    std::vector<int32_t> order(size_);
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](int32_t a, int32_t b) { return score[a] < score[b]; });
    return order;
  }

  const RowView first_;
  const int32_t size_;
};

void Sampler::LeadingPair(double* v, double* w) const {
  std::vector<double> a(kSample * kSample);
  for (int i = 0; i < kSample; ++i)
    for (int j = 0; j < kSample; ++j)
      a[i * kSample + j] = Cost(Row(i), Column(j));
  for (int i = 0; i < kSample; ++i) Centre(&a[i * kSample], kSample, 1);
  for (int j = 0; j < kSample; ++j) Centre(&a[j], kSample, kSample);
  // Power iteration from the longest row.
  int longest = 0;
  double most = -1;
  for (int i = 0; i < kSample; ++i) {
    double square = 0;
    for (int j = 0; j < kSample; ++j)
      square += a[i * kSample + j] * a[i * kSample + j];
    if (square > most) {
      most = square;
      longest = i;
    }
  }
  std::copy_n(&a[longest * kSample], kSample, v);
  for (int round = 0; round < 6; ++round) {
    double length = 0;
    for (int j = 0; j < kSample; ++j) length += v[j] * v[j];
    const double unit = length > 0 ? 1 / std::sqrt(length) : 0;
    for (int j = 0; j < kSample; ++j) v[j] *= unit;
    for (int i = 0; i < kSample; ++i) {
      w[i] = 0;
      for (int j = 0; j < kSample; ++j) w[i] += a[i * kSample + j] * v[j];
    }
    std::fill_n(v, kSample, 0.0);
    for (int i = 0; i < kSample; ++i)
      for (int j = 0; j < kSample; ++j) v[j] += a[i * kSample + j] * w[i];
  }
}

std::vector<int32_t> Sampler::RowsByScore(const double* column_weight,
                                          const Deadline& deadline) const {
  std::vector<double> score(size_);
  for (int32_t i = 0; i < size_; ++i) {
    if (i % kLook == 0 && deadline.Passed()) return {};
    for (int k = 0; k < kSample; ++k)
      score[i] += Cost(i, Column(k)) * column_weight[k];
  }
  return Sorted(score);
}

std::vector<int32_t> Sampler::ColumnsByScore(const double* row_weight,
                                             const Deadline& deadline) const {
  std::vector<double> score(size_);
  for (int k = 0; k < kSample; ++k) {
    if (deadline.Passed()) return {};
    const int32_t i = Row(k);
    for (int32_t j = 0; j < size_; ++j) score[j] += Cost(i, j) * row_weight[k];
  }
  return Sorted(score);
}

bool Sampler::Holds(const double* v, const double* w) const {
  int row[kSample], column[kSample];
  std::iota(row, row + kSample, 0);
  std::iota(column, column + kSample, 0);
  std::stable_sort(row, row + kSample,
                   [w](int a, int b) { return w[a] < w[b]; });
  std::stable_sort(column, column + kSample,
                   [v](int a, int b) { return v[a] > v[b]; });
  int content = 0, tried = 0;
  for (int apart = kSample / 8; apart <= kSample / 4; apart += 2) {
    for (int k = 0; k + apart < kSample; ++k, ++tried) {
      const auto cost = [&](int a, int b) {
        return Cost(Row(row[a]), Column(column[b]));
      };
      const int l = k + apart;
      if (cost(k, k) + cost(l, l) <= cost(k, l) + cost(l, k)) ++content;
    }
  }
  return content >= kNearlyAll * tried;
}

// The matrix with rows and columns in the order of a start.
class Ordered {
 public:
  Ordered(const RowView& first, const OrderedStart& start)
      : first_(first), start_(start), size_(int64_t{first.columns}) {}

  int64_t Cost(int32_t a, int32_t b) const {
    return first_.cells[size_ * start_.row[a] + start_.column[b]] ^ first_.flip;
  }
  // Of pairs an eighth of all apart, whether nearly all would rather not swap.
  bool Holds() const;
  // How much dearer column k + 1 has to be than column k, lest rows k and k + 1
  // want each other's.
  int64_t Step(int32_t k) const;

 private:
  const RowView first_;
  const OrderedStart& start_;
  const int64_t size_;
};

bool Ordered::Holds() const {
  const auto size = static_cast<int32_t>(size_);
  const int32_t apart = size / 8;
  constexpr int kTried = 512;
  int content = 0;
  for (int t = 0; t < kTried; ++t) {
    const auto k = static_cast<int32_t>(int64_t{size - apart} * t / kTried);
    const int32_t l = k + apart;
    if (Cost(k, k) + Cost(l, l) <= Cost(k, l) + Cost(l, k)) ++content;
  }
  return content >= kNearlyAll * kTried;
}

int64_t Ordered::Step(int32_t k) const {
  const int64_t low = Cost(k, k) - Cost(k, k + 1);
  const int64_t high = Cost(k + 1, k) - Cost(k + 1, k + 1);
  if (low <= high) return low + (high - low) / 2;
  // Noise: the neighbourhood decides.
  constexpr int32_t kAround = 16;
  const int32_t begin = std::max(0, k - kAround);
  const int32_t end = std::min(static_cast<int32_t>(size_), k + kAround + 2);
  int64_t sum = 0;
  for (int32_t l = begin; l < end; ++l) sum += Cost(l, k) - Cost(l, k + 1);
  return sum / (end - begin);
}

}  // namespace

bool FindOrder(const RowView& first, const Deadline& deadline,
               OrderedStart& start) {
  const int32_t size = first.columns;
  if (size < 2 * kSample) return false;
  const Sampler sampler(first);
  double column_weight[kSample], row_weight[kSample];
  sampler.LeadingPair(column_weight, row_weight);
  if (!sampler.Holds(column_weight, row_weight)) return false;
  // Cheap is a great row with a small column.
  start.row = sampler.RowsByScore(column_weight, deadline);
  start.column = sampler.ColumnsByScore(row_weight, deadline);
  if (start.row.empty() || start.column.empty()) return false;
  std::reverse(start.column.begin(), start.column.end());
  const Ordered ordered(first, start);
  if (!ordered.Holds()) return false;
  start.price.assign(size, 0);
  int64_t price = 0, least = 0;
  for (int32_t k = 0; k + 1 < size; ++k) {
    if (k % kLook == 0 && deadline.Passed()) return false;
    price += ordered.Step(k);
    start.price[start.column[k + 1]] = price;
    least = std::min(least, price);
  }
  for (int64_t& p : start.price) p -= least;
  return true;
}

}  // namespace allot::dense
