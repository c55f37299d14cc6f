// SPDX-License-Identifier: Apache-2.0
// The floor: a gRPC server that reads the same requests as allotd and sends
// responses of the same size, and does nothing in between. What allotd takes
// beyond it is allot's own.
//
//   allot-load-echo async|callback|raw ALLOCATE_RESPONSE SCORE_RESPONSE
//
// The files are responses of an allotd (`allot-load --sample`). Requests are
// parsed into a message that is used again, responses serialised from one that
// is kept: the cheapest way that still makes messages of bytes, and bytes of
// messages. `raw` does neither. Prints its port as allotd does.
#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "allot/v1/allocation.grpc.pb.h"
#include "allot/v1/confidence.grpc.pb.h"
#include "server/decode.h"

namespace allot {
namespace {

constexpr int kCallsWaitedFor = 128;  // per method and completion queue

std::string ReadFile(const char* path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// Answers every request of one method.
template <typename Request, typename Response>
class Echo {
 public:
  bool Load(const char* path, bool parse) {
    parse_ = parse;
    const std::string bytes = ReadFile(path);
    grpc::Slice slice(bytes.data(), bytes.size());
    canned_ = grpc::ByteBuffer(&slice, 1);
    return response_.ParseFromString(bytes);
  }
  grpc::Status Answer(const grpc::ByteBuffer& in, grpc::ByteBuffer* out) const {
    if (!parse_) {
      *out = canned_;
      return grpc::Status::OK;
    }
    thread_local Request request;
    if (!Decode(in, &request).ok()) {
      return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "no message");
    }
    // Not the cached sizes: those would not be known for a fresh response.
    *out = Encode(response_);
    return grpc::Status::OK;
  }

 private:
  bool parse_ = true;
  Response response_;
  grpc::ByteBuffer canned_;
};

struct Echoes {
  Echo<v1::AllocateRequest, v1::AllocateResponse> allocate;
  Echo<v1::ScoreRequest, v1::ScoreResponse> score;
};

using AsyncAllocation = v1::AllocationService::WithRawMethod_Allocate<
    v1::AllocationService::Service>;
using AsyncConfidence =
    v1::ConfidenceService::WithRawMethod_Score<v1::ConfidenceService::Service>;

class Tag {
 public:
  virtual ~Tag() = default;
  virtual void Proceed(bool ok) = 0;
};

// One call after another, on one completion queue.
template <typename Ask, typename Answer>
class AsyncCall final : public Tag {
 public:
  AsyncCall(Ask ask, Answer answer, grpc::ServerCompletionQueue* queue)
      : ask_(ask), answer_(answer), queue_(queue) {
    Wait();
  }
  void Proceed(bool ok) override {
    if (!asked_) {
      Wait();
      return;
    }
    if (!ok) return;  // shutting down
    asked_ = false;
    const grpc::Status status = answer_(request_, &response_);
    writer_->Finish(response_, status, this);
  }

 private:
  void Wait() {
    writer_.reset();
    context_.emplace();
    writer_.emplace(&*context_);
    asked_ = true;
    ask_(&*context_, &request_, &*writer_, queue_, this);
  }

  const Ask ask_;
  const Answer answer_;
  grpc::ServerCompletionQueue* const queue_;
  std::optional<grpc::ServerContext> context_;
  std::optional<grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>> writer_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  bool asked_ = false;
};

template <typename Ask, typename Answer>
void WaitForCalls(std::vector<std::unique_ptr<Tag>>& calls, Ask ask,
                  Answer answer, grpc::ServerCompletionQueue* queue) {
  for (int i = 0; i < kCallsWaitedFor; ++i) {
    calls.push_back(
        std::make_unique<AsyncCall<Ask, Answer>>(ask, answer, queue));
  }
}

class CallbackAllocation final
    : public v1::AllocationService::WithRawCallbackMethod_Allocate<
          v1::AllocationService::Service> {
 public:
  explicit CallbackAllocation(const Echoes& echoes) : echoes_(echoes) {}
  grpc::ServerUnaryReactor* Allocate(grpc::CallbackServerContext* context,
                                     const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override {
    auto* reactor = context->DefaultReactor();
    reactor->Finish(echoes_.allocate.Answer(*request, response));
    return reactor;
  }

 private:
  const Echoes& echoes_;
};

class CallbackConfidence final
    : public v1::ConfidenceService::WithRawCallbackMethod_Score<
          v1::ConfidenceService::Service> {
 public:
  explicit CallbackConfidence(const Echoes& echoes) : echoes_(echoes) {}
  grpc::ServerUnaryReactor* Score(grpc::CallbackServerContext* context,
                                  const grpc::ByteBuffer* request,
                                  grpc::ByteBuffer* response) override {
    auto* reactor = context->DefaultReactor();
    reactor->Finish(echoes_.score.Answer(*request, response));
    return reactor;
  }

 private:
  const Echoes& echoes_;
};

int Serve(const std::string& mode, const Echoes& echoes) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);

  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.SetMaxReceiveMessageSize(64 << 20);
  AsyncAllocation async_allocation;
  AsyncConfidence async_confidence;
  CallbackAllocation callback_allocation(echoes);
  CallbackConfidence callback_confidence(echoes);
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues;
  if (mode == "callback") {
    builder.RegisterService(&callback_allocation);
    builder.RegisterService(&callback_confidence);
  } else {
    builder.RegisterService(&async_allocation);
    builder.RegisterService(&async_confidence);
    for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i) {
      queues.push_back(builder.AddCompletionQueue());
    }
  }
  const auto server = builder.BuildAndStart();
  if (server == nullptr || port == 0) return 1;

  std::vector<std::unique_ptr<Tag>> calls;
  std::vector<std::thread> threads;
  for (auto& queue : queues) {
    grpc::ServerCompletionQueue* const q = queue.get();
    WaitForCalls(
        calls,
        [&](auto* context, auto* request, auto* writer, auto* on, void* tag) {
          async_allocation.RequestAllocate(context, request, writer, on, on,
                                           tag);
        },
        [&](const grpc::ByteBuffer& in, grpc::ByteBuffer* out) {
          return echoes.allocate.Answer(in, out);
        },
        q);
    WaitForCalls(
        calls,
        [&](auto* context, auto* request, auto* writer, auto* on, void* tag) {
          async_confidence.RequestScore(context, request, writer, on, on, tag);
        },
        [&](const grpc::ByteBuffer& in, grpc::ByteBuffer* out) {
          return echoes.score.Answer(in, out);
        },
        q);
    threads.emplace_back([q] {
      void* tag = nullptr;
      bool ok = false;
      while (q->Next(&tag, &ok)) static_cast<Tag*>(tag)->Proceed(ok);
    });
  }
  std::printf("{\"grpc\":\"127.0.0.1:%d\"}\n", port);
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  server->Shutdown(std::chrono::system_clock::now());
  for (auto& queue : queues) queue->Shutdown();
  for (std::thread& thread : threads) thread.join();
  return 0;
}

}  // namespace
}  // namespace allot

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  const std::string mode = argc == 4 ? argv[1] : "";
  if (mode != "async" && mode != "callback" && mode != "raw") {
    std::fprintf(stderr,
                 "usage: allot-load-echo async|callback|raw "
                 "ALLOCATE_RESPONSE SCORE_RESPONSE\n");
    return 2;
  }
  allot::Echoes echoes;
  if (!echoes.allocate.Load(argv[2], mode != "raw") ||
      !echoes.score.Load(argv[3], mode != "raw")) {
    std::fprintf(stderr, "allot-load-echo: no such responses\n");
    return 2;
  }
  return allot::Serve(mode, echoes);
}
