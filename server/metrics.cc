// SPDX-License-Identifier: Apache-2.0
#include "server/metrics.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "prometheus/text_serializer.h"

namespace allot {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Histogram;
using prometheus::Registry;
using Buckets = Histogram::BucketBoundaries;

// 10 us to 10 s, about two a decade more than needed anywhere: a quantile read
// off them is right to a factor of about 1.6.
Buckets SecondsBuckets() {
  return {1e-5,   2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2,
          2.5e-2, 5e-2,   0.1,  0.25, 0.5,    1,    2.5,  5,      10};
}

Buckets GapBuckets() {
  return {0, 1e-9, 1e-6, 1e-4, 1e-3, 0.01, 0.05, 0.1, 0.25, 0.5, 1};
}

const Buckets& ProbabilityBuckets() {
  static const Buckets& buckets =
      *new Buckets{0.1, 0.2,  0.3, 0.4,   0.5,  0.55,  0.6,  0.65,  0.7, 0.75,
                   0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99, 0.999, 1};
  return buckets;
}

Family<Counter>& Counters(Registry& registry, const char* name,
                          const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

Family<Histogram>& Histograms(Registry& registry, const char* name,
                              const char* help) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
}

double Seconds(int64_t nanos) { return 1e-9 * static_cast<double>(nanos); }

// Observes many values under one lock.
class Batch {
 public:
  Batch(Histogram* to, const Buckets& buckets)
      : to_(to), buckets_(buckets), counts_(buckets_.size() + 1) {}
  void Add(double value) {
    const auto it = std::lower_bound(buckets_.begin(), buckets_.end(), value);
    counts_[static_cast<size_t>(it - buckets_.begin())] += 1;
    sum_ += value;
  }
  ~Batch() { to_->ObserveMultiple(counts_, sum_); }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

 private:
  Histogram* to_;
  const Buckets& buckets_;
  std::vector<double> counts_;
  double sum_ = 0;
};

// Solvers by their place in Metrics::plans_; whatever else is the last.
constexpr absl::string_view kSolvers[] = {"hungarian", "auction", "greedy",
                                          "other"};

}  // namespace

Metrics::Metrics(absl::string_view version)
    : started_(Counters(registry_, "grpc_server_started_total",
                        "RPCs started on the server.")),
      handled_(Counters(registry_, "grpc_server_handled_total",
                        "RPCs completed on the server, by status code.")),
      received_(Counters(registry_, "grpc_server_msg_received_total",
                         "Messages received on the server.")),
      sent_(Counters(registry_, "grpc_server_msg_sent_total",
                     "Messages sent by the server.")),
      handling_seconds_(
          Histograms(registry_, "grpc_server_handling_seconds",
                     "Time from the arrival of an RPC to its completion.")),
      phase_seconds_(Histograms(registry_, "allot_phase_seconds",
                                "Time that one phase of a call took.")),
      store_seconds_(Histograms(registry_, "allot_store_seconds",
                                "Time that one store operation took.")),
      store_errors_(Counters(registry_, "allot_store_errors_total",
                             "Store operations that failed.")) {
  Registry& r = registry_;
  gap_ = &Histograms(r, "allot_optimality_gap_ratio",
                     "Relative optimality gap of each plan.")
              .Add({}, GapBuckets());
  expected_accuracy_ = &Histograms(r, "allot_expected_accuracy_ratio",
                                   "Expected accuracy of each planned pair.")
                            .Add({}, ProbabilityBuckets());
  confidence_ = &Histograms(r, "allot_score_confidence_ratio",
                            "Confidence of each scored task.")
                     .Add({}, ProbabilityBuckets());
  slots_ = &Counters(r, "allot_slots_total", "Slots that plans wanted filled.")
                .Add({});
  filled_ = &Counters(r, "allot_filled_slots_total", "Slots that plans filled.")
                 .Add({});
  auto& unfilled = Counters(r, "allot_unfilled_slots_total",
                            "Slots that plans left empty, by reason.");
  constexpr const char* kReasons[] = {
      "no_eligible_labeler", "capacity",   "budget",
      "not_worth_its_price", "time_limit", "withdrawn"};
  for (size_t i = 0; i < unfilled_.size(); ++i) {
    unfilled_[i] = &unfilled.Add({{"reason", kReasons[i]}});
  }
  auto& plans = Counters(r, "allot_plans_total", "Plans made, by solver.");
  for (size_t i = 0; i < plans_.size(); ++i) {
    plans_[i] = &plans.Add({{"solver", std::string(kSolvers[i])}});
  }
  auto& answers =
      Counters(r, "allot_answers_total", "Answers reported, by outcome.");
  constexpr const char* kOutcomes[] = {"recorded", "duplicate", "conflict",
                                       "recorded_late"};
  for (size_t i = 0; i < answers_.size(); ++i) {
    answers_[i] = &answers.Add({{"outcome", kOutcomes[i]}});
  }
  auto& decisions =
      Counters(r, "allot_score_decisions_total", "Tasks scored, by decision.");
  constexpr const char* kDecisions[] = {"accept", "collect", "escalate"};
  for (size_t i = 0; i < decisions_.size(); ++i) {
    decisions_[i] = &decisions.Add({{"decision", kDecisions[i]}});
  }
  auto& refusals =
      Counters(r, "allot_admission_refusals_total",
               "Calls that were refused or dropped before any work.");
  constexpr const char* kRefusals[] = {
      "queue_full",         "deadline_passed", "cancelled", "over_limit",
      "deadline_too_short", "quota",           "gave_way"};
  for (size_t i = 0; i < refusals_.size(); ++i) {
    refusals_[i] = &refusals.Add({{"reason", kRefusals[i]}});
  }
  auto& denials = Counters(r, "allot_access_denied_total",
                           "Calls refused for their token, by reason.");
  constexpr const char* kDenials[] = {"token_missing", "token_unknown",
                                      "role_too_low", "pool_forbidden"};
  for (size_t i = 0; i < denials_.size(); ++i) {
    denials_[i] = &denials.Add({{"reason", kDenials[i]}});
  }
  auto& reloads =
      Counters(r, "allot_reloads_total",
               "Times that settings or tokens were read anew, by outcome.");
  reloads_[0] = &reloads.Add({{"outcome", "failed"}});
  reloads_[1] = &reloads.Add({{"outcome", "done"}});
  auto& leases =
      Counters(r, "allot_leases_total",
               "What became of leases and of attempts to claim them.");
  leases_granted_ = &leases.Add({{"outcome", "granted"}});
  leases_lost_ = &leases.Add({{"outcome", "lost"}});
  leases_renewed_ = &leases.Add({{"outcome", "renewed"}});
  leases_released_ = &leases.Add({{"outcome", "released"}});
  leases_expired_ = &leases.Add({{"outcome", "expired"}});
  leases_not_open_ = &leases.Add({{"outcome", "not_open"}});
  replays_ =
      &Counters(r, "allot_request_replays_total",
                "Calls answered with the first response to their request id.")
           .Add({});
  micro_batches_ =
      &Counters(r, "allot_micro_batches_total",
                "Plans made for several single-task calls at once.")
           .Add({});
  micro_batched_calls_ = &Counters(r, "allot_micro_batched_calls_total",
                                   "Single-task calls that shared a plan.")
                              .Add({});
  prometheus::BuildGauge()
      .Name("allot_build_info")
      .Help("1, labelled with what is running.")
      .Register(r)
      .Add({{"version", std::string(version)}, {"compiler", __VERSION__}})
      .Set(1);
}

const RpcSeries& Metrics::AddRpc(absl::string_view type,
                                 absl::string_view service,
                                 absl::string_view method) {
  const prometheus::Labels labels = {{"grpc_type", std::string(type)},
                                     {"grpc_service", std::string(service)},
                                     {"grpc_method", std::string(method)}};
  auto series = std::make_unique<RpcSeries>();
  series->number = static_cast<uint32_t>(rpcs_.size());
  series->service = std::string(service);
  series->method = std::string(method);
  series->started = &started_.Add(labels);
  series->received = &received_.Add(labels);
  series->sent = &sent_.Add(labels);
  for (int code = 0; code < kNumCodes; ++code) {
    prometheus::Labels with_code = labels;
    with_code["grpc_code"] =
        std::string(CodeName(static_cast<absl::StatusCode>(code)));
    series->handled[static_cast<size_t>(code)] = &handled_.Add(with_code);
  }
  series->seconds = &handling_seconds_.Add(labels, SecondsBuckets());
  const auto phase = [&](const char* name) {
    return &phase_seconds_.Add(
        {{"method", std::string(method)}, {"phase", name}}, SecondsBuckets());
  };
  series->queue_seconds = phase("queue");
  series->decode_seconds = phase("decode");
  series->encode_seconds = phase("encode");
  rpcs_.push_back(std::move(series));
  return *rpcs_.back();
}

AllocatePhases Metrics::AddAllocatePhases(absl::string_view method) {
  const auto phase = [&](const char* name) {
    return &phase_seconds_.Add(
        {{"method", std::string(method)}, {"phase", name}}, SecondsBuckets());
  };
  return {phase("validate"), phase("score"), phase("solve"), phase("claim")};
}

void Metrics::AddLiveValue(LiveValue value) {
  live_.push_back(std::move(value));
}

void Metrics::AddCollectable(
    std::shared_ptr<prometheus::Collectable> collectable) {
  collectables_.push_back(std::move(collectable));
}

Metrics::StoreSeries Metrics::AddStoreOperation(absl::string_view operation) {
  const prometheus::Labels labels = {{"op", std::string(operation)}};
  return {&store_seconds_.Add(labels, SecondsBuckets()),
          &store_errors_.Add(labels)};
}

void Metrics::Planned(const Plan& plan, const AllocatePhases& phases) {
  gap_->Observe(plan.gap);
  slots_->Increment(plan.slots);
  filled_->Increment(plan.filled);
  for (const UnfilledTask& task : plan.unfilled) {
    unfilled_[static_cast<size_t>(task.reason)]->Increment(task.missing);
  }
  size_t solver = 0;
  while (solver + 1 < plans_.size() && plan.solver != kSolvers[solver])
    ++solver;
  plans_[solver]->Increment();
  {
    Batch accuracies(expected_accuracy_, ProbabilityBuckets());
    for (const PlannedPair& pair : plan.pairs) {
      accuracies.Add(pair.expected_accuracy);
    }
  }
  leases_granted_->Increment(plan.claims_granted);
  leases_lost_->Increment(plan.claims_lost);
  phases.validate->Observe(Seconds(plan.resolve_nanos));
  phases.score->Observe(Seconds(plan.score_nanos));
  phases.solve->Observe(Seconds(plan.solve_nanos));
  phases.claim->Observe(Seconds(plan.claim_nanos));
}

void Metrics::Scored(const ScoreSheet& sheet) {
  Batch confidences(confidence_, ProbabilityBuckets());
  for (const TaskConfidence& task : sheet.tasks) {
    confidences.Add(task.confidence);
    decisions_[static_cast<size_t>(task.verdict)]->Increment();
  }
}

void Metrics::Answered(const AnswerReceipt& receipt) {
  std::array<int64_t, 4> counts{};
  for (const AnswerOutcome outcome : receipt.outcomes) {
    ++counts[static_cast<size_t>(outcome)];
  }
  for (size_t i = 0; i < counts.size(); ++i) {
    answers_[i]->Increment(static_cast<double>(counts[i]));
  }
}

void Metrics::Renewed(int64_t open, int64_t not_open) {
  leases_renewed_->Increment(static_cast<double>(open));
  leases_not_open_->Increment(static_cast<double>(not_open));
}

void Metrics::Released(int64_t open, int64_t not_open) {
  leases_released_->Increment(static_cast<double>(open));
  leases_not_open_->Increment(static_cast<double>(not_open));
}

void Metrics::Expired(int64_t leases) {
  leases_expired_->Increment(static_cast<double>(leases));
}

void Metrics::Refused(Refusal reason) {
  refusals_[static_cast<size_t>(reason)]->Increment();
}

void Metrics::Denied(Denial reason) {
  denials_[static_cast<size_t>(reason)]->Increment();
}

void Metrics::Reloaded(bool ok) { reloads_[ok]->Increment(); }

void Metrics::MicroBatched(int64_t calls) {
  micro_batches_->Increment();
  micro_batched_calls_->Increment(static_cast<double>(calls));
}

void Metrics::Replayed() { replays_->Increment(); }

std::vector<prometheus::MetricFamily> Metrics::Collect() const {
  std::vector<prometheus::MetricFamily> families = registry_.Collect();
  for (const LiveValue& value : live_) {
    prometheus::MetricFamily family;
    family.name = value.name;
    family.help = value.help;
    family.type = value.type;
    prometheus::ClientMetric& metric = family.metric.emplace_back();
    if (value.type == prometheus::MetricType::Counter) {
      metric.counter.value = value.read();
    } else {
      metric.gauge.value = value.read();
    }
    families.push_back(std::move(family));
  }
  for (const auto& collectable : collectables_) {
    for (prometheus::MetricFamily& family : collectable->Collect()) {
      families.push_back(std::move(family));
    }
  }
  return families;
}

std::string Metrics::Scrape() const {
  return prometheus::TextSerializer().Serialize(Collect());
}

}  // namespace allot
