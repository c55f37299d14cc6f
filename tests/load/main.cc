// SPDX-License-Identifier: Apache-2.0
// allot-load: puts load on an allotd, or on any gRPC server of the same
// contract, and says how it answered.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "lib/base/status_macros.h"
#include "tests/load/load_report.h"
#include "tests/load/load_runner.h"
#include "tests/load/requests.h"
#include "tests/load/scenario.h"

namespace allot {
namespace {

struct Arguments {
  std::string scenario_file;
  ConnectionOptions connection;
  std::string json_file;
  std::string html_file;
  std::string sample_folder;
  int server_pid = 0;
  bool no_setup = false;
  bool setup_only = false;
  bool quiet = false;
};

absl::Status Write(const std::string& path, absl::string_view text) {
  if (path == "-") {
    std::cout << text << "\n";
    return absl::OkStatus();
  }
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (out) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("cannot write ", path));
}

absl::StatusOr<std::string> Read(const std::string& path) {
  if (path == "-") {
    return std::string(std::istreambuf_iterator<char>(std::cin), {});
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    return absl::InvalidArgumentError(absl::StrCat("cannot read ", path));
  }
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// Whether every threshold held.
absl::StatusOr<bool> Run(const Arguments& arguments) {
  ALLOT_ASSIGN_OR_RETURN(const std::string text, Read(arguments.scenario_file));
  ALLOT_ASSIGN_OR_RETURN(const LoadScenario scenario, ParseScenario(text));
  ALLOT_ASSIGN_OR_RETURN(const Connector connector,
                         Connector::Make(arguments.connection));
  const auto run = static_cast<uint64_t>(
      std::chrono::system_clock::now().time_since_epoch().count());
  std::vector<RequestSource> sources;
  for (const CallSpec& call : scenario.calls) {
    ALLOT_ASSIGN_OR_RETURN(RequestSource source,
                           RequestSource::Make(scenario, call, run));
    sources.push_back(std::move(source));
  }
  if (!arguments.no_setup) {
    ALLOT_RETURN_IF_ERROR(SetUpPools(scenario, connector));
  }
  if (arguments.setup_only) return true;
  if (!arguments.sample_folder.empty()) {
    for (size_t i = 0; i < sources.size(); ++i) {
      const std::string stem =
          absl::StrCat(arguments.sample_folder, "/", scenario.calls[i].name);
      const std::string request = sources[i].RequestBytes(0);
      ALLOT_ASSIGN_OR_RETURN(const std::string response,
                             CallOnce(connector, sources[i].path(), request));
      ALLOT_RETURN_IF_ERROR(Write(absl::StrCat(stem, ".request"), request));
      ALLOT_RETURN_IF_ERROR(Write(absl::StrCat(stem, ".response"), response));
    }
    return true;
  }
  ALLOT_ASSIGN_OR_RETURN(
      const LoadResult result,
      RunLoad(scenario, sources, connector, arguments.server_pid));
  const std::vector<Verdict> verdicts = Judge(scenario, result);
  const std::string& target = arguments.connection.target;
  const std::string json = ToJson(scenario, target, result, verdicts);
  if (!arguments.quiet) {
    std::fputs(ToText(scenario, target, result, verdicts).c_str(), stderr);
  }
  if (!arguments.json_file.empty()) {
    ALLOT_RETURN_IF_ERROR(Write(arguments.json_file, json));
  }
  if (!arguments.html_file.empty()) {
    ALLOT_RETURN_IF_ERROR(
        Write(arguments.html_file,
              ToHtml(ToPage(scenario, target, result, verdicts))));
  }
  for (const Verdict& verdict : verdicts) {
    if (!verdict.ok) return false;
  }
  return true;
}

int Main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app(
      "Puts load on an allotd and measures how it answers.\n"
      "Exit codes: 0 thresholds held, 1 one did not, 2 nothing was "
      "measured.",
      "allot-load");
  app.add_option("scenario", arguments.scenario_file,
                 "The scenario, a JSON file; - reads the standard input")
      ->required()
      ->type_name("FILE");
  ConnectionOptions& connection = arguments.connection;
  app.add_option("--server", connection.target, "Where the server listens")
      ->type_name("HOST:PORT")
      ->envname("ALLOT_SERVER")
      ->capture_default_str();
  app.add_option("--ca", connection.ca_file,
                 "TLS: the authority that signed the server's certificate")
      ->type_name("PEM");
  app.add_option("--cert", connection.cert_file, "mTLS: our certificate")
      ->type_name("PEM");
  app.add_option("--key", connection.key_file, "mTLS: its key")
      ->type_name("PEM");
  app.add_option("--server-name", connection.server_name,
                 "Name in the server's certificate");
  app.add_option("--token-file", connection.token_file,
                 "File with the bearer token")
      ->type_name("FILE");
  app.add_option("--server-pid", arguments.server_pid,
                 "Measure this process's CPU time and memory beside")
      ->type_name("PID");
  app.add_option("--json", arguments.json_file,
                 "Write the figures as JSON; - for the standard output")
      ->type_name("FILE");
  app.add_option("--html", arguments.html_file, "Write a page with plots")
      ->type_name("FILE");
  app.add_flag("--no-setup", arguments.no_setup,
               "The pools are there: make none");
  app.add_flag("--setup-only", arguments.setup_only, "Make the pools and stop");
  app.add_option("--sample", arguments.sample_folder,
                 "Call each method once, and write request and response as "
                 "NAME.request and NAME.response")
      ->type_name("DIR");
  app.add_flag("--quiet", arguments.quiet, "No table");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const absl::StatusOr<bool> ok = Run(arguments);
  if (!ok.ok()) {
    std::fprintf(stderr, "allot-load: %s\n",
                 std::string(ok.status().message()).c_str());
    return 2;
  }
  return *ok ? 0 : 1;
}

}  // namespace
}  // namespace allot

int main(int argc, char** argv) {
  // Its bookkeeping costs every lock in gRPC.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return allot::Main(argc, argv);
}
