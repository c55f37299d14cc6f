// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "lib/base/status_macros.h"
#include "lib/truth/numeric.h"
#include "lib/truth/probability.h"
#include "tests/eval/numeric_baselines.h"
#include "tests/eval/offline.h"

namespace allot {
namespace {

constexpr double kTrim = 0.2;

struct Estimate {
  const char* method;
  VectorD value;
};

void AddErrors(const Estimate& estimate, const std::vector<NumericGold>& truth,
               Findings& findings) {
  double squares = 0, absolute = 0;
  for (const NumericGold& known : truth) {
    const double error = estimate.value[known.task] - known.value;
    squares += error * error;
    absolute += std::abs(error);
  }
  const auto n = static_cast<double>(truth.size());
  findings.Add(estimate.method, "rmse", std::sqrt(squares / n));
  findings.Add(estimate.method, "mae", absolute / n);
}

// Mid ranks, from 1.
std::vector<double> Ranks(const std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> rank(values.size());
  for (size_t from = 0; from < order.size();) {
    size_t to = from;
    while (to < order.size() && values[order[to]] == values[order[from]]) ++to;
    for (size_t i = from; i < to; ++i) {
      rank[order[i]] = static_cast<double>(from + to + 1) / 2;
    }
    from = to;
  }
  return rank;
}

double Spearman(const Estimate& estimate,
                const std::vector<NumericGold>& truth) {
  std::vector<double> x, y;
  for (const NumericGold& known : truth) {
    x.push_back(estimate.value[known.task]);
    y.push_back(known.value);
  }
  x = Ranks(x);
  y = Ranks(y);
  const double middle = static_cast<double>(x.size() + 1) / 2;
  double xx = 0, yy = 0, xy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - middle) * (x[i] - middle);
    yy += (y[i] - middle) * (y[i] - middle);
    xy += (x[i] - middle) * (y[i] - middle);
  }
  return xx > 0 && yy > 0 ? xy / std::sqrt(xx * yy) : 0;
}

// The probabilities as posteriors of no and yes.
absl::Status AddProbabilities(const Estimate& estimate,
                              const std::vector<NumericGold>& truth,
                              Findings& findings) {
  MatrixF posterior(estimate.value.size(), 2);
  for (Eigen::Index t = 0; t < posterior.rows(); ++t) {
    const double p = std::clamp(estimate.value[t], 0.0, 1.0);
    posterior(t, 0) = static_cast<float>(1 - p);
    posterior(t, 1) = static_cast<float>(p);
  }
  std::vector<GoldLabel> labels;
  for (const NumericGold& known : truth) {
    labels.push_back({known.task, known.value > 0.5 ? 1 : 0});
  }
  ALLOT_ASSIGN_OR_RETURN(const ScoringRules rules,
                         EvaluatePosteriors(posterior, labels));
  findings.Add(estimate.method, rules);
  return absl::OkStatus();
}

// Answers in [0, 1] about truths that are all 0 or 1.
bool AreProbabilities(const DataFolder& data) {
  return std::all_of(data.measured.begin(), data.measured.end(),
                     [](const NumericAnswer& answer) {
                       return answer.value >= 0 && answer.value <= 1;
                     }) &&
         std::all_of(data.measured_truth.begin(), data.measured_truth.end(),
                     [](const NumericGold& known) {
                       return known.value == 0 || known.value == 1;
                     });
}

}  // namespace

absl::Status EvaluateNumbers(const DataFolder& data, const FolderTraits& traits,
                             Findings& findings) {
  if (data.measured_truth.empty()) {
    findings.notes.push_back("errors: no task has a known truth");
    return absl::OkStatus();
  }
  ALLOT_ASSIGN_OR_RETURN(const NumericAnswerSet answers,
                         BuildNumericAnswerSet(data));
  std::vector<Estimate> estimates = {
      {"mean", TrimmedMeans(answers, 0)},
      {"median", Medians(answers)},
      {"trimmed-mean", TrimmedMeans(answers, kTrim)},
      {"precision-weighted", PrecisionWeighted(answers, false)},
      {"bias-precision", PrecisionWeighted(answers, true)}};
  if (AreProbabilities(data)) {
    ALLOT_ASSIGN_OR_RETURN(ProbabilityFit fit, FitProbabilities(answers));
    estimates.insert(estimates.begin(), {"allot", fit.probability});
    for (const Estimate& estimate : estimates) {
      AddErrors(estimate, data.measured_truth, findings);
      ALLOT_RETURN_IF_ERROR(
          AddProbabilities(estimate, data.measured_truth, findings));
    }
    return absl::OkStatus();
  }
  ALLOT_ASSIGN_OR_RETURN(const NumericFit fit, FitNumeric(answers));
  estimates.insert(estimates.begin(), {"allot", fit.value});
  for (const Estimate& estimate : estimates) {
    if (!traits.truth_on_own_scale) {
      AddErrors(estimate, data.measured_truth, findings);
    }
    findings.Add(estimate.method, "spearman",
                 Spearman(estimate, data.measured_truth));
  }
  if (traits.truth_on_own_scale) {
    findings.notes.push_back(
        "rmse, mae and coverage: the truth is on another scale than the "
        "answers, so only ranks are compared");
    return absl::OkStatus();
  }
  double inside = 0;
  for (const NumericGold& known : data.measured_truth) {
    inside += fit.low[known.task] <= known.value &&
              known.value <= fit.high[known.task];
  }
  findings.Add("allot", "coverage_90",
               inside / static_cast<double>(data.measured_truth.size()));
  return absl::OkStatus();
}

}  // namespace allot
