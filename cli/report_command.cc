// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iostream>
#include <memory>
#include <thread>

#include "cli/commands.h"
#include "cli/report.h"

namespace allot {

void AddReportCommand(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<ReportOptions>();
  options->threads =
      static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  CLI::App* command = app.add_subcommand(
      "report", "One HTML page on a file of answers, no server");
  command
      ->add_option("answers", options->answers_path,
                   "answers.csv (task,labeler,answer), or a folder with it; "
                   "may be gzipped")
      ->required()
      ->type_name("PATH");
  command->add_option("--page", options->page_path, "The page to write")
      ->capture_default_str()
      ->type_name("FILE");
  command
      ->add_option("--truth", options->truth_path,
                   "Known truths, CSV with columns task,truth; else the "
                   "folder's truth.csv")
      ->type_name("FILE");
  command
      ->add_option("--price", options->price, "Of one answer, in any currency")
      ->capture_default_str()
      ->type_name("AMOUNT");
  command
      ->add_option("--draws", options->draws,
                   "Random orders of the answers that curves are the mean of")
      ->capture_default_str()
      ->type_name("COUNT");
  command->add_option("--seed", options->seed, "Of the random orders")
      ->capture_default_str()
      ->type_name("NUMBER");
  command->add_option("--threads", options->threads, "Threads to use")
      ->check(CLI::Range(1, 1024));
  command->callback([&invocation, options] {
    invocation.run = [options] { return WriteReport(*options, std::cerr); };
  });
}

}  // namespace allot
