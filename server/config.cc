// SPDX-License-Identifier: Apache-2.0
#include "server/config.h"

#include <algorithm>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/reflection.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "lib/base/status_macros.h"
#include "server/json_file.h"

ABSL_DECLARE_FLAG(std::string, config);
ABSL_DECLARE_FLAG(bool, check_config);

namespace allot {
namespace {

// Settings that a running server takes over.
constexpr absl::string_view kReloadable[] = {"tokens", "latency_target",
                                             "slow_call", "log_level"};

// "--some-flag=value" as "some_flag" and "value"; the name is empty for what is
// no flag.
std::pair<std::string, std::string> SplitFlag(absl::string_view argument) {
  if (!absl::StartsWith(argument, "-")) return {};
  argument.remove_prefix(absl::StartsWith(argument, "--") ? 2 : 1);
  const size_t end = std::min(argument.find('='), argument.size());
  std::string name(argument.substr(0, end));
  std::ranges::replace(name, '-', '_');
  return {name,
          std::string(argument.substr(std::min(end + 1, argument.size())))};
}

}  // namespace

absl::StatusOr<Config> Config::FromCommandLine(int argc, char** argv) {
  Config config;
  std::vector<std::string> arguments(argv, argv + argc);
  for (size_t i = 1; i < arguments.size() && arguments[i] != "--"; ++i) {
    const auto [name, value] = SplitFlag(arguments[i]);
    if (name.empty()) continue;
    config.given_.insert(name);
    const size_t equals = arguments[i].find('=');
    if (name == "config") {
      config.path_ = equals != std::string::npos ? value
                     : i + 1 < arguments.size()  ? arguments[i + 1]
                                                 : "";
    }
    if (FindFlag(name) != nullptr) {
      arguments[i] = absl::StrCat(
          "--", name,
          equals == std::string::npos ? "" : arguments[i].substr(equals));
    }
  }
  if (!config.path_.empty()) {
    ALLOT_RETURN_IF_ERROR(config.ReadFile());
    ALLOT_RETURN_IF_ERROR(config.SetFlags());
  }
  std::vector<std::string> before;
  for (const absl::CommandLineFlag* flag : AllFlags()) {
    before.push_back(flag->CurrentValue());
  }
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  absl::ParseCommandLine(argc, pointers.data());
  // What a --flagfile has set counts as given, too.
  const std::vector<absl::CommandLineFlag*> flags = AllFlags();
  for (size_t i = 0; i < flags.size(); ++i) {
    if (flags[i]->CurrentValue() != before[i]) {
      config.given_.insert(std::string(flags[i]->Name()));
    }
  }
  return config;
}

absl::Status Config::ReadFile() {
  const absl::StatusOr<JsonValue> root = ReadJsonFile(path_);
  if (!root.ok()) {
    return absl::IsNotFound(root.status())
               ? absl::InvalidArgumentError(
                     absl::StrCat("--config: ", root.status().message()))
               : root.status();
  }
  std::vector<Entry> entries;
  std::vector<QuotaRule> quotas;
  for (const auto& [name, value] : root->members) {
    if (name == "quotas") {
      if (value.kind != JsonValue::Kind::kList) {
        return ErrorAt(path_, value.line, "quotas: must be a list: [ ... ]");
      }
      ALLOT_ASSIGN_OR_RETURN(quotas, ParseQuotas(path_, value));
      continue;
    }
    if (FindFlag(name) == nullptr || name == "config" ||
        name == "check_config") {
      return ErrorAt(path_, value.line,
                     absl::StrCat("unknown setting \"", name, "\""));
    }
    if (value.kind != JsonValue::Kind::kText &&
        value.kind != JsonValue::Kind::kNumber &&
        value.kind != JsonValue::Kind::kBool) {
      return ErrorAt(path_, value.line,
                     absl::StrCat(name, ": must be a text or a number"));
    }
    entries.push_back({name, value.text, value.line});
  }
  entries_ = std::move(entries);
  quotas_ = std::move(quotas);
  return absl::OkStatus();
}

absl::Status Config::SetFlags() const {
  for (absl::CommandLineFlag* flag : AllFlags()) {
    const std::string name(flag->Name());
    if (given_.contains(name) || name == "config") continue;
    const Entry* entry = Find(name);
    std::string error;
    const bool good = flag->ParseFrom(
        entry != nullptr ? entry->value : flag->DefaultValue(), &error);
    if (!good && entry != nullptr) {
      return ErrorAt(path_, entry->line,
                     absl::StrCat(name, ": cannot be \"", entry->value, "\"",
                                  error.empty() ? "" : ": ", error));
    }
  }
  return absl::OkStatus();
}

absl::Status Config::Reload() {
  if (path_.empty()) return absl::OkStatus();
  const Config before = *this;
  ALLOT_RETURN_IF_ERROR(ReadFile());
  absl::Status status = SetFlags();
  if (status.ok()) status = Options().status();
  if (!status.ok()) {
    *this = before;
    (void)SetFlags();
  }
  return status;
}

const Config::Entry* Config::Find(absl::string_view flag) const {
  for (const Entry& entry : entries_) {
    if (entry.name == flag) return &entry;
  }
  return nullptr;
}

absl::StatusOr<ServerOptions> Config::Options() const {
  // "--workers: must be ..." is the file's fault if it says what workers are.
  const auto blame = [&](const absl::Status& status) {
    const absl::string_view message = status.message();
    const size_t colon = message.find(": ");
    if (!absl::StartsWith(message, "--") || colon == absl::string_view::npos) {
      return status;
    }
    const std::string name(message.substr(2, colon - 2));
    const Entry* entry = given_.contains(name) ? nullptr : Find(name);
    if (entry == nullptr) return status;
    return ErrorAt(path_, entry->line, message.substr(2));
  };
  absl::StatusOr<ServerOptions> options = OptionsFromFlags();
  if (!options.ok()) return blame(options.status());
  if (const absl::Status status = CheckOptions(*options); !status.ok()) {
    return blame(status);
  }
  options->quotas = quotas_;
  for (const absl::CommandLineFlag* flag : AllFlags()) {
    const std::string name(flag->Name());
    options->settings.push_back({name, flag->CurrentValue(),
                                 flag->DefaultValue(),
                                 given_.contains(name)   ? "command line"
                                 : Find(name) != nullptr ? path_
                                                         : "default"});
  }
  return options;
}

bool Config::check_only() const { return absl::GetFlag(FLAGS_check_config); }

std::vector<std::string> NeedsRestart(const ServerOptions& now,
                                      const ServerOptions& next) {
  std::vector<std::string> names;
  for (const Setting& setting : next.settings) {
    if (std::ranges::find(kReloadable, setting.name) != std::end(kReloadable)) {
      continue;
    }
    for (const Setting& old : now.settings) {
      if (old.name == setting.name && old.value != setting.value) {
        names.push_back(setting.name);
      }
    }
  }
  return names;
}

}  // namespace allot
