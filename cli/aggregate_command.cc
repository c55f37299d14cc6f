// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iostream>
#include <memory>
#include <thread>

#include "absl/strings/str_join.h"
#include "cli/aggregate.h"
#include "cli/commands.h"

namespace allot {

void AddAggregateCommand(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<AggregateOptions>();
  options->threads =
      static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  CLI::App* command = app.add_subcommand(
      "aggregate", "One label per task from a file of answers, no server");
  command
      ->add_option("answers", options->answers_path,
                   "answers.csv (task,labeler,answer), or a folder with it; "
                   "may be gzipped")
      ->required()
      ->type_name("PATH");
  command
      ->add_option(
          "--type", options->type,
          "What the answers are: one of " + absl::StrJoin(AnswerTypes(), ", "))
      ->capture_default_str()
      ->type_name("NAME");
  command
      ->add_option("--method", options->method,
                   "For classes and labels one of " +
                       absl::StrJoin(AggregationMethods(), ", ") +
                       "; for numeric one of " +
                       absl::StrJoin(MethodsFor("numeric"), ", "))
      ->capture_default_str()
      ->type_name("NAME");
  command
      ->add_option("--truth", options->truth_path,
                   "Compare with known truths, CSV with columns task,truth")
      ->type_name("FILE");
  command
      ->add_option("--gold", options->gold_path,
                   "Known truths to use as evidence, the same columns")
      ->type_name("FILE");
  command
      ->add_option("--labelers", options->labelers_path,
                   "Write what is found of each labeler, as CSV")
      ->type_name("FILE");
  command
      ->add_option("--classes", options->classes,
                   "The classes in order, for scales: never,rarely,often")
      ->delimiter(',')
      ->type_name("NAMES");
  command
      ->add_option("--separator", options->separator,
                   "Between the labels of a multi-label answer")
      ->capture_default_str()
      ->type_name("CHAR");
  command
      ->add_option("--similarity", options->similarity_path,
                   "Of texts, CSV with columns task,first,second,similarity; "
                   "first and second are labelers")
      ->type_name("FILE");
  command->add_option("--threads", options->threads, "Threads to use")
      ->check(CLI::Range(1, 1024));
  command->callback([&invocation, options] {
    invocation.run = [&invocation, options]() -> absl::Status {
      options->output = invocation.csv    ? OutputFormat::kCsv
                        : invocation.json ? OutputFormat::kJson
                                          : OutputFormat::kTable;
      return Aggregate(*options, std::cout, std::cerr);
    };
  });
}

}  // namespace allot
