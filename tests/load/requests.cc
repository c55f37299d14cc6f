// SPDX-License-Identifier: Apache-2.0
#include "tests/load/requests.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "allot/v1/allocation.pb.h"
#include "allot/v1/confidence.pb.h"
#include "allot/v1/labeler.grpc.pb.h"
#include "allot/v1/pool.grpc.pb.h"
#include "lib/base/rng.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

constexpr int kLabelersPerCall = 500;

std::string LabelerId(uint64_t number) {
  return absl::StrFormat("labeler-%06d", number);
}
std::string SkillName(uint64_t number) {
  return absl::StrCat("skill-", number);
}

absl::Status FromGrpc(const grpc::Status& status, absl::string_view what) {
  if (status.ok()) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      absl::StrCat(what, ": ", status.error_message()));
}

absl::Status SetUpPool(const PoolSpec& spec, uint64_t seed,
                       const Connector& connector,
                       const std::shared_ptr<grpc::Channel>& channel) {
  const auto pools = v1::PoolService::NewStub(channel);
  const auto labelers = v1::LabelerService::NewStub(channel);
  const auto prepare = [&](grpc::ClientContext& context) {
    connector.Authorize(context);
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(60));
  };
  {
    v1::GetPoolRequest request;
    request.set_pool_id(spec.id);
    v1::GetPoolResponse response;
    grpc::ClientContext context;
    prepare(context);
    const grpc::Status status = pools->GetPool(&context, request, &response);
    if (status.ok() && response.stats().labelers() == spec.labelers &&
        response.pool().skills_size() == spec.skills) {
      return absl::OkStatus();
    }
    if (!status.ok() && status.error_code() != grpc::StatusCode::NOT_FOUND) {
      return FromGrpc(status, "GetPool");
    }
  }
  {
    v1::UpsertPoolRequest request;
    request.mutable_pool()->set_pool_id(spec.id);
    for (int i = 0; i < spec.skills; ++i) {
      request.mutable_pool()->add_skills()->set_name(SkillName(i));
    }
    v1::LabelSet* set = request.mutable_pool()->add_label_sets();
    set->set_name("classes");
    for (int i = 0; i < spec.classes; ++i) {
      set->add_labels(absl::StrCat("class-", i));
    }
    v1::UpsertPoolResponse response;
    grpc::ClientContext context;
    prepare(context);
    ALLOT_RETURN_IF_ERROR(FromGrpc(
        pools->UpsertPool(&context, request, &response), "UpsertPool"));
  }
  Rng rng(seed);
  for (int done = 0; done < spec.labelers; done += kLabelersPerCall) {
    v1::UpsertLabelersRequest request;
    request.set_pool_id(spec.id);
    const int end = std::min(spec.labelers, done + kLabelersPerCall);
    for (int i = done; i < end; ++i) {
      v1::Labeler* labeler = request.add_labelers();
      labeler->set_labeler_id(LabelerId(i));
      labeler->set_capacity(spec.capacity);
      labeler->mutable_price()->set_per_answer(0.01 + 0.04 * rng.Uniform());
      const double level = 1 + rng.Normal();
      for (int d = 0; d < spec.skills; ++d) {
        v1::SkillEstimate* skill = labeler->add_skills();
        skill->set_skill(SkillName(d));
        skill->set_mean(std::clamp(level + rng.Normal(), -10.0, 10.0));
        skill->set_variance(0.05 + 0.5 * rng.Uniform());
      }
    }
    v1::UpsertLabelersResponse response;
    grpc::ClientContext context;
    prepare(context);
    ALLOT_RETURN_IF_ERROR(
        FromGrpc(labelers->UpsertLabelers(&context, request, &response),
                 "UpsertLabelers"));
  }
  return absl::OkStatus();
}

v1::Task MakeTask(const CallSpec& call, const PoolSpec& pool, std::string id,
                  Rng& rng) {
  v1::Task task;
  task.set_task_id(std::move(id));
  if (call.loading == "dense") {
    for (int d = 0; d < pool.skills; ++d) {
      task.add_loading_vector(static_cast<float>(rng.Exponential()));
    }
  } else if (call.loading == "sparse") {
    auto& loading = *task.mutable_loading();
    for (int i = 0; i < 2; ++i) {
      loading[SkillName(rng.Below(static_cast<uint64_t>(pool.skills)))] = 1;
    }
  }
  if (call.redundancy > 1) task.set_redundancy(call.redundancy);
  return task;
}

// Answers of distinct labelers, four of five to the same class.
template <typename Add>
void AddAnswers(const CallSpec& call, const PoolSpec& pool,
                const std::string& task, Rng& rng, Add add) {
  const auto labelers = static_cast<uint64_t>(pool.labelers);
  const auto classes = static_cast<uint64_t>(pool.classes);
  const uint64_t first = rng.Below(labelers);
  const uint64_t truth = rng.Below(classes);
  const int answers = std::min(call.answers, pool.labelers);
  for (int i = 0; i < answers; ++i) {
    v1::Answer* answer = add();
    answer->set_task_id(task);
    answer->set_labeler_id(
        LabelerId((first + static_cast<uint64_t>(i)) % labelers));
    answer->set_label(
        static_cast<int>(rng.Bernoulli(0.8) ? truth : rng.Below(classes)));
  }
}

v1::AllocateRequest MakeAllocate(const CallSpec& call, const PoolSpec& pool,
                                 Rng& rng) {
  v1::AllocateRequest request;
  request.set_pool_id(pool.id);
  const uint64_t batch = rng.NextU64();
  for (int i = 0; i < call.tasks; ++i) {
    *request.add_tasks() = MakeTask(
        call, pool, absl::StrFormat("task-%012x-%d", batch >> 16, i), rng);
  }
  if (call.lease_seconds > 0) {
    request.mutable_lease_duration()->set_seconds(
        static_cast<int64_t>(call.lease_seconds));
  }
  return request;
}

v1::ScoreRequest MakeScore(const CallSpec& call, const PoolSpec& pool,
                           Rng& rng) {
  v1::ScoreRequest request;
  request.set_pool_id(pool.id);
  for (int i = 0; i < call.tasks; ++i) {
    v1::ScoreItem* item = request.add_items();
    *item->mutable_task() = MakeTask(
        call, pool, absl::StrFormat("task-%012x", rng.NextU64() >> 16), rng);
    AddAnswers(call, pool, item->task().task_id(), rng,
               [item] { return item->add_answers(); });
  }
  return request;
}

v1::ReportAnswersRequest MakeReport(const CallSpec& call, const PoolSpec& pool,
                                    Rng& rng) {
  v1::ReportAnswersRequest request;
  request.set_pool_id(pool.id);
  for (int i = 0; i < call.tasks; ++i) {
    v1::Task* task = request.add_tasks();
    *task = MakeTask(call, pool,
                     absl::StrFormat("answered-%016x", rng.NextU64()), rng);
    AddAnswers(call, pool, task->task_id(), rng,
               [&request] { return request.add_answers(); });
  }
  return request;
}

// Short names of unary methods, and the message each takes.
struct KnownMethod {
  const char* name;
  const char* service;
  const google::protobuf::Message& request;
};
const std::vector<KnownMethod>& KnownMethods() {
  static const auto& methods = *new std::vector<KnownMethod>{
      {"Allocate", "AllocationService",
       v1::AllocateRequest::default_instance()},
      {"RenewLeases", "AllocationService",
       v1::RenewLeasesRequest::default_instance()},
      {"ReleaseLeases", "AllocationService",
       v1::ReleaseLeasesRequest::default_instance()},
      {"Score", "ConfidenceService", v1::ScoreRequest::default_instance()},
      {"UpsertLabelers", "LabelerService",
       v1::UpsertLabelersRequest::default_instance()},
      {"GetLabeler", "LabelerService",
       v1::GetLabelerRequest::default_instance()},
      {"ListLabelers", "LabelerService",
       v1::ListLabelersRequest::default_instance()},
      {"DeleteLabelers", "LabelerService",
       v1::DeleteLabelersRequest::default_instance()},
      {"ReportAnswers", "LabelerService",
       v1::ReportAnswersRequest::default_instance()},
      {"UpsertPool", "PoolService", v1::UpsertPoolRequest::default_instance()},
      {"GetPool", "PoolService", v1::GetPoolRequest::default_instance()},
      {"ListPools", "PoolService", v1::ListPoolsRequest::default_instance()}};
  return methods;
}

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  grpc::Slice slice(bytes.data(), bytes.size());
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace

absl::Status SetUpPools(const LoadScenario& scenario,
                        const Connector& connector) {
  const auto channel = connector.NewChannel();
  for (const PoolSpec& pool : scenario.pools) {
    ALLOT_RETURN_IF_ERROR(SetUpPool(pool, scenario.seed, connector, channel));
  }
  return absl::OkStatus();
}

absl::StatusOr<RequestSource> RequestSource::Make(const LoadScenario& scenario,
                                                  const CallSpec& call,
                                                  uint64_t run) {
  RequestSource source;
  source.call_ = call;
  source.fresh_seed_ = scenario.seed ^ run;
  const KnownMethod* known = nullptr;
  for (const KnownMethod& method : KnownMethods()) {
    const std::string path =
        absl::StrCat("/allot.v1.", method.service, "/", method.name);
    if (call.method == method.name || call.method == path) {
      known = &method;
      source.path_ = path;
    }
  }
  if (known == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("calls: unknown method \"", call.method, "\""));
  }
  if (!call.request_json.empty()) {
    std::unique_ptr<google::protobuf::Message> message(known->request.New());
    const auto parsed = google::protobuf::util::JsonStringToMessage(
        call.request_json, message.get());
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("calls: the request of \"", call.name,
                       "\": ", std::string(parsed.message())));
    }
    source.bytes_ = {message->SerializeAsString()};
    source.ready_ = {ToBuffer(source.bytes_[0])};
    return source;
  }
  const auto pool =
      std::find_if(scenario.pools.begin(), scenario.pools.end(),
                   [&](const PoolSpec& one) { return one.id == call.pool; });
  if (pool == scenario.pools.end()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "calls: \"", call.name, "\" names the pool \"", call.pool,
        "\", which is not in pools; or give its request verbatim"));
  }
  source.pool_ = *pool;
  Rng rng = Rng(scenario.seed).Split(1);
  const std::string name = known->name;
  if (name == "ReportAnswers") {
    source.fresh_ = true;
    return source;
  }
  for (int i = 0; i < call.variants; ++i) {
    if (name == "Allocate") {
      source.bytes_.push_back(
          MakeAllocate(call, *pool, rng).SerializeAsString());
    } else if (name == "Score") {
      source.bytes_.push_back(MakeScore(call, *pool, rng).SerializeAsString());
    } else if (name == "GetLabeler") {
      v1::GetLabelerRequest request;
      request.set_pool_id(pool->id);
      request.set_labeler_id(
          LabelerId(rng.Below(static_cast<uint64_t>(pool->labelers))));
      source.bytes_.push_back(request.SerializeAsString());
    } else if (name == "GetPool") {
      v1::GetPoolRequest request;
      request.set_pool_id(pool->id);
      source.bytes_.push_back(request.SerializeAsString());
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("calls: ", name, " needs its request given verbatim"));
    }
    source.ready_.push_back(ToBuffer(source.bytes_.back()));
  }
  return source;
}

std::string RequestSource::RequestBytes(uint64_t n) const {
  if (!fresh_) return bytes_[n % bytes_.size()];
  Rng rng = Rng(fresh_seed_).Split(n);
  return MakeReport(call_, pool_, rng).SerializeAsString();
}

grpc::ByteBuffer RequestSource::Request(uint64_t n) const {
  return fresh_ ? ToBuffer(RequestBytes(n)) : ready_[n % ready_.size()];
}

}  // namespace allot
