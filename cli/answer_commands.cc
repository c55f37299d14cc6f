// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "allot/v1/allocation.pb.h"
#include "cli/commands.h"
#include "cli/message_file.h"
#include "cli/progress_bar.h"
#include "cli/text_table.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

// A call is kept well below the server's default limit of 4 MiB.
constexpr size_t kMaxCallBytes = 2 << 20;
constexpr int kGoldChunk = 5000;

struct ImportOptions {
  std::string pool_id;
  std::string file;
  std::string gold_file;
  std::string tasks_file;
  std::string plan_file;
  bool create_labelers = false;
  int capacity = 0;  // of created labelers; 0: the contract's default
  int chunk = 1000;
};

// What became of the answers of a file.
struct ImportTotals {
  int64_t acknowledged = 0;
  int64_t recorded = 0;
  int64_t duplicates = 0;
  int64_t conflicts = 0;
  int64_t late = 0;
  int64_t last_line = 0;  // of the last acknowledged answer
};

// Sends a file's answers chunk by chunk: a chunk is acknowledged when it is
// durable, so after a failure everything up to `totals().last_line` is safe.
class AnswerImport {
 public:
  AnswerImport(Client& client, const ImportOptions& options)
      : client_(client), options_(options) {}

  absl::Status Run(ProgressBar& bar) {
    ALLOT_ASSIGN_OR_RETURN(const v1::Pool pool,
                           FetchPool(client_, options_.pool_id));
    ALLOT_RETURN_IF_ERROR(ReadSpecifications(pool));
    ALLOT_RETURN_IF_ERROR(ReadPlan());
    ALLOT_ASSIGN_OR_RETURN(
        const auto file,
        MessageFile<v1::Answer>::Open(options_.file, AnswerSchema(pool)));
    WarnAboutIgnoredColumns(options_.file, file->ignored_columns());
    while (true) {
      ALLOT_ASSIGN_OR_RETURN(const bool more, ReadChunk(*file));
      if (!more) break;
      ALLOT_RETURN_IF_ERROR(SendChunk());
      bar.Update(totals_.acknowledged, file->fraction());
    }
    if (totals_.acknowledged == 0) {
      return absl::InvalidArgumentError(
          absl::StrCat(options_.file, ": no answers in it",
                       planned_.has_value() ? " to pairs of the plan" : ""));
    }
    return absl::OkStatus();
  }

  const ImportTotals& totals() const { return totals_; }
  size_t labelers() const { return labelers_.size(); }
  size_t tasks() const { return tasks_.size(); }
  // The first few answers that contradict earlier ones.
  const std::vector<std::string>& conflicts() const { return conflicts_; }

 private:
  absl::Status ReadSpecifications(const v1::Pool& pool) {
    if (!options_.tasks_file.empty()) {
      ALLOT_ASSIGN_OR_RETURN(
          auto tasks,
          ReadMessages<v1::Task>(options_.tasks_file, TaskSchema(pool)));
      for (v1::Task& task : tasks) {
        std::string id = task.task_id();
        specifications_.insert_or_assign(std::move(id), std::move(task));
      }
    }
    if (!options_.gold_file.empty()) {
      ALLOT_ASSIGN_OR_RETURN(
          const auto gold,
          ReadMessages<v1::Task>(options_.gold_file, TruthSchema(pool)));
      for (const v1::Task& task : gold) {
        v1::Task& specification = specifications_[task.task_id()];
        specification.set_task_id(task.task_id());
        specification.set_gold_label(task.gold_label());
      }
    }
    return absl::OkStatus();
  }

  absl::Status ReadPlan() {
    if (options_.plan_file.empty()) return absl::OkStatus();
    v1::AllocateResponse plan;
    ALLOT_RETURN_IF_ERROR(ReadJsonFile(options_.plan_file, plan));
    planned_.emplace();
    for (const auto& pair : plan.assignments()) {
      planned_->emplace(pair.task_id(), pair.labeler_id());
    }
    return absl::OkStatus();
  }

  // Reads the next chunk into request_; false if nothing is left.
  absl::StatusOr<bool> ReadChunk(MessageFile<v1::Answer>& file) {
    request_.Clear();
    newcomers_.Clear();
    request_.set_pool_id(options_.pool_id);
    newcomers_.set_pool_id(options_.pool_id);
    lines_.clear();
    size_t bytes = 0;
    v1::Answer answer;
    while (request_.answers_size() < options_.chunk && bytes < kMaxCallBytes) {
      auto more = file.Next(answer);
      if (!more.ok()) return more.status();
      if (!*more) break;
      if (planned_.has_value() &&
          !planned_->contains({answer.task_id(), answer.labeler_id()})) {
        continue;
      }
      lines_.push_back(file.line());
      if (labelers_.insert(answer.labeler_id()).second &&
          options_.create_labelers) {
        v1::Labeler& labeler = *newcomers_.add_labelers();
        labeler.set_labeler_id(answer.labeler_id());
        if (options_.capacity > 0) labeler.set_capacity(options_.capacity);
      }
      if (tasks_.insert(answer.task_id()).second) {
        const auto found = specifications_.find(answer.task_id());
        if (found != specifications_.end()) {
          bytes += found->second.ByteSizeLong();
          *request_.add_tasks() = found->second;
        }
      }
      bytes += answer.ByteSizeLong();
      *request_.add_answers() = std::move(answer);
    }
    return !lines_.empty();
  }

  absl::Status SendChunk() {
    if (!newcomers_.labelers().empty()) {
      const auto created =
          client_.Call(client_.labelers(),
                       &v1::LabelerService::Stub::UpsertLabelers, newcomers_);
      if (!created.ok()) return Explain(created.status());
    }
    const auto response = client_.Call(
        client_.labelers(), &v1::LabelerService::Stub::ReportAnswers, request_);
    if (!response.ok()) return Explain(response.status());
    for (int i = 0; i < response->results_size(); ++i) Count(*response, i);
    totals_.acknowledged += request_.answers_size();
    totals_.last_line = lines_.back();
    return absl::OkStatus();
  }

  void Count(const v1::ReportAnswersResponse& response, int i) {
    switch (response.results(i).outcome()) {
      case v1::AnswerResult::OUTCOME_RECORDED:
        ++totals_.recorded;
        break;
      case v1::AnswerResult::OUTCOME_RECORDED_LATE:
        ++totals_.recorded;
        ++totals_.late;
        break;
      case v1::AnswerResult::OUTCOME_DUPLICATE:
        ++totals_.duplicates;
        break;
      case v1::AnswerResult::OUTCOME_CONFLICT:
        ++totals_.conflicts;
        if (conflicts_.size() < 3) {
          const v1::Answer& answer = request_.answers(i);
          conflicts_.push_back(absl::StrCat(
              options_.file, ":", lines_[static_cast<size_t>(i)], ": ",
              answer.labeler_id(), " answered ", answer.task_id(),
              " before, differently; the first answer stands"));
        }
        break;
      default:
        break;
    }
  }

  // Names the line of the answer at fault.
  absl::Status Explain(const absl::Status& status) const {
    const absl::Status placed =
        AtItsLine(status, "answers[", options_.file, lines_);
    if (status.code() != absl::StatusCode::kNotFound ||
        options_.create_labelers) {
      return placed;
    }
    return absl::Status(placed.code(),
                        absl::StrCat(placed.message(),
                                     "\nadd unknown labelers on the way with "
                                     "--create-labelers"));
  }

  Client& client_;
  const ImportOptions& options_;
  std::unordered_map<std::string, v1::Task> specifications_;
  std::optional<std::set<std::pair<std::string, std::string>>> planned_;
  std::unordered_set<std::string> labelers_;
  std::unordered_set<std::string> tasks_;
  v1::ReportAnswersRequest request_;
  v1::UpsertLabelersRequest newcomers_;
  std::vector<int64_t> lines_;  // of the answers in request_
  std::vector<std::string> conflicts_;
  ImportTotals totals_;
};

void PrintTotals(const Invocation& invocation, const AnswerImport& import,
                 double seconds) {
  const ImportTotals& totals = import.totals();
  if (invocation.json) {
    std::cout << absl::StrFormat(
        "{\"acknowledged\": %d, \"recorded\": %d, \"duplicates\": %d, "
        "\"conflicts\": %d, \"late\": %d, \"labelers\": %d, \"tasks\": %d, "
        "\"last_line\": %d, \"seconds\": %.3f}\n",
        totals.acknowledged, totals.recorded, totals.duplicates,
        totals.conflicts, totals.late, import.labelers(), import.tasks(),
        totals.last_line, seconds);
    return;
  }
  std::cout << "imported " << FormatPlural(totals.acknowledged, "answer")
            << " of "
            << FormatPlural(static_cast<int64_t>(import.labelers()), "labeler")
            << " to "
            << FormatPlural(static_cast<int64_t>(import.tasks()), "task")
            << " in " << FormatSeconds(seconds) << ": "
            << FormatCount(totals.recorded) << " recorded, "
            << FormatCount(totals.duplicates) << " known before, "
            << FormatCount(totals.conflicts) << " conflicting";
  if (totals.late > 0) {
    std::cout << ", " << FormatCount(totals.late) << " after their lease";
  }
  std::cout << '\n';
  for (const std::string& conflict : import.conflicts()) {
    std::cout << "  " << conflict << '\n';
  }
}

absl::Status ImportAnswers(const Invocation& invocation,
                           const ImportOptions& options) {
  Client client(invocation.client);
  AnswerImport import(client, options);
  ProgressBar bar("answers");
  const absl::Status status = import.Run(bar);
  bar.Clear();
  const ImportTotals& totals = import.totals();
  // After a failure half-way the totals say what is safe.
  if (status.ok() || totals.acknowledged > 0) {
    PrintTotals(invocation, import, bar.seconds());
  }
  if (status.ok() || totals.acknowledged == 0) return status;
  return absl::Status(
      status.code(),
      absl::StrCat(status.message(), "\nwhat was imported, up to ",
                   options.file, ":", totals.last_line,
                   ", is safe; the same command again goes on: known answers "
                   "are not counted twice"));
}

absl::Status ReportGold(const Invocation& invocation,
                        const ImportOptions& options) {
  Client client(invocation.client);
  ALLOT_ASSIGN_OR_RETURN(const v1::Pool pool,
                         FetchPool(client, options.pool_id));
  ALLOT_ASSIGN_OR_RETURN(
      const auto gold, ReadMessages<v1::Task>(options.file, TruthSchema(pool)));
  if (gold.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.file, ": no gold labels in it"));
  }
  v1::ReportAnswersRequest request;
  request.set_pool_id(options.pool_id);
  for (size_t i = 0; i < gold.size(); ++i) {
    *request.add_tasks() = gold[i];
    if (request.tasks_size() < kGoldChunk && i + 1 < gold.size()) continue;
    ALLOT_RETURN_IF_ERROR(client
                              .Call(client.labelers(),
                                    &v1::LabelerService::Stub::ReportAnswers,
                                    request)
                              .status());
    request.clear_tasks();
  }
  const auto count = static_cast<int64_t>(gold.size());
  if (invocation.json) {
    std::cout << absl::StrFormat("{\"gold_labels\": %d}\n", count);
  } else {
    std::cout << "reported " << FormatPlural(count, "gold label") << '\n';
  }
  return absl::OkStatus();
}

}  // namespace

void AddAnswerCommands(CLI::App& app, Invocation& invocation) {
  CLI::App* answers =
      app.add_subcommand("answers", "What labelers said: allot learns from it");
  answers->require_subcommand(1);
  auto options = std::make_shared<ImportOptions>();

  CLI::App* import = answers->add_subcommand(
      "import", "Report the answers of a CSV or JSON Lines file");
  import->add_option("file", options->file, "The file")
      ->required()
      ->type_name("FILE");
  AddPoolOption(*import, options->pool_id);
  import->add_flag("--create-labelers", options->create_labelers,
                   "Add labelers that the pool does not know");
  import
      ->add_option("--capacity", options->capacity,
                   "Capacity of labelers added so")
      ->check(CLI::Range(1, 1000000))
      ->needs("--create-labelers");
  import
      ->add_option("--gold", options->gold_file,
                   "Known truths, CSV with columns task,truth")
      ->type_name("FILE");
  import
      ->add_option("--tasks", options->tasks_file,
                   "Specifications of the tasks, as for `allot allocate`")
      ->type_name("FILE");
  import
      ->add_option("--plan", options->plan_file,
                   "Only answers to pairs of this plan, as `allot -o json "
                   "allocate` printed it")
      ->type_name("FILE.json");
  import
      ->add_option("--chunk", options->chunk,
                   "Answers of one call, durable together")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000));
  import->footer(absl::StrCat("\nCSV columns:\n",
                              DescribeSchema(AnswerSchema(v1::Pool())),
                              "JSON Lines: one allot.v1.Answer a line.\n"));
  import->callback([&invocation, options] {
    invocation.run = [&invocation, options] {
      return ImportAnswers(invocation, *options);
};
}  // namespace allot
);

CLI::App* gold = answers->add_subcommand(
    "gold", "Report true labels of tasks, known or new");
gold->add_option("file", options->file, "CSV with columns task,truth")
    ->required()
    ->type_name("FILE");
AddPoolOption(*gold, options->pool_id);
gold->callback([&invocation, options] {
  invocation.run = [&invocation, options] {
    return ReportGold(invocation, *options);
  };
});
}

}  // namespace allot
