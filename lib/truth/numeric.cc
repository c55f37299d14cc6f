// SPDX-License-Identifier: Apache-2.0
#include "lib/truth/numeric.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "lib/truth/answers_by_labeler.h"
#include "lib/truth/normal_quantile.h"

namespace allot {
namespace {

constexpr double kPriorAnswers = 300;  // weight of the pool's variance
constexpr double kScaleTails = 8;      // degrees of freedom of scales
constexpr double kHuber = 6;           // standard deviations
constexpr double kSpreadPrior = 5;     // answers' worth of the pool's spread
constexpr double kGoldPrior = 10;      // tasks' worth of the prior of r
constexpr double kScalePriorSd = 0.5;  // of the correction that gold asks for

template <typename Get>
VectorD PerTask(const NumericAnswerSet& answers, const Get& get) {
  VectorD result(answers.num_tasks);
  std::vector<double> own;
  for (int32_t t = 0; t < answers.num_tasks; ++t) {
    own.assign(answers.value.begin() + answers.task_begin[t],
               answers.value.begin() + answers.task_begin[t + 1]);
    std::sort(own.begin(), own.end());
    result[t] =
        own.empty() ? std::numeric_limits<double>::quiet_NaN() : get(own);
  }
  return result;
}

double MedianOf(const std::vector<double>& sorted) {
  const size_t n = sorted.size();
  return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

double Variance(const VectorD& x, const std::vector<int32_t>& rows) {
  double sum = 0, squares = 0;
  for (const int32_t t : rows) sum += x[t];
  const double mean = sum / static_cast<double>(rows.size());
  for (const int32_t t : rows) squares += (x[t] - mean) * (x[t] - mean);
  return squares / static_cast<double>(rows.size());
}

double Mean(const VectorD& x, const std::vector<int32_t>& rows) {
  double sum = 0;
  for (const int32_t t : rows) sum += x[t];
  return sum / static_cast<double>(rows.size());
}

class Model {
 public:
  explicit Model(const NumericAnswerSet& answers)
      : answers_(answers), task_(TaskOfAnswer(answers.task_begin)) {
    for (int32_t t = 0; t < answers.num_tasks; ++t) {
      if (answers.task_begin[t] < answers.task_begin[t + 1]) {
        answered_.push_back(t);
      }
    }
  }
  bool Empty() const { return answered_.empty(); }

  NumericFit Fit(int max_iterations) {
    Start();
    NumericFit fit;
    for (fit.iterations = 1;; ++fit.iterations) {
      const double moved = ImproveTasks();
      ImproveLabelers();
      ImproveVariances();
      if (fit.iterations >= max_iterations ||
          (fit.iterations > 5 && moved <= 1e-7 * std::sqrt(noise_))) {
        break;
      }
    }
    ImproveTasks();
    Describe(fit);
    return fit;
  }

  // The variance of the answers to each task, shrunk to the pool's.
  VectorD Spread() const {
    VectorD spread = VectorD::Zero(answers_.num_tasks);
    VectorD freedom = VectorD::Zero(answers_.num_tasks);
    const VectorD mean = RobustMeans();
    for (int64_t a = 0; a < answers_.size(); ++a) {
      const double d = answers_.value[a] - mean[task_[a]];
      spread[task_[a]] += pull_[a] * pull_[a] * d * d;
      freedom[task_[a]] += 1;
    }
    freedom = (freedom.array() - 1).max(0);
    const double pool = spread.sum() / std::max(freedom.sum(), 1.0);
    return (spread.array() + kSpreadPrior * pool) /
           (freedom.array() + kSpreadPrior);
  }

 private:
  void Start() {
    const int32_t L = answers_.num_labelers;
    const int64_t n = answers_.size();
    z_ = Medians(answers_);
    for (int32_t t = 0; t < answers_.num_tasks; ++t) {
      if (std::isnan(z_[t])) z_[t] = 0;
    }
    z_variance_.setZero(answers_.num_tasks);
    bias_.setZero(L);
    scale_.setOnes(L);
    pull_.assign(n, 1);
    given_.setZero(L);
    for (const int32_t l : answers_.labeler) given_[l] += 1;
    // Noise from the median deviation, so that one answer cannot set it.
    std::vector<double> deviation(n);
    for (int64_t a = 0; a < n; ++a) {
      deviation[a] = std::abs(answers_.value[a] - z_[task_[a]]);
    }
    std::sort(deviation.begin(), deviation.end());
    double sd = 1.4826 * MedianOf(deviation);
    if (sd <= 0) {  // more than half of the answers agree to the digit
      double sum = 0;
      for (const double d : deviation) sum += d;
      sd = sum / static_cast<double>(n);
    }
    double largest = 0;
    for (const double y : answers_.value)
      largest = std::max(largest, std::abs(y));
    floor_ = std::max(1e-18 * largest * largest,
                      std::numeric_limits<double>::min() * 1e20);
    noise_ = std::max(sd * sd, floor_);
    variance_.setConstant(L, noise_);
    bias_variance_ = 0.1 * noise_;
    scale_variance_ = 0.05;
    for (int64_t a = 0; a < n; ++a) Cap(a, answers_.value[a] - z_[task_[a]]);
  }

  void Cap(int64_t a, double residual) {
    const double bound = kHuber * std::sqrt(variance_[answers_.labeler[a]]);
    pull_[a] = std::min(1.0, bound / std::max(std::abs(residual), bound));
  }

  // Returns the largest move.
  double ImproveTasks() {
    double moved = 0;
    for (const int32_t t : answered_) {
      double precision = 0, sum = 0;
      for (int64_t a = answers_.task_begin[t]; a < answers_.task_begin[t + 1];
           ++a) {
        const int32_t l = answers_.labeler[a];
        const double p = pull_[a] * scale_[l] / variance_[l];
        precision += p * scale_[l];
        sum += p * (answers_.value[a] - Offset(l));
      }
      // Contrary or dull labelers alone: hold on to where we are.
      const double hold = 1e-6 / noise_;
      const double next = (sum + hold * z_[t]) / (precision + hold);
      moved = std::max(moved, std::abs(next - z_[t]));
      z_[t] = next;
      z_variance_[t] = 1 / (precision + hold);
    }
    centre_next_ = Mean(z_, answered_);
    return moved;
  }

  // b_l - g_l z. of the model, at the centre that b and g were fitted to.
  double Offset(int32_t l) const {
    return bias_[l] - (scale_[l] - 1) * centre_;
  }

  // Offset and scale of each labeler together, by ridge regression.
  void ImproveLabelers() {
    centre_ = centre_next_;
    const int32_t L = answers_.num_labelers;
    VectorD s00 = VectorD::Constant(L, 1 / bias_variance_);
    VectorD s01 = VectorD::Zero(L), r0 = s01, r1 = s01;
    VectorD s11 = VectorD::Constant(L, 1 / scale_variance_);
    for (int64_t a = 0; a < answers_.size(); ++a) {
      const int32_t l = answers_.labeler[a], t = task_[a];
      const double p = pull_[a] / variance_[l], x = z_[t] - centre_;
      const double r = answers_.value[a] - z_[t];
      s00[l] += p;
      s01[l] += p * x;
      s11[l] += p * (x * x + z_variance_[t]);
      r0[l] += p * r;
      r1[l] += p * r * x;
    }
    const VectorD det = s00.array() * s11.array() - s01.array().square();
    bias_ = (s11.array() * r0.array() - s01.array() * r1.array()) / det.array();
    const VectorD extra =
        (s00.array() * r1.array() - s01.array() * r0.array()) / det.array();
    scale_ = extra.array() + 1;
    bias_error_ = s11.array() / det.array();
    scale_error_ = s00.array() / det.array();
    // Hyperparameters over labelers who answered.
    double labelers = 0, bias2 = 0, scale2 = 0;
    for (int32_t l = 0; l < L; ++l) {
      if (given_[l] == 0) continue;
      labelers += 1;
      bias2 += bias_[l] * bias_[l] + bias_error_[l];
      const double e = extra[l] * extra[l] + scale_error_[l];
      scale2 += e * (kScaleTails + 1) / (kScaleTails + e / scale_variance_);
    }
    bias_variance_ = std::max(bias2 / labelers, 1e-9 * noise_);
    scale_variance_ = std::max(scale2 / labelers, 1e-9);
  }

  void ImproveVariances() {
    VectorD squares = VectorD::Zero(answers_.num_labelers);
    for (int64_t a = 0; a < answers_.size(); ++a) {
      const int32_t l = answers_.labeler[a], t = task_[a];
      const double x = z_[t] - centre_;
      const double residual = answers_.value[a] - Offset(l) - scale_[l] * z_[t];
      Cap(a, residual);
      squares[l] += pull_[a] * pull_[a] * residual * residual +
                    z_variance_[t] * scale_[l] * scale_[l] + bias_error_[l] +
                    scale_error_[l] * x * x;
    }
    noise_ =
        std::max(squares.sum() / static_cast<double>(answers_.size()), floor_);
    variance_ = (squares.array() + kPriorAnswers * noise_) /
                (given_.array() + kPriorAnswers);
  }

  VectorD RobustMeans() const {
    VectorD sum = VectorD::Zero(answers_.num_tasks), weight = sum;
    for (int64_t a = 0; a < answers_.size(); ++a) {
      sum[task_[a]] += pull_[a] * answers_.value[a];
      weight[task_[a]] += pull_[a];
    }
    for (int32_t t = 0; t < answers_.num_tasks; ++t) {
      sum[t] = weight[t] > 0 ? sum[t] / weight[t] : 0;
    }
    return sum;
  }

  void Describe(NumericFit& fit) const {
    const double own = Variance(z_, answered_);
    const double wanted = Variance(RobustMeans(), answered_);
    const double stretch = own > 0 ? std::sqrt(wanted / own) : 1;
    const double mean = Mean(z_, answered_);
    fit.value = VectorD::Constant(answers_.num_tasks, mean);
    for (const int32_t t : answered_) {
      fit.value[t] = mean + stretch * (z_[t] - mean);
    }
    fit.labeler_bias = bias_;
    fit.labeler_scale = scale_ / stretch;
    fit.labeler_sd = variance_.array().sqrt();
  }

  const NumericAnswerSet& answers_;
  const std::vector<int32_t> task_;          // [answers]
  std::vector<int32_t> answered_;            // tasks with answers
  VectorD z_, z_variance_;                   // [tasks]
  VectorD bias_, scale_, variance_, given_;  // [labelers]
  VectorD bias_error_, scale_error_;         // [labelers], posterior variances
  std::vector<double> pull_;                 // [answers], Huber weight
  double centre_ = 0, centre_next_ = 0;
  double noise_ = 1, floor_ = 0, bias_variance_ = 1, scale_variance_ = 1;
};

absl::Status Check(const NumericOptions& options) {
  if (!(options.coverage > 0 && options.coverage < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("coverage: must be in (0, 1), got ", options.coverage));
  }
  if (!(options.error_correlation >= 0 && options.error_correlation <= 0.95)) {
    return absl::InvalidArgumentError(
        absl::StrCat("error_correlation: must be in [0, 0.95], got ",
                     options.error_correlation));
  }
  if (options.max_iterations < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max_iterations: must be >= 1, got ", options.max_iterations));
  }
  return absl::OkStatus();
}

// What gold says about errors that all labelers make: value becomes
// value + offset + slope (value - mean), each shrunk to 0.
void Correct(std::span<const NumericGold> gold, const VectorD& common,
             VectorD& value) {
  const double mean = value.mean();
  double noise = 0;
  for (const NumericGold& known : gold) noise += common[known.task];
  noise /= static_cast<double>(gold.size());
  if (noise <= 0) return;
  double s00 = 1 / noise, s01 = 0, s11 = 1 / (kScalePriorSd * kScalePriorSd);
  double r0 = 0, r1 = 0;
  for (const NumericGold& known : gold) {
    const double x = value[known.task] - mean;
    const double r = known.value - value[known.task];
    s00 += 1 / noise;
    s01 += x / noise;
    s11 += x * x / noise;
    r0 += r / noise;
    r1 += r * x / noise;
  }
  const double det = s00 * s11 - s01 * s01;
  const double offset = (s11 * r0 - s01 * r1) / det;
  const double slope = (s00 * r1 - s01 * r0) / det;
  value = value.array() + offset + slope * (value.array() - mean);
}

}  // namespace

absl::StatusOr<NumericFit> FitNumeric(const NumericAnswerSet& answers,
                                      std::span<const NumericGold> gold,
                                      const NumericOptions& options) {
  ALLOT_RETURN_IF_ERROR(Check(options));
  for (size_t i = 0; i < gold.size(); ++i) {
    if (gold[i].task < 0 || gold[i].task >= answers.num_tasks ||
        !std::isfinite(gold[i].value)) {
      return absl::InvalidArgumentError(
          absl::StrCat("gold[", i, "]: want a task in [0, ", answers.num_tasks,
                       ") and a finite value"));
    }
  }
  Model model(answers);
  if (model.Empty()) {
    return absl::InvalidArgumentError("answers: must not be empty");
  }
  NumericFit fit = model.Fit(options.max_iterations);
  const VectorD spread = model.Spread();
  double ratio = options.error_correlation / (1 - options.error_correlation);
  if (!gold.empty()) {
    Correct(gold, ratio * spread, fit.value);
    double excess = kGoldPrior * ratio;
    for (const NumericGold& known : gold) {
      const double error = known.value - fit.value[known.task];
      const auto n = static_cast<double>(answers.task_begin[known.task + 1] -
                                         answers.task_begin[known.task]);
      if (spread[known.task] > 0 && n > 0) {
        excess += error * error / spread[known.task] - 1 / n;
      }
    }
    ratio =
        std::max(0.0, excess / (kGoldPrior + static_cast<double>(gold.size())));
  }
  fit.error_correlation = ratio / (1 + ratio);
  const double z = NormalQuantile((1 + options.coverage) / 2);
  const double unknown = (fit.value.array() - fit.value.mean()).square().mean();
  fit.low = fit.high = fit.value;
  for (int32_t t = 0; t < answers.num_tasks; ++t) {
    const auto n =
        static_cast<double>(answers.task_begin[t + 1] - answers.task_begin[t]);
    const double variance =
        spread[t] * (1 / std::max(n, 1.0) + ratio) + (n == 0 ? unknown : 0);
    fit.low[t] -= z * std::sqrt(variance);
    fit.high[t] += z * std::sqrt(variance);
  }
  for (const NumericGold& known : gold) {
    fit.value[known.task] = fit.low[known.task] = fit.high[known.task] =
        known.value;
  }
  return fit;
}

VectorD TrimmedMeans(const NumericAnswerSet& answers, double trim) {
  return PerTask(answers, [trim](const std::vector<double>& sorted) {
    const auto n = static_cast<int64_t>(sorted.size());
    const auto cut = std::min(
        static_cast<int64_t>(trim * static_cast<double>(n)), (n - 1) / 2);
    double sum = 0;
    for (int64_t i = cut; i < n - cut; ++i) sum += sorted[i];
    return sum / static_cast<double>(n - 2 * cut);
  });
}

VectorD Medians(const NumericAnswerSet& answers) {
  return PerTask(answers, MedianOf);
}

}  // namespace allot
