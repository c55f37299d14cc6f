// SPDX-License-Identifier: Apache-2.0
// The subcommands of `allot`. Each Add function declares its options and, when
// it is the one given, leaves what to do in Invocation::run.
#ifndef ALLOT_CLI_COMMANDS_H_
#define ALLOT_CLI_COMMANDS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "cli/client.h"
#include "lib/store/store.h"

namespace allot {

struct Invocation {
  ClientOptions client;
  bool json = false;  // -o json
  bool csv = false;   // -o csv, of commands that offer it
  std::function<absl::Status()> run;
};

void AddPoolCommands(CLI::App& app, Invocation& invocation);
// `pool export` and `pool import`, below the command `pool`.
void AddPoolFileCommands(CLI::App& pool, Invocation& invocation);
void AddStoreCommands(CLI::App& app, Invocation& invocation);
void AddLabelerCommands(CLI::App& app, Invocation& invocation);
void AddAnswerCommands(CLI::App& app, Invocation& invocation);
void AddAllocateCommand(CLI::App& app, Invocation& invocation);
void AddScoreCommand(CLI::App& app, Invocation& invocation);
void AddLeaseCommands(CLI::App& app, Invocation& invocation);
void AddAggregateCommand(CLI::App& app, Invocation& invocation);
void AddReportCommand(CLI::App& app, Invocation& invocation);
void AddMatchCommand(CLI::App& app, Invocation& invocation);
void AddDemoDataCommand(CLI::App& app, Invocation& invocation);
void AddReplayCommand(CLI::App& app, Invocation& invocation);
// simulate, replay-data.
void AddStudyCommands(CLI::App& app, Invocation& invocation);

// ---- what they share ----

// Declares the required option --pool.
CLI::Option* AddPoolOption(CLI::App& command, std::string& pool_id);

// Declares the required option --store.
void AddStoreOption(CLI::App& command, std::string& address);

// A store for reading: an SQLite file may be in use.
absl::StatusOr<std::unique_ptr<Store>> OpenForReading(
    absl::string_view address);

// A store that refuses is no server that went away.
absl::Status AsStoreError(const absl::Status& status);

// The pool's configuration. Errors: kNotFound if there is none of that id.
absl::StatusOr<v1::Pool> FetchPool(Client& client, const std::string& pool_id);

// Prints a message of the contract as JSON, field names as in the contract.
void PrintJson(const google::protobuf::Message& message);

// "10m", "1h30m", "45s"; a bare number means seconds.
// Errors: kInvalidArgument that names `option`.
absl::StatusOr<google::protobuf::Duration> ParseDurationOption(
    absl::string_view option, absl::string_view text);

// Puts "file:line: " before an error of the server whose field at fault is an
// element of `list`, say "answers["; lines[i] is where element i came from.
// Other errors get the file's name.
absl::Status AtItsLine(const absl::Status& status, absl::string_view list,
                       const std::string& file,
                       const std::vector<int64_t>& lines);

// Says on standard error that some columns of a file were not used.
void WarnAboutIgnoredColumns(const std::string& path,
                             const std::vector<std::string>& columns);

}  // namespace allot

#endif  // ALLOT_CLI_COMMANDS_H_
