// SPDX-License-Identifier: Apache-2.0
#include "lib/roster/task.h"

#include <utility>

namespace allot {

Task DefaultTask(const Pool& pool, std::string id) {
  Task task;
  task.id = std::move(id);
  const auto skills = static_cast<int32_t>(pool.skills.size());
  for (int32_t d = 0; d < skills; ++d) {
    task.loading.push_back({d, 1.0f / static_cast<float>(skills)});
  }
  if (!pool.label_sets.empty()) {
    task.label_set = pool.label_sets[0].name;
    task.num_classes = static_cast<int32_t>(pool.label_sets[0].labels.size());
  }
  return task;
}

}  // namespace allot
