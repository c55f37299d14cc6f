// SPDX-License-Identifier: Apache-2.0
// How a server is set up. Zero flags give a working one.
#ifndef ALLOT_SERVER_OPTIONS_H_
#define ALLOT_SERVER_OPTIONS_H_

#include <string>
#include <vector>

#include "absl/flags/commandlineflag.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/allocation_log.h"
#include "server/log.h"
#include "server/quotas.h"
#include "server/tls.h"

namespace allot {

// One flag as it stands, for /configz.
struct Setting {
  std::string name;
  std::string value;
  std::string default_value;
  std::string source;  // "default", "command line" or the file's name
};

// The defaults here are those of the flags.
struct ServerOptions {
  std::string listen = "127.0.0.1:50051";
  std::string http_listen = "127.0.0.1:9464";  // empty: no HTTP port
  std::string store = "sqlite:allot.db";
  int workers = 0;  // 0: one per core
  int queue = 256;
  absl::Duration latency_target = absl::Milliseconds(10);  // 0: no such limit
  absl::Duration batch_window = absl::ZeroDuration();      // 0: none
  int max_request_bytes = 4 << 20;
  int64_t max_buffer_bytes = int64_t{256} << 20;
  int max_connections = 4096;
  absl::Duration max_connection_age = absl::ZeroDuration();  // 0: no end
  TlsFiles tls;
  std::string tokens;  // path; empty: none are asked for
  // Ports that may be bound on public addresses without TLS.
  bool cleartext_grpc = false;
  bool cleartext_http = false;
  absl::Duration lame_duck = absl::Seconds(1);
  absl::Duration drain = absl::Seconds(10);
  absl::Duration slow_call = absl::Seconds(1);
  AllocationLogOptions allocation_log;  // no folder: none is kept
  Severity log_level = Severity::kInfo;
  std::vector<QuotaRule> quotas;  // of the file of settings alone
  std::vector<Setting> settings;  // where all of this is from
};

// What the flags say. Errors: kInvalidArgument "--FLAG: must be ...".
absl::StatusOr<ServerOptions> OptionsFromFlags();

// Whether a server could start with them: addresses, certificates, tokens, and
// that nothing is served to the public in clear text unawares. Errors:
// kInvalidArgument naming the flag, or a file's line.
absl::Status CheckOptions(const ServerOptions& options);

// allotd's own flags, by name.
std::vector<absl::CommandLineFlag*> AllFlags();
absl::CommandLineFlag* FindFlag(absl::string_view name);

}  // namespace allot

#endif  // ALLOT_SERVER_OPTIONS_H_
