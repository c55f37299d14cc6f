// SPDX-License-Identifier: Apache-2.0
// From answers and a roster to a posterior.
#ifndef ALLOT_LIB_ENGINE_EVIDENCE_H_
#define ALLOT_LIB_ENGINE_EVIDENCE_H_

#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "lib/engine/pool_entry.h"
#include "lib/engine/task_table.h"
#include "lib/truth/posterior.h"

namespace allot {

// Not thread-safe: it owns scratch. Borrows the view.
class Evidence {
 public:
  explicit Evidence(const PoolView& view) : view_(view) {}

  // The posterior of a task by these answers of labelers in the roster. What an
  // answer taught about its labeler (its site) is left out of judging it:
  // otherwise answers would vouch for themselves. Tempered (tempering.h): what
  // misled one labeler may have misled the next.
  absl::StatusOr<TaskPosterior> Score(const Task& task,
                                      std::span<const RecordedAnswer> answers);

  // The last task's answers as the model saw them.
  std::span<const ScoredAnswer> scored() const { return scored_; }

 private:
  const PoolView& view_;
  PosteriorScorer scorer_;
  std::vector<ScoredAnswer> scored_;
  absl::flat_hash_map<std::string, int32_t> groups_;
};

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_EVIDENCE_H_
