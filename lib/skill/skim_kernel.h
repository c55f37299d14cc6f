// SPDX-License-Identifier: Apache-2.0
// The loops under skim.h on plain arrays, once for the build's instruction set,
// once for AVX2 and once for AVX-512 VNNI, chosen at run time. All compute the
// same whole numbers.
#ifndef ALLOT_LIB_SKILL_SKIM_KERNEL_H_
#define ALLOT_LIB_SKILL_SKIM_KERNEL_H_

#include <cstdint>
#include <span>

namespace allot {

// Skills that are multiplied and added together.
inline constexpr int kSkimFour = 4;
// Lanes whose largest sum is known.
inline constexpr int kSkimGroup = 16;
// Tasks that are worked on together.
inline constexpr int kSkimTasks = 4;

// The place of a lane's means in a block. Within each half of the lanes sixteen
// come first, then those between: 0-3 8-11 16-19 24-27 4-7 12-15 20-23 28-31.
constexpr int SkimPlace(int lane) {
  return (lane & 32) | (lane & 4) << 2 | (lane & 24) >> 1 | (lane & 3);
}

// The weights of four skills, the first in the lowest 8 bits, each in
// [-127, 127].
struct SkimWeights {
  int32_t four;  // skills 4 * four to 4 * four + 3
  int32_t weights;
};

// What turns the sum of a lane's products into what is kept of it: bias is
// added, and the lowest bits are dropped (rounding down).
struct SkimScale {
  int32_t bias;
  int32_t shift;
};

struct SkimKernel {
  // `mean` is [fours of skills][64 places][4]. Writes 64 sums and the largest
  // of each group. They must fit 16 bits.
  void (*one)(const uint8_t* mean, std::span<const SkimWeights> weights,
              SkimScale scale, int16_t* sums, int16_t* largest);
  // The same for kSkimTasks tasks at once, each with weights[t][f] of the first
  // `fours` fours; null where one after the other is as good.
  void (*together)(const uint8_t* mean, const int32_t* const* weights,
                   int fours, const SkimScale* scales, int16_t* const* sums,
                   int16_t* const* largest);
  const char* name;
};

// The fastest variant that this processor runs.
const SkimKernel& BestSkimKernel();
// Every variant that this processor runs, for tests.
std::span<const SkimKernel> SkimKernels();

}  // namespace allot

#endif  // ALLOT_LIB_SKILL_SKIM_KERNEL_H_
