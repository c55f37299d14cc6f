// SPDX-License-Identifier: Apache-2.0
// One RPC method: bytes in, bytes out, with decoding and encoding around a
// typed handler.
#ifndef ALLOT_SERVER_METHOD_H_
#define ALLOT_SERVER_METHOD_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "google/protobuf/message.h"
#include "grpcpp/support/byte_buffer.h"
#include "server/core.h"
#include "server/decode.h"
#include "server/peek.h"

namespace allot {

// What is known of one call (of one message, on a stream) beside its request.
// Times are Clock::MonotonicNanos().
struct CallContext {
  int64_t arrived_nanos = 0;
  int64_t started_nanos = 0;  // when a worker took it up
  std::optional<int64_t> deadline_nanos;
  // Turns true when nobody waits for the answer any more.
  const std::atomic<bool>* cancelled = nullptr;
  Caller caller;
  uint64_t pool_hash = 0;  // of the pool it was admitted for
  std::string trace_id;
  // Set by serving it: whether there was work of its own to do, and how much
  // of that a deadline would have cut short.
  bool worked = false;
  int64_t cuttable_nanos = 0;
  // For the log, once the request is decoded.
  std::string pool;
  std::string request_id;
};

// Identifies a request whatever the order in which its maps were written. It is
// kept in logs: the same in every process and version.
uint64_t Fingerprint(const google::protobuf::Message& request);

// The edge of the house: what was thrown below becomes a status.
absl::Status Guarded(absl::FunctionRef<absl::Status()> work);

// How a method is treated before it is served.
struct MethodRules {
  Role role = Role::kRead;
  // Of a request with one item. More items make it a batch at best.
  Priority priority = Priority::kInteractive;
};

class Method {
 public:
  using Done =
      std::function<void(const absl::Status&, const grpc::ByteBuffer&)>;

  Method(const ServerCore& core, const RpcSeries& series, MethodRules rules,
         const google::protobuf::Descriptor& request)
      : core_(core), series_(series), rules_(rules), peek_(PlanPeek(request)) {}
  virtual ~Method() = default;
  Method(const Method&) = delete;
  Method& operator=(const Method&) = delete;

  // Calls `done` exactly once, before it returns. `call` may not be touched any
  // more once `done` was called.
  virtual void Run(CallContext& call, const grpc::ByteBuffer& request,
                   Done done) const = 0;

  const ServerCore& core() const { return core_; }
  const RpcSeries& series() const { return series_; }
  const MethodRules& rules() const { return rules_; }
  const PeekPlan& peek() const { return peek_; }

 protected:
  // Whether the call may use its pool, and is the pool's that it seemed to be.
  absl::Status CheckPool(const CallContext& call) const;
  // Nanoseconds on the monotonic clock, and the phases that all methods have.
  int64_t Now() const { return core_.clock->MonotonicNanos(); }
  void ObserveSince(int64_t start, prometheus::Histogram* phase) const {
    phase->Observe(1e-9 * static_cast<double>(Now() - start));
  }

 private:
  const ServerCore& core_;
  const RpcSeries& series_;
  const MethodRules rules_;
  const PeekPlan peek_;
};

// A method whose stream messages wrap its unary ones.
template <typename Message>
concept Wrapped = requires(Message message) {
  message.request();
};
template <typename Message>
concept HasRequestId = requires(Message message) {
  message.request_id();
};
template <typename Message>
concept HasPoolId = requires(Message message) {
  message.pool_id();
};
template <typename Message>
concept HasPool = requires(Message message) {
  message.pool().pool_id();
};

template <typename Request, typename Response>
class TypedMethod final : public Method {
 public:
  using Handler =
      std::function<absl::Status(CallContext&, const Request&, Response*)>;

  // Takes over a call, to answer it later; false if it does not want it.
  using Later = std::function<bool(CallContext&, const Request&, const Done&)>;
  void set_later(Later later) { later_ = std::move(later); }

  TypedMethod(const ServerCore& core, const RpcSeries& series,
              MethodRules rules, Handler handler)
      : Method(core, series, rules, *Request::descriptor()),
        handler_(std::move(handler)) {}

  void Run(CallContext& call, const grpc::ByteBuffer& bytes,
           Done done) const override {
    // Parsing into a message that was used before reuses its memory, which is
    // most of what parsing costs.
    thread_local Request request;
    const bool large = bytes.Length() > kMaxKeptBytes;
    // Nothing of the call may be touched once it is answered.
    const int64_t start = Now();
    const absl::Status decoded =
        Guarded([&] { return Decode(bytes, &request); });
    ObserveSince(start, series().decode_seconds);
    if (decoded.ok()) {
      RunDecoded(call, request, std::move(done));
    } else {
      done(decoded, grpc::ByteBuffer());
    }
    if (large) Request().Swap(&request);
  }

 private:
  // What a thread keeps of a message between calls.
  static constexpr size_t kMaxKeptBytes = 256 << 10;

  void RunDecoded(CallContext& call, const Request& request, Done done) const {
    if constexpr (Wrapped<Request>) {
      Describe(call, request.request());
    } else {
      Describe(call, request);
    }
    if (const absl::Status allowed = CheckPool(call); !allowed.ok()) {
      done(allowed, grpc::ByteBuffer());
      return;
    }
    // Its retry will want the answer.
    if (!call.request_id.empty()) call.cancelled = nullptr;
    Serve(call, request, done);
  }

  template <typename Inner>
  static void Describe(CallContext& call, const Inner& request) {
    if constexpr (HasPoolId<Inner>) {
      call.pool = request.pool_id();
    } else if constexpr (HasPool<Inner>) {
      call.pool = request.pool().pool_id();
    }
    if constexpr (HasRequestId<Inner>) call.request_id = request.request_id();
  }

  void Serve(CallContext& call, const Request& request,
             const Done& done) const {
    grpc::ByteBuffer bytes;
    if (later_ && later_(call, request, done)) return;
    call.worked = true;
    thread_local Response response;  // as the request
    const absl::Status status = Guarded([&] {
      response.Clear();
      absl::Status handled = handler_(call, request, &response);
      if (handled.ok()) {
        const int64_t start = Now();
        bytes = Encode(response);
        ObserveSince(start, series().encode_seconds);
      }
      return handled;
    });
    const bool large = bytes.Length() > kMaxKeptBytes;
    done(status, bytes);
    if (large || !status.ok()) Response().Swap(&response);
  }

  const Handler handler_;
  Later later_;
};

}  // namespace allot

#endif  // ALLOT_SERVER_METHOD_H_
