// SPDX-License-Identifier: Apache-2.0
// simulate, replay-data, calibrate: what the loop saves, without a server.
#include <algorithm>
#include <iostream>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/commands.h"
#include "cli/data_folder.h"
#include "cli/exit_code.h"
#include "cli/page_file.h"
#include "cli/progress_bar.h"
#include "cli/scenarios.h"
#include "cli/study_page.h"
#include "cli/study_report.h"
#include "cli/text_table.h"
#include "lib/base/status_macros.h"
#include "lib/study/population.h"
#include "lib/truth/hierarchical.h"

namespace allot {
namespace {

struct StudyOptions {
  std::string subject;  // scenario or folder
  std::vector<std::string> policies;
  int seeds = 0;  // 0: the scenario's
  int threads =
      static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  std::string html;
  std::vector<double> labels = {1, 2, 3, 4, 5, 6, 7, 8};
  int32_t free_labelers = 5;
  int32_t per_arrival = 4;
  double gold_share = 0;
};

std::vector<std::string> PolicyNames() {
  std::vector<std::string> names;
  for (const AskPolicyInfo& policy : AskPolicies()) {
    names.push_back(policy.name);
  }
  return names;
}

void AddShared(CLI::App& command, const std::vector<std::string>& names,
               StudyOptions& options) {
  command
      .add_option("--policies", options.policies,
                  "Which to compare: " + absl::StrJoin(names, ", "))
      ->delimiter(',')
      ->check(CLI::IsMember(names))
      ->type_name("NAMES");
  command.add_option("--threads", options.threads, "Threads to use")
      ->check(CLI::Range(1, 1024));
  command
      .add_option("--html", options.html,
                  "Write a page with plots here, one file that needs no other")
      ->type_name("FILE");
}

ReplaySeeds SeedsOf(const StudyOptions& options, ProgressBar& bar,
                    size_t replications) {
  return {.seeds = options.seeds,
          .threads = options.threads,
          .progress = [&bar, replications](double share) {
            bar.Update(static_cast<int64_t>(
                           share * static_cast<double>(replications) + 0.5),
                       share);
          }};
}

absl::Status RunSimulate(StudyOptions options, bool json) {
  ALLOT_ASSIGN_OR_RETURN(const LoadedScenario loaded,
                         LoadScenario(options.subject));
  if (options.seeds == 0) options.seeds = loaded.seeds;
  if (options.policies.empty()) options.policies = loaded.policies;
  if (options.policies.empty()) {
    options.policies = {"majority", "overlap", "allot"};
  }
  std::vector<MarketVariant> variants;
  for (const std::string& policy : options.policies) {
    for (MarketVariant& variant : VariantsOf(policy, {})) {
      variants.push_back(std::move(variant));
    }
  }
  ProgressBar bar("replications");
  ALLOT_ASSIGN_OR_RETURN(
      const std::vector<MarketSummary> summaries,
      CompareMarket(
          loaded.scenario, variants,
          SeedsOf(options, bar,
                  variants.size() * static_cast<size_t>(options.seeds))));
  const double seconds = bar.seconds();
  bar.Clear();
  int64_t answers = 0;
  for (const MarketSummary& summary : summaries) answers += summary.answers;
  if (json) {
    PrintMarketJson(loaded.scenario.name, options.seeds, summaries, std::cout);
  } else {
    PrintMarket(summaries, std::cout);
    std::cout << absl::StreamFormat(
        "\n%s: %s in %s; mean (standard error) over %d seeds\n",
        loaded.scenario.name, FormatPlural(answers, "answer"),
        FormatSeconds(seconds), options.seeds);
  }
  if (options.html.empty()) return absl::OkStatus();
  return WritePage(MarketPage(loaded.scenario, options.seeds, summaries),
                   options.html);
}

absl::Status RunReplay(const StudyOptions& options, bool json) {
  ALLOT_ASSIGN_OR_RETURN(const AnswerBook book,
                         ReadAnswerBook(options.subject));
  std::vector<std::string> policies = options.policies;
  if (policies.empty()) {
    policies = {"random",   "least",   "qasca", "information",
                "majority", "overlap", "allot", "oracle"};
  }
  ReplayOptions replay;
  replay.checkpoints = options.labels;
  std::sort(replay.checkpoints.begin(), replay.checkpoints.end());
  replay.free_labelers = options.free_labelers;
  replay.tasks_per_arrival = options.per_arrival;
  replay.gold_share = options.gold_share;
  ProgressBar bar("replications");
  ALLOT_ASSIGN_OR_RETURN(
      const std::vector<ReplayCurve> curves,
      CompareReplay(
          book, policies, replay,
          SeedsOf(options, bar,
                  policies.size() * static_cast<size_t>(options.seeds))));
  bar.Clear();
  if (json) {
    PrintReplayJson(options.subject, book, options.seeds, curves, std::cout);
  } else {
    PrintReplay(curves, replay.checkpoints, std::cout);
    std::cout << absl::StreamFormat(
        "\n%d tasks, %d labelers, %d classes; accuracy (standard error) over "
        "%d seeds\n",
        book.num_tasks(), book.num_labelers(), book.num_classes(),
        options.seeds);
  }
  if (options.html.empty()) return absl::OkStatus();
  return WritePage(ReplayPage(options.subject, book, options.seeds, curves),
                   options.html);
}

// Of a file without truth, the method's labels stand in for it.
absl::StatusOr<AnswerBook> BookWithLabels(const DataFolder& data) {
  std::vector<GoldLabel> truth = data.truth;
  if (truth.empty()) {
    ALLOT_ASSIGN_OR_RETURN(const AnswerSet answers, BuildAnswerSet(data));
    ALLOT_ASSIGN_OR_RETURN(const HierarchicalFit fit, FitHierarchical(answers));
    for (int32_t t = 0; t < answers.num_tasks; ++t) {
      Eigen::Index top = 0;
      fit.aggregation.posterior.row(t).maxCoeff(&top);
      truth.push_back({t, static_cast<int32_t>(top)});
    }
  }
  return AnswerBook::Build(static_cast<int32_t>(data.tasks.size()),
                           static_cast<int32_t>(data.labelers.size()),
                           static_cast<int32_t>(data.classes.size()),
                           data.answers, truth);
}

absl::Status RunCalibrate(const StudyOptions& options, bool json) {
  ALLOT_ASSIGN_OR_RETURN(const DataFolder data, ReadClasses(options.subject));
  const auto book = BookWithLabels(data);
  if (!book.ok()) {
    return absl::DataLossError(
        absl::StrCat(options.subject, ": ", book.status().message()));
  }
  const PopulationFit fit = FitPopulation(*book, data.answers, data.duration_s);
  if (json) {
    PrintPopulationJson(fit, std::cout);
  } else {
    if (data.truth.empty()) {
      std::cout << "# no truth on file: labels by aggregation stand in\n";
    }
    PrintPopulation(fit, ScenarioOf("fitted", *book, fit), std::cout);
  }
  if (options.html.empty()) return absl::OkStatus();
  return WritePage(PopulationPage(options.subject, fit), options.html);
}

}  // namespace

void AddStudyCommands(CLI::App& app, Invocation& invocation) {
  auto simulate = std::make_shared<StudyOptions>();
  CLI::App* command = app.add_subcommand(
      "simulate", "A labeling market around the engine, no server");
  std::vector<std::string> names;
  for (const ShippedScenario& shipped : ShippedScenarios()) {
    names.push_back(shipped.name);
  }
  command
      ->add_option("scenario", simulate->subject,
                   "A textproto, or one of " + absl::StrJoin(names, ", "))
      ->required()
      ->type_name("SCENARIO");
  command
      ->add_option("--seeds", simulate->seeds,
                   "Replications of each policy and effort [the scenario's]")
      ->check(CLI::Range(1, kMostSeeds));
  AddShared(*command, PolicyNames(), *simulate);
  command->callback([&invocation, simulate] {
    invocation.run = [&invocation, simulate] {
      return RunSimulate(*simulate, invocation.json);
    };
  });

  auto calibrate = std::make_shared<StudyOptions>();
  CLI::App* fitted = app.add_subcommand(
      "calibrate",
      "The population behind a file of answers, as a scenario, no server");
  fitted
      ->add_option(
          "answers", calibrate->subject,
          "answers.csv (task,labeler,answer[,duration_s]), or a folder "
          "with it and truth.csv")
      ->required()
      ->type_name("PATH");
  fitted
      ->add_option("--html", calibrate->html,
                   "Write goodness-of-fit plots here, as one page")
      ->type_name("FILE");
  fitted->callback([&invocation, calibrate] {
    invocation.run = [&invocation, calibrate] {
      return RunCalibrate(*calibrate, invocation.json);
    };
  });

  auto replay = std::make_shared<StudyOptions>();
  replay->seeds = 10;
  CLI::App* data = app.add_subcommand(
      "replay-data",
      "Policies beside each other on a folder of real answers, no server");
  data->add_option("folder", replay->subject,
                   "answers.csv (task,labeler,answer) and truth.csv "
                   "(task,truth); may be gzipped")
      ->required()
      ->type_name("FOLDER");
  data->add_option("--seeds", replay->seeds, "Replications of each policy")
      ->capture_default_str()
      ->check(CLI::Range(1, kMostSeeds));
  data->add_option("--labels", replay->labels,
                   "Answers a task at which accuracy is measured")
      ->capture_default_str()
      ->delimiter(',')
      ->check(CLI::Range(0.01, 1e6))
      ->type_name("NUMBERS");
  data->add_option("--free", replay->free_labelers,
                   "Labelers that are free at each arrival")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  data->add_option("--per-arrival", replay->per_arrival,
                   "Answers that may be asked for at each arrival")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  data->add_option("--gold-share", replay->gold_share,
                   "Share of the tasks whose truth is told at the start")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 0.9));
  std::vector<std::string> policies = PolicyNames();
  policies.push_back("oracle");
  AddShared(*data, policies, *replay);
  data->callback([&invocation, replay] {
    invocation.run = [&invocation, replay] {
      return RunReplay(*replay, invocation.json);
    };
  });
}

}  // namespace allot
