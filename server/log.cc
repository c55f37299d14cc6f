// SPDX-License-Identifier: Apache-2.0
#include "server/log.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/stubs/logging.h"
#include "grpc/support/log.h"
#include "nlohmann/json.hpp"

namespace allot {
namespace {

constexpr double kBurst = 200;

const char* Name(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return "DEBUG";
    case Severity::kInfo:
      return "INFO";
    case Severity::kWarning:
      return "WARNING";
    case Severity::kError:
      return "ERROR";
  }
  return "INFO";
}

std::string ToText(absl::string_view text) {
  return std::string(text.data(), text.size());
}

// gRPC and protobuf take plain functions, so where they log to must be static.
std::atomic<Logger*> library_logger{nullptr};

void FromGrpc(gpr_log_func_args* args) {
  Logger* logger = library_logger.load();
  if (logger == nullptr || args->severity == GPR_LOG_SEVERITY_DEBUG) return;
  logger->LogLimited(args->severity == GPR_LOG_SEVERITY_ERROR
                         ? Severity::kWarning
                         : Severity::kDebug,
                     args->message, {{"library", "grpc"}});
}

void FromProtobuf(google::protobuf::LogLevel level, const char* /*file*/,
                  int /*line*/, const std::string& message) {
  Logger* logger = library_logger.load();
  if (logger == nullptr) return;
  // What protobuf calls an error is a caller's malformed message, which the
  // call's own line reports.
  logger->LogLimited(level == google::protobuf::LOGLEVEL_FATAL
                         ? Severity::kError
                         : Severity::kDebug,
                     message, {{"library", "protobuf"}});
}

}  // namespace

std::optional<Severity> ParseSeverity(absl::string_view name) {
  for (const Severity severity : {Severity::kDebug, Severity::kInfo,
                                  Severity::kWarning, Severity::kError}) {
    if (absl::AsciiStrToUpper(name) == Name(severity)) return severity;
  }
  return std::nullopt;
}

Logger::Logger(const Clock* clock, Severity least, Sink sink)
    : clock_(*clock),
      least_(least),
      sink_(std::move(sink)),
      tokens_(kBurst),
      refilled_nanos_(clock->MonotonicNanos()) {}

Logger::Sink Logger::ToStandardError() {
  return [](absl::string_view line) {
    // One write a line, so that lines of several threads do not mix.
    const std::string whole = absl::StrCat(line, "\n");
    std::fwrite(whole.data(), 1, whole.size(), stderr);
  };
}

void Logger::Log(Severity severity, absl::string_view message, Fields fields) {
  if (Enabled(severity)) Write(severity, message, fields, 0);
}

void Logger::LogLimited(Severity severity, absl::string_view message,
                        Fields fields) {
  if (!Enabled(severity)) return;
  int64_t dropped_before = 0;
  {
    MutexLock lock(mutex_);
    const int64_t now = clock_.MonotonicNanos();
    tokens_ = std::min(
        kBurst, tokens_ + 1e-9 * static_cast<double>(now - refilled_nanos_) *
                              kPerSecond);
    refilled_nanos_ = now;
    if (tokens_ < 1) {
      ++unreported_;
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    tokens_ -= 1;
    std::swap(dropped_before, unreported_);
  }
  Write(severity, message, fields, dropped_before);
}

void Logger::Audit(absl::string_view method, Fields fields) {
  Write(Severity::kInfo, "audit", fields, 0, method);
}

void Logger::Write(Severity severity, absl::string_view message, Fields fields,
                   int64_t dropped_before, absl::string_view audited) {
  nlohmann::ordered_json line;
  line["time"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", clock_.Now(),
                                  absl::UTCTimeZone());
  line["severity"] = Name(severity);
  line["message"] = ToText(message);
  if (!audited.empty()) {
    line["audit"] = true;
    line["method"] = ToText(audited);
  }
  for (const auto& [name, value] : fields) {
    const std::string key = ToText(name);
    if (const auto* text = std::get_if<absl::string_view>(&value)) {
      if (!text->empty()) line[key] = ToText(*text);
    } else if (const auto* whole = std::get_if<int64_t>(&value)) {
      line[key] = *whole;
    } else if (const auto* real = std::get_if<double>(&value)) {
      line[key] = *real;
    } else {
      line[key] = std::get<bool>(value);
    }
  }
  if (dropped_before > 0) line["dropped_before"] = dropped_before;
  sink_(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void CaptureLibraryLogs(Logger* logger) {
  library_logger.store(logger);
  gpr_set_log_function(FromGrpc);
  google::protobuf::SetLogHandler(FromProtobuf);
}

std::string TraceIdOf(absl::string_view traceparent) {
  // version "-" trace-id "-" parent-id "-" flags, lower-case hex; later
  // versions may append more (W3C Trace Context, 3.2.2).
  const std::vector<absl::string_view> parts = absl::StrSplit(traceparent, '-');
  if (parts.size() < 4 || parts[0].size() != 2 || parts[0] == "ff" ||
      parts[1].size() != 32 || parts[2].size() != 16 || parts[3].size() != 2) {
    return "";
  }
  bool any = false;
  for (const char c : parts[1]) {
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c)) ||
        absl::ascii_isupper(static_cast<unsigned char>(c))) {
      return "";
    }
    any = any || c != '0';
  }
  return any ? ToText(parts[1]) : "";
}

std::string ChildOf(absl::string_view traceparent, uint64_t seed) {
  // Finaliser of splitmix64; an id of all zeros would not be one.
  static std::atomic<uint64_t> calls{0};
  uint64_t id = seed + 0x9e3779b97f4a7c15 * ++calls;
  id = (id ^ (id >> 30)) * 0xbf58476d1ce4e5b9;
  id = (id ^ (id >> 27)) * 0x94d049bb133111eb;
  id = (id ^ (id >> 31)) | 1;
  return absl::StrCat("00-", traceparent.substr(3, 32), "-",
                      absl::Hex(id, absl::kZeroPad16), "-",
                      traceparent.substr(53, 2));
}

}  // namespace allot
