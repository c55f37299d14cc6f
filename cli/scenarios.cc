// SPDX-License-Identifier: Apache-2.0
#include "cli/scenarios.h"

#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/scenario.pb.h"
#include "lib/base/status_macros.h"
#include "lib/study/ask_policy.h"

namespace allot {
namespace {

// Keeps the first complaint.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text_.empty()) {
      text_ = absl::StrCat(line + 1, ":", column + 1, ": ", message);
    }
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

LabelerGroup ToGroup(const study::Group& given) {
  LabelerGroup group;
  group.name = given.name();
  group.count = given.count();
  switch (given.conduct()) {
    case study::Group::HONEST:
      group.conduct = Conduct::kHonest;
      break;
    case study::Group::GUESSER:
      group.conduct = Conduct::kGuesser;
      break;
    case study::Group::CONSTANT:
      group.conduct = Conduct::kConstant;
      break;
    case study::Group::COLLUDER:
      group.conduct = Conduct::kColluder;
      break;
  }
  group.skill_mean = given.skill_mean();
  group.skill_sd = given.skill_sd();
  group.domain_sd = given.domain_sd();
  group.drift_sd_per_day = given.drift_sd_per_day();
  group.learning_gain = given.learning_gain();
  group.learning_half = given.learning_half();
  group.fatigue_per_hour = given.fatigue_per_hour();
  group.price = given.price();
  group.price_sd = given.price_sd();
  group.speed_sd = given.speed_sd();
  group.seconds_sd = given.seconds_sd();
  group.abandon = given.abandon();
  group.capacity = given.capacity();
  group.shift_hours = given.shift_hours();
  group.shift_spread = given.shift_spread();
  group.arrive_hour = given.arrive_hour();
  group.leave_hour = given.leave_hour();
  return group;
}

absl::Status ValidateComparison(const LoadedScenario& loaded) {
  if (loaded.seeds < 1 || loaded.seeds > kMostSeeds) {
    return absl::InvalidArgumentError(absl::StrCat(
        "seeds: must be in [1, ", kMostSeeds, "], got ", loaded.seeds));
  }
  std::vector<std::string> known;
  for (const AskPolicyInfo& policy : AskPolicies()) {
    known.push_back(policy.name);
  }
  for (size_t i = 0; i < loaded.policies.size(); ++i) {
    if (std::find(known.begin(), known.end(), loaded.policies[i]) ==
        known.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "policies[", i, "]: must be one of ", absl::StrJoin(known, ", "),
          ", got \"", loaded.policies[i], "\""));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LoadedScenario> ParseScenario(absl::string_view text,
                                             const std::string& origin) {
  study::Scenario given;
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (!parser.ParseFromString(std::string(text), &given)) {
    return absl::InvalidArgumentError(absl::StrCat(origin, ":", error.text()));
  }
  LoadedScenario loaded;
  Scenario& scenario = loaded.scenario;
  scenario.name = given.has_name() ? given.name() : origin;
  scenario.hours = given.hours();
  scenario.classes = given.classes();
  scenario.domains = given.domains();
  scenario.backlog = given.backlog();
  scenario.tasks_per_hour = given.tasks_per_hour();
  scenario.difficulty_sd = given.difficulty_sd();
  scenario.value = given.value();
  scenario.seconds = given.seconds();
  scenario.deadline_hours = given.deadline_hours();
  scenario.gold_share = given.gold_share();
  scenario.window_seconds = given.window_seconds();
  scenario.lease_seconds = given.lease_seconds();
  for (const study::Group& group : given.groups()) {
    scenario.groups.push_back(ToGroup(group));
  }
  const absl::Status valid = Validate(scenario);
  if (!valid.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(origin, ": ", valid.message()));
  }
  loaded.policies.assign(given.policies().begin(), given.policies().end());
  loaded.seeds = given.seeds();
  const absl::Status compared = ValidateComparison(loaded);
  if (!compared.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(origin, ": ", compared.message()));
  }
  return loaded;
}

absl::StatusOr<LoadedScenario> LoadScenario(const std::string& name_or_path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(name_or_path, ignored)) {
    return absl::UnknownError(
        absl::StrCat(name_or_path, ": is a folder, no scenario"));
  }
  std::ifstream file(name_or_path);
  if (file) {
    std::ostringstream text;
    text << file.rdbuf();
    return ParseScenario(text.str(), name_or_path);
  }
  std::string names;
  for (const ShippedScenario& shipped : ShippedScenarios()) {
    if (shipped.name == name_or_path) {
      return ParseScenario(shipped.text, shipped.name);
    }
    absl::StrAppend(&names, names.empty() ? "" : ", ", shipped.name);
  }
  return absl::UnknownError(
      absl::StrCat("there is no file \"", name_or_path,
                   "\" and no scenario of that name; there are ", names));
}

}  // namespace allot
