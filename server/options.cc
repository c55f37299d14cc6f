// SPDX-License-Identifier: Apache-2.0
#include "server/options.h"

#include <algorithm>

#include "absl/flags/flag.h"
#include "absl/flags/reflection.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "server/access.h"
#include "server/http_server.h"

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
ABSL_FLAG(absl::Duration, latency_target, allot::ServerOptions().latency_target,
          "Calls in flight are limited such that a call takes about this and "
          "four times its own work, 0 to 1m. 0: only --queue limits them.");
ABSL_FLAG(absl::Duration, batch_window, allot::ServerOptions().batch_window,
          "Single-task allocations of a pool that arrive within this time are "
          "solved as one batch, 0 to 1s. 0: each alone.");
ABSL_FLAG(int, max_request_bytes, allot::ServerOptions().max_request_bytes,
          "Largest request message, 1024 to 1073741824 bytes. Larger ones are "
          "refused with RESOURCE_EXHAUSTED.");
ABSL_FLAG(int64_t, max_buffer_bytes, allot::ServerOptions().max_buffer_bytes,
          "Memory that gRPC may take for what comes in and goes out, 16777216 "
          "bytes or more.");
ABSL_FLAG(int, max_connections, allot::ServerOptions().max_connections,
          "Connections to the gRPC port, 1 to 1000000. More are closed at "
          "once.");
ABSL_FLAG(absl::Duration, max_connection_age,
          allot::ServerOptions().max_connection_age,
          "Clients are asked to connect anew after about this long, so that "
          "new replicas get their share, 0 or 1s and more. 0: never.");
ABSL_FLAG(std::string, tls_cert, "",
          "PEM file with the server's certificate chain. With --tls_key it "
          "turns on TLS; both are watched for changes.");
ABSL_FLAG(std::string, tls_key, "",
          "PEM file with the certificate's private key.");
ABSL_FLAG(std::string, tls_client_ca, "",
          "PEM file with the authorities whose certificates clients must show "
          "(mutual TLS).");
ABSL_FLAG(std::string, tokens, "",
          "JSON file with the hashes of bearer tokens, their roles and pools; "
          "watched for changes. Empty: whoever reaches the port may do all.");
ABSL_FLAG(std::string, allow_cleartext, "none",
          "Ports that may be bound on other than loopback addresses without "
          "TLS: none, grpc, http or all.");
ABSL_FLAG(std::string, config, "",
          "JSON file with values for these flags, by name, and quotas. The "
          "command line wins. SIGHUP reads it anew.");
ABSL_FLAG(bool, check_config, false,
          "Check the settings, say what is wrong with them, and exit.");
ABSL_FLAG(absl::Duration, lame_duck, allot::ServerOptions().lame_duck,
          "How long calls are still taken after SIGTERM, while health and "
          "/readyz say no already, 0 to 1m: time for balancers to look "
          "elsewhere.");
ABSL_FLAG(absl::Duration, drain, allot::ServerOptions().drain,
          "How long calls may take to finish after SIGTERM, 0 to 1h.");
ABSL_FLAG(absl::Duration, slow_call, allot::ServerOptions().slow_call,
          "Calls that take longer are logged as warnings, 0 or more.");
ABSL_FLAG(std::string, allocation_log, "",
          "Folder for a log of allocations, to be replayed with `allot "
          "replay`; made if it is not there. Empty: none is kept.");
ABSL_FLAG(double, allocation_log_sample,
          allot::ServerOptions().allocation_log.sample,
          "Share of the requests that are logged, above 0 up to 1: always the "
          "same ones.");
ABSL_FLAG(int64_t, allocation_log_file_bytes,
          allot::ServerOptions().allocation_log.file_bytes,
          "Size at which a new file is begun, 1048576 to 1073741824 bytes.");
ABSL_FLAG(int, allocation_log_files,
          allot::ServerOptions().allocation_log.files,
          "Files kept, 1 to 10000; the oldest are deleted.");
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
  options.latency_target = absl::GetFlag(FLAGS_latency_target);
  options.batch_window = absl::GetFlag(FLAGS_batch_window);
  options.max_buffer_bytes = absl::GetFlag(FLAGS_max_buffer_bytes);
  options.max_connections = absl::GetFlag(FLAGS_max_connections);
  options.max_connection_age = absl::GetFlag(FLAGS_max_connection_age);
  options.tls = {absl::GetFlag(FLAGS_tls_cert), absl::GetFlag(FLAGS_tls_key),
                 absl::GetFlag(FLAGS_tls_client_ca)};
  options.tokens = absl::GetFlag(FLAGS_tokens);
  const std::string cleartext = absl::GetFlag(FLAGS_allow_cleartext);
  options.cleartext_grpc = cleartext == "grpc" || cleartext == "all";
  options.cleartext_http = cleartext == "http" || cleartext == "all";
  options.lame_duck = absl::GetFlag(FLAGS_lame_duck);
  options.drain = absl::GetFlag(FLAGS_drain);
  options.slow_call = absl::GetFlag(FLAGS_slow_call);
  options.allocation_log.folder = absl::GetFlag(FLAGS_allocation_log);
  options.allocation_log.sample = absl::GetFlag(FLAGS_allocation_log_sample);
  options.allocation_log.file_bytes =
      absl::GetFlag(FLAGS_allocation_log_file_bytes);
  options.allocation_log.files = absl::GetFlag(FLAGS_allocation_log_files);
  const auto severity = ParseSeverity(absl::GetFlag(FLAGS_log_level));
  for (const absl::Status& status :
       {CheckFlag(options.workers >= 0 && options.workers <= 1024, "workers",
                  "in [0, 1024]"),
        CheckFlag(options.queue >= 1 && options.queue <= 100'000, "queue",
                  "in [1, 100000]"),
        CheckFlag(options.max_request_bytes >= 1024 &&
                      options.max_request_bytes <= 1 << 30,
                  "max_request_bytes", "in [1024, 1073741824]"),
        CheckFlag(options.latency_target >= absl::ZeroDuration() &&
                      options.latency_target <= absl::Minutes(1),
                  "latency_target", "in [0, 1m]"),
        CheckFlag(options.batch_window >= absl::ZeroDuration() &&
                      options.batch_window <= absl::Seconds(1),
                  "batch_window", "in [0, 1s]"),
        CheckFlag(options.max_buffer_bytes >= 16 << 20, "max_buffer_bytes",
                  "16777216 or more"),
        CheckFlag(options.max_connections >= 1 &&
                      options.max_connections <= 1'000'000,
                  "max_connections", "in [1, 1000000]"),
        CheckFlag(options.max_connection_age == absl::ZeroDuration() ||
                      (options.max_connection_age >= absl::Seconds(1) &&
                       options.max_connection_age <= absl::Hours(24 * 365)),
                  "max_connection_age", "0, or in [1s, 8760h]"),
        CheckFlag(cleartext == "none" || options.cleartext_grpc ||
                      options.cleartext_http,
                  "allow_cleartext", "none, grpc, http or all"),
        CheckFlag(options.lame_duck >= absl::ZeroDuration() &&
                      options.lame_duck <= absl::Minutes(1),
                  "lame_duck", "in [0, 1m]"),
        CheckFlag(options.drain >= absl::ZeroDuration() &&
                      options.drain <= absl::Hours(1),
                  "drain", "in [0, 1h]"),
        CheckFlag(options.slow_call >= absl::ZeroDuration(), "slow_call",
                  "0 or more"),
        CheckFlag(options.allocation_log.sample > 0 &&
                      options.allocation_log.sample <= 1,
                  "allocation_log_sample", "in (0, 1]"),
        CheckFlag(options.allocation_log.file_bytes >= 1 << 20 &&
                      options.allocation_log.file_bytes <= 1 << 30,
                  "allocation_log_file_bytes", "in [1048576, 1073741824]"),
        CheckFlag(options.allocation_log.files >= 1 &&
                      options.allocation_log.files <= 10'000,
                  "allocation_log_files", "in [1, 10000]"),
        CheckFlag(severity.has_value(), "log_level",
                  "debug, info, warning or error")}) {
    if (!status.ok()) return status;
  }
  options.log_level = *severity;
  return options;
}

absl::Status CheckOptions(const ServerOptions& options) {
  const auto check = [](absl::string_view flag, const std::string& address,
                        bool may_be_public,
                        absl::string_view remedy) -> absl::Status {
    const absl::StatusOr<HostPort> parsed = ParseAddress(address);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", flag, ": ", parsed.status().message()));
    }
    if (may_be_public || IsLoopback(parsed->host)) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "--", flag, ": ", address,
        " can be reached from other machines, in clear text: ", remedy));
  };
  ALLOT_RETURN_IF_ERROR(CheckTlsFiles(options.tls));
  ALLOT_RETURN_IF_ERROR(check(
      "listen", options.listen,
      options.cleartext_grpc || !options.tls.certificate.empty(),
      "give --tls_cert and --tls_key, or say --allow_cleartext=grpc if the "
      "network is trusted"));
  if (!options.http_listen.empty()) {
    ALLOT_RETURN_IF_ERROR(
        check("http_listen", options.http_listen, options.cleartext_http,
              "say --allow_cleartext=http if its pages may be read there"));
  }
  if (!options.allocation_log.folder.empty()) {
    const absl::Status folder =
        CheckAllocationLogFolder(options.allocation_log.folder);
    if (!folder.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--allocation_log: ", folder.message()));
    }
  }
  if (!options.tokens.empty()) {
    ALLOT_RETURN_IF_ERROR(TokenTable::Read(options.tokens).status());
  }
  return absl::OkStatus();
}

std::vector<absl::CommandLineFlag*> AllFlags() {
  std::vector<absl::CommandLineFlag*> flags;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (absl::EndsWith(flag->Filename(), "server/options.cc")) {
      flags.push_back(flag);
    }
  }
  std::ranges::sort(flags, {}, [](const absl::CommandLineFlag* flag) {
    return std::string(flag->Name());
  });
  return flags;
}

absl::CommandLineFlag* FindFlag(absl::string_view name) {
  for (absl::CommandLineFlag* flag : AllFlags()) {
    if (flag->Name() == name) return flag;
  }
  return nullptr;
}

}  // namespace allot
