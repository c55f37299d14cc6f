// SPDX-License-Identifier: Apache-2.0
// Policies beside each other in one simulated market, over many seeds, each at
// several efforts: together they make a policy's curve of accuracy against
// cost.
#ifndef ALLOT_LIB_STUDY_COMPARE_MARKET_H_
#define ALLOT_LIB_STUDY_COMPARE_MARKET_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "lib/study/compare_replay.h"
#include "lib/study/market.h"
#include "lib/study/summary.h"

namespace allot {

struct MarketVariant {
  std::string policy;
  std::string effort;  // "k=3", "target=0.95"
  AskPolicyOptions options;
};

// Every effort of a policy: k = 1, 3, 5, 7, 9 for policies that ask a fixed
// number, targets 0.8 to 0.98 for those that stop by confidence.
std::vector<MarketVariant> VariantsOf(const std::string& policy,
                                      const AskPolicyOptions& options);

struct MarketSummary {
  std::string policy;
  std::string effort;
  Estimate accuracy;
  Estimate answers_per_task;
  Estimate cost_per_task;
  Estimate cost_per_right;
  Estimate waiting_p50, waiting_p99;  // hours
  Estimate gini;
  Estimate starved;        // labelers, of all that were there for 8 h
  Estimate starved_share;  // of the able ones
  Estimate accepted;       // share of the tasks
  Estimate accepted_right;
  std::vector<double> lorenz;
  std::vector<double> waiting;  // hours, at 21 even quantiles
  std::array<CalibrationBin, kCalibrationBins> calibration{};
  int64_t answers = 0;  // over all seeds
};

// The same bits on any number of threads.
absl::StatusOr<std::vector<MarketSummary>> CompareMarket(
    const Scenario& scenario, const std::vector<MarketVariant>& variants,
    const ReplaySeeds& seeds);

// (cost per task, accuracy) of one policy, ascending by cost.
std::vector<std::pair<double, double>> CostCurve(
    std::span<const MarketSummary> summaries, const std::string& policy);

}  // namespace allot

#endif  // ALLOT_LIB_STUDY_COMPARE_MARKET_H_
