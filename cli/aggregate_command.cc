// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iostream>
#include <memory>
#include <sstream>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
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
      ->add_option("--method", options->method,
                   "One of " + absl::StrJoin(AggregationMethods(), ", "))
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
      ->add_option("--classes", options->classes,
                   "The classes in order, for scales: never,rarely,often")
      ->delimiter(',')
      ->type_name("NAMES");
  command->add_flag_callback(
      "--numeric", [options] { options->kind = AnswerKind::kNumeric; },
      "Answers are measurements");
  command->add_flag_callback(
      "--categorical", [options] { options->kind = AnswerKind::kCategorical; },
      "Answers are classes, even if they look like numbers");
  command->add_option("--threads", options->threads, "Threads to use")
      ->check(CLI::Range(1, 1024));
  command->callback([&invocation, options] {
    invocation.run = [&invocation, options]() -> absl::Status {
      options->output = invocation.csv    ? OutputFormat::kCsv
                        : invocation.json ? OutputFormat::kJson
                                          : OutputFormat::kTable;
      std::ostringstream error;
      if (RunAggregate(*options, std::cout, error) == 0) {
        return absl::OkStatus();
      }
      const std::string text = error.str();
      absl::string_view message = absl::StripAsciiWhitespace(text);
      absl::ConsumePrefix(&message, "allot aggregate: ");
      return absl::InvalidArgumentError(message);
    };
  });
}

}  // namespace allot
