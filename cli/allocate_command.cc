// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/util/time_util.h>

#include <iostream>
#include <memory>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "cli/commands.h"
#include "cli/message_file.h"
#include "cli/text_table.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

constexpr size_t kMaxBatch = 10000;  // of the contract

struct AllocateOptions {
  std::string pool_id;
  std::string tasks_file;
  std::vector<std::string> task_ids;
  std::vector<std::string> labeler_ids;
  std::string policy;
  std::string policy_file;
  std::optional<int> redundancy;
  std::optional<double> budget;
  std::string lease;
  std::string time_limit;
  std::string request_id;
  double gap_tolerance = 0;
  int64_t seed = 0;
  bool dry_run = false;
  bool explain = false;
};

double Milliseconds(const google::protobuf::Duration& duration) {
  return static_cast<double>(
             google::protobuf::util::TimeUtil::DurationToNanoseconds(
                 duration)) *
         1e-6;
}

absl::StatusOr<v1::AllocateRequest> RequestFrom(const AllocateOptions& options,
                                                const v1::Pool& pool) {
  v1::AllocateRequest request;
  request.set_pool_id(options.pool_id);
  request.set_request_id(options.request_id);
  if (!options.tasks_file.empty()) {
    ALLOT_ASSIGN_OR_RETURN(
        auto tasks,
        ReadMessages<v1::Task>(options.tasks_file, TaskSchema(pool)));
    if (tasks.size() > kMaxBatch) {
      return absl::InvalidArgumentError(
          absl::StrCat(options.tasks_file, ": ",
                       FormatCount(static_cast<int64_t>(tasks.size())),
                       " tasks, but a batch takes at most ",
                       FormatCount(kMaxBatch), ": split the file"));
    }
    for (v1::Task& task : tasks) *request.add_tasks() = std::move(task);
  }
  for (const std::string& id : options.task_ids) {
    request.add_tasks()->set_task_id(id);
  }
  if (request.tasks().empty()) {
    return absl::InvalidArgumentError(
        options.tasks_file.empty()
            ? std::string("want tasks: --tasks FILE or --task-ids A,B")
            : absl::StrCat(options.tasks_file, ": no tasks in it"));
  }
  if (options.redundancy.has_value()) {
    for (v1::Task& task : *request.mutable_tasks()) {
      if (!task.has_redundancy()) task.set_redundancy(*options.redundancy);
    }
  }
  if (!options.policy.empty()) request.set_policy_name(options.policy);
  if (!options.policy_file.empty()) {
    ALLOT_RETURN_IF_ERROR(
        ReadJsonFile(options.policy_file, *request.mutable_policy()));
  }
  for (const std::string& id : options.labeler_ids) request.add_labeler_ids(id);
  if (options.budget.has_value()) request.set_budget(*options.budget);
  if (!options.lease.empty()) {
    ALLOT_ASSIGN_OR_RETURN(*request.mutable_lease_duration(),
                           ParseDurationOption("--lease", options.lease));
  }
  if (!options.time_limit.empty()) {
    ALLOT_ASSIGN_OR_RETURN(
        *request.mutable_time_limit(),
        ParseDurationOption("--time-limit", options.time_limit));
  }
  request.set_gap_tolerance(options.gap_tolerance);
  request.set_dry_run(options.dry_run);
  request.set_explain(options.explain);
  request.set_seed(options.seed);
  return request;
}

// REASON_NOT_WORTH_ITS_PRICE -> "not worth its price".
std::string ReasonText(v1::UnfilledTask::Reason reason) {
  const std::string name = v1::UnfilledTask::Reason_Name(reason);
  return absl::AsciiStrToLower(
      absl::StrReplaceAll(absl::StripPrefix(name, "REASON_"), {{"_", " "}}));
}

std::string GapText(const v1::PlanSummary& summary) {
  if (summary.gap() == 0) return "0 (proven optimal)";
  return FormatFixed(100 * summary.gap(), summary.gap() < 1e-4 ? 6 : 3) + "%";
}

void PrintSummary(const AllocateOptions& options,
                  const v1::AllocateRequest& request,
                  const v1::PlanSummary& summary) {
  const v1::PhaseTimes& phases = summary.phases();
  const double total =
      Milliseconds(phases.queue()) + Milliseconds(phases.validate()) +
      Milliseconds(phases.score()) + Milliseconds(phases.solve()) +
      Milliseconds(phases.claim());
  std::cout << "plan for " << FormatPlural(request.tasks_size(), "task")
            << " of pool " << options.pool_id << ": "
            << FormatCount(summary.filled()) << " of "
            << FormatPlural(summary.slots(), "slot") << " filled\n"
            << "  objective " << FormatFixed(summary.objective(), 4)
            << ", at most " << FormatFixed(summary.upper_bound(), 4)
            << " possible: gap " << GapText(summary) << '\n'
            << "  " << FormatFixed(summary.bits(), 1) << " bits for "
            << FormatFixed(summary.cost(), 2) << ", "
            << FormatSeconds(summary.seconds()) << " of work\n"
            << "  " << summary.solver() << ", "
            << FormatPlural(summary.candidates(), "candidate pair") << ", "
            << FormatFixed(total, 2) << " ms (score "
            << FormatFixed(Milliseconds(phases.score()), 2) << ", solve "
            << FormatFixed(Milliseconds(phases.solve()), 2) << ")\n\n";
}

void PrintPlan(const AllocateOptions& options,
               const v1::AllocateRequest& request,
               const v1::AllocateResponse& response) {
  PrintSummary(options, request, response.summary());
  if (!response.unfilled().empty()) {
    TextTable unfilled({"UNFILLED", ">MISSING", "REASON"});
    for (const auto& task : response.unfilled()) {
      unfilled.AddRow({task.task_id(), FormatCount(task.missing()),
                       ReasonText(task.reason())});
    }
    unfilled.Print(std::cout);
    std::cout << '\n';
  }
  std::vector<std::string> columns = {"TASK",  "LABELER",  ">ACCURACY", ">BITS",
                                      ">COST", ">SECONDS", ">UTILITY"};
  const bool leased = !options.lease.empty() && !options.dry_run;
  if (leased) columns.insert(columns.end(), {"LEASE", "UNTIL"});
  const bool explained = response.explanations_size() > 0;
  if (explained) {
    columns.insert(columns.end(), {">HER PRICE", "RUNNER-UP", ">MARGIN"});
  }
  TextTable table(columns);
  for (int i = 0; i < response.assignments_size(); ++i) {
    const auto& pair = response.assignments(i);
    std::vector<std::string> row = {pair.task_id(),
                                    pair.labeler_id(),
                                    FormatFixed(pair.expected_accuracy(), 3),
                                    FormatFixed(pair.bits(), 3),
                                    FormatFixed(pair.cost(), 4),
                                    FormatFixed(pair.seconds(), 1),
                                    FormatFixed(pair.utility(), 4)};
    if (leased) {
      row.push_back(pair.lease().lease_id());
      row.push_back(google::protobuf::util::TimeUtil::ToString(
          google::protobuf::util::TimeUtil::SecondsToTimestamp(
              pair.lease().expires_at().seconds())));
    }
    if (explained) {
      const auto& why = response.explanations(i);
      row.push_back(FormatFixed(why.dual_price(), 4));
      row.push_back(why.runner_up_id().empty() ? "-" : why.runner_up_id());
      row.push_back(FormatFixed(why.margin(), 4));
    }
    table.AddRow(std::move(row));
  }
  if (!table.empty()) table.Print(std::cout);
}

absl::Status Allocate(const Invocation& invocation,
                      const AllocateOptions& options) {
  Client client(invocation.client);
  ALLOT_ASSIGN_OR_RETURN(const v1::Pool pool,
                         FetchPool(client, options.pool_id));
  ALLOT_ASSIGN_OR_RETURN(const v1::AllocateRequest request,
                         RequestFrom(options, pool));
  ALLOT_ASSIGN_OR_RETURN(
      const auto response,
      client.Call(client.allocation(), &v1::AllocationService::Stub::Allocate,
                  request));
  if (invocation.json) {
    PrintJson(response);
  } else {
    PrintPlan(options, request, response);
  }
  return absl::OkStatus();
}

}  // namespace

void AddAllocateCommand(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<AllocateOptions>();
  CLI::App* command =
      app.add_subcommand("allocate", "Plan who labels which task");
  AddPoolOption(*command, options->pool_id);
  command
      ->add_option("--tasks", options->tasks_file,
                   "The batch, a CSV or JSON Lines file")
      ->type_name("FILE");
  command
      ->add_option("--task-ids", options->task_ids,
                   "The batch by ids, for tasks with the pool's defaults")
      ->delimiter(',')
      ->type_name("IDS");
  command
      ->add_option("--redundancy", options->redundancy,
                   "Distinct labelers for tasks that do not say")
      ->check(CLI::Range(1, 64));
  command->add_option("--policy", options->policy, "A policy of the pool")
      ->type_name("NAME");
  command
      ->add_option("--policy-file", options->policy_file,
                   "A policy as JSON, allot.v1.Policy")
      ->excludes("--policy")
      ->type_name("FILE.json");
  command
      ->add_option("--budget", options->budget,
                   "Spend at most this on the batch")
      ->check(CLI::NonNegativeNumber);
  command
      ->add_option("--labelers", options->labeler_ids,
                   "Plan for these labelers only")
      ->delimiter(',')
      ->type_name("IDS");
  command
      ->add_option("--lease", options->lease,
                   "Claim the planned pairs for this long: 10m; 0s: by the "
                   "labelers' handling times")
      ->type_name("SPAN");
  command
      ->add_option("--time-limit", options->time_limit,
                   "Take the best plan found in this time: 50ms")
      ->type_name("SPAN");
  command
      ->add_option("--gap-tolerance", options->gap_tolerance,
                   "Stop at this relative gap; 0 = exact")
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--seed", options->seed, "Orders plans of equal utility");
  command
      ->add_option("--request-id", options->request_id,
                   "Makes a retry safe: same id, same plan")
      ->type_name("ID");
  command->add_flag("--dry-run", options->dry_run, "Claim nothing");
  command->add_flag("--explain", options->explain,
                    "Say who would have been next, and how close it was");
  command->footer(absl::StrCat("\nCSV columns:\n",
                               DescribeSchema(TaskSchema(v1::Pool())),
                               "JSON Lines: one allot.v1.Task a line.\n"));
  command->callback([&invocation, options] {
    invocation.run = [&invocation, options] {
      return Allocate(invocation, *options);
    };
  });
}

}  // namespace allot
