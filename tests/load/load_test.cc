// SPDX-License-Identifier: Apache-2.0
// The load harness measures what it says: quantiles, arrivals, scenarios and
// verdicts, and a stall of the server that must not hide itself.
#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "lib/base/rng.h"
#include "nlohmann/json.hpp"
#include "tests/load/histogram.h"
#include "tests/load/load_report.h"
#include "tests/load/requests.h"
#include "tests/load/scenario.h"
#include "tests/load/schedule.h"

namespace allot {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsNan;

TEST(HistogramTest, QuantilesAreThoseOfTheSortedValuesUpToItsRelativeError) {
  Rng rng(7);
  Histogram histogram;
  std::vector<uint64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    // From nanoseconds to hours.
    values.push_back(static_cast<uint64_t>(std::exp(30 * rng.Uniform())));
    histogram.Add(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double q : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    const size_t rank =
        std::max<size_t>(1, static_cast<size_t>(std::ceil(q * 20'000)));
    const double exact = static_cast<double>(values[rank - 1]);
    EXPECT_NEAR(static_cast<double>(histogram.At(q)), exact, exact / 512 + 0.5)
        << q;
  }
  EXPECT_EQ(histogram.max(), values.back());
  EXPECT_EQ(histogram.count(), 20'000);
}

TEST(HistogramTest, MergedHistogramsAreTheHistogramOfAll) {
  Histogram one, two, both;
  for (uint64_t i = 1; i < 5000; i += 7) {
    (i % 2 == 0 ? one : two).Add(i * i);
    both.Add(i * i);
  }
  one.Merge(two);
  for (const double q : {0.1, 0.5, 0.99}) EXPECT_EQ(one.At(q), both.At(q));
  EXPECT_EQ(one.mean(), both.mean());
}

TEST(HistogramTest, AnEmptyOneSaysZero) {
  EXPECT_EQ(Histogram().At(0.99), 0u);
  EXPECT_EQ(Histogram().mean(), 0);
}

std::vector<double> Times(const std::vector<RateSegment>& segments,
                          bool poisson, int threads) {
  std::vector<double> times;
  for (int i = 0; i < threads; ++i) {
    Schedule schedule(segments, poisson, 1, i, threads);
    while (const auto time = schedule.Next()) times.push_back(*time);
  }
  std::sort(times.begin(), times.end());
  return times;
}

TEST(ScheduleTest, AConstantRateIsEvenHoweverManyThreadsShareIt) {
  for (const int threads : {1, 3}) {
    const std::vector<double> times = Times({{2, 50, 50}}, false, threads);
    ASSERT_EQ(times.size(), 100u);
    for (size_t i = 0; i < times.size(); ++i) {
      EXPECT_NEAR(times[i], 0.02 * static_cast<double>(i), 1e-9);
    }
  }
}

TEST(ScheduleTest, ARampIsAsDenseAsItsRate) {
  const std::vector<RateSegment> ramp = {{10, 0, 1000}};
  const std::vector<double> times = Times(ramp, false, 2);
  EXPECT_NEAR(static_cast<double>(times.size()), Schedule::Expected(ramp), 1);
  // Half of the time has a quarter of the calls.
  const auto half = std::lower_bound(times.begin(), times.end(), 5.0);
  EXPECT_NEAR(static_cast<double>(half - times.begin()), 1250, 2);
}

TEST(ScheduleTest, StepsFollowEachOther) {
  const std::vector<double> times =
      Times({{1, 10, 10}, {1, 0, 0}, {1, 30, 30}}, false, 1);
  ASSERT_EQ(times.size(), 40u);
  EXPECT_LT(times[9], 1);
  EXPECT_GE(times[10], 2);
}

TEST(ScheduleTest, PoissonGapsAreExponential) {
  const std::vector<double> times = Times({{100, 200, 200}}, true, 4);
  EXPECT_NEAR(static_cast<double>(times.size()), 20'000, 5 * std::sqrt(20'000));
  // The variance of an exponential is its mean squared.
  double mean = 0, square = 0;
  for (size_t i = 1; i < times.size(); ++i) {
    const double gap = times[i] - times[i - 1];
    mean += gap;
    square += gap * gap;
  }
  const double n = static_cast<double>(times.size() - 1);
  mean /= n;
  EXPECT_NEAR(square / n - mean * mean, mean * mean, 0.1 * mean * mean);
}

constexpr char kScenario[] = R"({
  // Comments are welcome.
  "name": "small",
  "pools": [{"id": "p", "labelers": 10}],
  "calls": [{"method": "Score", "pool": "p"},
            {"name": "write", "method": "ReportAnswers", "pool": "p"}],
  "phases": [{"kind": "closed", "in_flight": 2, "seconds": 1},
             {"name": "more", "kind": "step", "from": 10, "to": 30,
              "steps": 3, "seconds": 6}],
  "thresholds": [{"phase": "more", "metric": "p99_ms", "max": 5}]})";

TEST(ScenarioTest, StepsAreSegmentsOfEqualLength) {
  const auto scenario = ParseScenario(kScenario);
  ASSERT_TRUE(scenario.ok()) << scenario.status();
  const PhaseSpec& phase = scenario->phases[1];
  ASSERT_EQ(phase.rates.size(), 3u);
  EXPECT_EQ(phase.rates[1].seconds, 2);
  EXPECT_EQ(phase.rates[1].from_rate, 20);
  EXPECT_TRUE(scenario->phases[0].closed());
}

TEST(ScenarioTest, FaultsNameTheirKey) {
  const std::pair<std::string, std::string> cases[] = {
      {"\"seconds\": 6", "\"seconds\": -6"},
      {"\"steps\": 3", "\"stepz\": 3"},
      {"\"in_flight\": 2", "\"in_flight\": \"two\""},
      {"\"metric\": \"p99_ms\"", "\"metric\": \"p98_ms\""},
      {"\"phase\": \"more\"", "\"phase\": \"less\""}};
  const std::string faults[] = {"phases[1].seconds: must be in",
                                "phases[1].stepz: unknown key",
                                "phases[0].in_flight: must be a number",
                                "thresholds[0].metric: must be one of",
                                "thresholds[0].phase: no phase \"less\""};
  for (size_t i = 0; i < std::size(cases); ++i) {
    std::string text = kScenario;
    text.replace(text.find(cases[i].first), cases[i].first.size(),
                 cases[i].second);
    const auto scenario = ParseScenario(text);
    ASSERT_FALSE(scenario.ok()) << text;
    EXPECT_THAT(std::string(scenario.status().message()), HasSubstr(faults[i]));
  }
  EXPECT_FALSE(ParseScenario("{").ok());
  EXPECT_FALSE(ParseScenario("[]").ok());
}

TEST(RequestsTest, ReadsRepeatAndWritesNeverDo) {
  const auto scenario = ParseScenario(kScenario);
  ASSERT_TRUE(scenario.ok());
  const auto reads = RequestSource::Make(*scenario, scenario->calls[0], 1);
  const auto writes = RequestSource::Make(*scenario, scenario->calls[1], 1);
  const auto later = RequestSource::Make(*scenario, scenario->calls[1], 2);
  ASSERT_TRUE(reads.ok() && writes.ok() && later.ok());
  EXPECT_EQ(reads->RequestBytes(0), reads->RequestBytes(32));
  EXPECT_NE(reads->RequestBytes(0), reads->RequestBytes(1));
  std::set<std::string> seen;
  for (uint64_t i = 0; i < 100; ++i) {
    EXPECT_TRUE(seen.insert(writes->RequestBytes(i)).second);
    EXPECT_TRUE(seen.insert(later->RequestBytes(i)).second);
  }
}

// Ten calls a millisecond apart, all answered at once after a stall.
LoadResult Stalled() {
  LoadResult result;
  PhaseResult& phase = result.phases.emplace_back();
  phase.name = "more";
  phase.seconds = 0.01;
  phase.intended_rate = 1000;
  phase.calls.resize(2);
  for (uint64_t i = 0; i < 10; ++i) {
    CallStats& stats = phase.calls[0];
    ++stats.started;
    ++stats.codes[0];
    ++stats.in_time;
    ++stats.ok_in_time;
    stats.ok.Add((10 - i) * 1'000'000);
    stats.all.Add((10 - i) * 1'000'000);
  }
  return result;
}

TEST(ReportTest, AThresholdFailsWhenItsMetricIsBeyondIt) {
  auto scenario = ParseScenario(kScenario);
  ASSERT_TRUE(scenario.ok());
  const LoadResult result = Stalled();
  for (const double limit : {9.0, 11.0}) {
    scenario->thresholds[0].max = limit;
    const std::vector<Verdict> verdicts = Judge(*scenario, result);
    ASSERT_EQ(verdicts.size(), 1u);
    EXPECT_EQ(verdicts[0].ok, limit > 10) << verdicts[0].value;
  }
}

TEST(ReportTest, APhaseWithoutCallsPassesNothing) {
  const auto scenario = ParseScenario(kScenario);
  ASSERT_TRUE(scenario.ok());
  LoadResult result = Stalled();
  result.phases[0].calls.assign(2, CallStats());
  EXPECT_FALSE(Judge(*scenario, result)[0].ok);
}

TEST(ReportTest, RefusalsDoNotLowerTheLatency) {
  LoadResult result = Stalled();
  CallStats& stats = result.phases[0].calls[0];
  const double before = MetricOf("p50_ms", stats, 1);
  for (int i = 0; i < 100; ++i) {
    ++stats.started;
    ++stats.codes[8];
    stats.all.Add(10);
  }
  EXPECT_EQ(MetricOf("p50_ms", stats, 1), before);
  EXPECT_NEAR(MetricOf("refused_ratio", stats, 1), 100.0 / 110, 1e-12);
}

TEST(ReportTest, TheJsonHoldsTheFiguresWhateverTheServerIsCalled) {
  const auto scenario = ParseScenario(kScenario);
  ASSERT_TRUE(scenario.ok());
  const LoadResult result = Stalled();
  const auto json = nlohmann::json::parse(
      ToJson(*scenario, "\"here\xff", result, Judge(*scenario, result)));
  EXPECT_EQ(json["phases"][0]["all"]["started"], 10);
  EXPECT_EQ(json["phases"][0]["all"]["latency_ms"].front()[0], 0.0);
  EXPECT_EQ(json["phases"][0]["all"]["latency_ms"].back()[0], 1.0);
}

// The page's element of that heading.
template <typename Kind>
Kind Find(const Page& page, const std::string& heading) {
  for (const Element& element : page.element) {
    const Kind* one = std::get_if<Kind>(&element);
    if (one != nullptr && one->heading == heading) return *one;
  }
  ADD_FAILURE() << "no " << heading;
  return {};
}

TEST(ReportTest, ThePageShowsWhatTheTableAndTheJsonSay) {
  const auto scenario = ParseScenario(kScenario);
  ASSERT_TRUE(scenario.ok());
  LoadResult result = Stalled();
  result.phases[0].server_cpu_seconds = 0.001;
  result.timeline_step = 0.5;
  result.timeline.push_back({.seconds = 0,
                             .started = 10,
                             .ok = 8,
                             .failed = 1,
                             .p50 = 2'000'000,
                             .p99 = 9'000'000});
  result.timeline.push_back(
      {.seconds = 0.5, .started = 5, .server_resident_bytes = 4'000'000});
  auto limited = *scenario;
  limited.thresholds[0].max = 1;
  const Page page = ToPage(limited, "here", result, Judge(limited, result));
  EXPECT_THAT(page.summary, HasSubstr("here, seed"));

  const Table thresholds = Find<Table>(page, "Thresholds");
  ASSERT_EQ(thresholds.row.size(), 1u);
  EXPECT_EQ(thresholds.row[0].back().text, "FAIL");
  EXPECT_GT(thresholds.row[0].back().shade, 0);

  const Table phases = Find<Table>(page, "Phases");
  ASSERT_EQ(phases.row.size(), 3u);  // all, and both calls
  for (const std::vector<Cell>& row : phases.row) {
    EXPECT_EQ(row.size(), phases.column.size());
  }
  EXPECT_EQ(phases.row[0][1].text, "all");
  EXPECT_EQ(phases.row[0][2].text, "1000/s");
  EXPECT_EQ(phases.row[0].back().text, "100");  // 1 ms of 10 calls

  const auto curve = Find<LineChart>(page, "Latency by percentile");
  EXPECT_EQ(curve.x.scale, AxisScale::kTail);
  ASSERT_EQ(curve.series.size(), 1u);
  EXPECT_NEAR(curve.series[0].y.back(), 10, 0.1);

  const auto calls = Find<LineChart>(page, "Calls a second");
  EXPECT_THAT(calls.series[0].y, ElementsAre(20, 10));
  EXPECT_THAT(calls.series[1].y, ElementsAre(16, 0));
  EXPECT_THAT(calls.series[2].y, ElementsAre(2, 0));
  const auto latency = Find<LineChart>(page, "Latency over time");
  EXPECT_THAT(latency.series[1].y, ElementsAre(9, 0));
  const auto memory = Find<LineChart>(page, "Server memory");
  EXPECT_THAT(memory.series[0].y, ElementsAre(IsNan(), 4));
}

}  // namespace
}  // namespace allot
