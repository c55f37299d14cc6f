// SPDX-License-Identifier: Apache-2.0
// allot: the command line of the allotd service.
#include <csignal>
#include <iostream>
#include <string>

#include "absl/strings/str_replace.h"
#include "cli/commands.h"
#include "cli/exit_code.h"

namespace allot {
namespace {

constexpr char kFooter[] = R"(
Exit status:
  0  done
  1  the server failed, or a file cannot be read or written
  2  usage, or a file or request that is not valid
  3  no server there, or it went away
  4  no such pool, labeler, task or store
  5  aggregate, calibrate, match, replay, replay-data, report: the contents of a
     data file are not valid; stores: the contents are damaged

`allot COMMAND --help` tells more about a command.)";

int Main(int argc, char** argv) {
  // A reader that has seen enough (`allot ... | head`) is no failure.
  std::signal(SIGPIPE, SIG_DFL);
  CLI::App app("Who should label what, and how sure are we?", "allot");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", "allot " ALLOT_VERSION);

  Invocation invocation;
  std::string format = "table";
  double timeout_seconds = 60;
  app.add_option("--server", invocation.client.server, "Where allotd listens")
      ->envname("ALLOT_SERVER")
      ->capture_default_str()
      ->type_name("HOST:PORT");
  app.add_option("-o,--output", format,
                 "How to print: table or json; aggregate and match also csv")
      ->capture_default_str()
      ->check(CLI::IsMember({"table", "json", "csv"}))
      ->type_name("FORMAT");
  app.add_option("--timeout", timeout_seconds, "Of one call, seconds")
      ->capture_default_str()
      ->check(CLI::Range(0.001, 86400.0))
      ->type_name("SECONDS");
  app.add_option("--tls-ca", invocation.client.tls_ca,
                 "Authority that the server's certificate is of; turns on TLS")
      ->envname("ALLOT_TLS_CA")
      ->type_name("FILE.pem");
  app.add_option("--tls-cert", invocation.client.tls_cert,
                 "Certificate to show, for a server that asks for one")
      ->envname("ALLOT_TLS_CERT")
      ->type_name("FILE.pem");
  app.add_option("--tls-key", invocation.client.tls_key, "Its private key")
      ->envname("ALLOT_TLS_KEY")
      ->type_name("FILE.pem");
  app.add_option("--token-file", invocation.client.token_file,
                 "File with the bearer token to send")
      ->envname("ALLOT_TOKEN_FILE")
      ->type_name("FILE");
  AddPoolCommands(app, invocation);
  AddLabelerCommands(app, invocation);
  AddAnswerCommands(app, invocation);
  AddAllocateCommand(app, invocation);
  AddScoreCommand(app, invocation);
  AddLeaseCommands(app, invocation);
  AddStoreCommands(app, invocation);
  AddAggregateCommand(app, invocation);
  AddReportCommand(app, invocation);
  AddMatchCommand(app, invocation);
  AddDemoDataCommand(app, invocation);
  AddReplayCommand(app, invocation);
  AddStudyCommands(app, invocation);
  app.add_subcommand("version", "Print the version")->callback([&invocation] {
    invocation.run = [] {
      std::cout << "allot " ALLOT_VERSION ", contract allot.v1\n";
      return absl::OkStatus();
    };
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help
    std::cerr << "allot: " << error.what()
              << "\nrun with --help for the options\n";
    return kExitBadInput;
  }
  invocation.json = format == "json";
  invocation.csv = format == "csv";
  if (invocation.csv && !app.got_subcommand("aggregate") &&
      !app.got_subcommand("match")) {
    std::cerr << "allot: only aggregate and match print CSV; use -o table or "
                 "json\n";
    return kExitBadInput;
  }
  invocation.client.timeout =
      std::chrono::milliseconds(static_cast<int64_t>(timeout_seconds * 1000));
  const absl::Status status = invocation.run();
  if (!status.ok()) {
    std::cerr << "allot: "
              << absl::StrReplaceAll(status.message(), {{"\n", "\n  "}})
              << '\n';
  }
  std::cout.flush();
  return ExitCodeOf(status);
}

}  // namespace
}  // namespace allot

int main(int argc, char** argv) { return allot::Main(argc, argv); }
