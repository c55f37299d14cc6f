// SPDX-License-Identifier: Apache-2.0
// How a server is set up. Zero flags give a working one.
#ifndef ALLOT_SERVER_OPTIONS_H_
#define ALLOT_SERVER_OPTIONS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/log.h"

namespace allot {

// The defaults here are those of the flags.
struct ServerOptions {
  std::string listen = "127.0.0.1:50051";
  std::string http_listen = "127.0.0.1:9464";  // empty: no HTTP port
  std::string store = "sqlite:allot.db";
  int workers = 0;  // 0: one per core
  int queue = 256;
  int max_request_bytes = 4 << 20;
  absl::Duration drain = absl::Seconds(10);
  absl::Duration slow_call = absl::Seconds(1);
  Severity log_level = Severity::kInfo;
};

// What the flags say. Errors: kInvalidArgument naming the flag.
absl::StatusOr<ServerOptions> OptionsFromFlags();

}  // namespace allot

#endif  // ALLOT_SERVER_OPTIONS_H_
