// SPDX-License-Identifier: Apache-2.0
#include "server/reactors.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "server/grpc_status.h"

namespace allot {
namespace {

constexpr char kPushback[] = "grpc-retry-pushback-ms";
constexpr int64_t kDefaultPushbackMs = 100;

absl::string_view HeaderOf(const grpc::CallbackServerContext& context,
                           const char* name) {
  const auto& headers = context.client_metadata();
  const auto it = headers.find(name);
  if (it == headers.end()) return {};
  return {it->second.data(), it->second.size()};
}

CallContext Arrive(const ServerCore& core, grpc::CallbackServerContext& context,
                   const std::atomic<bool>* cancelled) {
  CallContext call;
  call.arrived_nanos = core.clock->MonotonicNanos();
  call.cancelled = cancelled;
  const auto deadline = context.deadline();
  if (deadline != std::chrono::system_clock::time_point::max()) {
    // gRPC gives wall time; what is left of it does not depend on which clock.
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(
        deadline - std::chrono::system_clock::now());
    call.deadline_nanos = call.arrived_nanos + left.count();
  }
  const absl::string_view traceparent = HeaderOf(context, "traceparent");
  if (!traceparent.empty()) {
    call.trace_id = TraceIdOf(traceparent);
    if (!call.trace_id.empty()) {
      context.AddInitialMetadata(
          "traceparent",
          ChildOf(traceparent, static_cast<uint64_t>(call.arrived_nanos)));
    }
  }
  return call;
}

// How urgent a message is: as its method and size say, or less if its sender
// says so.
Priority UrgencyOf(const Method& method, bool single, absl::string_view asked) {
  Priority priority = method.rules().priority;
  if (!single) priority = std::max(priority, Priority::kBatch);
  if (asked == "batch") priority = std::max(priority, Priority::kBatch);
  if (asked == "backfill") priority = std::max(priority, Priority::kBackfill);
  return priority;
}

// What there is to do before a call is served: OK, or why not to serve it.
absl::Status TakeUp(const Method& method, bool cancelled, CallContext& call) {
  const ServerCore& core = method.core();
  call.started_nanos = core.clock->MonotonicNanos();
  method.series().queue_seconds->Observe(
      1e-9 * static_cast<double>(call.started_nanos - call.arrived_nanos));
  if (call.deadline_nanos && call.started_nanos >= *call.deadline_nanos) {
    core.metrics->Refused(Refusal::kDeadlinePassed);
    return WithReason(absl::DeadlineExceededError(absl::StrCat(
                          "the deadline passed after ",
                          (call.started_nanos - call.arrived_nanos) / 1'000'000,
                          " ms in the queue")),
                      "DEADLINE_PASSED");
  }
  if (cancelled) {
    core.metrics->Refused(Refusal::kCancelled);
    return absl::CancelledError("the client has gone");
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
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return Severity::kWarning;
    default:
      return Severity::kInfo;
  }
}

void LogCall(const Method& method, const CallContext& call,
             const absl::Status& status, double seconds) {
  const ServerCore& core = method.core();
  const bool slow =
      seconds > 1e-9 * static_cast<double>(core.slow_call_nanos.load(
                           std::memory_order_relaxed));
  if (slow) {
    const int64_t waited = call.started_nanos - call.arrived_nanos;
    core.slow_calls->Add({.time = core.clock->Now(),
                          .method = method.series().method,
                          .pool = call.pool,
                          .code = std::string(CodeName(status.code())),
                          .trace_id = call.trace_id,
                          .seconds = seconds,
                          .queue_seconds = call.started_nanos == 0
                                               ? seconds
                                               : 1e-9 * double(waited)});
  }
  const Severity severity = !status.ok() ? SeverityOf(status.code())
                            : slow       ? Severity::kWarning
                                         : Severity::kDebug;
  if (!core.log->Enabled(severity)) return;
  core.log->LogLimited(
      severity, status.ok() ? (slow ? "slow call" : "call") : status.message(),
      {{"method", method.series().method},
       {"code", CodeName(status.code())},
       {"reason", ReasonOf(status)},
       {"seconds", seconds},
       {"pool", call.pool},
       {"caller", core.access->enabled() ? call.caller.name() : ""},
       {"request_id", call.request_id},
       {"trace_id", call.trace_id}});
}

// Counts and logs the end of a call, and gives gRPC its status.
grpc::Status Conclude(const Method& method, const CallContext& call,
                      const absl::Status& outcome, int64_t pushback_ms,
                      grpc::CallbackServerContext* context) {
  const absl::Status status = Explained(outcome);
  const ServerCore& core = method.core();
  const RpcSeries& series = method.series();
  const double seconds =
      1e-9 *
      static_cast<double>(core.clock->MonotonicNanos() - call.arrived_nanos);
  series.seconds->Observe(seconds);
  series.handled[static_cast<size_t>(status.code())]->Increment();
  LogCall(method, call, status, seconds);
  // Who has no token is nobody to be put on record, but could fill the disk.
  if (method.rules().role == Role::kAdmin &&
      status.code() != absl::StatusCode::kUnauthenticated) {
    core.log->Audit(series.method, {{"code", CodeName(status.code())},
                                    {"reason", ReasonOf(status)},
                                    {"caller", call.caller.name()},
                                    {"peer", context->peer()},
                                    {"pool", call.pool},
                                    {"request_id", call.request_id},
                                    {"trace_id", call.trace_id}});
  }
  if (status.code() == absl::StatusCode::kResourceExhausted) {
    // gRPC's own clients wait this long before they retry.
    context->AddTrailingMetadata(
        kPushback,
        absl::StrCat(pushback_ms != 0 ? pushback_ms : kDefaultPushbackMs));
  }
  return ToGrpcStatus(status);
}

// Who calls, and whether they may.
absl::Status Authenticate(const Method& method,
                          const grpc::CallbackServerContext& context,
                          CallContext& call) {
  const Access& access = *method.core().access;
  if (!access.enabled()) return absl::OkStatus();
  absl::StatusOr<Caller> caller =
      access.Check(HeaderOf(context, "authorization"), method.rules().role);
  if (caller.ok()) {
    call.caller = *std::move(caller);
    return absl::OkStatus();
  }
  const std::string reason = ReasonOf(caller.status());
  method.core().metrics->Denied(reason == "TOKEN_MISSING"   ? Denial::kMissing
                                : reason == "TOKEN_UNKNOWN" ? Denial::kUnknown
                                                            : Denial::kRole);
  return caller.status();
}

// Hands one request to admission, which will call job->Run() or Evicted(), or
// leaves Run() to the caller.
absl::StatusOr<Admitted> Submit(const Method& method,
                                const grpc::ByteBuffer& request,
                                absl::string_view asked_priority,
                                CallContext& call, Job* job, Ticket& ticket) {
  const Peeked peeked = Peek(request, method.peek());
  call.pool_hash = peeked.pool_hash;
  job->priority = UrgencyOf(method, peeked.single, asked_priority);
  return method.core().admission->Admit(job,
                                        {.pool_hash = peeked.pool_hash,
                                         .method = method.series().number,
                                         .bytes = request.Length(),
                                         .deadline_nanos = call.deadline_nanos},
                                        ticket);
}

void Settle(const Method& method, const CallContext& call, bool ok,
            Ticket& ticket) {
  method.core().admission->Finish(
      ticket, ok && call.worked, call.arrived_nanos, call.started_nanos,
      method.core().clock->MonotonicNanos(), call.cuttable_nanos);
}

class UnaryCall final : public grpc::ServerUnaryReactor, private Job {
 public:
  UnaryCall(const Method& method, grpc::CallbackServerContext* context,
            const grpc::ByteBuffer* request, grpc::ByteBuffer* response)
      : method_(method),
        context_(context),
        request_(request),
        response_(response),
        call_(Arrive(method.core(), *context, &cancelled_)) {}

  // What ends before this returns, or needs no news of its client, is left to
  // gRPC's own reactor: the end of such a call is not handed to yet another
  // thread. `this` may be gone then.
  grpc::ServerUnaryReactor* Start() {
    const ServerCore& core = method_.core();
    method_.series().started->Increment();
    method_.series().received->Increment();
    absl::Status status = Authenticate(method_, *context_, call_);
    if (status.ok()) {
      const absl::StatusOr<Admitted> admitted =
          Submit(method_, *request_, HeaderOf(*context_, "allot-priority"),
                 call_, this, ticket_);
      if (admitted.ok() && *admitted == Admitted::kQueued) return this;
      status = admitted.status();
    }
    grpc::ServerUnaryReactor* const reactor = context_->DefaultReactor();
    reactor_ = reactor;
    if (status.ok()) {
      Run();
      core.workers->RanHere();
    } else {
      Conclude(status, grpc::ByteBuffer());
    }
    return reactor;
  }

  void OnCancel() override {
    cancelled_ = true;
    // Nobody need take it up to see that.
    if (method_.core().workers->Remove(this)) {
      Conclude(GoneWhileWaiting(method_, call_, ticket_), grpc::ByteBuffer());
    }
  }
  void OnDone() override { delete this; }

  static absl::Status GoneWhileWaiting(const Method& method, CallContext& call,
                                       Ticket& ticket) {
    const absl::Status status = TakeUp(method, /*cancelled=*/true, call);
    Settle(method, call, /*ok=*/false, ticket);
    return status;
  }

 private:
  void Run() override {
    const absl::Status ready = TakeUp(method_, cancelled_, call_);
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

  void Evicted() override {
    const absl::Status status = method_.core().admission->GiveWay(ticket_);
    Settle(method_, call_, /*ok=*/false, ticket_);
    Conclude(status, grpc::ByteBuffer());
  }

  void End(const absl::Status& status, const grpc::ByteBuffer& response) {
    Settle(method_, call_, status.ok(), ticket_);
    Conclude(status, response);
  }

  void Conclude(const absl::Status& status, const grpc::ByteBuffer& response) {
    if (status.ok()) {
      *response_ = response;
      method_.series().sent->Increment();
    }
    const bool own = reactor_ == this;
    reactor_->Finish(
        allot::Conclude(method_, call_, status, ticket_.pushback_ms, context_));
    if (!own) delete this;  // else OnDone() does
  }

  const Method& method_;
  grpc::CallbackServerContext* const context_;
  const grpc::ByteBuffer* const request_;
  grpc::ByteBuffer* const response_;
  std::atomic<bool> cancelled_{false};
  CallContext call_;
  Ticket ticket_;
  grpc::ServerUnaryReactor* reactor_ = this;
};

class StreamCall final
    : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
      private Job {
 public:
  StreamCall(const Method& method, grpc::CallbackServerContext* context)
      : method_(method),
        context_(context),
        stream_(Arrive(method.core(), *context, &cancelled_)),
        asked_priority_(HeaderOf(*context, "allot-priority")) {
    method_.series().started->Increment();
    patient = true;
  }

  void Start() {
    const absl::Status status = Authenticate(method_, *context_, stream_);
    if (status.ok()) {
      StartRead(&request_);
    } else {
      End(status);
    }
  }

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
    const absl::StatusOr<Admitted> admitted =
        Submit(method_, request_, asked_priority_, call_, this, ticket_);
    if (!admitted.ok()) End(admitted.status());
    // It is patient, so it waits its turn: nothing of a stream runs here.
  }

  void OnWriteDone(bool ok) override {
    if (ok) {
      StartRead(&request_);
    } else {
      End(absl::CancelledError("the client has gone"));
    }
  }

  void OnCancel() override {
    cancelled_ = true;
    if (method_.core().workers->Remove(this)) {
      End(UnaryCall::GoneWhileWaiting(method_, call_, ticket_));
    }
  }
  void OnDone() override { delete this; }

 private:
  void Run() override {
    const absl::Status ready = TakeUp(method_, cancelled_, call_);
    if (!ready.ok()) {
      Settle(method_, call_, /*ok=*/false, ticket_);
      End(ready);
      return;
    }
    method_.Run(
        call_, request_,
        [this](const absl::Status& status, const grpc::ByteBuffer& response) {
          Settle(method_, call_, status.ok(), ticket_);
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

  void Evicted() override {
    const absl::Status status = method_.core().admission->GiveWay(ticket_);
    Settle(method_, call_, /*ok=*/false, ticket_);
    End(status);
  }

  void End(const absl::Status& status) {
    Finish(allot::Conclude(method_, stream_, status, ticket_.pushback_ms,
                           context_));
  }

  const Method& method_;
  grpc::CallbackServerContext* const context_;
  std::atomic<bool> cancelled_{false};
  CallContext stream_;  // of the stream as a whole
  CallContext call_;    // of the message in hand
  Ticket ticket_;
  // Of the client's metadata, which lives as long as the call.
  const absl::string_view asked_priority_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  // From the worker of one message, by way of gRPC, to that of the next. gRPC
  // orders them, but inside a library that ThreadSanitizer does not see into.
  std::atomic<int64_t> handoffs_{0};
};

}  // namespace

grpc::ServerUnaryReactor* StartUnary(const Method& method,
                                     grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) {
  return (new UnaryCall(method, context, request, response))->Start();
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* StartStream(
    const Method& method, grpc::CallbackServerContext* context) {
  auto* call = new StreamCall(method, context);
  call->Start();
  return call;
}

}  // namespace allot
