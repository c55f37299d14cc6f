// SPDX-License-Identifier: Apache-2.0
// allotd: decides who labels what, and says how sure we are, over gRPC.
#include <csignal>
#include <cstdio>

#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "lib/base/clock.h"
#include "server/config.h"
#include "server/log.h"
#include "server/options.h"
#include "server/server.h"

namespace {

int Complain(const absl::Status& status) {
  std::fprintf(stderr, "allotd: %s\n", std::string(status.message()).c_str());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  // Its bookkeeping costs every lock in gRPC; it must be off before the first.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  absl::SetProgramUsageMessage(
      "serves allot.v1 over gRPC.\nEvery flag has a default; without any, "
      "state "
      "is kept in allot.db in the working directory.");
  absl::StatusOr<allot::Config> config =
      allot::Config::FromCommandLine(argc, argv);
  if (!config.ok()) return Complain(config.status());
  const absl::StatusOr<allot::ServerOptions> options = config->Options();
  if (!options.ok()) return Complain(options.status());
  if (config->check_only()) {
    std::puts("ok");
    return 0;
  }

  // Every thread inherits the mask: the signals wait for sigwait() below.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  const allot::SystemClock clock;
  allot::Logger log(&clock, options->log_level,
                    allot::Logger::ToStandardError());
  allot::CaptureLibraryLogs(&log);
  auto server = allot::Server::Start(*options, &clock, &log);
  if (!server.ok()) {
    log.Log(allot::Severity::kError,
            absl::StrCat("cannot start: ", server.status().message()));
    allot::CaptureLibraryLogs(nullptr);
    return 1;
  }
  // One line for programs that start this one, with the ports it got.
  std::printf("{\"grpc\":\"%s\",\"http\":\"%s\"}\n",
              (*server)->grpc_address().c_str(),
              (*server)->http_address().c_str());
  std::fflush(stdout);
  log.Log(allot::Severity::kInfo, "serving",
          {{"version", allot::Version()},
           {"grpc", (*server)->grpc_address()},
           {"http", (*server)->http_address()}});
  int signal = 0;
  while (sigwait(&signals, &signal) == 0 && signal == SIGHUP) {
    const absl::Status reloaded = config->Reload();
    (*server)->Reload(reloaded.ok() ? config->Options() : reloaded);
  }
  log.Log(allot::Severity::kInfo, "signal received",
          {{"signal", int64_t{signal}}});
  (*server)->Stop();
  allot::CaptureLibraryLogs(nullptr);
  return 0;
}
