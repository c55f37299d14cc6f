// SPDX-License-Identifier: Apache-2.0
// What the service remembers of a task: its specification, its answers, its
// open leases.
#ifndef ALLOT_LIB_ENGINE_TASK_TABLE_H_
#define ALLOT_LIB_ENGINE_TASK_TABLE_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "lib/roster/task.h"
#include "lib/skill/update.h"

namespace allot {

struct RecordedAnswer {
  int32_t labeler = 0;  // roster row
  int32_t label = 0;
  // What the answer taught about the labeler, and the belief in it on which
  // that rests; revised as the task's other answers come in.
  float belief = -1;  // -1: not learned from yet
  SkillSite site;
};

struct OpenLease {
  std::string id;
  int32_t labeler = 0;              // roster row
  int64_t granted_unix_micros = 0;  // or renewed
  int64_t expires_unix_micros = 0;
  // On the steady clock of this process; follows from when the lease was folded
  // here and is in no checkpoint.
  int64_t ends_here_micros = std::numeric_limits<int64_t>::min();
};

struct TaskRecord {
  Task spec;
  int32_t ordinal = 0;  // among the pool's tasks, by first record
  std::vector<RecordedAnswer> answers;
  std::vector<OpenLease> leases;
  std::vector<int32_t> not_again;  // rows of labelers who skipped it
  bool withdrawn = false;          // nobody gets it any more

  // Whether the labeler answered it, holds it, or skipped it for good.
  bool Involves(int32_t labeler) const {
    for (const RecordedAnswer& answer : answers) {
      if (answer.labeler == labeler) return true;
    }
    for (const OpenLease& lease : leases) {
      if (lease.labeler == labeler) return true;
    }
    for (const int32_t row : not_again) {
      if (row == labeler) return true;
    }
    return false;
  }
};

// Records do not move.
using TaskTable = absl::flat_hash_map<std::string, std::unique_ptr<TaskRecord>>;

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_TASK_TABLE_H_
