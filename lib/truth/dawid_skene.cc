// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/dawid_skene.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/parallel.h"
#include "lib/base/status_macros.h"
#include "lib/truth/answer_cells.h"
#include "lib/truth/gold_index.h"
#include "lib/truth/log_product.h"
#include "lib/truth/weighted_vote.h"

namespace allot {
namespace {

// Two classes at a time: GCC and Clang make SSE2 of this, other machines get
// what they have. Elementwise, so the bits are the same everywhere.
using Pair = double __attribute__((vector_size(16), may_alias, aligned(8)));

// A power of two taken out of each class before products could underflow.
// Exact, and per class: a class that trails by 2^2000 can still come back.
void TakeExponents(double* p, int64_t* exponent, int count) {
  for (int k = 0; k < count; ++k) {
    if (p[k] == 0) continue;
    int e = 0;
    p[k] = std::frexp(p[k], &e);
    exponent[k] += e;
  }
}

class FullModel {
 public:
  FullModel(const AnswerSet& answers, std::span<const int32_t> gold_of_task,
            const DawidSkeneOptions& options)
      : answers_(answers),
        gold_(gold_of_task),
        options_(options),
        K_(answers.num_classes),
        pairs_((answers.num_classes + 1) / 2),
        width_(int64_t{2} * pairs_),
        cells_(NumberCells(answers)) {
    // As many parts as there is work for: each costs a copy of the counts.
    const int64_t table = cells_.size() * width_;
    const int64_t parts = std::clamp<int64_t>(
        answers.size() / std::max<int64_t>(32768, 2 * table), 1, 16);
    cut_ = CutTasks(answers, static_cast<int>(parts));
    parts_.resize(cut_.size() - 1);
    for (Part& part : parts_) {
      part.count.resize(table);
      part.prior.resize(width_);
    }
    confusion_.resize(table);
    prior_.resize(width_);
    total_.resize(int64_t{answers.num_labelers} * width_);
  }

  Aggregation Fit() {
    Aggregation result;
    result.posterior =
        VoteShares(answers_, gold_, VectorD::Ones(answers_.num_labelers));
    RunParts([&](int part) { CountShares(part, result.posterior); });
    for (result.iterations = 1;; ++result.iterations) {
      Maximise();
      const double moved = Expect(result.posterior);
      double log_likelihood = 0;
      for (const Part& part : parts_) log_likelihood += part.likelihood;
      result.trace.push_back(log_likelihood);
      if (moved <= options_.tolerance ||
          result.iterations >= options_.max_iterations) {
        break;
      }
    }
    result.log_likelihood = result.trace.back();
    Describe(result);
    return result;
  }

 private:
  struct Part {
    std::vector<double> count;  // [cells x width_], expected
    std::vector<double> prior;  // [width_]
    double likelihood = 0;
    float moved = 0;
  };

  // Row `row` of a table [rows x width_], pair by pair.
  Pair* Row(std::vector<double>& table, int64_t row) const {
    return reinterpret_cast<Pair*>(table.data() + row * width_);
  }

  template <typename Work>
  void RunParts(const Work& work) {
    ParallelFor(options_.threads, static_cast<int64_t>(parts_.size()),
                [&](int64_t part) { work(static_cast<int>(part)); });
  }

  bool Unknown(int32_t t) const {
    return answers_.task_begin[t] == answers_.task_begin[t + 1] &&
           gold_[t] == kNoGold;
  }

  static void Clear(Part& part) {
    std::fill(part.count.begin(), part.count.end(), 0.0);
    std::fill(part.prior.begin(), part.prior.end(), 0.0);
  }

  // The first expected counts: each task's vote shares.
  void CountShares(int index, const MatrixF& share) {
    Part& part = parts_[index];
    Clear(part);
    std::vector<double> p(width_, 0.0);
    const Pair* posterior = Row(p, 0);
    Pair* prior = Row(part.prior, 0);
    for (int32_t t = cut_[index]; t < cut_[index + 1]; ++t) {
      if (Unknown(t)) continue;
      for (int k = 0; k < K_; ++k) p[k] = share(t, k);
      for (int i = 0; i < pairs_; ++i) prior[i] += posterior[i];
      for (int64_t a = answers_.task_begin[t]; a < answers_.task_begin[t + 1];
           ++a) {
        Pair* row = Row(part.count, cells_.cell[a]);
        for (int i = 0; i < pairs_; ++i) row[i] += posterior[i];
      }
    }
  }

  // Counts to probabilities, and how many factors may be multiplied before
  // the smallest conceivable product leaves the normal numbers.
  void Maximise() {
    const double s = options_.smoothing;
    for (size_t p = 1; p < parts_.size(); ++p) {
      for (int k = 0; k < K_; ++k) parts_[0].prior[k] += parts_[p].prior[k];
    }
    const int32_t L = answers_.num_labelers;
    constexpr int32_t kBlock = 64;  // labelers
    ParallelFor(parts_.size() > 1 ? options_.threads : 1,
                (L + kBlock - 1) / kBlock, [&](int64_t block) {
                  const auto first = static_cast<int32_t>(block * kBlock);
                  MaximiseLabelers(first, std::min(first + kBlock, L));
                });
    double tasks = 0;
    const std::vector<double>& count = parts_[0].prior;
    for (int k = 0; k < K_; ++k) tasks += count[k];
    for (int k = 0; k < K_; ++k) {
      prior_[k] = (count[k] + s) / (tasks + K_ * s);
    }
    double most = tasks;
    for (const double total : total_) most = std::max(most, total);
    const double smallest = std::log2(s / (most + K_ * s));
    safe_factors_ = std::max(1, static_cast<int>(-1000 / smallest) - 1);
  }

  void MaximiseLabelers(int32_t first, int32_t last) {
    const Pair s = {options_.smoothing, options_.smoothing};
    const Pair ks = s * static_cast<double>(K_);
    for (int32_t l = first; l < last; ++l) {
      Pair* total = Row(total_, l);
      for (int i = 0; i < pairs_; ++i) total[i] = Pair{0, 0};
      for (int32_t c = cells_.begin[l]; c < cells_.begin[l + 1]; ++c) {
        Pair* count = Row(parts_[0].count, c);
        for (size_t p = 1; p < parts_.size(); ++p) {
          const Pair* more = Row(parts_[p].count, c);
          for (int i = 0; i < pairs_; ++i) count[i] += more[i];
        }
        for (int i = 0; i < pairs_; ++i) total[i] += count[i];
      }
      for (int32_t c = cells_.begin[l]; c < cells_.begin[l + 1]; ++c) {
        const Pair* count = Row(parts_[0].count, c);
        Pair* column = Row(confusion_, c);
        for (int i = 0; i < pairs_; ++i) {
          column[i] = (count[i] + s) / (total[i] + ks);
        }
      }
    }
  }

  // One pass over the tasks: the posteriors under the current parameters, and
  // at once the expected counts for the next ones. Returns the largest change.
  double Expect(MatrixF& posterior) {
    RunParts([&](int part) {
      switch (pairs_) {
        case 1:
          return ExpectTasks<1>(part, posterior);
        case 2:
          return ExpectTasks<2>(part, posterior);
        case 3:
          return ExpectTasks<3>(part, posterior);
        case 4:
          return ExpectTasks<4>(part, posterior);
        default:
          return ExpectTasks<0>(part, posterior);
      }
    });
    float moved = 0;
    for (const Part& part : parts_) moved = std::max(moved, part.moved);
    return moved;
  }

  // kPairs = 0: the number of pairs is known only at run time.
  template <int kPairs>
  void ExpectTasks(int index, MatrixF& posterior) {
    const int pairs = kPairs > 0 ? kPairs : pairs_;
    Part& part = parts_[index];
    Clear(part);
    Pair fixed[kPairs > 0 ? kPairs : 1];
    std::vector<double> dynamic(kPairs > 0 ? 0 : width_);
    Pair* const p = kPairs > 0 ? fixed : Row(dynamic, 0);
    std::vector<int64_t> exponent(width_);
    // Held in registers: a Pair may alias anything, members included.
    const Pair* const confusion = Row(confusion_, 0);
    const Pair* const prior = Row(prior_, 0);
    Pair* const count = Row(part.count, 0);
    Pair* const prior_count = Row(part.prior, 0);
    const int32_t* const cell = cells_.cell.data();
    const int64_t* const task_begin = answers_.task_begin.data();
    const int32_t* const gold_of_task = gold_.data();
    const int64_t safe_factors = safe_factors_;
    const int K = K_;
    const int32_t last = cut_[index + 1];
    float* stored = posterior.data() + int64_t{cut_[index]} * K;
    LogProduct likelihood;
    float moved = 0;
    for (int32_t t = cut_[index]; t < last; ++t, stored += K) {
      const int64_t begin = task_begin[t];
      const int64_t end = task_begin[t + 1];
      const int32_t gold = gold_of_task[t];
      for (int i = 0; i < pairs; ++i) p[i] = prior[i];
      int64_t shift = 0;
      if (end - begin < safe_factors) {
        for (int64_t a = begin; a < end; ++a) {
          const Pair* row = confusion + int64_t{cell[a]} * pairs;
          for (int i = 0; i < pairs; ++i) p[i] *= row[i];
        }
      } else {
        shift = MultiplyMany(begin, end, gold, reinterpret_cast<double*>(p),
                             exponent);
      }
      if (gold != kNoGold) {
        likelihood.Multiply(p[gold / 2][gold % 2], shift);
        for (int i = 0; i < pairs; ++i) p[i] = Pair{0, 0};
        p[gold / 2][gold % 2] = 1;
      } else {
        Pair sums = p[0];
        for (int i = 1; i < pairs; ++i) sums += p[i];
        const double sum = sums[0] + sums[1];
        if (begin < end) likelihood.Multiply(sum, shift);
        const double inverse = 1 / sum;
        for (int i = 0; i < pairs; ++i) p[i] *= inverse;
      }
      for (int i = 0; i < pairs; ++i) {
        const auto first = static_cast<float>(p[i][0]);
        moved = std::max(moved, std::abs(first - stored[2 * i]));
        stored[2 * i] = first;
        if (2 * i + 1 == K) break;
        const auto second = static_cast<float>(p[i][1]);
        moved = std::max(moved, std::abs(second - stored[2 * i + 1]));
        stored[2 * i + 1] = second;
      }
      if (begin == end && gold == kNoGold) continue;
      for (int i = 0; i < pairs; ++i) prior_count[i] += p[i];
      for (int64_t a = begin; a < end; ++a) {
        Pair* row = count + int64_t{cell[a]} * pairs;
        for (int i = 0; i < pairs; ++i) row[i] += p[i];
      }
    }
    part.likelihood = likelihood.Log();
    part.moved = moved;
  }

  // For tasks with very many answers: p times their factors, as
  // p * 2^(returned). The class with the largest exponent, or `gold` where
  // known, ends in [0.5, 1).
  int64_t MultiplyMany(int64_t begin, int64_t end, int32_t gold, double* p,
                       std::vector<int64_t>& exponent) const {
    std::fill(exponent.begin(), exponent.end(), 0);
    const auto width = static_cast<int>(width_);
    int factors = 0;
    for (int64_t a = begin; a < end; ++a) {
      const double* row = confusion_.data() + cells_.cell[a] * width_;
      for (int k = 0; k < width; ++k) p[k] *= row[k];
      if (++factors >= safe_factors_ - 1) {
        TakeExponents(p, exponent.data(), width);
        factors = 0;
      }
    }
    TakeExponents(p, exponent.data(), width);
    int64_t top = exponent[0];
    for (int k = 1; k < K_; ++k) top = std::max(top, exponent[k]);
    if (gold != kNoGold) top = exponent[gold];
    for (int k = 0; k < K_; ++k) {
      const int64_t below = std::clamp<int64_t>(exponent[k] - top, -2000, 0);
      p[k] = std::ldexp(p[k], static_cast<int>(below));
    }
    return top;
  }

  void Describe(Aggregation& result) const {
    const double s = options_.smoothing;
    const int32_t L = answers_.num_labelers;
    const double* prior = prior_.data();
    result.class_prior = Eigen::Map<const VectorD>(prior, K_);
    result.labeler_accuracy.resize(L);
    if (options_.keep_confusion) {
      result.confusion.resize(static_cast<size_t>(L) * K_ * K_);
    }
    for (int32_t l = 0; l < L; ++l) {
      const double* total = total_.data() + l * width_;
      double accuracy = 0;
      for (int c = 0; c < K_; ++c) {
        // What a label that this labeler never gave is worth.
        const double never = s / (total[c] + K_ * s);
        accuracy += prior[c] * never;
        if (!options_.keep_confusion) continue;
        float* row = &result.confusion[(static_cast<size_t>(l) * K_ + c) * K_];
        std::fill(row, row + K_, static_cast<float>(never));
      }
      for (int32_t cell = cells_.begin[l]; cell < cells_.begin[l + 1]; ++cell) {
        const int32_t k = cells_.label[cell];
        const double* column = confusion_.data() + cell * width_;
        accuracy += prior[k] * (column[k] - s / (total[k] + K_ * s));
        if (!options_.keep_confusion) continue;
        for (int c = 0; c < K_; ++c) {
          result.confusion[(static_cast<size_t>(l) * K_ + c) * K_ + k] =
              static_cast<float>(column[c]);
        }
      }
      result.labeler_accuracy[l] = std::clamp(accuracy, 0.0, 1.0);
    }
  }

  const AnswerSet& answers_;
  const std::span<const int32_t> gold_;
  const DawidSkeneOptions options_;
  const int K_;
  const int pairs_;      // ceil(K / 2)
  const int64_t width_;  // 2 * pairs_: K, or K + 1 with a class that is never
  const AnswerCells cells_;
  std::vector<int32_t> cut_;  // tasks of part p: [cut_[p], cut_[p + 1])
  std::vector<Part> parts_;
  std::vector<double> confusion_;  // [cells x width_]: P(cell's label | truth)
  std::vector<double> total_;      // [labelers x width_]: expected answers
  std::vector<double> prior_;      // [width_]
  int64_t safe_factors_ = 1;
};

}  // namespace

absl::Status Validate(const DawidSkeneOptions& options) {
  // Written so that a NaN fails, too.
  if (!(options.smoothing >= 1e-6 && options.smoothing <= 1e6)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "smoothing: must be in [1e-6, 1e6], got ", options.smoothing));
  }
  if (!(options.tolerance >= 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("tolerance: must be >= 0, got ", options.tolerance));
  }
  if (options.max_iterations < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max_iterations: must be >= 1, got ", options.max_iterations));
  }
  if (options.threads < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("threads: must be >= 1, got ", options.threads));
  }
  return absl::OkStatus();
}

absl::StatusOr<Aggregation> FitDawidSkene(const AnswerSet& answers,
                                          std::span<const GoldLabel> gold,
                                          const DawidSkeneOptions& options) {
  ALLOT_RETURN_IF_ERROR(Validate(options));
  ALLOT_ASSIGN_OR_RETURN(const std::vector<int32_t> gold_of_task,
                         IndexGold(answers, gold));
  return FullModel(answers, gold_of_task, options).Fit();
}

}  // namespace allot
