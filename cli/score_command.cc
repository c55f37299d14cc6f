// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "cli/commands.h"
#include "cli/message_file.h"
#include "cli/text_table.h"
#include "lib/base/matrix.h"
#include "lib/base/status_macros.h"
#include "lib/truth/scoring_rules.h"

namespace allot {
namespace {

// Calls are kept well below the server's default limits.
constexpr int kMaxItems = 5000;
constexpr size_t kMaxCallBytes = 2 << 20;

struct ScoreOptions {
  std::string pool_id;
  std::string answers_file;
  std::string tasks_file;
  std::vector<std::string> task_ids;
  std::string policy;
  std::string truth_file;
  std::optional<double> target;
  bool explain = false;
};

// The items to score, in order of first appearance.
absl::StatusOr<std::vector<v1::ScoreItem>> ReadItems(
    const ScoreOptions& options, const v1::Pool& pool) {
  std::vector<v1::ScoreItem> items;
  std::unordered_map<std::string, size_t> index;
  const auto item_of = [&](const std::string& id) -> v1::ScoreItem& {
    const auto [place, is_new] = index.emplace(id, items.size());
    if (is_new) items.emplace_back().mutable_task()->set_task_id(id);
    return items[place->second];
  };
  if (!options.tasks_file.empty()) {
    ALLOT_ASSIGN_OR_RETURN(
        auto tasks,
        ReadMessages<v1::Task>(options.tasks_file, TaskSchema(pool)));
    for (v1::Task& task : tasks) {
      v1::ScoreItem& item = item_of(task.task_id());
      *item.mutable_task() = std::move(task);
    }
  }
  for (const std::string& id : options.task_ids) item_of(id);
  if (!options.answers_file.empty()) {
    ALLOT_ASSIGN_OR_RETURN(
        auto answers,
        ReadMessages<v1::Answer>(options.answers_file, AnswerSchema(pool)));
    for (v1::Answer& answer : answers) {
      v1::ScoreItem& item = item_of(answer.task_id());
      // Scoring asks who said what; nothing else about an answer matters.
      answer.clear_lease_id();
      *item.add_answers() = std::move(answer);
    }
  }
  if (items.empty()) {
    return absl::InvalidArgumentError(
        "want something to score: --answers FILE, --tasks FILE or "
        "--task-ids A,B");
  }
  return items;
}

absl::StatusOr<v1::ScoreResponse> ScoreAll(
    Client& client, const ScoreOptions& options,
    const std::vector<v1::ScoreItem>& items) {
  v1::ScoreResponse all;
  v1::ScoreRequest request;
  request.set_pool_id(options.pool_id);
  request.set_explain(options.explain);
  if (!options.policy.empty()) request.set_policy_name(options.policy);
  if (options.target.has_value()) {
    request.mutable_policy()->set_target_confidence(*options.target);
  }
  size_t bytes = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    bytes += items[i].ByteSizeLong();
    *request.add_items() = items[i];
    if (request.items_size() < kMaxItems && bytes < kMaxCallBytes &&
        i + 1 < items.size()) {
      continue;
    }
    ALLOT_ASSIGN_OR_RETURN(
        auto response,
        client.Call(client.confidence(), &v1::ConfidenceService::Stub::Score,
                    request));
    all.mutable_results()->MergeFrom(response.results());
    all.set_roster_version(response.roster_version());
    request.clear_items();
    bytes = 0;
  }
  return all;
}

std::string DecisionText(const v1::ScoreResult& result) {
  switch (result.decision()) {
    case v1::ScoreResult::DECISION_ACCEPT:
      return "accept";
    case v1::ScoreResult::DECISION_COLLECT:
      return absl::StrCat("collect ", result.more_answers(), " more");
    case v1::ScoreResult::DECISION_ESCALATE:
      return "escalate";
    default:
      return "-";
  }
}

std::string LabelText(const v1::ScoreResult& result) {
  return result.label_name().empty() ? absl::StrCat(result.label())
                                     : result.label_name();
}

struct JudgedResult {
  const v1::ScoreResult* result;
  int truth;
};

absl::Status AddQuality(const std::string& name,
                        const std::vector<JudgedResult>& judged,
                        TextTable& table) {
  if (judged.empty()) return absl::OkStatus();
  // Tasks may differ in their number of classes; missing ones have
  // probability 0.
  int classes = 0;
  for (const JudgedResult& one : judged) {
    classes = std::max({classes, one.result->posterior_size(), one.truth + 1});
  }
  MatrixF posterior =
      MatrixF::Zero(static_cast<Eigen::Index>(judged.size()), classes);
  std::vector<GoldLabel> truth;
  double confidence = 0;
  for (size_t i = 0; i < judged.size(); ++i) {
    for (int k = 0; k < judged[i].result->posterior_size(); ++k) {
      posterior(static_cast<Eigen::Index>(i), k) =
          static_cast<float>(judged[i].result->posterior(k));
    }
    truth.push_back({static_cast<int32_t>(i), judged[i].truth});
    confidence += judged[i].result->confidence();
  }
  ALLOT_ASSIGN_OR_RETURN(const ScoringRules rules,
                         EvaluatePosteriors(posterior, truth));
  table.AddRow({name, FormatCount(rules.tasks), FormatFixed(rules.accuracy, 4),
                FormatFixed(confidence / static_cast<double>(judged.size()), 4),
                FormatFixed(rules.ece, 4), FormatFixed(rules.brier, 4),
                FormatFixed(rules.log_loss, 4)});
  return absl::OkStatus();
}

// How the results stand against the truth, as far as it is known.
absl::Status PrintAgainstTruth(const ScoreOptions& options,
                               const v1::Pool& pool,
                               const v1::ScoreResponse& response) {
  ALLOT_ASSIGN_OR_RETURN(
      const auto truth,
      ReadMessages<v1::Task>(options.truth_file, TruthSchema(pool)));
  std::unordered_map<std::string, int> labels;
  for (const v1::Task& task : truth) labels[task.task_id()] = task.gold_label();
  std::vector<JudgedResult> all, accepted;
  for (const v1::ScoreResult& result : response.results()) {
    const auto known = labels.find(result.task_id());
    if (known == labels.end()) continue;
    all.push_back({&result, known->second});
    if (result.decision() == v1::ScoreResult::DECISION_ACCEPT) {
      accepted.push_back(all.back());
    }
  }
  if (all.empty()) {
    std::cout << "\n"
              << options.truth_file
              << " knows none of these tasks: nothing to compare with\n";
    return absl::OkStatus();
  }
  std::cout << '\n';
  TextTable table({"AGAINST THE TRUTH", ">TASKS", ">ACCURACY",
                   ">MEAN CONFIDENCE", ">ECE", ">BRIER", ">LOG LOSS"});
  ALLOT_RETURN_IF_ERROR(AddQuality("all scored", all, table));
  ALLOT_RETURN_IF_ERROR(AddQuality("accepted", accepted, table));
  table.Print(std::cout);
  return absl::OkStatus();
}

void PrintCounts(const v1::ScoreResponse& response) {
  std::map<v1::ScoreResult::Decision, int64_t> counts;
  double confidence = 0;
  int64_t answers = 0;
  for (const v1::ScoreResult& result : response.results()) {
    ++counts[result.decision()];
    confidence += result.confidence();
    answers += result.answers();
  }
  const double tasks = std::max(1, response.results_size());
  std::cout << FormatPlural(response.results_size(), "task") << ", "
            << FormatPlural(answers, "answer") << ", mean confidence "
            << FormatFixed(confidence / tasks, 3) << ": "
            << FormatCount(counts[v1::ScoreResult::DECISION_ACCEPT])
            << " to accept, "
            << FormatCount(counts[v1::ScoreResult::DECISION_COLLECT])
            << " to collect more answers for, "
            << FormatCount(counts[v1::ScoreResult::DECISION_ESCALATE])
            << " to escalate\n\n";
}

void PrintResults(const ScoreOptions& options,
                  const v1::ScoreResponse& response) {
  PrintCounts(response);
  TextTable table(
      {"TASK", "LABEL", ">CONFIDENCE", "DECISION", ">ANSWERS", ">BITS LEFT"});
  for (const v1::ScoreResult& result : response.results()) {
    table.AddRow({result.task_id(), LabelText(result),
                  FormatFixed(result.confidence(), 4), DecisionText(result),
                  FormatCount(result.answers()),
                  FormatFixed(result.entropy_bits(), 3)});
  }
  table.Print(std::cout);
  if (!options.explain) return;
  std::cout << '\n';
  TextTable reasons({"TASK", "LABELER", ">ANSWERED", ">ACCURACY", ">BITS"});
  for (const v1::ScoreResult& result : response.results()) {
    for (const auto& why : result.contributions()) {
      reasons.AddRow({result.task_id(), why.labeler_id(),
                      absl::StrCat(why.label()),
                      FormatFixed(why.expected_accuracy(), 3),
                      FormatFixed(why.bits(), 2)});
    }
  }
  reasons.Print(std::cout);
}

absl::Status Score(const Invocation& invocation, const ScoreOptions& options) {
  Client client(invocation.client);
  ALLOT_ASSIGN_OR_RETURN(const v1::Pool pool,
                         FetchPool(client, options.pool_id));
  ALLOT_ASSIGN_OR_RETURN(const auto items, ReadItems(options, pool));
  ALLOT_ASSIGN_OR_RETURN(const auto response, ScoreAll(client, options, items));
  if (invocation.json) {
    PrintJson(response);
    return absl::OkStatus();
  }
  PrintResults(options, response);
  if (options.truth_file.empty()) return absl::OkStatus();
  return PrintAgainstTruth(options, pool, response);
}

}  // namespace

void AddScoreCommand(CLI::App& app, Invocation& invocation) {
  auto options = std::make_shared<ScoreOptions>();
  CLI::App* command =
      app.add_subcommand("score", "How sure are we of each task's label?");
  AddPoolOption(*command, options->pool_id);
  command
      ->add_option("--answers", options->answers_file,
                   "Score these answers, a CSV or JSON Lines file")
      ->type_name("FILE");
  command
      ->add_option("--tasks", options->tasks_file,
                   "The tasks, a CSV or JSON Lines file; without --answers, "
                   "those reported for them are scored")
      ->type_name("FILE");
  command
      ->add_option("--task-ids", options->task_ids,
                   "The same by ids, for tasks that the server knows")
      ->delimiter(',')
      ->type_name("IDS");
  command->add_option("--policy", options->policy, "A policy of the pool")
      ->type_name("NAME");
  command
      ->add_option("--target", options->target,
                   "Accept at this confidence, other rules by default")
      ->excludes("--policy")
      ->check(CLI::Range(0.5, 1.0));
  command
      ->add_option("--truth", options->truth_file,
                   "Compare with known truths, CSV with columns task,truth")
      ->type_name("FILE");
  command->add_flag("--explain", options->explain,
                    "Say what each answer contributed");
  command->footer(absl::StrCat("\nCSV columns of --answers:\n",
                               DescribeSchema(AnswerSchema(v1::Pool())),
                               "JSON Lines: one allot.v1.Answer a line.\n"));
  command->callback([&invocation, options] {
    invocation.run = [&invocation, options] {
      return Score(invocation, *options);
    };
  });
}

}  // namespace allot
