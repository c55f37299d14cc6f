// SPDX-License-Identifier: Apache-2.0
// A labeler as her platform describes her.
#ifndef ALLOT_LIB_ROSTER_LABELER_H_
#define ALLOT_LIB_ROSTER_LABELER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lib/skill/speed.h"
#include "lib/skill/update.h"

namespace allot {

struct Price {
  double per_answer = 0;  // currency, >= 0
  double per_hour = 0;    // currency, >= 0; both may be set, they add up
};

// Everything an upsert may say. What is absent keeps its value; for a new
// labeler it takes the default named here.
struct LabelerUpdate {
  std::string id;
  std::optional<Price> price;                              // free
  std::optional<int32_t> capacity;                         // 1
  std::optional<std::vector<std::string>> qualifications;  // none
  // By skill row. An empty vector keeps what was learned; a newcomer starts
  // from the pool's prior.
  std::vector<std::pair<int32_t, SkillBelief>> skills;
  // A model's predictions count together with those of its group: three
  // copies of one model are not three witnesses. Empty: independent.
  std::optional<std::string> correlation_group;
};

// A labeler as the roster knows her now.
struct Labeler {
  std::string id;
  Price price;
  int32_t capacity = 1;  // tasks she can take at once, before open leases
  std::vector<std::string> qualifications;  // sorted, distinct
  std::string correlation_group;
  std::vector<SkillBelief> skills;  // [D]
  SpeedBelief speed;
  int64_t answers = 0;              // learned from so far
  int64_t updated_unix_micros = 0;  // of the last answer learned from; 0 = none
};

}  // namespace allot

#endif  // ALLOT_LIB_ROSTER_LABELER_H_
