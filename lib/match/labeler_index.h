// SPDX-License-Identifier: Apache-2.0
// A problem's edges by labeler. Internal to lib/match.
#ifndef ALLOT_LIB_MATCH_LABELER_INDEX_H_
#define ALLOT_LIB_MATCH_LABELER_INDEX_H_

#include <cstdint>
#include <vector>

#include "lib/match/flow.h"
#include "lib/match/raw_vector.h"

namespace allot {

template <typename V>
struct LabelerIndex {
  // Those of labeler l are entries [begin[l], begin[l + 1]), by task.
  std::vector<int32_t> begin;  // [labelers + 1], empty until counted
  RawVector<int32_t> task;     // [edges], empty until built
  RawVector<V> value;          // [edges] a, taken or not

  int32_t degree(int32_t l) const { return begin[l + 1] - begin[l]; }
  bool built() const { return built_; }
  void Count(const Flow<V>& flow);  // fills begin
  void Build(const Flow<V>& flow);  // fills the rest, once

 private:
  bool built_ = false;
};

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_LABELER_INDEX_H_
