// SPDX-License-Identifier: Apache-2.0
// Scenarios of `allot simulate`: those that come with the program, and files.
#ifndef ALLOT_CLI_SCENARIOS_H_
#define ALLOT_CLI_SCENARIOS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/study/scenario.h"

namespace allot {

struct ShippedScenario {
  std::string name;
  std::string text;  // a textproto
};
// In alphabetical order.
const std::vector<ShippedScenario>& ShippedScenarios();

inline constexpr int kMostSeeds = 100000;

struct LoadedScenario {
  Scenario scenario;
  std::vector<std::string> policies;
  int seeds = 5;  // in [1, kMostSeeds]
};

// A textproto of cli/scenario.proto. Errors: kInvalidArgument with `origin`,
// line and column of what is not understood, or the field out of range.
absl::StatusOr<LoadedScenario> ParseScenario(absl::string_view text,
                                             const std::string& origin);

// `name_or_path` is a file, or the name of a shipped scenario. kUnknown lists
// these if it is neither.
absl::StatusOr<LoadedScenario> LoadScenario(const std::string& name_or_path);

}  // namespace allot

#endif  // ALLOT_CLI_SCENARIOS_H_
