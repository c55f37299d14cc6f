// SPDX-License-Identifier: Apache-2.0
// The HTML page of a load test.
#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tests/load/load_report.h"

namespace allot {
namespace {

// Three digits that matter.
std::string Number(double value) {
  if (std::abs(value) >= 100) return absl::StrFormat("%.0f", value);
  return absl::StrFormat(std::abs(value) >= 1 ? "%.2f" : "%.2g", value);
}

Table ThresholdTable(const std::vector<Verdict>& verdicts) {
  Table table{.heading = "Thresholds",
              .column = {"phase", "call", "metric", "value", "wanted", ""}};
  for (const Verdict& verdict : verdicts) {
    const Threshold& threshold = verdict.threshold;
    table.row.push_back({{verdict.phase},
                         {threshold.call.empty() ? "all" : threshold.call},
                         {threshold.metric},
                         {Number(verdict.value)},
                         {Bound(verdict)},
                         {verdict.ok ? "ok" : "FAIL", verdict.ok ? 0.0 : 1.0}});
  }
  return table;
}

Table PhaseTable(const LoadScenario& scenario, const LoadResult& result) {
  Table table{
      .heading = "Phases",
      .column = {"phase", "call", "intended", "ok/s", "errors", "p50 ms",
                 "p90 ms", "p99 ms", "p99.9 ms", "max ms", "server us/call"}};
  for (const PhaseResult& phase : result.phases) {
    const auto add = [&](const std::string& name, const CallStats& stats) {
      const auto metric = [&](absl::string_view which) {
        return MetricOf(which, stats, phase.seconds);
      };
      std::vector<Cell>& row = table.row.emplace_back();
      row = {{phase.name},
             {name},
             {phase.in_flight > 0
                  ? absl::StrCat(phase.in_flight, " open")
                  : absl::StrCat(Number(phase.intended_rate), "/s")},
             {Number(metric("ok_per_second"))},
             {absl::StrFormat("%.2f%%", 100 * metric("error_ratio"))}};
      for (const char* which :
           {"p50_ms", "p90_ms", "p99_ms", "p999_ms", "max_ms"}) {
        row.push_back({Number(metric(which))});
      }
    };
    const CallStats all = Sum(phase);
    add("all", all);
    if (phase.server_cpu_seconds) {
      table.row.back().push_back(
          {Number(MicrosPerCall(*phase.server_cpu_seconds, all))});
    }
    for (size_t i = 0; phase.calls.size() > 1 && i < phase.calls.size(); ++i) {
      add(scenario.calls[i].name, phase.calls[i]);
    }
  }
  for (std::vector<Cell>& row : table.row) row.resize(table.column.size());
  return table;
}

LineChart PercentileChart(const LoadResult& result) {
  LineChart chart{
      .heading = "Latency by percentile",
      .x = {.title = "percentile", .scale = AxisScale::kTail},
      .y = {.title = "milliseconds", .scale = AxisScale::kLogarithmic}};
  for (const PhaseResult& phase : result.phases) {
    if (!phase.measured) continue;
    Series& series = chart.series.emplace_back();
    series.name = phase.name;
    series.points = false;
    for (const auto& [quantile, millis] : LatencyCurve(Sum(phase))) {
      series.x.push_back(quantile);
      series.y.push_back(millis);
    }
  }
  return chart;
}

LineChart TimeChart(const char* heading, const char* what) {
  LineChart chart;
  chart.heading = heading;
  chart.x.title = "seconds";
  chart.y.title = what;
  return chart;
}

// A line over the time of the run: value(point) in another unit.
template <typename Value>
Series OverTime(const char* name, const LoadResult& result, double unit,
                Value value) {
  Series series{.name = name, .points = false};
  for (const TimelinePoint& point : result.timeline) {
    series.x.push_back(point.seconds);
    series.y.push_back(static_cast<double>(value(point)) / unit);
  }
  return series;
}

}  // namespace

Page ToPage(const LoadScenario& scenario, absl::string_view target,
            const LoadResult& result, const std::vector<Verdict>& verdicts) {
  Page page;
  page.title = absl::StrCat("Load test", scenario.name.empty() ? "" : ": ",
                            scenario.name);
  page.summary =
      absl::StrCat(target, ", seed ", scenario.seed,
                   ". Latency counts from when a call was meant to start.");
  if (!verdicts.empty()) page.element.push_back(ThresholdTable(verdicts));
  page.element.push_back(PhaseTable(scenario, result));
  page.element.push_back(PercentileChart(result));

  const double step = result.timeline_step;
  using Point = TimelinePoint;
  LineChart calls = TimeChart("Calls a second", "calls a second");
  calls.y.least = 0;
  calls.series.push_back(OverTime("started", result, step,
                                  [](const Point& p) { return p.started; }));
  calls.series.push_back(
      OverTime("answered", result, step, [](const Point& p) { return p.ok; }));
  calls.series.push_back(OverTime("failed", result, step,
                                  [](const Point& p) { return p.failed; }));
  page.element.emplace_back(std::move(calls));
  LineChart latency = TimeChart("Latency over time", "milliseconds");
  latency.y.scale = AxisScale::kLogarithmic;
  latency.series.push_back(
      OverTime("p50", result, 1e6, [](const Point& p) { return p.p50; }));
  latency.series.push_back(
      OverTime("p99", result, 1e6, [](const Point& p) { return p.p99; }));
  page.element.emplace_back(std::move(latency));
  LineChart memory = TimeChart("Server memory", "MB resident");
  memory.y.least = 0;
  memory.series.push_back(OverTime("resident", result, 1e6, [](const Point& p) {
    return p.server_resident_bytes
               ? static_cast<double>(*p.server_resident_bytes)
               : NAN;
  }));
  if (!std::ranges::all_of(memory.series[0].y,
                           [](double bytes) { return std::isnan(bytes); })) {
    page.element.emplace_back(std::move(memory));
  }
  return page;
}

}  // namespace allot
