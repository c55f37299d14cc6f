// SPDX-License-Identifier: Apache-2.0
// Raw request bytes through decoding, conversion and the engine. Whatever they
// are, the answer is an error of the right kind or a plan that keeps every
// promise: no pair twice, no capacity or redundancy or budget exceeded, every
// slot accounted for, and an objective that its own certificate bounds.
//
// The first byte of the input chooses the request, the rest is its message.
// Each input meets a fresh engine, so that a finding can be replayed.
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "google/protobuf/stubs/logging.h"
#include "lib/base/clock.h"
#include "lib/engine/engine.h"
#include "lib/store/store.h"
#include "server/convert_allocation.h"
#include "server/convert_confidence.h"
#include "server/convert_labeler.h"
#include "server/decode.h"

namespace allot {
namespace {

constexpr int kLabelers = 6;

void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

Pool SmallPool() {
  Pool pool;
  pool.id = "p";
  pool.skills.resize(3);
  for (size_t i = 0; i < 3; ++i) pool.skills[i].name = "abc"[i];
  LabelSet set;
  set.name = "s";
  set.labels = {"x", "y", "z"};
  pool.label_sets.push_back(set);
  return pool;
}

// Labelers l0 to l5 of different skills, prices and capacities (0 to 5).
std::vector<LabelerUpdate> Crowd() {
  std::vector<LabelerUpdate> crowd;
  for (int i = 0; i < kLabelers; ++i) {
    LabelerUpdate labeler;
    labeler.id = "l" + std::to_string(i);
    labeler.capacity = i;
    labeler.price = Price{0.05 * i, 0};
    if (i % 2 == 0) labeler.qualifications = {{"q"}};
    labeler.skills = {{i % 3, SkillBelief{1.0 + i, 0.5}}};
    crowd.push_back(std::move(labeler));
  }
  return crowd;
}

// What callers may cause; anything else is allot's own fault.
void RequireCallersFault(const absl::Status& status) {
  Require(status.code() == absl::StatusCode::kInvalidArgument ||
              status.code() == absl::StatusCode::kNotFound,
          "only callers' faults are errors here");
  Require(!status.message().empty(), "errors say something");
}

void CheckPlan(const AllocateCall& call, const Plan& plan) {
  std::set<std::pair<int32_t, std::string>> pairs;
  std::map<std::string, int> load;
  std::map<int32_t, int> filled;
  double cost = 0;
  for (const PlannedPair& pair : plan.pairs) {
    Require(
        pair.task >= 0 && static_cast<size_t>(pair.task) < call.tasks.size(),
        "tasks are those of the call");
    const Task& task = call.tasks[static_cast<size_t>(pair.task)];
    Require(pairs.emplace(pair.task, pair.labeler).second, "no pair twice");
    for (const std::string& excluded : task.excluded_labelers) {
      Require(excluded != pair.labeler, "nobody excluded");
    }
    ++load[pair.labeler];
    Require(++filled[pair.task] <= task.redundancy, "redundancy kept");
    Require(pair.expected_accuracy > 0 && pair.expected_accuracy < 1,
            "expected accuracy is a probability");
    Require(std::isfinite(pair.utility) && std::isfinite(pair.bits) &&
                std::isfinite(pair.seconds) && pair.seconds > 0,
            "numbers are finite");
    Require(pair.lease.has_value() ==
                (call.lease_micros.has_value() && !call.dry_run),
            "leases as asked for");
    cost += pair.cost;
  }
  for (const auto& [labeler, tasks] : load) {
    Require(tasks <= labeler[1] - '0', "capacity kept");
  }
  if (call.budget) {
    Require(cost <= *call.budget * (1 + 1e-9) + 1e-9, "budget kept");
  }
  int missing = 0;
  for (const UnfilledTask& task : plan.unfilled) missing += task.missing;
  Require(plan.filled == static_cast<int32_t>(plan.pairs.size()), "filled");
  Require(plan.filled + missing == plan.slots, "every slot accounted for");
  const double tolerance = 1e-6 * (1 + std::abs(plan.upper_bound)) +
                           plan.quantum * static_cast<double>(plan.slots);
  Require(plan.objective <= plan.upper_bound + tolerance,
          "the certificate bounds the objective");
  Require(plan.gap >= 0 && std::isfinite(plan.gap), "the gap is a gap");

  v1::AllocateResponse response;
  ToProto(plan, call, &response);
  v1::AllocateResponse parsed;
  Require(Decode(Encode(response), &parsed).ok(), "responses can be read");
}

void Allocate(Engine& engine, const Pool& pool, absl::string_view bytes) {
  v1::AllocateRequest request;
  absl::Status status = DecodeBytes(bytes, &request);
  if (!status.ok()) return RequireCallersFault(status);
  absl::StatusOr<AllocateCall> call =
      ToAllocateCall(request, pool, 0, std::nullopt);
  if (!call.ok()) return RequireCallersFault(call.status());
  call->deadline_nanos.reset();  // time stands still here
  const absl::StatusOr<Plan> plan = engine.Allocate(*call);
  if (!plan.ok()) return RequireCallersFault(plan.status());
  CheckPlan(*call, *plan);
}

TaskClasses Classes(const Engine& engine, const Pool& pool,
                    absl::string_view task_id) {
  const auto task = engine.FindTask(pool.id, task_id);
  if (!task.ok() || !task->has_value()) return DefaultClasses(pool);
  return {(*task)->label_set, (*task)->num_classes};
}

void Score(Engine& engine, const Pool& pool, absl::string_view bytes) {
  v1::ScoreRequest request;
  const absl::Status status = DecodeBytes(bytes, &request);
  if (!status.ok()) return RequireCallersFault(status);
  const auto call = ToScoreCall(request, pool, 0, [&](absl::string_view id) {
    return Classes(engine, pool, id);
  });
  if (!call.ok()) return RequireCallersFault(call.status());
  const absl::StatusOr<ScoreSheet> sheet = engine.Score(*call);
  if (!sheet.ok()) return RequireCallersFault(sheet.status());
  Require(sheet->tasks.size() == call->items.size(), "one result per item");
  for (const TaskConfidence& task : sheet->tasks) {
    double sum = 0;
    for (const double p : task.posterior) {
      Require(p >= 0 && p <= 1, "posteriors are probabilities");
      sum += p;
    }
    Require(std::abs(sum - 1) < 1e-6, "posteriors sum to 1");
    Require(task.confidence > 0 && task.confidence <= 1,
            "confidence is a probability");
  }
  v1::ScoreResponse response;
  ToProto(*sheet, pool, &response);
}

void Report(Engine& engine, const Pool& pool, absl::string_view bytes) {
  v1::ReportAnswersRequest request;
  const absl::Status status = DecodeBytes(bytes, &request);
  if (!status.ok()) return RequireCallersFault(status);
  auto report = ToAnswerReport(request, pool, 1, [&](absl::string_view id) {
    return Classes(engine, pool, id);
  });
  if (!report.ok()) return RequireCallersFault(report.status());
  const size_t answers = report->answers.size();
  const auto receipt = engine.ReportAnswers(*std::move(report));
  if (!receipt.ok()) return RequireCallersFault(receipt.status());
  Require(receipt->outcomes.size() == answers, "one outcome per answer");
  for (int i = 0; i < kLabelers; ++i) {
    const auto labeler = engine.GetLabeler("p", "l" + std::to_string(i));
    Require(labeler.ok(), "labelers stay");
    for (const SkillBelief& skill : labeler->labeler.skills) {
      Require(std::isfinite(skill.mean) && skill.variance > 0 &&
                  std::isfinite(skill.variance),
              "beliefs stay beliefs");
    }
  }
}

void Upsert(Engine& engine, const Pool& pool, absl::string_view bytes) {
  v1::UpsertLabelersRequest request;
  const absl::Status status = DecodeBytes(bytes, &request);
  if (!status.ok()) return RequireCallersFault(status);
  auto updates = ToLabelerUpdates(request, pool);
  if (!updates.ok()) return RequireCallersFault(updates.status());
  const auto change = engine.UpsertLabelers("p", *std::move(updates));
  Require(change.ok(), "what passed the door is stored");
}

void Run(absl::string_view input) {
  if (input.empty()) return;
  const ManualClock clock;
  const auto store = OpenStore("memory:");
  Require(store.ok(), "the memory store opens");
  const auto engine = Engine::Open(store->get(), &clock, EngineOptions());
  Require(engine.ok(), "the engine opens");
  const Pool pool = SmallPool();
  Require((*engine)->UpsertPool(pool).ok(), "the pool is stored");
  Require((*engine)->UpsertLabelers("p", Crowd()).ok(), "the crowd is stored");
  const absl::string_view message = input.substr(1);
  switch (static_cast<unsigned char>(input[0]) % 4) {
    case 0:
      return Allocate(**engine, pool, message);
    case 1:
      return Score(**engine, pool, message);
    case 2:
      return Report(**engine, pool, message);
    default:
      return Upsert(**engine, pool, message);
  }
}

}  // namespace
}  // namespace allot

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  // Malformed UTF-8 is what the fuzzer lives on; it need not be logged.
  google::protobuf::SetLogHandler(nullptr);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  allot::Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
