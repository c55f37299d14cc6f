// SPDX-License-Identifier: Apache-2.0
// Reads and writes what a block of the roster believes of one labeler, in the
// types of lib/skill.
#ifndef ALLOT_LIB_ENGINE_BLOCK_BELIEFS_H_
#define ALLOT_LIB_ENGINE_BLOCK_BELIEFS_H_

#include <cstddef>

#include "lib/roster/roster.h"
#include "lib/skill/speed.h"
#include "lib/skill/update.h"

namespace allot {

inline void SetSpeed(RosterBlock& block, int lane, const SpeedBelief& speed) {
  block.speed[lane] = speed;
  block.time_factor[lane] = static_cast<float>(TimeFactor(speed));
}

inline void SetSkill(RosterBlock& block, int lane, size_t skill,
                     const SkillBelief& belief) {
  const size_t at = skill * RosterBlock::kLabelers + lane;
  block.skill_mean[at] = static_cast<float>(belief.mean);
  block.skill_variance[at] = static_cast<float>(belief.variance);
}

inline SkillBelief GetSkill(const RosterBlock& block, int lane, size_t skill) {
  const size_t at = skill * RosterBlock::kLabelers + lane;
  return {block.skill_mean[at], block.skill_variance[at]};
}

}  // namespace allot

#endif  // ALLOT_LIB_ENGINE_BLOCK_BELIEFS_H_
