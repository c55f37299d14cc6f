// SPDX-License-Identifier: Apache-2.0
// Which skills a task calls on.
#ifndef ALLOT_LIB_SKILL_LOADING_H_
#define ALLOT_LIB_SKILL_LOADING_H_

#include <cstdint>

namespace allot {

// One nonzero entry of a task's loading. A whole loading is a list of these,
// each skill at most once, with sum |weight| = 1.
struct SkillWeight {
  int32_t skill;  // row of the pool's skill list
  float weight;

  friend bool operator==(const SkillWeight&, const SkillWeight&) = default;
};

}  // namespace allot

#endif  // ALLOT_LIB_SKILL_LOADING_H_
