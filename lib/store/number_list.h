// SPDX-License-Identifier: Apache-2.0
// Lists of numbers as JSON text: [0.5,0.5] and [[0,1.5],[3,-2]]. A log holds
// millions of them, and a general JSON parser would take most of a restart.
// Numbers are written by std::to_chars: the shortest text that reads back as
// the same bits, whatever the locale.
#ifndef ALLOT_LIB_STORE_NUMBER_LIST_H_
#define ALLOT_LIB_STORE_NUMBER_LIST_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/skill/loading.h"
#include "lib/skill/update.h"

namespace allot {

using Loading = std::vector<SkillWeight>;  // [[skill, weight], ...]
// [[skill, mean, variance], ...]
using SkillBeliefs = std::vector<std::pair<int32_t, SkillBelief>>;

// Append to `text`. kInvalidArgument: a number is not finite; JSON has no word
// for it.
absl::Status AppendJson(const Loading& loading, std::string& text);
absl::Status AppendJson(const SkillBeliefs& skills, std::string& text);
absl::Status AppendJson(const std::vector<double>& numbers, std::string& text);

// kDataLoss: `text` is not such a list.
absl::StatusOr<Loading> ParseLoading(absl::string_view text);
absl::StatusOr<SkillBeliefs> ParseSkillBeliefs(absl::string_view text);
absl::StatusOr<std::vector<double>> ParseNumbers(absl::string_view text);

}  // namespace allot

#endif  // ALLOT_LIB_STORE_NUMBER_LIST_H_
