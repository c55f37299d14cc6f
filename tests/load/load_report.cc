// SPDX-License-Identifier: Apache-2.0
#include "tests/load/load_report.h"

#include <algorithm>
#include <cassert>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"

namespace allot {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kCodes[kGrpcCodes] = {"OK",
                                            "CANCELLED",
                                            "UNKNOWN",
                                            "INVALID_ARGUMENT",
                                            "DEADLINE_EXCEEDED",
                                            "NOT_FOUND",
                                            "ALREADY_EXISTS",
                                            "PERMISSION_DENIED",
                                            "RESOURCE_EXHAUSTED",
                                            "FAILED_PRECONDITION",
                                            "ABORTED",
                                            "OUT_OF_RANGE",
                                            "UNIMPLEMENTED",
                                            "INTERNAL",
                                            "UNAVAILABLE",
                                            "DATA_LOSS",
                                            "UNAUTHENTICATED"};
constexpr size_t kResourceExhausted = 8;

// Enough of them for a smooth curve to the far tail.
constexpr double kCurve[] = {0,      0.1,     0.2,     0.3,   0.4,   0.5,
                             0.6,    0.7,     0.75,    0.8,   0.85,  0.9,
                             0.95,   0.975,   0.99,    0.995, 0.999, 0.9995,
                             0.9999, 0.99995, 0.99999, 1};

double Millis(uint64_t nanos) { return 1e-6 * static_cast<double>(nanos); }

int64_t Attempts(const CallStats& stats) {
  return stats.started + stats.not_started;
}

Json ToJson(const CallStats& stats, double seconds, bool with_curve) {
  Json json;
  json["started"] = stats.started;
  for (const std::string& metric : ThresholdMetrics()) {
    json[metric] = MetricOf(metric, stats, seconds);
  }
  json["not_started"] = stats.not_started;
  json["mean_response_bytes"] =
      stats.codes[0] == 0 ? 0
                          : static_cast<double>(stats.response_bytes) /
                                static_cast<double>(stats.codes[0]);
  Json& codes = json["codes"] = Json::object();
  for (size_t i = 0; i < stats.codes.size(); ++i) {
    if (stats.codes[i] > 0) codes[kCodes[i]] = stats.codes[i];
  }
  if (with_curve && stats.all.count() > 0) {
    json["latency_ms"] = LatencyCurve(stats);
  }
  return json;
}

}  // namespace

CallStats Sum(const PhaseResult& phase) {
  CallStats sum;
  for (const CallStats& stats : phase.calls) sum.Merge(stats);
  return sum;
}

std::vector<std::pair<double, double>> LatencyCurve(const CallStats& stats) {
  std::vector<std::pair<double, double>> curve;
  if (stats.all.count() == 0) return curve;
  for (const double quantile : kCurve) {
    curve.emplace_back(quantile, Millis(stats.all.At(quantile)));
  }
  return curve;
}

double MicrosPerCall(double cpu_seconds, const CallStats& stats) {
  return 1e6 * cpu_seconds /
         std::max(1.0, static_cast<double>(stats.ok_in_time));
}

std::string Bound(const Verdict& verdict) {
  const Threshold& threshold = verdict.threshold;
  if (threshold.min && threshold.max) {
    return absl::StrCat("in [", *threshold.min, ", ", *threshold.max, "]");
  }
  return threshold.min ? absl::StrCat(">= ", *threshold.min)
                       : absl::StrCat("<= ", *threshold.max);
}

double MetricOf(absl::string_view metric, const CallStats& stats,
                double phase_seconds) {
  const double attempts = std::max(1.0, static_cast<double>(Attempts(stats)));
  if (metric == "calls_per_second") {
    return static_cast<double>(stats.in_time) / phase_seconds;
  }
  if (metric == "ok_per_second") {
    return static_cast<double>(stats.ok_in_time) / phase_seconds;
  }
  if (metric == "error_ratio") {
    return static_cast<double>(Attempts(stats) - stats.codes[0]) / attempts;
  }
  if (metric == "refused_ratio") {
    return static_cast<double>(stats.codes[kResourceExhausted]) / attempts;
  }
  if (metric == "unanswered") {
    return static_cast<double>(stats.unanswered + stats.not_started);
  }
  // Refusals are fast: latencies are those of calls that were served, unless
  // that is none.
  const Histogram& latency = stats.ok.count() > 0 ? stats.ok : stats.all;
  if (metric == "mean_ms") return 1e-6 * latency.mean();
  if (metric == "max_ms") return Millis(latency.max());
  if (metric == "p50_ms") return Millis(latency.At(0.5));
  if (metric == "p90_ms") return Millis(latency.At(0.9));
  if (metric == "p99_ms") return Millis(latency.At(0.99));
  assert(metric == "p999_ms");
  return Millis(latency.At(0.999));
}

std::vector<Verdict> Judge(const LoadScenario& scenario,
                           const LoadResult& result) {
  std::vector<Verdict> verdicts;
  for (const Threshold& threshold : scenario.thresholds) {
    for (const PhaseResult& phase : result.phases) {
      if (threshold.phase.empty() ? !phase.measured
                                  : threshold.phase != phase.name) {
        continue;
      }
      CallStats stats;
      for (size_t i = 0; i < phase.calls.size(); ++i) {
        if (threshold.call.empty() ||
            threshold.call == scenario.calls[i].name) {
          stats.Merge(phase.calls[i]);
        }
      }
      Verdict& verdict = verdicts.emplace_back();
      verdict.threshold = threshold;
      verdict.phase = phase.name;
      verdict.value = MetricOf(threshold.metric, stats, phase.seconds);
      // A phase without calls proves nothing.
      verdict.ok = Attempts(stats) > 0 &&
                   (!threshold.min || verdict.value >= *threshold.min) &&
                   (!threshold.max || verdict.value <= *threshold.max);
    }
  }
  return verdicts;
}

std::string ToJson(const LoadScenario& scenario, absl::string_view target,
                   const LoadResult& result,
                   const std::vector<Verdict>& verdicts) {
  Json json;
  json["scenario"] = scenario.name;
  json["target"] = std::string(target);
  json["seed"] = scenario.seed;
  json["ok"] = std::all_of(verdicts.begin(), verdicts.end(),
                           [](const Verdict& verdict) { return verdict.ok; });
  for (const PhaseResult& phase : result.phases) {
    Json& to = json["phases"].emplace_back();
    to["name"] = phase.name;
    to["measured"] = phase.measured;
    to["start_seconds"] = phase.start_seconds;
    to["seconds"] = phase.seconds;
    if (phase.in_flight > 0) {
      to["in_flight"] = phase.in_flight;
    } else {
      to["intended_rate"] = phase.intended_rate;
    }
    const CallStats all = Sum(phase);
    to["all"] = ToJson(all, phase.seconds, true);
    to["client_lag_p99_ms"] = Millis(phase.lag.At(0.99));
    to["client_cpu_us_per_call"] = MicrosPerCall(phase.client_cpu_seconds, all);
    if (phase.server_cpu_seconds) {
      to["server_cpu_us_per_call"] =
          MicrosPerCall(*phase.server_cpu_seconds, all);
      to["server_cores"] = *phase.server_cpu_seconds / phase.seconds;
      to["server_resident_bytes"] = *phase.server_resident_bytes;
    }
    for (size_t i = 0; i < phase.calls.size(); ++i) {
      to["calls"][scenario.calls[i].name] =
          ToJson(phase.calls[i], phase.seconds, phase.calls.size() > 1);
    }
  }
  Json& failures = json["failures"] = Json::array();
  for (const Failure& failure : result.failures) {
    failures.push_back({{"code", kCodes[failure.code]},
                        {"message", failure.message},
                        {"calls", failure.calls}});
  }
  json["timeline_step_seconds"] = result.timeline_step;
  Json& timeline = json["timeline"] = Json::array();
  for (const TimelinePoint& point : result.timeline) {
    Json& to = timeline.emplace_back();
    to["seconds"] = point.seconds;
    to["started"] = point.started;
    to["ok"] = point.ok;
    to["failed"] = point.failed;
    to["p50_ms"] = Millis(point.p50);
    to["p99_ms"] = Millis(point.p99);
    if (point.server_resident_bytes) {
      to["server_resident_bytes"] = *point.server_resident_bytes;
    }
  }
  Json& judged = json["thresholds"] = Json::array();
  for (const Verdict& verdict : verdicts) {
    judged.push_back({{"phase", verdict.phase},
                      {"call", verdict.threshold.call},
                      {"metric", verdict.threshold.metric},
                      {"value", verdict.value},
                      {"goal", Bound(verdict)},
                      {"ok", verdict.ok}});
  }
  // Messages of a server may hold anything.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string ToText(const LoadScenario& scenario, absl::string_view target,
                   const LoadResult& result,
                   const std::vector<Verdict>& verdicts) {
  std::string text = absl::StrFormat(
      "%s against %s\n%-14s %-14s %10s %10s %7s %8s %8s %8s %8s %8s\n",
      scenario.name, target, "phase", "call", "intended/s", "ok/s", "errors",
      "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms");
  for (const PhaseResult& phase : result.phases) {
    const auto row = [&](absl::string_view name, const CallStats& stats) {
      const auto metric = [&](absl::string_view which) {
        return MetricOf(which, stats, phase.seconds);
      };
      const std::string intended =
          phase.in_flight > 0 ? absl::StrCat(phase.in_flight, " open")
                              : absl::StrFormat("%.1f", phase.intended_rate);
      absl::StrAppendFormat(
          &text,
          "%-14s %-14s %10s %10.1f %6.2f%% %8.3f %8.3f %8.3f %8.3f %8.3f\n",
          phase.name, name, intended, metric("ok_per_second"),
          100 * metric("error_ratio"), metric("p50_ms"), metric("p90_ms"),
          metric("p99_ms"), metric("p999_ms"), metric("max_ms"));
    };
    const CallStats all = Sum(phase);
    row("all", all);
    for (size_t i = 0; phase.calls.size() > 1 && i < phase.calls.size(); ++i) {
      row(scenario.calls[i].name, phase.calls[i]);
    }
    for (size_t i = 1; i < all.codes.size(); ++i) {
      if (all.codes[i] > 0) {
        absl::StrAppend(&text, "               ", all.codes[i], " x ",
                        kCodes[i], "\n");
      }
    }
    if (all.unanswered + all.not_started > 0) {
      absl::StrAppend(&text, "               ", all.unanswered,
                      " without answer at the end, ", all.not_started,
                      " not started: too many open\n");
    }
    absl::StrAppendFormat(&text, "               client %.1f us CPU a call",
                          MicrosPerCall(phase.client_cpu_seconds, all));
    if (phase.server_cpu_seconds) {
      absl::StrAppendFormat(
          &text, ", server %.1f us CPU a call, %.1f MB resident",
          MicrosPerCall(*phase.server_cpu_seconds, all),
          1e-6 * static_cast<double>(*phase.server_resident_bytes));
    }
    absl::StrAppendFormat(&text, "; calls started %.3f ms late at p99\n",
                          Millis(phase.lag.At(0.99)));
  }
  for (const Verdict& verdict : verdicts) {
    absl::StrAppendFormat(&text, "%-5s %s%s %s: %g, wanted %s\n",
                          verdict.ok ? "ok" : "FAIL", verdict.phase,
                          verdict.threshold.call.empty()
                              ? ""
                              : absl::StrCat(" ", verdict.threshold.call),
                          verdict.threshold.metric, verdict.value,
                          Bound(verdict));
  }
  return text;
}

}  // namespace allot
