// SPDX-License-Identifier: Apache-2.0
// Structured logs: one JSON object a line.
#ifndef ALLOT_SERVER_LOG_H_
#define ALLOT_SERVER_LOG_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/string_view.h"
#include "lib/base/clock.h"
#include "lib/base/mutex.h"

namespace allot {

enum class Severity { kDebug, kInfo, kWarning, kError };

// "debug", "info", "warning", "error"; nullopt for anything else.
std::optional<Severity> ParseSeverity(absl::string_view name);

// Thread-safe.
class Logger {
 public:
  using Value = std::variant<absl::string_view, int64_t, double, bool>;
  using Fields = std::initializer_list<std::pair<absl::string_view, Value>>;
  // Takes one line, without its newline.
  using Sink = std::function<void(absl::string_view line)>;

  // Lines below `least` are dropped.
  Logger(const Clock* clock, Severity least, Sink sink);

  // A sink that writes to the standard error stream.
  static Sink ToStandardError();

  bool Enabled(Severity severity) const {
    return severity >= least_.load(std::memory_order_relaxed);
  }

  // {"time": ..., "severity": ..., "message": ..., and the fields}. Text that
  // is not UTF-8 is replaced, never passed on. Fields with empty text are left
  // out.
  void Log(Severity severity, absl::string_view message, Fields fields = {});

  // The same for lines that callers can provoke: at most kPerSecond a second
  // on average. What is dropped is counted, and the next line that passes says
  // how many were.
  static constexpr double kPerSecond = 50;
  void LogLimited(Severity severity, absl::string_view message, Fields fields);

  // What somebody did that must be on record, whatever the least severity and
  // the rate: {"audit": true, "method": ...}.
  void Audit(absl::string_view method, Fields fields);

  // From now on.
  void set_least(Severity least) {
    least_.store(least, std::memory_order_relaxed);
  }

  int64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  void Write(Severity severity, absl::string_view message, Fields fields,
             int64_t dropped_before, absl::string_view audited = {});

  const Clock& clock_;
  std::atomic<Severity> least_;
  const Sink sink_;
  Mutex mutex_;
  double tokens_ ABSL_GUARDED_BY(mutex_);
  int64_t refilled_nanos_ ABSL_GUARDED_BY(mutex_);
  int64_t unreported_ ABSL_GUARDED_BY(mutex_) = 0;
  std::atomic<int64_t> dropped_{0};
};

// Sends what gRPC and protobuf log through `logger`, which must live until the
// process ends or the next call; nullptr silences them.
void CaptureLibraryLogs(Logger* logger);

// The trace id of a W3C traceparent header, 32 hex digits; empty if the header
// is not a valid one.
std::string TraceIdOf(absl::string_view traceparent);

// The header of a span of ours below a valid one: the same trace and flags, an
// id of our own made from `seed`.
std::string ChildOf(absl::string_view traceparent, uint64_t seed);

}  // namespace allot

#endif  // ALLOT_SERVER_LOG_H_
