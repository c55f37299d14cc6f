// SPDX-License-Identifier: Apache-2.0
// How the kernels keep the largest so far. Internal to lib/match.
#ifndef ALLOT_LIB_MATCH_TOP_INSERT_H_
#define ALLOT_LIB_MATCH_TOP_INSERT_H_

#include <cstdint>
#include <limits>

#include "lib/match/kernels.h"

namespace allot {

// Puts the chunk's largest into `top`, which holds `have` sorted entries.
template <typename V>
inline int Insert(V reduced, int32_t index, int want, int have, Top<V>& top) {
  int at = have < want ? have : want - 1;
  while (at > 0 && top.reduced[at - 1] < reduced) {
    top.reduced[at] = top.reduced[at - 1];
    top.index[at] = top.index[at - 1];
    --at;
  }
  top.reduced[at] = reduced;
  top.index[at] = index;
  return have < want ? have + 1 : want;
}

template <typename V>
void Fill(int have, int want, Top<V>& top) {
  for (int i = have; i < want; ++i) {
    top.reduced[i] = std::numeric_limits<V>::min();
    top.index[i] = -1;
  }
}

}  // namespace allot

#endif  // ALLOT_LIB_MATCH_TOP_INSERT_H_
