// SPDX-License-Identifier: Apache-2.0
#include "lib/study/compare_market.h"

#include <algorithm>
#include <functional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/base/mutex.h"
#include "lib/base/parallel.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

constexpr int kWaitingQuantiles = 20;

MarketSummary Summarise(const MarketVariant& variant,
                        std::span<absl::StatusOr<MarketOutcome>> runs) {
  MarketSummary summary;
  summary.policy = variant.policy;
  summary.effort = variant.effort;
  const auto over = [&](const std::function<double(MarketOutcome&)>& value) {
    std::vector<double> values;
    for (auto& run : runs) values.push_back(value(*run));
    return EstimateOf(values);
  };
  const auto share = [](int64_t part, int64_t whole) {
    return static_cast<double>(part) /
           static_cast<double>(std::max<int64_t>(1, whole));
  };
  using Outcome = MarketOutcome;
  summary.accuracy = over([](Outcome& o) { return o.accuracy(); });
  summary.answers_per_task =
      over([](Outcome& o) { return o.answers_per_task(); });
  summary.cost_per_task = over([](Outcome& o) {
    return o.cost / static_cast<double>(std::max<int64_t>(1, o.tasks));
  });
  summary.cost_per_right = over([](Outcome& o) { return o.cost_per_right(); });
  summary.waiting_p50 =
      over([](Outcome& o) { return Quantile(o.waiting_hours, 0.5); });
  summary.waiting_p99 =
      over([](Outcome& o) { return Quantile(o.waiting_hours, 0.99); });
  summary.gini = over([](Outcome& o) { return Gini(o.answers_of_labeler); });
  summary.starved =
      over([](Outcome& o) { return static_cast<double>(o.starved); });
  summary.starved_share =
      over([&](Outcome& o) { return share(o.starved_able, o.able); });
  summary.accepted =
      over([&](Outcome& o) { return share(o.accepted, o.tasks); });
  summary.accepted_right =
      over([&](Outcome& o) { return share(o.accepted_right, o.accepted); });
  const double each = 1.0 / static_cast<double>(runs.size());
  for (auto& run : runs) {
    const std::vector<double> lorenz = Lorenz(run->answers_of_labeler);
    summary.lorenz.resize(lorenz.size(), 0.0);
    for (size_t i = 0; i < lorenz.size(); ++i) {
      summary.lorenz[i] += each * lorenz[i];
    }
    summary.waiting.resize(kWaitingQuantiles + 1, 0.0);
    for (int q = 0; q <= kWaitingQuantiles; ++q) {
      summary.waiting[static_cast<size_t>(q)] +=
          each * Quantile(run->waiting_hours,
                          static_cast<double>(q) / kWaitingQuantiles);
    }
    for (size_t b = 0; b < summary.calibration.size(); ++b) {
      summary.calibration[b].tasks += run->calibration[b].tasks;
      summary.calibration[b].right += run->calibration[b].right;
      summary.calibration[b].confidence += run->calibration[b].confidence;
    }
    summary.answers += run->answers;
  }
  return summary;
}

}  // namespace

std::vector<MarketVariant> VariantsOf(const std::string& policy,
                                      const AskPolicyOptions& options) {
  std::vector<MarketVariant> variants;
  const bool confident =
      policy == "overlap" ||
      (absl::StartsWith(policy, "allot") && policy != "allot-fixed");
  if (confident) {
    for (const double target : {0.8, 0.9, 0.95, 0.98}) {
      MarketVariant& variant = variants.emplace_back();
      variant.options = options;
      variant.options.confidence.target_confidence = target;
      variant.effort = absl::StrCat("target=", target);
    }
  } else {
    for (const int32_t k : {1, 3, 5, 7, 9}) {
      MarketVariant& variant = variants.emplace_back();
      variant.options = options;
      variant.options.answers_per_task = k;
      variant.effort = absl::StrCat("k=", k);
    }
  }
  for (MarketVariant& variant : variants) variant.policy = policy;
  return variants;
}

absl::StatusOr<std::vector<MarketSummary>> CompareMarket(
    const Scenario& scenario, const std::vector<MarketVariant>& variants,
    const ReplaySeeds& seeds) {
  if (seeds.seeds < 1) {
    return absl::InvalidArgumentError("seeds: must be at least 1");
  }
  const auto each = static_cast<size_t>(seeds.seeds);
  std::vector<absl::StatusOr<MarketOutcome>> runs(variants.size() * each,
                                                  MarketOutcome{});
  Mutex mutex;
  size_t done = 0;
  ParallelFor(seeds.threads, static_cast<int64_t>(runs.size()), [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    const MarketVariant& variant = variants[at / each];
    runs[at] = SimulateMarket(scenario, variant.policy, variant.options,
                              at % each + 1);
    const MutexLock lock(mutex);
    ++done;
    if (seeds.progress) {
      seeds.progress(static_cast<double>(done) /
                     static_cast<double>(runs.size()));
    }
  });
  std::vector<MarketSummary> summaries;
  for (size_t v = 0; v < variants.size(); ++v) {
    const std::span<absl::StatusOr<MarketOutcome>> own(&runs[v * each], each);
    for (const auto& run : own) ALLOT_RETURN_IF_ERROR(run.status());
    summaries.push_back(Summarise(variants[v], own));
  }
  return summaries;
}

std::vector<std::pair<double, double>> CostCurve(
    std::span<const MarketSummary> summaries, const std::string& policy) {
  std::vector<std::pair<double, double>> curve;
  for (const MarketSummary& summary : summaries) {
    if (summary.policy != policy) continue;
    curve.emplace_back(summary.cost_per_task.mean, summary.accuracy.mean);
  }
  std::sort(curve.begin(), curve.end());
  return curve;
}

}  // namespace allot
