// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/util/time_util.h>

#include <iostream>
#include <memory>

#include "cli/commands.h"
#include "cli/text_table.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

struct LeaseOptions {
  std::string pool_id;
  std::vector<std::string> lease_ids;
  std::string lease;
  bool not_again = false;
  bool never = false;
};

template <typename Response>
void Print(const Invocation& invocation, const Response& response) {
  if (invocation.json) {
    PrintJson(response);
    return;
  }
  TextTable table({"LEASE", "RESULT", "UNTIL"});
  for (const auto& result : response.results()) {
    const bool ok = result.outcome() == v1::LeaseResult::OUTCOME_OK;
    table.AddRow(
        {result.lease_id(), ok ? "done" : "not open",
         result.has_expires_at()
             ? google::protobuf::util::TimeUtil::ToString(result.expires_at())
             : ""});
  }
  table.Print(std::cout);
}

absl::Status Renew(const Invocation& invocation, const LeaseOptions& options) {
  v1::RenewLeasesRequest request;
  request.set_pool_id(options.pool_id);
  for (const auto& id : options.lease_ids) request.add_lease_ids(id);
  ALLOT_ASSIGN_OR_RETURN(*request.mutable_lease_duration(),
                         ParseDurationOption("--lease", options.lease));
  Client client(invocation.client);
  ALLOT_ASSIGN_OR_RETURN(
      const auto response,
      client.Call(client.allocation(),
                  &v1::AllocationService::Stub::RenewLeases, request));
  Print(invocation, response);
  return absl::OkStatus();
}

absl::Status Release(const Invocation& invocation,
                     const LeaseOptions& options) {
  v1::ReleaseLeasesRequest request;
  request.set_pool_id(options.pool_id);
  for (const auto& id : options.lease_ids) request.add_lease_ids(id);
  request.set_reason(options.never ? v1::ReleaseLeasesRequest::REASON_NEVER
                     : options.not_again
                         ? v1::ReleaseLeasesRequest::REASON_NOT_AGAIN
                         : v1::ReleaseLeasesRequest::REASON_RELEASED);
  Client client(invocation.client);
  ALLOT_ASSIGN_OR_RETURN(
      const auto response,
      client.Call(client.allocation(),
                  &v1::AllocationService::Stub::ReleaseLeases, request));
  Print(invocation, response);
  return absl::OkStatus();
}

}  // namespace

void AddLeaseCommands(CLI::App& app, Invocation& invocation) {
  CLI::App* leases =
      app.add_subcommand("leases", "Claims on (task, labeler) of a plan");
  leases->require_subcommand(1);
  auto options = std::make_shared<LeaseOptions>();
  const auto bind = [&invocation, options](CLI::App* command, auto function) {
    AddPoolOption(*command, options->pool_id);
    command->add_option("ids", options->lease_ids, "Their ids")
        ->required()
        ->type_name("ID");
    command->callback([&invocation, options, function] {
      invocation.run = [&invocation, options, function] {
        return function(invocation, *options);
      };
    });
  };

  CLI::App* renew = leases->add_subcommand("renew", "Extend open leases");
  renew->add_option("--lease", options->lease, "New time from now: 10m")
      ->required()
      ->type_name("SPAN");
  bind(renew, &Renew);

  CLI::App* release = leases->add_subcommand(
      "release", "Give leases back before their answers came");
  CLI::Option* not_again =
      release->add_flag("--not-again", options->not_again,
                        "The labeler will not get the task again");
  release
      ->add_flag("--never", options->never,
                 "Nobody will get the task again: it cannot be done")
      ->excludes(not_again);
  bind(release, &Release);
}

}  // namespace allot
