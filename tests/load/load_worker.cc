// SPDX-License-Identifier: Apache-2.0
#include "tests/load/load_worker.h"

#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

#include "absl/strings/ascii.h"
#include "tests/load/process_use.h"

namespace allot {
namespace {

// Coarse: the timeline shows shapes, the summary has the figures.
constexpr int kTimelineBits = 4;
// How long a pacing thread sleeps at most, so that it sees its end.
constexpr int64_t kNapNanos = 20'000'000;

// Ways to fail that are told apart.
constexpr size_t kMaxFailures = 64;

// A message without its numbers (ports, times, ids), so that equal failures
// count as one.
std::string ShapeOf(const std::string& message) {
  std::string shape;
  for (const char c : message.substr(0, 200)) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) {
      shape += c;
    } else if (shape.empty() || shape.back() != '#') {
      shape += '#';
    }
  }
  return shape;
}

}  // namespace

LoadWorker::LoadWorker(const LoadScenario& scenario,
                       const std::vector<RequestSource>& sources,
                       const Connector& connector, int index,
                       int64_t timeline_step)
    : scenario_(scenario),
      sources_(sources),
      connector_(connector),
      index_(index),
      step_(timeline_step),
      rng_(Rng(scenario.seed).Split(1000 + static_cast<uint64_t>(index))),
      counts_(scenario.phases.size()),
      in_time_(scenario.phases.size()) {
  double sum = 0;
  for (const CallSpec& call : scenario.calls) {
    cumulative_weight_.push_back(sum += call.weight);
  }
  for (PhaseCounts& counts : counts_) counts.calls.resize(sources.size());
  const int channels = std::max(1, scenario.channels / scenario.threads);
  for (int i = 0; i < channels; ++i) {
    channels_.push_back(connector.NewChannel());
    stubs_.push_back(std::make_unique<grpc::GenericStub>(channels_.back()));
  }
}

LoadWorker::~LoadWorker() {
  if (pacing_.joinable()) pacing_.join();
  if (answering_.joinable()) {
    queue_.Shutdown();
    answering_.join();
  }
}

bool LoadWorker::Connect() {
  const auto deadline =
      std::chrono::system_clock::now() + std::chrono::seconds(10);
  return std::all_of(
      channels_.begin(), channels_.end(),
      [&](const auto& channel) { return channel->WaitForConnected(deadline); });
}

void LoadWorker::Begin(int64_t start) {
  begin_ = start;
  answering_ = std::thread([this] { Answer(); });
}

size_t LoadWorker::PickCall() {
  if (cumulative_weight_.size() == 1) return 0;
  const double at = rng_.Uniform() * cumulative_weight_.back();
  return std::min<size_t>(
      static_cast<size_t>(std::upper_bound(cumulative_weight_.begin(),
                                           cumulative_weight_.end(), at) -
                          cumulative_weight_.begin()),
      cumulative_weight_.size() - 1);
}

LoadWorker::Interval& LoadWorker::IntervalAt(int64_t time) {
  const auto at =
      static_cast<size_t>(std::max<int64_t>(0, time - begin_) / step_);
  if (timeline_.size() <= at) timeline_.resize(at + 1);
  Interval& interval = timeline_[at];
  if (interval.latency == nullptr) {
    interval.latency = std::make_unique<Histogram>(kTimelineBits);
  }
  return interval;
}

void LoadWorker::Start(int64_t intended, int phase) {
  Call* call = nullptr;
  uint64_t number = 0;
  {
    MutexLock lock(mutex_);
    const size_t spec = PickCall();
    PhaseCounts& counts = counts_[static_cast<size_t>(phase)];
    counts.lag.Add(
        static_cast<uint64_t>(std::max<int64_t>(0, NowNanos() - intended)));
    if (open_ >= scenario_.max_outstanding / scenario_.threads) {
      ++counts.calls[spec].not_started;
      return;
    }
    if (free_.empty()) {
      calls_.push_back(std::make_unique<Call>());
      free_.push_back(calls_.back().get());
    }
    call = free_.back();
    free_.pop_back();
    call->spec = spec;
    call->intended = intended;
    call->phase = phase;
    call->running = true;
    call->context.emplace();
    ++counts.calls[spec].started;
    ++IntervalAt(intended).started;
    number = next_call_++;
  }
  ++open_;
  connector_.Authorize(*call->context);
  const CallSpec& spec = scenario_.calls[call->spec];
  if (spec.timeout_seconds > 0) {
    call->context->set_deadline(std::chrono::system_clock::now() +
                                std::chrono::microseconds(static_cast<int64_t>(
                                    spec.timeout_seconds * 1e6)));
  }
  const RequestSource& source = sources_[call->spec];
  grpc::GenericStub& stub = *stubs_[number % stubs_.size()];
  call->reader = stub.PrepareUnaryCall(
      &*call->context, source.path(),
      source.Request(number * static_cast<uint64_t>(scenario_.threads) +
                     static_cast<uint64_t>(index_)),
      &queue_);
  call->reader->StartCall();
  call->reader->Finish(&call->response, &call->status, call);
}

void LoadWorker::Answer() {
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) Finished(static_cast<Call*>(tag));
}

void LoadWorker::Finished(Call* call) {
  const int64_t now = NowNanos();
  const auto latency =
      static_cast<uint64_t>(std::max<int64_t>(0, now - call->intended));
  const auto code = static_cast<size_t>(
      std::clamp<int>(call->status.error_code(), 0, kGrpcCodes - 1));
  const auto phase = static_cast<size_t>(call->phase);
  bool again = false;
  int64_t due = now;
  {
    MutexLock lock(mutex_);
    CallStats& stats = counts_[phase].calls[call->spec];
    Interval& interval = IntervalAt(now);
    stats.all.Add(latency);
    interval.latency->Add(latency);
    if (abandoned_ != 0 && call->status.error_code() == grpc::CANCELLED) {
      ++stats.unanswered;
      ++interval.failed;
    } else {
      ++stats.codes[code];
      if (now <= counts_[phase].end) {
        ++stats.in_time;
        if (code == 0) ++stats.ok_in_time;
        in_time_[phase].fetch_add(1, std::memory_order_relaxed);
      }
      if (code == 0) {
        stats.ok.Add(latency);
        stats.response_bytes += static_cast<int64_t>(call->response.Length());
        ++interval.ok;
      } else {
        ++interval.failed;
        const std::pair<int, std::string> failure = {
            static_cast<int>(code), ShapeOf(call->status.error_message())};
        if (failures_.size() < kMaxFailures || failures_.count(failure) > 0) {
          ++failures_[failure];
        }
      }
    }
    if (loop_.closed && call->phase == loop_.phase && abandoned_ == 0) {
      again = true;
      if (loop_.think_seconds > 0) {
        due += static_cast<int64_t>(1e9 * loop_.think_seconds *
                                    rng_.Exponential());
      }
      if (due >= loop_.end) again = false;
      if (again && loop_.think_seconds > 0) {
        due_.push(due);
        again = false;
      }
    }
    call->response.Clear();
    call->reader.reset();
    call->context.reset();
    call->running = false;
    free_.push_back(call);
  }
  if (again) Start(due, static_cast<int>(phase));
  --open_;
}

void LoadWorker::StartPhase(int phase, const PhaseSpec& spec, int64_t start,
                            int64_t end) {
  {
    MutexLock lock(mutex_);
    counts_[static_cast<size_t>(phase)].end = end;
    loop_ = {phase, spec.closed(), spec.think_seconds, end};
    due_ = {};
  }
  pacing_ = std::thread([this, phase, spec, start, end] {
    prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
    if (spec.closed()) {
      PaceClosed(phase, spec, start, end);
    } else {
      PaceOpen(phase, spec, start, end);
    }
  });
}

void LoadWorker::EndPhase() {
  if (pacing_.joinable()) pacing_.join();
  MutexLock lock(mutex_);
  loop_.closed = false;
}

void LoadWorker::PaceOpen(int phase, PhaseSpec spec, int64_t start,
                          int64_t end) {
  Schedule schedule(spec.rates, spec.poisson,
                    scenario_.seed + static_cast<uint64_t>(phase), index_,
                    scenario_.threads);
  while (const std::optional<double> next = schedule.Next()) {
    const int64_t due = start + static_cast<int64_t>(*next * 1e9);
    if (due >= end) return;
    if (due > NowNanos()) SleepUntil(due);
    Start(due, phase);
  }
}

void LoadWorker::PaceClosed(int phase, PhaseSpec spec, int64_t start,
                            int64_t end) {
  const int calls = spec.in_flight / scenario_.threads +
                    (index_ < spec.in_flight % scenario_.threads ? 1 : 0);
  for (int i = 0; i < calls; ++i) {
    if (spec.think_seconds <= 0) {
      Start(std::max(start, NowNanos()), phase);
      continue;
    }
    // Not all at once: as if they had been at it for a while.
    MutexLock lock(mutex_);
    due_.push(start + static_cast<int64_t>(1e9 * spec.think_seconds *
                                           rng_.Exponential()));
  }
  while (spec.think_seconds > 0 && NowNanos() < end) {
    int64_t next = std::min(end, NowNanos() + kNapNanos);
    std::optional<int64_t> due;
    {
      MutexLock lock(mutex_);
      if (!due_.empty()) {
        next = std::min(next, due_.top());
        if (due_.top() <= NowNanos()) {
          due = due_.top();
          due_.pop();
        }
      }
    }
    if (due) {
      Start(*due, phase);
    } else {
      // Answers may come that are due before `next`.
      SleepUntil(std::min(next, NowNanos() + 200'000));
    }
  }
}

void LoadWorker::Drain(int64_t give_up) {
  while (open_ > 0 && NowNanos() < give_up) {
    SleepUntil(NowNanos() + 1'000'000);
  }
  {
    MutexLock lock(mutex_);
    abandoned_ = NowNanos();
    for (const auto& call : calls_) {
      if (call->running) call->context->TryCancel();
    }
  }
  while (open_ > 0) SleepUntil(NowNanos() + 1'000'000);
  queue_.Shutdown();
  answering_.join();
}

void LoadWorker::AddTo(int phase, PhaseResult* result) const {
  const PhaseCounts& counts = counts_[static_cast<size_t>(phase)];
  for (size_t i = 0; i < counts.calls.size(); ++i) {
    result->calls[i].Merge(counts.calls[i]);
  }
  result->lag.Merge(counts.lag);
}

std::vector<TimelinePoint> MergeTimelines(
    const std::vector<std::unique_ptr<LoadWorker>>& workers, double step) {
  size_t length = 0;
  for (const auto& worker : workers) {
    length = std::max(length, worker->timeline().size());
  }
  std::vector<TimelinePoint> points(length);
  for (size_t i = 0; i < length; ++i) {
    Histogram latency(kTimelineBits);
    points[i].seconds = static_cast<double>(i) * step;
    for (const auto& worker : workers) {
      if (i >= worker->timeline().size()) continue;
      const LoadWorker::Interval& interval = worker->timeline()[i];
      points[i].started += interval.started;
      points[i].ok += interval.ok;
      points[i].failed += interval.failed;
      if (interval.latency != nullptr) latency.Merge(*interval.latency);
    }
    points[i].p50 = latency.At(0.5);
    points[i].p99 = latency.At(0.99);
  }
  return points;
}

}  // namespace allot
