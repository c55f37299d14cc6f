// SPDX-License-Identifier: Apache-2.0
// Every series that allotd writes. Handles are resolved once, at start; the
// hot path only adds to them. Names of the RPC layer are those of
// go-grpc-middleware, so that stock dashboards work. docs/operations.md
// explains each of them, and a test holds it to that.
#ifndef ALLOT_SERVER_METRICS_H_
#define ALLOT_SERVER_METRICS_H_

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "lib/engine/calls.h"
#include "prometheus/collectable.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/histogram.h"
#include "prometheus/metric_family.h"
#include "prometheus/registry.h"
#include "server/grpc_status.h"

namespace allot {

// The series of one RPC method.
struct RpcSeries {
  uint32_t number = 0;  // from 0 on, in the order of AddRpc()
  std::string service;
  std::string method;
  prometheus::Counter* started = nullptr;
  prometheus::Counter* received = nullptr;
  prometheus::Counter* sent = nullptr;
  std::array<prometheus::Counter*, kNumCodes> handled{};
  prometheus::Histogram* seconds = nullptr;
  // Phases that every method has.
  prometheus::Histogram* queue_seconds = nullptr;
  prometheus::Histogram* decode_seconds = nullptr;
  prometheus::Histogram* encode_seconds = nullptr;
};

// Phases of Allocate that the engine measures.
struct AllocatePhases {
  prometheus::Histogram* validate = nullptr;
  prometheus::Histogram* score = nullptr;
  prometheus::Histogram* solve = nullptr;
  prometheus::Histogram* claim = nullptr;
};

enum class Refusal {
  kQueueFull,
  kDeadlinePassed,
  kCancelled,
  kOverLimit,
  kTooLate,
  kQuota,
  kGaveWay,
};
enum class Denial { kMissing, kUnknown, kRole, kPool };

// A value read when Prometheus asks: a gauge, or a counter if it only rises.
struct LiveValue {
  std::string name;
  std::string help;
  std::function<double()> read;
  prometheus::MetricType type = prometheus::MetricType::Gauge;
};

// Thread-safe.
class Metrics final {
 public:
  // `version` goes into allot_build_info.
  explicit Metrics(absl::string_view version);
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // To be called once per method, before the server starts. The reference
  // stays valid. `type`: "unary" or "bidi_stream".
  const RpcSeries& AddRpc(absl::string_view type, absl::string_view service,
                          absl::string_view method);
  AllocatePhases AddAllocatePhases(absl::string_view method);
  // Before the server starts.
  void AddLiveValue(LiveValue value);
  void AddCollectable(std::shared_ptr<prometheus::Collectable> collectable);

  const std::vector<std::unique_ptr<RpcSeries>>& rpcs() const { return rpcs_; }

  // What happened in the domain.
  void Planned(const Plan& plan, const AllocatePhases& phases);
  void Scored(const ScoreSheet& sheet);
  void Answered(const AnswerReceipt& receipt);
  void Renewed(int64_t open, int64_t not_open);
  void Released(int64_t open, int64_t not_open);
  void Expired(int64_t leases);
  void Refused(Refusal reason);
  void Denied(Denial reason);
  // Of the file of settings or of tokens.
  void Reloaded(bool ok);
  void Replayed();
  // Calls of one task that were solved as one batch.
  void MicroBatched(int64_t calls);

  // Of one kind of store call.
  struct StoreSeries {
    prometheus::Histogram* seconds = nullptr;
    prometheus::Counter* errors = nullptr;
  };
  StoreSeries AddStoreOperation(absl::string_view operation);

  // All series in Prometheus's text format, and the same as structures.
  std::string Scrape() const;
  std::vector<prometheus::MetricFamily> Collect() const;

 private:
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& started_;
  prometheus::Family<prometheus::Counter>& handled_;
  prometheus::Family<prometheus::Counter>& received_;
  prometheus::Family<prometheus::Counter>& sent_;
  prometheus::Family<prometheus::Histogram>& handling_seconds_;
  prometheus::Family<prometheus::Histogram>& phase_seconds_;
  prometheus::Family<prometheus::Histogram>& store_seconds_;
  prometheus::Family<prometheus::Counter>& store_errors_;
  std::vector<std::unique_ptr<RpcSeries>> rpcs_;
  std::vector<std::shared_ptr<prometheus::Collectable>> collectables_;
  std::vector<LiveValue> live_;

  prometheus::Histogram* gap_;
  prometheus::Histogram* expected_accuracy_;
  prometheus::Histogram* confidence_;
  prometheus::Counter* slots_;
  prometheus::Counter* filled_;
  std::array<prometheus::Counter*, 6> unfilled_{};   // by UnfilledReason
  std::array<prometheus::Counter*, 4> plans_{};      // by solver
  std::array<prometheus::Counter*, 4> answers_{};    // by AnswerOutcome
  std::array<prometheus::Counter*, 3> decisions_{};  // by Verdict
  std::array<prometheus::Counter*, 7> refusals_{};   // by Refusal
  std::array<prometheus::Counter*, 4> denials_{};    // by Denial
  std::array<prometheus::Counter*, 2> reloads_{};    // failed, done
  prometheus::Counter* leases_granted_;
  prometheus::Counter* leases_lost_;
  prometheus::Counter* leases_renewed_;
  prometheus::Counter* leases_released_;
  prometheus::Counter* leases_expired_;
  prometheus::Counter* leases_not_open_;
  prometheus::Counter* replays_;
  prometheus::Counter* micro_batches_;
  prometheus::Counter* micro_batched_calls_;
};

}  // namespace allot

#endif  // ALLOT_SERVER_METRICS_H_
