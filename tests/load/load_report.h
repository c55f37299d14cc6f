// SPDX-License-Identifier: Apache-2.0
// What a load test has to say: JSON for programs, text for a terminal, a page
// with plots, and whether the thresholds held.
#ifndef ALLOT_TESTS_LOAD_LOAD_REPORT_H_
#define ALLOT_TESTS_LOAD_LOAD_REPORT_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "lib/page/page.h"
#include "tests/load/load_runner.h"
#include "tests/load/scenario.h"

namespace allot {

// The value of a metric (ThresholdMetrics()) over some calls of one phase.
// Ratios are shares of the calls that should have started.
double MetricOf(absl::string_view metric, const CallStats& stats,
                double phase_seconds);

struct Verdict {
  Threshold threshold;
  std::string phase;
  double value = 0;
  bool ok = false;
};
std::vector<Verdict> Judge(const LoadScenario& scenario,
                           const LoadResult& result);

// One object; its keys are described in docs/load.md.
std::string ToJson(const LoadScenario& scenario, absl::string_view target,
                   const LoadResult& result,
                   const std::vector<Verdict>& verdicts);
std::string ToText(const LoadScenario& scenario, absl::string_view target,
                   const LoadResult& result,
                   const std::vector<Verdict>& verdicts);
// Tables and plots over percentiles and time.
Page ToPage(const LoadScenario& scenario, absl::string_view target,
            const LoadResult& result, const std::vector<Verdict>& verdicts);

// ---- what these share ----

// Over all calls of a phase.
CallStats Sum(const PhaseResult& phase);
// (quantile, milliseconds) from the fastest answer to the slowest; empty if
// there was none.
std::vector<std::pair<double, double>> LatencyCurve(const CallStats& stats);
// CPU time of a call that was served: refusing is work, too, and shared by
// these.
double MicrosPerCall(double cpu_seconds, const CallStats& stats);
// What a threshold asks for: "<= 5".
std::string Bound(const Verdict& verdict);

}  // namespace allot

#endif  // ALLOT_TESTS_LOAD_LOAD_REPORT_H_
