// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>

#include "cli/commands.h"
#include "cli/match.h"
#include "lib/base/clock.h"
#include "lib/base/status_macros.h"

namespace allot {

void AddMatchCommand(CLI::App& app, Invocation& invocation) {
  struct Options {
    MatchCommandOptions match;
    std::string solver = "auto", time_limit;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "match", "The best plan for a file of pairs, proven, no server");
  command
      ->add_option("--edges", options->match.files.edges,
                   "Who may label what, CSV with columns task,labeler,utility; "
                   "may be gzipped, like the other files")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--tasks", options->match.files.tasks,
                   "CSV with columns task, redundancy (1 where not given), "
                   "unfilled_penalty (0), what an empty slot costs, and "
                   "answer_values (3;2;1), what each further answer is worth "
                   "beyond its pair's utility")
      ->type_name("FILE");
  command
      ->add_option("--labelers", options->match.files.labelers,
                   "CSV with columns labeler, capacity (1 where not given) and "
                   "load_costs (2:0;3:1.5), what each further task costs")
      ->type_name("FILE");
  command->add_option("--solver", options->solver, "How to solve it")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "hungarian", "auction", "greedy"}))
      ->type_name("NAME");
  command
      ->add_option("--time-limit", options->time_limit,
                   "Answer the best plan found in this time: 200ms, 10s, 5m")
      ->type_name("SPAN");
  command
      ->add_option("--plan", options->match.plan,
                   "Write the plan here instead of on standard output")
      ->type_name("FILE");
  command
      ->add_option("--max-share", options->match.max_share,
                   "Of the wanted slots, the share that one labeler may take")
      ->capture_default_str()
      ->type_name("SHARE");
  command
      ->add_option("--explain", options->match.explain,
                   "Write why each pair is planned or not, as CSV")
      ->type_name("FILE");
  command
      ->add_option("--win", options->match.win,
                   "Say what would win this labeler this task")
      ->type_name("TASK,LABELER");
  command
      ->add_option("--frontier", options->match.frontier,
                   "Write what quality each cost can buy, as CSV; the edges "
                   "then have a column cost")
      ->type_name("FILE");
  command->callback([&invocation, options] {
    invocation.run = [&invocation, options]() -> absl::Status {
      for (const Solver solver : {Solver::kAuto, Solver::kHungarian,
                                  Solver::kAuction, Solver::kGreedy}) {
        if (options->solver == SolverName(solver)) {
          options->match.solver = solver;
        }
      }
      if (!options->time_limit.empty()) {
        ALLOT_ASSIGN_OR_RETURN(
            const auto span,
            ParseDurationOption("--time-limit", options->time_limit));
        options->match.time_limit_nanos =
            span.seconds() * int64_t{1'000'000'000} + span.nanos();
      }
      options->match.json = invocation.json;
      return RunMatch(options->match, SystemClock(), std::cout, std::cerr);
    };
  });
}

}  // namespace allot
