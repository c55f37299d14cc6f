// SPDX-License-Identifier: Apache-2.0
#include "server/options.h"

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"

ABSL_FLAG(std::string, listen, allot::ServerOptions().listen,
          "Address of the gRPC port. Port 0 takes a free one.");
ABSL_FLAG(std::string, http_listen, allot::ServerOptions().http_listen,
          "Address of the HTTP port for /metrics, /healthz, /readyz and "
          "/statusz. Port 0 takes a free one; empty turns it off.");
ABSL_FLAG(std::string, store, allot::ServerOptions().store,
          "Where state is kept: sqlite:PATH, redis://HOST:PORT for several "
          "replicas, or memory: to forget it all at exit.");
ABSL_FLAG(int, workers, allot::ServerOptions().workers,
          "Threads that compute calls, 1 to 1024. 0: one per core.");
ABSL_FLAG(int, queue, allot::ServerOptions().queue,
          "Calls that may wait for a worker, 1 to 100000. More are refused "
          "with RESOURCE_EXHAUSTED.");
ABSL_FLAG(int, max_request_bytes, allot::ServerOptions().max_request_bytes,
          "Largest request message, 1024 to 1073741824 bytes. Larger ones are "
          "refused with RESOURCE_EXHAUSTED.");
ABSL_FLAG(absl::Duration, drain, allot::ServerOptions().drain,
          "How long calls may take to finish after SIGTERM, 0 to 1h.");
ABSL_FLAG(absl::Duration, slow_call, allot::ServerOptions().slow_call,
          "Calls that take longer are logged as warnings, 0 or more.");
ABSL_FLAG(std::string, log_level, "info",
          "Least severity that is logged: debug, info, warning or error. At "
          "debug every call is logged.");

namespace allot {
namespace {

absl::Status CheckFlag(bool good, absl::string_view flag,
                       absl::string_view must) {
  if (good) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--", flag, ": must be ", must));
}

}  // namespace

absl::StatusOr<ServerOptions> OptionsFromFlags() {
  ServerOptions options;
  options.listen = absl::GetFlag(FLAGS_listen);
  options.http_listen = absl::GetFlag(FLAGS_http_listen);
  options.store = absl::GetFlag(FLAGS_store);
  options.workers = absl::GetFlag(FLAGS_workers);
  options.queue = absl::GetFlag(FLAGS_queue);
  options.max_request_bytes = absl::GetFlag(FLAGS_max_request_bytes);
  options.drain = absl::GetFlag(FLAGS_drain);
  options.slow_call = absl::GetFlag(FLAGS_slow_call);
  const auto severity = ParseSeverity(absl::GetFlag(FLAGS_log_level));
  for (const absl::Status& status :
       {CheckFlag(options.workers >= 0 && options.workers <= 1024, "workers",
                  "in [0, 1024]"),
        CheckFlag(options.queue >= 1 && options.queue <= 100'000, "queue",
                  "in [1, 100000]"),
        CheckFlag(options.max_request_bytes >= 1024 &&
                      options.max_request_bytes <= 1 << 30,
                  "max_request_bytes", "in [1024, 1073741824]"),
        CheckFlag(options.drain >= absl::ZeroDuration() &&
                      options.drain <= absl::Hours(1),
                  "drain", "in [0, 1h]"),
        CheckFlag(options.slow_call >= absl::ZeroDuration(), "slow_call",
                  "0 or more"),
        CheckFlag(severity.has_value(), "log_level",
                  "debug, info, warning or error")}) {
    if (!status.ok()) return status;
  }
  options.log_level = *severity;
  return options;
}

}  // namespace allot
