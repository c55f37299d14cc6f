// SPDX-License-Identifier: Apache-2.0
#include "server/status_page.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "lib/store/store.h"

namespace allot {
namespace {

constexpr size_t kMaxPools = 100;

constexpr absl::string_view kHead =
    R"(<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>allotd</title><style>
:root{color-scheme:light dark}
body{font:15px/1.45 system-ui,sans-serif;margin:1rem auto;max-width:60rem;padding:0 .8rem}
h1{font-size:1.3rem;margin:.2rem 0}h2{font-size:1.05rem;margin:1.4rem 0 .4rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{padding:.3rem .6rem;text-align:right;border-bottom:1px solid #8884;white-space:nowrap}
th:first-child,td:first-child{text-align:left;white-space:normal;overflow-wrap:anywhere}
.good{color:#187a2f}.bad{color:#c22}a{color:inherit}
</style></head><body>
)";

std::string Duration(double seconds) {
  if (seconds <= 0) return "&ndash;";
  if (seconds < 1e-3) return absl::StrFormat("%.0f &micro;s", seconds * 1e6);
  if (seconds < 1) return absl::StrFormat("%.3g ms", seconds * 1e3);
  return absl::StrFormat("%.3g s", seconds);
}

std::string Methods(const Metrics& metrics) {
  std::string out =
      "<h2>Methods</h2><div class=\"scroll\"><table><tr><th>method</th>"
      "<th>calls</th><th>errors</th><th>p50</th><th>p99</th></tr>\n";
  for (const auto& rpc : metrics.rpcs()) {
    double calls = 0;
    for (const prometheus::Counter* code : rpc->handled) calls += code->Value();
    const double errors = calls - rpc->handled[0]->Value();
    const prometheus::ClientMetric collected = rpc->seconds->Collect();
    absl::StrAppend(&out, "<tr><td>", EscapeHtml(rpc->method), "</td><td>",
                    absl::StrFormat("%.0f", calls), "</td><td",
                    errors > 0 ? " class=\"bad\"" : "", ">",
                    absl::StrFormat("%.0f", errors), "</td><td>",
                    Duration(Quantile(collected.histogram, 0.5)), "</td><td>",
                    Duration(Quantile(collected.histogram, 0.99)),
                    "</td></tr>\n");
  }
  return absl::StrCat(out, "</table></div>\n");
}

// Where the time of a call goes, method by method.
std::string Phases(const Metrics& metrics) {
  std::string out =
      "<h2>Phases</h2><div class=\"scroll\"><table><tr><th>method</th>"
      "<th>phase</th><th>calls</th><th>p50</th><th>p99</th></tr>\n";
  for (const prometheus::MetricFamily& family : metrics.Collect()) {
    if (family.name != "allot_phase_seconds") continue;
    for (const prometheus::ClientMetric& metric : family.metric) {
      if (metric.histogram.sample_count == 0) continue;
      std::string method, phase;
      for (const auto& label : metric.label) {
        (label.name == "method" ? method : phase) = label.value;
      }
      absl::StrAppend(
          &out, "<tr><td>", EscapeHtml(method), "</td><td>", EscapeHtml(phase),
          "</td><td>", metric.histogram.sample_count, "</td><td>",
          Duration(Quantile(metric.histogram, 0.5)), "</td><td>",
          Duration(Quantile(metric.histogram, 0.99)), "</td></tr>\n");
    }
  }
  return absl::StrCat(out, "</table></div>\n");
}

std::string Clock(absl::Time time) {
  return absl::FormatTime("%H:%M:%E3S", time, absl::UTCTimeZone());
}

std::string Plans(const std::vector<PlanNote>& plans) {
  if (plans.empty()) return "";
  std::string out =
      "<h2>Last plans</h2><div class=\"scroll\"><table><tr><th>time "
      "(UTC)</th><th>pool</th><th>tasks</th><th>filled</th><th>gap</th>"
      "<th>solver</th><th>took</th></tr>\n";
  for (const PlanNote& plan : plans) {
    absl::StrAppend(&out, "<tr><td>", Clock(plan.time), "</td><td>",
                    EscapeHtml(plan.pool), "</td><td>", plan.tasks, "</td><td>",
                    plan.filled, " of ", plan.slots, "</td><td>",
                    absl::StrFormat("%.2g", plan.gap), "</td><td>",
                    EscapeHtml(plan.solver), "</td><td>",
                    Duration(plan.seconds), "</td></tr>\n");
  }
  return absl::StrCat(out, "</table></div>\n");
}

std::string SlowCalls(const std::vector<CallNote>& calls) {
  if (calls.empty()) return "";
  std::string out =
      "<h2>Slow calls</h2><div class=\"scroll\"><table><tr><th>time "
      "(UTC)</th><th>method</th><th>pool</th><th>code</th><th>took</th>"
      "<th>waited</th><th>trace</th></tr>\n";
  for (const CallNote& call : calls) {
    absl::StrAppend(&out, "<tr><td>", Clock(call.time), "</td><td>",
                    EscapeHtml(call.method), "</td><td>", EscapeHtml(call.pool),
                    "</td><td>", EscapeHtml(call.code), "</td><td>",
                    Duration(call.seconds), "</td><td>",
                    Duration(call.queue_seconds), "</td><td>",
                    EscapeHtml(call.trace_id), "</td></tr>\n");
  }
  return absl::StrCat(out, "</table></div>\n");
}

std::string Pools(const std::vector<PoolInfo>& pools) {
  std::string out = absl::StrCat("<h2>Pools (", pools.size(), ")</h2>\n");
  if (pools.empty()) {
    return absl::StrCat(
        out, "<p>None yet: create one with PoolService.UpsertPool.</p>\n");
  }
  absl::StrAppend(
      &out,
      "<div class=\"scroll\"><table><tr><th>pool</th><th>skills</th>"
      "<th>labelers</th><th>tasks</th><th>answers</th>"
      "<th>open leases</th><th>roster version</th></tr>\n");
  for (size_t i = 0; i < pools.size() && i < kMaxPools; ++i) {
    const PoolStats& stats = pools[i].stats;
    absl::StrAppend(&out, "<tr><td>", EscapeHtml(pools[i].pool->id),
                    "</td><td>", pools[i].pool->skills.size(), "</td><td>",
                    stats.labelers, "</td><td>", stats.tasks, "</td><td>",
                    stats.answers, "</td><td>", stats.open_leases, "</td><td>",
                    stats.roster_version, "</td></tr>\n");
  }
  absl::StrAppend(&out, "</table></div>\n");
  if (pools.size() > kMaxPools) {
    absl::StrAppend(&out, "<p>and ", pools.size() - kMaxPools, " more</p>\n");
  }
  return out;
}

}  // namespace

std::string EscapeHtml(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

double Quantile(const prometheus::ClientMetric::Histogram& histogram,
                double q) {
  const auto total = static_cast<double>(histogram.sample_count);
  if (total == 0) return 0;
  const double rank = q * total;
  double low = 0;
  double below = 0;
  for (const auto& bucket : histogram.bucket) {
    const auto count = static_cast<double>(bucket.cumulative_count);
    if (count >= rank) {
      // The last bucket has no upper end.
      if (std::isinf(bucket.upper_bound)) return low;
      const double inside = count - below;
      return inside <= 0
                 ? bucket.upper_bound
                 : low + (bucket.upper_bound - low) * (rank - below) / inside;
    }
    low = bucket.upper_bound;
    below = count;
  }
  return low;
}

std::string StatusPage(const StatusPageInput& input) {
  std::string out(kHead);
  absl::StrAppend(&out, "<h1>allotd ", EscapeHtml(input.version), "</h1>\n<p>");
  if (input.ready) {
    absl::StrAppend(&out, "<b class=\"good\">ready</b>");
  } else {
    absl::StrAppend(&out, "<b class=\"bad\">not ready</b>: ",
                    EscapeHtml(input.not_ready_because));
  }
  absl::StrAppend(
      &out, " &middot; up ",
      absl::FormatDuration(absl::Trunc(input.uptime, absl::Seconds(1))),
      " &middot; store ", EscapeHtml(input.store), "<br>", input.running,
      " of ", input.workers, " workers busy &middot; ", input.waiting, " of ",
      input.queue_limit, " places in the queue taken &middot; ",
      input.in_flight_limit, " calls may be in flight &middot; ",
      input.connections,
      " connections<br><a href=\"/configz\">settings</a> &middot; <a "
      "href=\"/metrics\">metrics</a></p>\n",
      Pools(input.pools), Methods(*input.metrics), Phases(*input.metrics),
      Plans(input.plans), SlowCalls(input.slow_calls), "</body></html>\n");
  return out;
}

std::string ConfigPage(const std::vector<Setting>& settings) {
  std::string out = absl::StrCat(
      std::string(kHead),
      "<h1>Settings</h1><p><a href=\"/statusz\">status</a></p>"
      "<div class=\"scroll\"><table><tr><th>flag</th><th>value</th>"
      "<th>default</th><th>from</th></tr>\n");
  for (const Setting& setting : settings) {
    absl::StrAppend(&out, "<tr><td>--", EscapeHtml(setting.name), "</td><td>",
                    // The store's address may hold a password.
                    EscapeHtml(ShownAddress(setting.value)), "</td><td>",
                    EscapeHtml(setting.default_value), "</td><td>",
                    EscapeHtml(setting.source), "</td></tr>\n");
  }
  return absl::StrCat(out, "</table></div></body></html>\n");
}

}  // namespace allot
