// SPDX-License-Identifier: Apache-2.0
// What a log holds by the million as JSON lists: [0.5,0.5], [[0,1.5],[3,-2]],
// [["L1","task","labeler",1700000000000000],...]. A general JSON library would
// take most of an append, and most of a restart. Numbers are written by
// std::to_chars: the shortest text that reads back as the same bits, whatever
// the locale.
#ifndef ALLOT_LIB_STORE_JSON_LIST_H_
#define ALLOT_LIB_STORE_JSON_LIST_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lib/roster/task.h"
#include "lib/skill/loading.h"
#include "lib/skill/update.h"
#include "lib/store/event.h"

namespace allot {

using Loading = std::vector<SkillWeight>;  // [[skill, weight], ...]
// [[skill, mean, variance], ...]
using SkillBeliefs = std::vector<std::pair<int32_t, SkillBelief>>;

// Append to `text`. Tasks and leases are lists of their fields in the order of
// the struct, an empty list or optional among them null. kInvalidArgument: a
// number is not finite; JSON has no word for it.
absl::Status AppendJson(const Loading& loading, std::string& text);
absl::Status AppendJson(const SkillBeliefs& skills, std::string& text);
absl::Status AppendJson(const std::vector<double>& numbers, std::string& text);
absl::Status AppendJson(const std::vector<Task>& tasks, std::string& text);
absl::Status AppendJson(const std::vector<Lease>& leases, std::string& text);

// kDataLoss: `text` is not such a list.
absl::StatusOr<Loading> ParseLoading(absl::string_view text);
absl::StatusOr<SkillBeliefs> ParseSkillBeliefs(absl::string_view text);
absl::StatusOr<std::vector<double>> ParseNumbers(absl::string_view text);
absl::StatusOr<std::vector<Task>> ParseTasks(absl::string_view text);
absl::StatusOr<std::vector<Lease>> ParseLeases(absl::string_view text);

}  // namespace allot

#endif  // ALLOT_LIB_STORE_JSON_LIST_H_
