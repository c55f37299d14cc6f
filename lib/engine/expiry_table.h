// SPDX-License-Identifier: Apache-2.0
// When the open leases of a pool end. Those that were granted together mostly
// end together: so there is one entry for each end and not for each lease, and
// a lease that ends early is only counted off, and left out when its time
// comes.
//
// Cost     Add and Remove: O(log ends). EndedBy: O(leases that ended).
// Threads  Not thread-safe.
#ifndef ALLOT_LIB_ENGINE_EXPIRY_TABLE_H_
#define ALLOT_LIB_ENGINE_EXPIRY_TABLE_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lib/engine/task_table.h"

namespace allot {

class ExpiryTable {
 public:
  // A lease of `task`, whose OpenLease::ends_here_micros is `ends`. Records
  // must not move as long as there are such leases.
  void Add(int64_t ends, const TaskRecord& task) {
    Together& together = by_end_[ends];
    ++together.open;
    if (together.tasks.empty() || together.tasks.back() != &task) {
      together.tasks.push_back(&task);
    }
  }

  // One of the leases that end then is no more, or ends at another time.
  void Remove(int64_t ends) {
    const auto found = by_end_.find(ends);
    if (found != by_end_.end() && --found->second.open == 0) {
      by_end_.erase(found);
    }
  }

  void Clear() { by_end_.clear(); }

  // Ids of the leases that are over at `now`: by end, then by task.
  std::vector<std::string> EndedBy(int64_t now) const {
    std::vector<std::string> ids;
    for (const auto& [ends, together] : by_end_) {
      if (ends > now) break;
      std::vector<const TaskRecord*> tasks = together.tasks;
      const auto earlier = [](const TaskRecord* a, const TaskRecord* b) {
        return a->ordinal < b->ordinal;
      };
      std::sort(tasks.begin(), tasks.end(), earlier);
      tasks.erase(std::unique(tasks.begin(), tasks.end()), tasks.end());
      for (const TaskRecord* task : tasks) {
        for (const OpenLease& lease : task->leases) {
          if (lease.ends_here_micros == ends) ids.push_back(lease.id);
        }
      }
    }
    return ids;
  }

 private:
  struct Together {
    int64_t open = 0;
    std::vector<const TaskRecord*> tasks;
  };
  std::map<int64_t, Together> by_end_;
};

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_EXPIRY_TABLE_H_
