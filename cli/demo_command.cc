// SPDX-License-Identifier: Apache-2.0
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cli/commands.h"
#include "cli/demo_data.h"
#include "lib/base/status_macros.h"

namespace allot {
namespace {

std::string Cell(const std::string& text) {
  if (text.find_first_of(",\"\n\r ") == std::string::npos) return text;
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

std::string Json(const google::protobuf::Message& message, bool pretty) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = pretty;
  options.preserve_proto_field_names = true;
  std::string text;
  (void)google::protobuf::util::MessageToJsonString(message, &text, options);
  return text;
}

absl::Status WriteFile(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (out) return absl::OkStatus();
  return absl::UnknownError(
      absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
}

std::string AnswersCsv(const std::vector<v1::Answer>& answers) {
  using google::protobuf::util::TimeUtil;
  std::string text = "task,labeler,answer,duration_s,answered_at\n";
  for (const v1::Answer& answer : answers) {
    absl::StrAppend(&text, Cell(answer.task_id()), ",",
                    Cell(answer.labeler_id()), ",", Cell(answer.label_name()),
                    ",");
    if (answer.has_handling_time()) {
      absl::StrAppend(
          &text, static_cast<double>(
                     TimeUtil::DurationToMilliseconds(answer.handling_time())) /
                     1000);
    }
    text += ',';
    if (answer.has_answered_at()) {
      text += TimeUtil::ToString(answer.answered_at());
    }
    text += '\n';
  }
  return text;
}

std::string TruthCsv(const v1::Pool& pool, const std::vector<v1::Task>& tasks) {
  std::string text = "task,truth\n";
  for (const v1::Task& task : tasks) {
    absl::StrAppend(&text, Cell(task.task_id()), ",",
                    Cell(pool.label_sets(0).labels(task.gold_label())), "\n");
  }
  return text;
}

std::string JsonLines(const std::vector<v1::Task>& tasks) {
  std::string text;
  for (const v1::Task& task : tasks) {
    absl::StrAppend(&text, Json(task, false), "\n");
  }
  return text;
}

struct DemoArguments {
  std::string folder;
  std::string from;
  DemoOptions options;
};

absl::Status MakeDemo(const DemoArguments& arguments) {
  DemoData data;
  if (arguments.from.empty()) {
    data = GenerateDemo(arguments.options);
  } else {
    ALLOT_ASSIGN_OR_RETURN(data,
                           DemoFromFolder(arguments.from, arguments.options));
  }
  ALLOT_RETURN_IF_ERROR(WriteDemo(data, arguments.folder));
  std::cout << data.explanation;
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteDemo(const DemoData& data, const std::string& folder) {
  if (mkdir(folder.c_str(), 0777) != 0 && errno != EEXIST) {
    return absl::UnknownError(
        absl::StrCat("cannot make ", folder, ": ", std::strerror(errno)));
  }
  std::string labelers = "labeler,price,capacity\n";
  for (const v1::Labeler& labeler : data.labelers) {
    absl::StrAppend(&labelers, Cell(labeler.labeler_id()), ",",
                    labeler.price().per_answer(), ",", labeler.capacity(),
                    "\n");
  }
  const std::pair<const char*, std::string> files[] = {
      {"README.txt", data.explanation},
      {"pool.json", Json(data.pool, true)},
      {"labelers.csv", labelers},
      {"past_tasks.jsonl", JsonLines(data.past_tasks)},
      {"answers.csv", AnswersCsv(data.past_answers)},
      {"gold.csv", TruthCsv(data.pool, data.gold)},
      {"tasks.jsonl", JsonLines(data.batch)},
      {"batch_answers.csv", AnswersCsv(data.batch_answers)},
      {"truth.csv", TruthCsv(data.pool, data.truth)}};
  for (const auto& [name, text] : files) {
    ALLOT_RETURN_IF_ERROR(WriteFile(absl::StrCat(folder, "/", name), text));
  }
  return absl::OkStatus();
}

void AddDemoDataCommand(CLI::App& app, Invocation& invocation) {
  auto arguments = std::make_shared<DemoArguments>();
  CLI::App* command = app.add_subcommand(
      "demo-data", "Write a folder of files to try the other commands on");
  command->add_option("folder", arguments->folder, "The folder to write")
      ->required()
      ->type_name("DIR");
  command
      ->add_option("--from", arguments->from,
                   "Cut it from real answers: answers.csv and truth.csv here")
      ->type_name("DIR");
  command->add_option("--seed", arguments->options.seed, "Of the randomness")
      ->capture_default_str();
  command->add_option("--tasks", arguments->options.tasks, "Past tasks")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000000));
  command->add_option("--labelers", arguments->options.labelers, "Labelers")
      ->capture_default_str()
      ->check(CLI::Range(8, 10000000));
  command
      ->add_option("--redundancy", arguments->options.redundancy,
                   "Answers to each past task")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  command->add_option("--batch", arguments->options.batch, "Tasks to plan")
      ->capture_default_str()
      ->check(CLI::Range(0, 10000));
  command->callback([&invocation, arguments] {
    invocation.run = [arguments] { return MakeDemo(*arguments); };
  });
}

}  // namespace allot
