// SPDX-License-Identifier: Apache-2.0
#include "tests/load/load_runner.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "tests/load/load_worker.h"
#include "tests/load/process_use.h"

namespace allot {
namespace {

constexpr int kTimelinePoints = 300;

double TotalSeconds(const LoadScenario& scenario) {
  double seconds = 0;
  for (const PhaseSpec& phase : scenario.phases) seconds += phase.seconds;
  return seconds;
}

// Samples the server's memory once per point of the timeline.
class MemorySampler {
 public:
  MemorySampler(int pid, int64_t start, int64_t step)
      : thread_([this, pid, start, step] {
          for (int64_t at = start; !stop_; at += step) {
            SleepUntil(at, stop_);
            if (const auto use = UseOf(pid)) {
              samples_.push_back(use->resident_bytes);
            }
          }
        }) {}
  std::vector<int64_t> Stop() {
    stop_ = true;
    thread_.join();
    return std::move(samples_);
  }

 private:
  std::atomic<bool> stop_{false};
  std::vector<int64_t> samples_;
  std::thread thread_;
};

}  // namespace

void CallStats::Merge(const CallStats& other) {
  started += other.started;
  for (size_t i = 0; i < codes.size(); ++i) codes[i] += other.codes[i];
  unanswered += other.unanswered;
  not_started += other.not_started;
  in_time += other.in_time;
  ok_in_time += other.ok_in_time;
  response_bytes += other.response_bytes;
  ok.Merge(other.ok);
  all.Merge(other.all);
}

int64_t CallStats::answered() const {
  int64_t sum = 0;
  for (const int64_t count : codes) sum += count;
  return sum;
}

absl::StatusOr<LoadResult> RunLoad(const LoadScenario& scenario,
                                   const std::vector<RequestSource>& sources,
                                   const Connector& connector, int server_pid) {
  const double seconds = TotalSeconds(scenario);
  const auto step = std::max<int64_t>(
      100'000'000, static_cast<int64_t>(seconds / kTimelinePoints * 1e9));
  std::vector<std::unique_ptr<LoadWorker>> workers;
  for (int i = 0; i < scenario.threads; ++i) {
    workers.push_back(
        std::make_unique<LoadWorker>(scenario, sources, connector, i, step));
    if (!workers.back()->Connect()) {
      return absl::UnavailableError("no connection to the server within 10 s");
    }
  }
  const int64_t start = NowNanos() + 10'000'000;
  for (auto& worker : workers) worker->Begin(start);
  std::optional<MemorySampler> sampler;
  if (UseOf(server_pid)) sampler.emplace(server_pid, start, step);

  LoadResult result;
  int64_t phase_start = start;
  for (size_t p = 0; p < scenario.phases.size(); ++p) {
    PhaseSpec phase = scenario.phases[p];
    PhaseResult& out = result.phases.emplace_back();
    out.name = phase.name;
    out.measured = phase.measured;
    out.start_seconds = 1e-9 * static_cast<double>(phase_start - start);
    out.seconds = phase.seconds;
    out.in_flight = phase.in_flight;
    if (!phase.rate_of_phase.empty()) {
      double rate = 1;
      for (size_t q = 0; q < p; ++q) {
        if (scenario.phases[q].name != phase.rate_of_phase) continue;
        int64_t done = 0;
        for (auto& worker : workers) done += worker->AnsweredInTime(q);
        rate = phase.rate_of_share * static_cast<double>(done) /
               scenario.phases[q].seconds;
      }
      phase.rates = {{phase.seconds, std::max(rate, 0.1), std::max(rate, 0.1)}};
    }
    out.intended_rate = Schedule::Expected(phase.rates) / phase.seconds;
    SleepUntil(phase_start);
    const std::optional<ProcessUse> before = UseOf(server_pid);
    const double client_before = OwnCpuSeconds();
    const int64_t end = phase_start + static_cast<int64_t>(phase.seconds * 1e9);
    for (auto& worker : workers) {
      worker->StartPhase(static_cast<int>(p), phase, phase_start, end);
    }
    SleepUntil(end);
    for (auto& worker : workers) worker->EndPhase();
    out.client_cpu_seconds = OwnCpuSeconds() - client_before;
    if (const auto after = UseOf(server_pid); before && after) {
      out.server_cpu_seconds = after->cpu_seconds - before->cpu_seconds;
      out.server_resident_bytes = after->resident_bytes;
    }
    phase_start = end;
  }
  const int64_t give_up =
      phase_start + static_cast<int64_t>(scenario.drain_seconds * 1e9);
  for (auto& worker : workers) worker->Drain(give_up);

  for (size_t p = 0; p < scenario.phases.size(); ++p) {
    result.phases[p].calls.resize(scenario.calls.size());
    for (auto& worker : workers) {
      worker->AddTo(static_cast<int>(p), &result.phases[p]);
    }
  }
  std::map<std::pair<int, std::string>, int64_t> failures;
  for (auto& worker : workers) {
    for (const auto& [failure, calls] : worker->failures()) {
      failures[failure] += calls;
    }
  }
  for (const auto& [failure, calls] : failures) {
    result.failures.push_back({failure.first, failure.second, calls});
  }
  std::stable_sort(
      result.failures.begin(), result.failures.end(),
      [](const Failure& a, const Failure& b) { return a.calls > b.calls; });
  result.timeline_step = 1e-9 * static_cast<double>(step);
  result.timeline = MergeTimelines(workers, result.timeline_step);
  if (sampler) {
    const std::vector<int64_t> memory = sampler->Stop();
    for (size_t i = 0; i < result.timeline.size() && i < memory.size(); ++i) {
      result.timeline[i].server_resident_bytes = memory[i];
    }
  }
  return result;
}

absl::StatusOr<std::string> CallOnce(const Connector& connector,
                                     const std::string& path,
                                     const std::string& bytes) {
  grpc::GenericStub stub(connector.NewChannel());
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  connector.Authorize(context);
  context.set_wait_for_ready(true);
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(60));
  grpc::Slice slice(bytes.data(), bytes.size());
  const auto call = stub.PrepareUnaryCall(&context, path,
                                          grpc::ByteBuffer(&slice, 1), &queue);
  grpc::ByteBuffer response;
  grpc::Status status;
  call->StartCall();
  call->Finish(&response, &status, &queue);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  if (!status.ok()) {
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                        absl::StrCat(path, ": ", status.error_message()));
  }
  std::vector<grpc::Slice> slices;
  std::string out;
  if (!response.Dump(&slices).ok()) {
    return absl::InternalError("the response cannot be read");
  }
  for (const grpc::Slice& part : slices) {
    out.append(reinterpret_cast<const char*>(part.begin()), part.size());
  }
  return out;
}

}  // namespace allot
