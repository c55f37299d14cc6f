// SPDX-License-Identifier: Apache-2.0
#include "tests/eval/loop.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/progress_bar.h"
#include "cli/study_report.h"
#include "cli/text_table.h"
#include "lib/base/status_macros.h"
#include "lib/study/compare_replay.h"
#include "lib/truth/wilson.h"

namespace allot {
namespace {

struct Arguments {
  std::vector<std::string> folders;
  std::vector<std::string> policies;
  std::vector<double> labels = {3, 5, 8};
  int seeds = 40;
  bool json = false;
  bool reveal = false;
};

std::string NameOf(std::string folder) {
  while (folder.size() > 1 && folder.back() == '/') folder.pop_back();
  return folder.substr(folder.rfind('/') + 1);
}

class Loop {
 public:
  explicit Loop(const Arguments& arguments)
      : arguments_(arguments),
        threads_(static_cast<int>(
            std::max(1U, std::thread::hardware_concurrency()))) {}

  int Run() {
    for (const std::string& folder : arguments_.folders) {
      const absl::Status status =
          arguments_.reveal ? Reveal(folder) : Compare(folder);
      if (!status.ok()) {
        std::cerr << "allot_eval: " << folder << ": " << status.message()
                  << '\n';
        failed_ = true;
      }
    }
    return failed_ ? 1 : 0;
  }

 private:
  ReplaySeeds Seeds(ProgressBar& bar) const {
    return {.seeds = arguments_.seeds,
            .threads = threads_,
            .progress = [&bar, this](double share) {
              bar.Update(static_cast<int64_t>(share * arguments_.seeds), share);
            }};
  }

  absl::Status Compare(const std::string& folder) {
    ALLOT_ASSIGN_OR_RETURN(const AnswerBook book, ReadAnswerBook(folder));
    ReplayOptions options;
    options.checkpoints = arguments_.labels;
    ProgressBar bar("seeds");
    ALLOT_ASSIGN_OR_RETURN(
        const std::vector<ReplayCurve> curves,
        CompareReplay(book, arguments_.policies, options, Seeds(bar)));
    bar.Clear();
    if (arguments_.json) {
      allot::PrintReplayJson(NameOf(folder), book, arguments_.seeds, curves,
                             std::cout);
      std::cout.flush();
      return absl::OkStatus();
    }
    std::cout << absl::StreamFormat(
        "%s: %d tasks, %d labelers, %d classes; accuracy (standard error) at "
        "so many labels a task, %d seeds\n\n",
        NameOf(folder), book.num_tasks(), book.num_labelers(),
        book.num_classes(), arguments_.seeds);
    PrintReplay(curves, arguments_.labels, std::cout);
    std::cout << std::endl;
    return absl::OkStatus();
  }

  absl::Status Reveal(const std::string& folder) {
    ALLOT_ASSIGN_OR_RETURN(const AnswerBook book, ReadAnswerBook(folder));
    TextTable table({">GOLD", ">TARGET", ">SAVED", ">ACCURACY",
                     ">MAJORITY OF ALL", ">ACCEPTED", ">RIGHT",
                     "95% INTERVAL"});
    for (const double gold : {0.0, 0.05, 0.1}) {
      for (const double target : {0.6, 0.7, 0.8, 0.9, 0.95}) {
        RevealOptions options;
        options.gold_share = gold;
        options.policy.confidence.target_confidence = target;
        options.policy.confidence.max_answers = 64;
        ProgressBar bar("seeds");
        ALLOT_ASSIGN_OR_RETURN(
            const RevealSummary summary,
            SummariseReveal(book, "allot", options, Seeds(bar)));
        bar.Clear();
        // The tasks are the same in every seed: as many as one seed accepts.
        const int64_t each = summary.all_accepted / arguments_.seeds;
        const double right =
            static_cast<double>(summary.all_right) /
            static_cast<double>(std::max<int64_t>(1, summary.all_accepted));
        const ShareInterval interval = WilsonInterval(
            right * static_cast<double>(each), static_cast<double>(each));
        if (arguments_.json) {
          std::cout
              << nlohmann::ordered_json{{"policy", "allot"},
                                        {"data", NameOf(folder)},
                                        {"gold_share", gold},
                                        {"target", target},
                                        {"answers_saved", summary.saved.mean},
                                        {"answers_saved_error",
                                         summary.saved.error},
                                        {"accuracy", summary.accuracy.mean},
                                        {"standard_error",
                                         summary.accuracy.error},
                                        {"majority_accuracy",
                                         summary.majority.mean},
                                        {"accepted", summary.accepted.mean},
                                        {"accepted_accuracy", right},
                                        {"seeds", arguments_.seeds}}
              << std::endl;
          continue;
        }
        table.AddRow(
            {FormatFixed(gold, 2), FormatFixed(target, 2),
             WithError(summary.saved), WithError(summary.accuracy),
             FormatFixed(summary.majority.mean, 3),
             FormatFixed(summary.accepted.mean, 3),
             each == 0 ? "-" : FormatFixed(right, 3),
             absl::StrFormat("%.3f-%.3f", interval.low, interval.high)});
      }
    }
    if (arguments_.json) return absl::OkStatus();
    std::cout << absl::StreamFormat(
        "%s: answers come in random order until the service stops; %d "
        "answers on file, %d seeds\n\n",
        NameOf(folder), book.num_answers(), arguments_.seeds);
    table.Print(std::cout);
    std::cout << std::endl;
    return absl::OkStatus();
  }

  const Arguments& arguments_;
  const int threads_;
  bool failed_ = false;
};

}  // namespace

int LoopMain(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("What does the loop save?", "allot_eval loop");
  app.add_option("folders", arguments.folders,
                 "Folders with answers.csv and truth.csv")
      ->required();
  app.add_option("--policies", arguments.policies, "Which to compare")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--labels", arguments.labels, "Labels a task to judge at")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--seeds", arguments.seeds, "Replications of each policy")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  app.add_flag("--json", arguments.json, "One JSON object a line");
  app.add_flag("--reveal", arguments.reveal,
               "Answers in random order: when does the service stop?");
  CLI11_PARSE(app, argc, argv);
  std::sort(arguments.labels.begin(), arguments.labels.end());
  if (arguments.policies.empty()) {
    for (const AskPolicyInfo& policy : AskPolicies()) {
      if (policy.name != "allot-fixed" && policy.name != "allot-ungolden" &&
          policy.name != "allot-unpriced") {
        arguments.policies.push_back(policy.name);
      }
    }
    arguments.policies.emplace_back("oracle");
  }
  return Loop(arguments).Run();
}

}  // namespace allot
