// SPDX-License-Identifier: Apache-2.0
#include "tests/load/scenario.h"

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "lib/base/status_macros.h"
#include "nlohmann/json.hpp"

namespace allot {
namespace {

using Json = nlohmann::json;

// Reads the keys of one object, remembers the first fault, and knows which keys
// nobody asked for.
class Reader {
 public:
  Reader(const Json& object, std::string path)
      : object_(object), path_(std::move(path)) {
    if (!object.is_object()) Fail("", "must be an object");
  }

  void Text(const char* key, std::string* to) {
    const Json* value = Find(key);
    if (value == nullptr) return;
    if (!value->is_string()) return Fail(key, "must be a string");
    *to = value->get<std::string>();
  }
  template <typename Number>
  void Value(const char* key, double low, double high, Number* to) {
    const Json* value = Find(key);
    if (value == nullptr) return;
    if (!value->is_number()) return Fail(key, "must be a number");
    const double number = value->get<double>();
    if (!(number >= low && number <= high)) {
      return Fail(key, absl::StrCat("must be in [", low, ", ", high, "]"));
    }
    *to = static_cast<Number>(number);
  }
  void Flag(const char* key, bool* to) {
    const Json* value = Find(key);
    if (value == nullptr) return;
    if (!value->is_boolean()) return Fail(key, "must be true or false");
    *to = value->get<bool>();
  }
  const Json* Find(const char* key) {
    known_.insert(key);
    if (!object_.is_object()) return nullptr;
    const auto it = object_.find(key);
    return it == object_.end() ? nullptr : &*it;
  }
  void List(const char* key,
            const std::function<void(const Json&, std::string)>& each) {
    const Json* value = Find(key);
    if (value == nullptr) return;
    if (!value->is_array()) return Fail(key, "must be a list");
    for (size_t i = 0; i < value->size(); ++i) {
      each((*value)[i], absl::StrCat(Path(key), "[", i, "]"));
    }
  }
  void Fail(absl::string_view key, absl::string_view must) {
    if (status_.ok()) {
      status_ = absl::InvalidArgumentError(absl::StrCat(Path(key), ": ", must));
    }
  }
  void Take(const absl::Status& status) { status_.Update(status); }
  absl::Status Done() {
    if (!status_.ok() || !object_.is_object()) return status_;
    for (const auto& [key, value] : object_.items()) {
      if (known_.count(key) == 0) {
        Fail(key, absl::StrCat("unknown key; known are ",
                               absl::StrJoin(known_, ", ")));
      }
    }
    return status_;
  }

 private:
  std::string Path(absl::string_view key) const {
    if (key.empty()) return path_.empty() ? "the scenario" : path_;
    return path_.empty() ? std::string(key) : absl::StrCat(path_, ".", key);
  }

  const Json& object_;
  const std::string path_;
  std::set<std::string> known_;
  absl::Status status_;
};

absl::Status ReadPool(const Json& json, std::string path, PoolSpec* pool) {
  Reader reader(json, std::move(path));
  reader.Text("id", &pool->id);
  reader.Value("skills", 1, 256, &pool->skills);
  reader.Value("labelers", 1, 10'000'000, &pool->labelers);
  reader.Value("classes", 2, 1000, &pool->classes);
  reader.Value("capacity", 0, 1'000'000, &pool->capacity);
  if (pool->id.empty()) reader.Fail("id", "must be given");
  return reader.Done();
}

absl::Status ReadCall(const Json& json, std::string path, CallSpec* call) {
  Reader reader(json, std::move(path));
  reader.Text("name", &call->name);
  reader.Text("method", &call->method);
  reader.Value("weight", 0, 1e9, &call->weight);
  reader.Text("pool", &call->pool);
  reader.Value("tasks", 1, 10'000, &call->tasks);
  reader.Value("redundancy", 1, 64, &call->redundancy);
  reader.Value("answers", 0, 10'000, &call->answers);
  reader.Text("loading", &call->loading);
  reader.Value("lease_seconds", 0, 604'800, &call->lease_seconds);
  double milliseconds = 0;
  reader.Value("timeout_ms", 0, 3.6e6, &milliseconds);
  call->timeout_seconds = milliseconds / 1e3;
  reader.Value("variants", 1, 4096, &call->variants);
  if (const Json* request = reader.Find("request")) {
    if (!request->is_object()) reader.Fail("request", "must be an object");
    call->request_json = request->dump();
  }
  if (call->method.empty()) reader.Fail("method", "must be given");
  if (call->loading != "sparse" && call->loading != "dense" &&
      call->loading != "none") {
    reader.Fail("loading", "must be \"sparse\", \"dense\" or \"none\"");
  }
  if (call->name.empty()) call->name = call->method;
  return reader.Done();
}

absl::Status ReadPhase(const Json& json, std::string path, PhaseSpec* phase) {
  Reader reader(json, std::move(path));
  std::string kind = "constant";
  double rate = 0, from = 0, to = 0, think_ms = 0;
  int steps = 1;
  reader.Text("name", &phase->name);
  reader.Text("kind", &kind);
  reader.Value("seconds", 0.001, 1e6, &phase->seconds);
  reader.Value("rate", 0, 1e7, &rate);
  reader.Value("from", 0, 1e7, &from);
  reader.Value("to", 0, 1e7, &to);
  reader.Value("steps", 1, 1000, &steps);
  reader.Value("in_flight", 1, 100'000, &phase->in_flight);
  reader.Value("think_ms", 0, 3.6e6, &think_ms);
  reader.Flag("poisson", &phase->poisson);
  reader.Flag("measure", &phase->measured);
  if (const Json* of = reader.Find("rate_of")) {
    Reader inner(*of, "rate_of");
    inner.Text("phase", &phase->rate_of_phase);
    inner.Value("share", 0.001, 1000, &phase->rate_of_share);
    reader.Take(inner.Done());
  }
  phase->think_seconds = think_ms / 1e3;
  if (phase->name.empty()) phase->name = kind;
  if (kind == "closed") {
    if (phase->in_flight == 0) reader.Fail("in_flight", "must be given");
    return reader.Done();
  }
  if (phase->in_flight > 0) {
    reader.Fail("in_flight", "is for kind \"closed\" only");
  }
  if (kind == "poisson") phase->poisson = true;
  if (kind == "constant" || kind == "poisson") {
    if (phase->rate_of_phase.empty()) {
      if (rate <= 0) reader.Fail("rate", "must be > 0");
      phase->rates = {{phase->seconds, rate, rate}};
    }
  } else if (kind == "ramp") {
    if (from + to <= 0) reader.Fail("to", "must be > 0");
    phase->rates = {{phase->seconds, from, to}};
  } else if (kind == "step") {
    if (from + to <= 0) reader.Fail("to", "must be > 0");
    for (int i = 0; i < steps; ++i) {
      const double level =
          steps == 1 ? to : from + (to - from) * i / (steps - 1);
      phase->rates.push_back({phase->seconds / steps, level, level});
    }
  } else {
    reader.Fail("kind",
                "must be \"constant\", \"poisson\", \"ramp\", \"step\" or "
                "\"closed\"");
  }
  return reader.Done();
}

absl::Status ReadThreshold(const Json& json, std::string path,
                           Threshold* threshold) {
  Reader reader(json, std::move(path));
  reader.Text("phase", &threshold->phase);
  reader.Text("call", &threshold->call);
  reader.Text("metric", &threshold->metric);
  for (auto [key, to] :
       {std::pair{"min", &threshold->min}, std::pair{"max", &threshold->max}}) {
    if (reader.Find(key) == nullptr) continue;
    double value = 0;
    reader.Value(key, -1e300, 1e300, &value);
    *to = value;
  }
  const auto& metrics = ThresholdMetrics();
  if (std::find(metrics.begin(), metrics.end(), threshold->metric) ==
      metrics.end()) {
    reader.Fail("metric",
                absl::StrCat("must be one of ", absl::StrJoin(metrics, ", ")));
  }
  if (!threshold->min && !threshold->max) {
    reader.Fail("max", "min, max or both must be given");
  }
  return reader.Done();
}

// What no single object can see.
absl::Status CheckReferences(const LoadScenario& scenario) {
  if (scenario.calls.empty()) {
    return absl::InvalidArgumentError("calls: must not be empty");
  }
  if (scenario.phases.empty()) {
    return absl::InvalidArgumentError("phases: must not be empty");
  }
  std::set<std::string> names, phases;
  double weights = 0;
  for (const CallSpec& call : scenario.calls) {
    weights += call.weight;
    if (!names.insert(call.name).second) {
      return absl::InvalidArgumentError(absl::StrCat(
          "calls: two are named \"", call.name, "\"; give them names"));
    }
  }
  if (weights <= 0) {
    return absl::InvalidArgumentError("calls: one weight must be > 0");
  }
  for (size_t i = 0; i < scenario.phases.size(); ++i) {
    const PhaseSpec& phase = scenario.phases[i];
    if (!phase.rate_of_phase.empty() &&
        phases.count(phase.rate_of_phase) == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("phases[", i, "].rate_of.phase: no earlier phase \"",
                       phase.rate_of_phase, "\""));
    }
    if (!phases.insert(phase.name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("phases[", i, "].name: \"", phase.name, "\" is taken"));
    }
  }
  for (size_t i = 0; i < scenario.thresholds.size(); ++i) {
    const Threshold& threshold = scenario.thresholds[i];
    const std::string path = absl::StrCat("thresholds[", i, "].");
    if (!threshold.phase.empty() && phases.count(threshold.phase) == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, "phase: no phase \"", threshold.phase, "\""));
    }
    if (!threshold.call.empty() && names.count(threshold.call) == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, "call: no call \"", threshold.call, "\""));
    }
  }
  return absl::OkStatus();
}

}  // namespace

const std::vector<std::string>& ThresholdMetrics() {
  static const auto& metrics = *new std::vector<std::string>{
      "calls_per_second", "ok_per_second", "error_ratio", "refused_ratio",
      "mean_ms",          "p50_ms",        "p90_ms",      "p99_ms",
      "p999_ms",          "max_ms",        "unanswered"};
  return metrics;
}

absl::StatusOr<LoadScenario> ParseScenario(absl::string_view text) {
  Json json;
  try {
    json = Json::parse(text.begin(), text.end(), nullptr,
                       /*allow_exceptions=*/true, /*ignore_comments=*/true);
  } catch (const Json::parse_error& error) {
    return absl::InvalidArgumentError(error.what());
  }
  LoadScenario scenario;
  Reader reader(json, "");
  reader.Text("name", &scenario.name);
  reader.Value("seed", 0, 9e15, &scenario.seed);
  reader.Value("channels", 1, 10'000, &scenario.channels);
  reader.Value("threads", 1, 256, &scenario.threads);
  reader.Value("drain_seconds", 0, 3600, &scenario.drain_seconds);
  reader.Value("max_outstanding", 1, 10'000'000, &scenario.max_outstanding);
  reader.List("pools", [&](const Json& item, std::string path) {
    reader.Take(ReadPool(item, path, &scenario.pools.emplace_back()));
  });
  reader.List("calls", [&](const Json& item, std::string path) {
    reader.Take(ReadCall(item, path, &scenario.calls.emplace_back()));
  });
  reader.List("phases", [&](const Json& item, std::string path) {
    reader.Take(ReadPhase(item, path, &scenario.phases.emplace_back()));
  });
  reader.List("thresholds", [&](const Json& item, std::string path) {
    reader.Take(ReadThreshold(item, path, &scenario.thresholds.emplace_back()));
  });
  ALLOT_RETURN_IF_ERROR(reader.Done());
  ALLOT_RETURN_IF_ERROR(CheckReferences(scenario));
  return scenario;
}

}  // namespace allot
