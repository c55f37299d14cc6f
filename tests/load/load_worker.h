// SPDX-License-Identifier: Apache-2.0
// One thread's worth of a load test: its own channels, completion queue and
// counts, so that workers share nothing while the clock runs. Two threads
// each: one starts calls when they are due, the other takes answers.
#ifndef ALLOT_TESTS_LOAD_LOAD_WORKER_H_
#define ALLOT_TESTS_LOAD_LOAD_WORKER_H_

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "lib/base/mutex.h"
#include "lib/base/rng.h"
#include "tests/load/load_runner.h"

namespace allot {

class LoadWorker {
 public:
  LoadWorker(const LoadScenario& scenario,
             const std::vector<RequestSource>& sources,
             const Connector& connector, int index, int64_t timeline_step);
  ~LoadWorker();
  LoadWorker(const LoadWorker&) = delete;
  LoadWorker& operator=(const LoadWorker&) = delete;

  // Connects every channel: false if that takes longer than 10 s.
  bool Connect();
  // Starts to take answers. Times are NowNanos().
  void Begin(int64_t start);
  // Starts the calls of a phase, from a thread of its own.
  void StartPhase(int phase, const PhaseSpec& spec, int64_t start, int64_t end);
  // Returns when no more calls of the phase will start.
  void EndPhase();
  // Waits for what is open, cancels it when `give_up` has come, and stops.
  void Drain(int64_t give_up);

  // Answers that came while the phase lasted. Also while calls are running.
  int64_t AnsweredInTime(size_t phase) const { return in_time_[phase]; }
  // After Drain().
  void AddTo(int phase,
             PhaseResult* result) const ABSL_NO_THREAD_SAFETY_ANALYSIS;

  struct Interval {
    int64_t started = 0;
    int64_t ok = 0;
    int64_t failed = 0;
    std::unique_ptr<Histogram> latency;
  };
  const std::map<std::pair<int, std::string>, int64_t>& failures() const
      ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return failures_;
  }
  const std::vector<Interval>& timeline() const ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return timeline_;
  }

 private:
  // A call, used again for the next one.
  struct Call {
    std::optional<grpc::ClientContext> context;
    std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
    grpc::ByteBuffer response;
    grpc::Status status;
    int64_t intended = 0;
    int phase = 0;
    size_t spec = 0;
    bool running = false;
  };
  // The phase that is running, as the answering thread needs it.
  struct Loop {
    int phase = 0;
    bool closed = false;
    double think_seconds = 0;
    int64_t end = 0;
  };
  struct PhaseCounts {
    std::vector<CallStats> calls;
    Histogram lag;
    int64_t end = 0;
  };

  void Start(int64_t intended, int phase);
  void Answer();
  void Finished(Call* call);
  void PaceOpen(int phase, PhaseSpec spec, int64_t start, int64_t end);
  void PaceClosed(int phase, PhaseSpec spec, int64_t start, int64_t end);
  Interval& IntervalAt(int64_t time) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t PickCall() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const LoadScenario& scenario_;
  const std::vector<RequestSource>& sources_;
  const Connector& connector_;
  const int index_;
  const int64_t step_;
  int64_t begin_ = 0;
  std::vector<double> cumulative_weight_;

  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  grpc::CompletionQueue queue_;
  std::thread answering_;
  std::thread pacing_;

  Mutex mutex_;
  std::vector<std::unique_ptr<Call>> calls_ ABSL_GUARDED_BY(mutex_);
  std::vector<Call*> free_ ABSL_GUARDED_BY(mutex_);
  Rng rng_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_call_ ABSL_GUARDED_BY(mutex_) = 0;
  Loop loop_ ABSL_GUARDED_BY(mutex_);
  // When thinking is over, in a closed loop.
  std::priority_queue<int64_t, std::vector<int64_t>, std::greater<>> due_
      ABSL_GUARDED_BY(mutex_);
  int64_t abandoned_ ABSL_GUARDED_BY(mutex_) = 0;  // when given up, 0: not yet

  std::atomic<int> open_{0};
  std::vector<PhaseCounts> counts_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::atomic<int64_t>> in_time_;
  std::map<std::pair<int, std::string>, int64_t> failures_
      ABSL_GUARDED_BY(mutex_);
  std::vector<Interval> timeline_ ABSL_GUARDED_BY(mutex_);
};

std::vector<TimelinePoint> MergeTimelines(
    const std::vector<std::unique_ptr<LoadWorker>>& workers, double step);

}  // namespace allot

#endif  // ALLOT_TESTS_LOAD_LOAD_WORKER_H_
