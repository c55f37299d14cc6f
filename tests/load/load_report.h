// SPDX-License-Identifier: Apache-2.0
// What a load test has to say: JSON for programs, text for a terminal, one HTML
// file with plots, and whether the thresholds held.
#ifndef ALLOT_TESTS_LOAD_LOAD_REPORT_H_
#define ALLOT_TESTS_LOAD_LOAD_REPORT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
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
std::vector<Verdict> Judge(const Scenario& scenario, const LoadResult& result);

// One object; its keys are described in docs/load.md.
std::string ToJson(const Scenario& scenario, absl::string_view target,
                   const LoadResult& result,
                   const std::vector<Verdict>& verdicts);
std::string ToText(const Scenario& scenario, absl::string_view target,
                   const LoadResult& result,
                   const std::vector<Verdict>& verdicts);
// Self-contained: no script, style or font from elsewhere. `json` is ToJson's.
std::string ToHtml(const Scenario& scenario, absl::string_view json);

}  // namespace allot

#endif  // ALLOT_TESTS_LOAD_LOAD_REPORT_H_
