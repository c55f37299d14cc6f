// SPDX-License-Identifier: Apache-2.0
#include "server/reactors.h"

#include <atomic>
#include <chrono>

#include "server/grpc_status.h"

namespace allot {
namespace {

constexpr absl::Duration kRetryDelay = absl::Milliseconds(100);

absl::string_view HeaderOf(const grpc::CallbackServerContext& context,
                           const char* name) {
  const auto& headers = context.client_metadata();
  const auto it = headers.find(name);
  if (it == headers.end()) return {};
  return {it->second.data(), it->second.size()};
}

CallContext Arrive(const ServerCore& core,
                   const grpc::CallbackServerContext& context) {
  CallContext call;
  call.arrived_nanos = core.clock->MonotonicNanos();
  const auto deadline = context.deadline();
  if (deadline != std::chrono::system_clock::time_point::max()) {
    // gRPC gives wall time; what is left of it does not depend on which clock.
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(
        deadline - std::chrono::system_clock::now());
    call.deadline_nanos = call.arrived_nanos + left.count();
  }
  call.trace_id = TraceIdOf(HeaderOf(context, "traceparent"));
  return call;
}

absl::Status QueueFull(const ServerCore& core) {
  return WithRetryAfter(
      WithReason(absl::ResourceExhaustedError(
                     absl::StrCat("queue full (", core.workers->queue_limit(),
                                  " calls wait): try again later")),
                 "QUEUE_FULL"),
      kRetryDelay);
}

// What there is to do before a call is served: OK, or why not to serve it.
absl::Status TakeUp(const ServerCore& core, bool cancelled, CallContext& call) {
  call.started_nanos = core.clock->MonotonicNanos();
  if (cancelled) {
    core.metrics->Refused(Refusal::kCancelled);
    return absl::CancelledError("the client has gone");
  }
  if (call.deadline_nanos && call.started_nanos >= *call.deadline_nanos) {
    core.metrics->Refused(Refusal::kDeadlinePassed);
    return WithReason(absl::DeadlineExceededError(absl::StrCat(
                          "the deadline passed after ",
                          (call.started_nanos - call.arrived_nanos) / 1'000'000,
                          " ms in the queue")),
                      "DEADLINE_PASSED");
  }
  return absl::OkStatus();
}

Severity SeverityOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDataLoss:
      return Severity::kError;
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kUnavailable:
      return Severity::kWarning;
    default:
      return Severity::kInfo;
  }
}

// Counts and logs the end of a call, and gives gRPC its status.
grpc::Status Conclude(const Method& method, const CallContext& call,
                      const absl::Status& outcome,
                      grpc::CallbackServerContext* context) {
  const absl::Status status = Explained(outcome);
  const ServerCore& core = method.core();
  const RpcSeries& series = method.series();
  const double seconds =
      1e-9 *
      static_cast<double>(core.clock->MonotonicNanos() - call.arrived_nanos);
  series.seconds->Observe(seconds);
  series.handled[static_cast<size_t>(status.code())]->Increment();
  const bool slow = absl::Seconds(seconds) > core.slow_call;
  const Severity severity = !status.ok() ? SeverityOf(status.code())
                            : slow       ? Severity::kWarning
                                         : Severity::kDebug;
  if (core.log->Enabled(severity)) {
    core.log->LogLimited(
        severity,
        status.ok() ? (slow ? "slow call" : "call") : status.message(),
        {{"method", series.method},
         {"code", CodeName(status.code())},
         {"reason", ReasonOf(status)},
         {"seconds", seconds},
         {"pool", call.pool},
         {"request_id", call.request_id},
         {"trace_id", call.trace_id}});
  }
  if (status.code() == absl::StatusCode::kResourceExhausted) {
    // gRPC's own clients wait this long before they retry.
    context->AddTrailingMetadata(
        "grpc-retry-pushback-ms",
        absl::StrCat(absl::ToInt64Milliseconds(kRetryDelay)));
  }
  return ToGrpcStatus(status);
}

class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  UnaryCall(const Method& method, grpc::CallbackServerContext* context,
            const grpc::ByteBuffer* request, grpc::ByteBuffer* response)
      : method_(method),
        context_(context),
        request_(request),
        response_(response),
        call_(Arrive(method.core(), *context)) {}

  void Start() {
    method_.series().started->Increment();
    method_.series().received->Increment();
    if (!method_.core().workers->TrySubmit([this] { Work(); })) {
      method_.core().metrics->Refused(Refusal::kQueueFull);
      End(QueueFull(method_.core()), grpc::ByteBuffer());
    }
  }

  void OnCancel() override { cancelled_ = true; }
  void OnDone() override { delete this; }

 private:
  void Work() {
    const absl::Status ready = TakeUp(method_.core(), cancelled_, call_);
    method_.series().queue_seconds->Observe(
        1e-9 * static_cast<double>(call_.started_nanos - call_.arrived_nanos));
    if (!ready.ok()) {
      End(ready, grpc::ByteBuffer());
      return;
    }
    // `this` may not be touched after the end: it is deleted with it.
    CallContext& call = call_;
    method_.Run(
        call, *request_,
        [this](const absl::Status& status, const grpc::ByteBuffer& response) {
          End(status, response);
        });
  }

  void End(const absl::Status& status, const grpc::ByteBuffer& response) {
    if (status.ok()) {
      *response_ = response;
      method_.series().sent->Increment();
    }
    Finish(Conclude(method_, call_, status, context_));
  }

  const Method& method_;
  grpc::CallbackServerContext* const context_;
  const grpc::ByteBuffer* const request_;
  grpc::ByteBuffer* const response_;
  CallContext call_;
  std::atomic<bool> cancelled_{false};
};

class StreamCall final
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  StreamCall(const Method& method, grpc::CallbackServerContext* context)
      : method_(method),
        context_(context),
        stream_(Arrive(method.core(), *context)) {
    method_.series().started->Increment();
  }

  void Start() { StartRead(&request_); }

  void OnReadDone(bool ok) override {
    handoffs_.load(std::memory_order_acquire);
    if (!ok) {  // the client has said all, or has gone
      End(cancelled_ ? absl::CancelledError("the client has gone")
                     : absl::OkStatus());
      return;
    }
    method_.series().received->Increment();
    call_ = stream_;
    call_.arrived_nanos = method_.core().clock->MonotonicNanos();
    if (!method_.core().workers->TrySubmit([this] { Work(); })) {
      method_.core().metrics->Refused(Refusal::kQueueFull);
      End(QueueFull(method_.core()));
    }
  }

  void OnWriteDone(bool ok) override {
    if (ok) {
      StartRead(&request_);
    } else {
      End(absl::CancelledError("the client has gone"));
    }
  }

  void OnCancel() override { cancelled_ = true; }
  void OnDone() override { delete this; }

 private:
  void Work() {
    const absl::Status ready = TakeUp(method_.core(), cancelled_, call_);
    method_.series().queue_seconds->Observe(
        1e-9 * static_cast<double>(call_.started_nanos - call_.arrived_nanos));
    if (!ready.ok()) {
      End(ready);
      return;
    }
    method_.Run(
        call_, request_,
        [this](const absl::Status& status, const grpc::ByteBuffer& response) {
          stream_.pool = call_.pool;
          stream_.request_id = call_.request_id;
          if (!status.ok()) {
            End(status);
            return;
          }
          response_ = response;
          method_.series().sent->Increment();
          handoffs_.fetch_add(1, std::memory_order_release);
          StartWrite(&response_);
        });
  }

  void End(const absl::Status& status) {
    Finish(Conclude(method_, stream_, status, context_));
  }

  const Method& method_;
  grpc::CallbackServerContext* const context_;
  CallContext stream_;  // of the stream as a whole
  CallContext call_;    // of the message in hand
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  std::atomic<bool> cancelled_{false};
  // From the worker of one message, by way of gRPC, to that of the next. gRPC
  // orders them, but inside a library that ThreadSanitizer does not see into.
  std::atomic<int64_t> handoffs_{0};
};

}  // namespace

grpc::ServerUnaryReactor* StartUnary(const Method& method,
                                     grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) {
  auto* call = new UnaryCall(method, context, request, response);
  call->Start();
  return call;
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StartStream(
    const Method& method, grpc::CallbackServerContext* context) {
  auto* call = new StreamCall(method, context);
  call->Start();
  return call;
}

}  // namespace allot
