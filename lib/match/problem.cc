// SPDX-License-Identifier: Apache-2.0
#include "lib/match/problem.h"

#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"

namespace allot {
namespace {

absl::Status WrongSize(const char* name, size_t want, size_t got) {
  return absl::InvalidArgumentError(
      absl::StrCat(name, ": want ", want, " entries, got ", got));
}

absl::Status ValidateSizes(const Problem& problem) {
  const size_t tasks = problem.redundancy.size();
  const size_t edges = problem.labeler.size();
  constexpr size_t kMost = std::numeric_limits<int32_t>::max() - 1;
  if (tasks > kMost || edges > kMost || problem.capacity.size() > kMost) {
    return absl::InvalidArgumentError("problem: want less than 2^31 elements");
  }
  if (problem.offset.size() != tasks + 1) {
    return WrongSize("offset", tasks + 1, problem.offset.size());
  }
  if (problem.utility.size() != edges) {
    return WrongSize("utility", edges, problem.utility.size());
  }
  if (!problem.unfilled_penalty.empty() &&
      problem.unfilled_penalty.size() != tasks) {
    return WrongSize("unfilled_penalty", tasks,
                     problem.unfilled_penalty.size());
  }
  if (problem.offset[0] != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("offset[0]: want 0, got ", problem.offset[0]));
  }
  for (size_t t = 0; t < tasks; ++t) {
    if (problem.offset[t + 1] < problem.offset[t]) {
      return absl::InvalidArgumentError(
          absl::StrCat("offset[", t + 1, "]: want at least ", problem.offset[t],
                       ", got ", problem.offset[t + 1]));
    }
  }
  if (static_cast<size_t>(problem.offset[tasks]) != edges) {
    return absl::InvalidArgumentError(
        absl::StrCat("offset[", tasks, "]: want the number of edges, ", edges,
                     ", got ", problem.offset[tasks]));
  }
  return absl::OkStatus();
}

absl::Status ValidateEdges(const Problem& problem) {
  const int num_labelers = problem.num_labelers();
  const int num_edges = problem.num_edges();
  // Written so that NaN fails, and without a branch, for speed.
  int wrong = 0;
  for (int e = 0; e < num_edges; ++e) {
    wrong += !(std::abs(problem.utility[e]) <= kMaxUtility);
  }
  for (int e = 0; e < num_edges; ++e) {
    wrong += static_cast<uint32_t>(problem.labeler[e]) >=
             static_cast<uint32_t>(num_labelers);
  }
  for (int e = 0; e < num_edges && wrong > 0; ++e) {
    if (problem.labeler[e] < 0 || problem.labeler[e] >= num_labelers) {
      return absl::InvalidArgumentError(
          absl::StrCat("labeler[", e, "]: want in [0, ", num_labelers,
                       "), got ", problem.labeler[e]));
    }
    if (!(std::abs(problem.utility[e]) <= kMaxUtility)) {
      return absl::InvalidArgumentError(
          absl::StrCat("utility[", e, "]: want a number within ", kMaxUtility,
                       ", got ", problem.utility[e]));
    }
  }
  // A row in ascending order names nobody twice.
  int descents = 0;
  for (int e = 0; e + 1 < num_edges; ++e) {
    descents += problem.labeler[e] >= problem.labeler[e + 1];
  }
  for (int t = 1; t < problem.num_tasks() && descents > 0; ++t) {
    const int e = problem.offset[t];
    if (e == 0 || e == num_edges || e == problem.offset[t - 1]) continue;
    descents -= problem.labeler[e - 1] >= problem.labeler[e];
  }
  if (descents == 0) return absl::OkStatus();
  // last_task[l] is the last task seen with labeler l.
  std::vector<int32_t> last_task(num_labelers, -1);
  for (int t = 0; t < problem.num_tasks(); ++t) {
    for (int e = problem.offset[t]; e < problem.offset[t + 1]; ++e) {
      const int l = problem.labeler[e];
      if (last_task[l] == t) {
        return absl::InvalidArgumentError(absl::StrCat(
            "labeler[", e, "]: task ", t, " lists labeler ", l, " twice"));
      }
      last_task[l] = t;
    }
  }
  return absl::OkStatus();
}

}  // namespace

int64_t Problem::num_slots() const {
  int64_t slots = 0;
  for (const int32_t k : redundancy) slots += k;
  return slots;
}

absl::Status ValidateShape(const Problem& problem) {
  if (absl::Status status = ValidateSizes(problem); !status.ok()) return status;
  for (int t = 0; t < problem.num_tasks(); ++t) {
    if (problem.redundancy[t] < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "redundancy[", t, "]: want >= 0, got ", problem.redundancy[t]));
    }
    if (!(problem.penalty(t) >= 0 && problem.penalty(t) <= kMaxUtility)) {
      return absl::InvalidArgumentError(
          absl::StrCat("unfilled_penalty[", t, "]: want in [0, ", kMaxUtility,
                       "], got ", problem.penalty(t)));
    }
  }
  for (int l = 0; l < problem.num_labelers(); ++l) {
    if (problem.capacity[l] < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "capacity[", l, "]: want >= 0, got ", problem.capacity[l]));
    }
  }
  return absl::OkStatus();
}

absl::Status Validate(const Problem& problem) {
  if (absl::Status status = ValidateShape(problem); !status.ok()) return status;
  return ValidateEdges(problem);
}

}  // namespace allot
