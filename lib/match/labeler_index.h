// SPDX-License-Identifier: Apache-2.0
// A problem's edges by labeler. Internal to lib/match.
#ifndef ALLOT_LIB_MATCH_LABELER_INDEX_H_
#define ALLOT_LIB_MATCH_LABELER_INDEX_H_

#include <cstdint>
#include <vector>

#include "lib/match/problem.h"

namespace allot {

struct LabelerIndex {
  // Those of labeler l are entries [begin[l], begin[l + 1]), by task.
  std::vector<int32_t> begin;  // [labelers + 1], empty until built
  std::vector<int32_t> edge, task;

  bool built() const { return !begin.empty(); }
  // `labeler` as Flow::labeler.
  void Build(const Problem& problem, const int32_t* labeler);
};

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_LABELER_INDEX_H_
